"""Endings: how a process ends."""

from keelback.abi.errors import NoSuchProcess, NotPermitted
from keelback.kernel.processes.processes import BY_KERNEL, NOBODY, Ending, Process, Processes, ProcessState
from keelback.kernel.processes.waiting import Waiting
from keelback.lang import Component, i16, i32, word


class Endings(Component):
    """Ends processes."""

    def __init__(self, processes: Processes, waiting: Waiting | None) -> None:
        self.waiting = waiting
        self.processes = processes
        self.table = processes.table
        self.counts = processes.counts
        self.families = processes.families
        self.scheduler = processes.scheduler

    def exit(self, process: Process, status: i32) -> None:
        """End a process by its own wish."""
        process.exit_status = status
        self._end(process, Ending.EXITED)

    def die(self, process: Process) -> None:
        """End a process that broke a rule; its fault record says which."""
        self._end(process, Ending.FAULTED)

    def kill(self, killer: Process, pid: word) -> None:
        """End a process that descends from the killer, or the killer itself.

        Raises: NoSuchProcess; NotPermitted for the first process, and for others.
        """
        self.kill_below(killer, killer.pid, pid)

    def kill_below(self, killer: Process, top: i16, pid: word) -> None:
        """End a process that is another, `top`, or descends from it.  Raises: as `kill`."""
        process = self.find_alive(pid)
        if pid == self.counts.first or not self.processes.descends(process, top):
            raise NotPermitted
        process.exit_status = killer.pid
        self._end(process, Ending.KILLED)

    def find_alive(self, pid: word) -> Process:
        """Return the process of an id.  Raises: NoSuchProcess."""
        if not 0 < pid < len(self.table) or self.table[pid].state != ProcessState.ALIVE:
            raise NoSuchProcess
        return self.table[pid]

    def _end(self, process: Process, ending: Ending) -> None:
        self.processes.remove_child(process)
        process.ending = ending
        process.state = ProcessState.ZOMBIE
        if process.pid == self.counts.first:
            self.counts.first = 0
        self.processes.release(process)
        if self.waiting is not None:
            self._leave_children(process)
            self.waiting.tell_watchers(process)
        if process.parent == NOBODY:
            self.processes.free(process)
        elif self.waiting is not None and process.parent != BY_KERNEL:
            parent = self.table[process.parent]
            self.families.push(parent.zombies, process.pid)
            self.waiting.answer(parent)

    def _leave_children(self, process: Process) -> None:
        """Detach the children of a process that ends: zombies go, the others will when they end."""
        while process.zombies.first != 0:
            self.processes.reap(self.table[process.zombies.first])
        while process.children.first != 0:
            child = self.table[process.children.first]
            self.processes.remove_child(child)
            child.parent = NOBODY
