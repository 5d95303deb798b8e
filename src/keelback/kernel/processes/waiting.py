"""Waiting: how a parent is told that a child has ended.

1. A call of `wait` that can't be answered blocks in its process's queue of waiters, with its arguments in the frame.
2. Whoever changes a process's children answers each of its waiters that can be answered: with a child that has ended,
   with an error, or, when no child is left that it waits for, with NoChild.
3. How the child ended is copied to the waiter's memory then; a copy that fails is the call's error, as it would have
   been at once, and the child can still be waited for.  The child has given its memory back by then.
4. A waiter that is killed leaves the queue, and its children are nobody's.
5. Who waits by a handle, a watcher, is told when the process ends, whoever else is; its record stays the parent's.
"""

from keelback.abi.errors import BadArgument, NoChild
from keelback.abi.records import Ending as EndingRecord
from keelback.kernel.memory.user_memory import UserMemory
from keelback.kernel.processes.processes import NOBODY, Ending, Process, Processes, ProcessState
from keelback.kernel.processes.threads import Thread
from keelback.lang import Component, KernelError, Ref, Region, address_of, size_of, word


class Waiting(Component):
    """Answers who waits for the end of a child."""

    def __init__(self, home: Region, processes: Processes, user_memory: UserMemory) -> None:
        self.processes = processes
        self.table = processes.table
        self.scheduler = processes.scheduler
        self.wait_queues = processes.scheduler.wait_queues
        self.threads = processes.threads
        self.user_memory = user_memory
        self.ending = home.struct(EndingRecord)
        self.highest = processes.layout.paging.highest  # -1: any child

    def wait(self, thread: Thread) -> word:
        """Answer a thread's call of `wait`, or let the thread wait for the answer, which is not 0.

        Raises: NoChild, BadAddress or OutOfMemory; nothing has changed.
        """
        process = self.processes.of(thread)
        ended: word = self._collect(process, thread)
        if ended == 0:
            self.scheduler.wait(thread, self.wait_queues.of_children(process.pid))
        return ended

    def detach(self, child: Process) -> None:
        """Detach a process from its parent: nobody can wait for it, and its record is free when it ends."""
        parent = child.parent
        self.processes.remove_child(child)
        child.parent = NOBODY
        if parent > 0:
            self.answer(self.table[parent])

    def answer(self, parent: Process) -> None:
        """Finish those calls of `wait` of a process that can be answered."""
        number = self.scheduler.queues[self.wait_queues.of_children(parent.pid)].first
        while number != 0:
            thread = self.threads.table[number]
            number = thread.waits.next
            try:
                answer: word = self._collect(parent, thread)
            except KernelError as error:
                answer = error.number & self.highest
            if answer != 0:
                thread.frame.set_result(answer)
                self.scheduler.wake(thread)

    def watch(self, thread: Thread, process: Process) -> word:
        """Answer a thread's call of `process_wait` for a process that is not free, or let the thread wait.

        Raises: BadArgument (it is the caller's own), BadAddress or OutOfMemory; nothing has changed.
        """
        if process.pid == thread.pid:
            raise BadArgument
        if process.state == ProcessState.ZOMBIE:
            self._say(process, thread)
        else:
            self.scheduler.wait(thread, self.wait_queues.of_watchers(process.pid))
        return process.pid

    def tell_watchers(self, ended: Process) -> None:
        """Finish the calls of `process_wait` for a process that has ended."""
        if self.wait_queues.watchable == 0:
            return
        queue = self.scheduler.queues[self.wait_queues.of_watchers(ended.pid)]
        while queue.first != 0:
            watcher = self.threads.table[queue.first]
            try:
                self._say(ended, watcher)
                watcher.frame.set_result(ended.pid)
                self.scheduler.wake(watcher)
            except KernelError as error:
                self.scheduler.refuse(watcher, error.number)

    def _collect(self, parent: Process, thread: Thread) -> word:
        """Reap the child that a thread waits for, and say how it ended; return its id, 0 when it has not ended yet.

        Raises: NoChild when there is no such child; BadAddress or OutOfMemory; nothing has changed.
        """
        zombie = self._find_zombie(parent, thread.frame.argument(0))
        if zombie is None:
            return 0
        self._say(zombie, thread)
        ended: word = zombie.pid
        self.processes.reap(zombie)
        return ended

    def _say(self, zombie: Process, thread: Thread) -> None:
        """Copy how a process ended to where a thread's call asks for it.

        Raises: BadAddress or OutOfMemory; nothing has changed.
        """
        address = thread.frame.argument(1)
        if address != 0:
            self.ending.how = zombie.ending
            self.ending.status = zombie.fault.vector if zombie.ending == Ending.FAULTED else zombie.exit_status
            space = self.processes.of(thread).space
            self.user_memory.copy_record_out(space, address, address_of(self.ending), size_of(EndingRecord))

    def _find_zombie(self, parent: Process, pid: word) -> Ref[Process]:
        """Return a child that has ended, the one of an id or the first of any; None when it has not ended yet.

        Raises: NoChild when there is no such child.
        """
        if pid == self.highest:
            if parent.zombies.first != 0:
                return self.table[parent.zombies.first]
            if parent.children.first != 0:
                return None
        elif 0 < pid < len(self.table) and self.table[pid].parent == parent.pid:
            return self.table[pid] if self.table[pid].state == ProcessState.ZOMBIE else None
        raise NoChild
