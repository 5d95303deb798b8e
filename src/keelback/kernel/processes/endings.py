"""Endings: how a process ends, and how its parent is told.

1. A call of `wait` that can't be answered blocks in its process's queue of waiters, with its arguments in the frame.
2. Whoever changes a process's children answers each of its waiters that can be answered: with a child that has ended,
   with an error, or, when no child is left that it waits for, with NoChild.
3. How the child ended is copied to the waiter's memory then; a copy that fails is the call's error, as it would have
   been at once, and the child can still be waited for.  The child has given its memory back by then.
4. A waiter that is killed leaves the queue, and its children are nobody's.
"""

from keelback.abi.errors import NoChild, NoSuchProcess, NotPermitted
from keelback.abi.records import ANY_CHILD
from keelback.abi.records import Ending as EndingRecord
from keelback.kernel.memory.user_memory import UserMemory
from keelback.kernel.processes.processes import BY_KERNEL, NOBODY, Ending, Process, Processes, ProcessState
from keelback.kernel.processes.scheduler import waiters_of
from keelback.kernel.processes.threads import Thread
from keelback.lang import Component, KernelError, Ref, Region, address_of, i32, size_of, u32


class Endings(Component):
    """Ends processes and answers who waits for that."""

    def __init__(self, home: Region, processes: Processes, user_memory: UserMemory) -> None:
        self.processes = processes
        self.table = processes.table
        self.counts = processes.counts
        self.families = processes.families
        self.scheduler = processes.scheduler
        self.threads = processes.threads
        self.user_memory = user_memory
        self.answer = home.struct(EndingRecord)

    def exit(self, process: Process, status: i32) -> None:
        """End a process by its own wish."""
        process.exit_status = status
        self._end(process, Ending.EXITED)

    def die(self, process: Process) -> None:
        """End a process that broke a rule; its fault record says which."""
        self._end(process, Ending.FAULTED)

    def kill(self, killer: Process, pid: i32) -> None:
        """End another process, or the killer itself.

        Raises: NoSuchProcess; NotPermitted for the first process.
        """
        if not 0 < pid < len(self.table) or self.table[pid].state != ProcessState.ALIVE:
            raise NoSuchProcess
        if pid == self.counts.first:
            raise NotPermitted
        self.table[pid].exit_status = killer.pid
        self._end(self.table[pid], Ending.KILLED)

    def _end(self, process: Process, ending: Ending) -> None:
        self.processes.remove_child(process)
        process.ending = ending
        process.state = ProcessState.ZOMBIE
        if process.pid == self.counts.first:
            self.counts.first = 0
        self.processes.release(process)
        self._leave_children(process)
        if process.parent == NOBODY:
            self.processes.free(process)
        elif process.parent != BY_KERNEL:
            parent = self.table[process.parent]
            self.families.push(parent.zombies, process.pid)
            self._answer_waiters(parent)

    def _leave_children(self, process: Process) -> None:
        """Detach the children of a process that ends: zombies go, the others will when they end."""
        while process.zombies.first != 0:
            self.reap(self.table[process.zombies.first])
        while process.children.first != 0:
            child = self.table[process.children.first]
            self.processes.remove_child(child)
            child.parent = NOBODY

    def detach(self, child: Process) -> None:
        """Detach a process from its parent: nobody can wait for it, and its record is free when it ends."""
        parent = child.parent
        self.processes.remove_child(child)
        child.parent = NOBODY
        if parent > 0:
            self._answer_waiters(self.table[parent])

    def reap(self, zombie: Process) -> None:
        """Free the record of a child that has ended."""
        self.processes.remove_child(zombie)
        self.processes.free(zombie)

    # Waiting.

    def wait(self, thread: Thread) -> u32:
        """Answer a thread's call of `wait`, or let the thread wait for the answer, which is not 0.

        Raises: NoChild, BadAddress or OutOfMemory; nothing has changed.
        """
        process = self.processes.of(thread)
        ended: u32 = self._collect(process, thread)
        if ended == 0:
            self.scheduler.wait(thread, waiters_of(process.pid))
        return ended

    def _answer_waiters(self, parent: Process) -> None:
        """Finish those calls of `wait` of a process that can be answered."""
        number = self.scheduler.queues[waiters_of(parent.pid)].first
        while number != 0:
            thread = self.threads.table[number]
            number = thread.waits.next
            try:
                answer: u32 = self._collect(parent, thread)
            except KernelError as error:
                answer = error.number & 0xFFFF_FFFF
            if answer != 0:
                thread.frame.set_result(answer)
                self.scheduler.wake(thread)

    def _collect(self, parent: Process, thread: Thread) -> u32:
        """Reap the child that a thread waits for, and say how it ended; return its id, 0 when it has not ended yet.

        Raises: NoChild when there is no such child; BadAddress or OutOfMemory; nothing has changed.
        """
        zombie = self._find_zombie(parent, thread.frame.argument(0))
        if zombie is None:
            return 0
        address = thread.frame.argument(1)
        if address != 0:
            self.answer.how = zombie.ending
            self.answer.status = zombie.fault.vector if zombie.ending == Ending.FAULTED else zombie.exit_status
            self.user_memory.copy_record_out(parent.space, address, address_of(self.answer), size_of(EndingRecord))
        ended: u32 = zombie.pid
        self.reap(zombie)
        return ended

    def _find_zombie(self, parent: Process, pid: u32) -> Ref[Process]:
        """Return a child that has ended, the one of an id or the first of any; None when it has not ended yet.

        Raises: NoChild when there is no such child.
        """
        if pid == ANY_CHILD:
            if parent.zombies.first != 0:
                return self.table[parent.zombies.first]
            if parent.children.first != 0:
                return None
        elif 0 < pid < len(self.table) and self.table[pid].parent == parent.pid:
            return self.table[pid] if self.table[pid].state == ProcessState.ZOMBIE else None
        raise NoChild
