"""Joining: how threads of a process start and end, and how others learn of it.

1. A thread that ends keeps its slot, and its value, until another of its process, or who has a handle to it, joins it;
   one that is detached keeps nothing.  Its kernel stack is freed at once, and by the next trap where the kernel runs on
   it.
2. The first that waits to join a thread gets its value, and the others NoSuchThread.
3. Who waits for a thread that goes with its process, or by `exec`, gets NoSuchThread.
4. The value is copied to the memory of who joins then; a copy that fails is the error of that call, and the next that
   waits gets the value, or the thread can still be joined.
5. The last thread of a process that ends ends the process, with status 0.
6. A thread that another ends, by a handle, ends as if it had done so itself, with the value that the other gives: out
   of the queue it waits in, which nobody else in it notices.  Its call has no result; a reply to it reaches nobody.
"""

from keelback.abi.errors import BadAddress, BadArgument, NoSuchThread
from keelback.kernel.layout import Layout
from keelback.kernel.memory.user_memory import UserMemory
from keelback.kernel.processes.endings import Endings
from keelback.kernel.processes.processes import Process
from keelback.kernel.processes.scheduler import MOST_TICKS
from keelback.kernel.processes.threads import Thread, ThreadState
from keelback.lang import Component, KernelError, Region, Struct, address_of, size_of, u16, word


class ThreadValue(Struct):
    """What a thread ended with, on its way to who joins it."""

    value: word


class Joining(Component):
    """Starts and ends threads, and answers who joins them."""

    def __init__(self, home: Region, endings: Endings, user_memory: UserMemory) -> None:
        self.endings = endings
        self.processes = endings.processes
        self.scheduler = endings.scheduler
        self.threads = self.processes.threads
        self.wait_queues = self.scheduler.wait_queues
        self.user_memory = user_memory
        self.layout: Layout = self.processes.layout
        self.ended = home.struct(ThreadValue)

    def create(self, process: Process, entry: word, stack: word, argument: word) -> Thread:
        """Start a thread of a process at an address, with a stack pointer and an argument.

        Raises: BadAddress, NoThreadSlot or OutOfMemory; nothing has changed.
        """
        self._check(entry)
        self._check(stack)
        self.threads.check_slot()
        thread = self.threads.create(process.pid, process.threads)
        thread.frame.start_user(entry, stack, argument)
        thread.frame.set_result(argument)
        self.threads.note_start(thread)
        self.scheduler.make_ready(thread)
        return thread

    def _check(self, address: word) -> None:
        """Check that an address is of user space, or its end, which is a stack's.  Raises: BadAddress."""
        if not self.layout.user_base <= address <= self.layout.user_end:
            raise BadAddress

    def end_by_handle(self, number: u16, serial: word, value: word) -> None:
        """End a thread of any process, whatever it waits for, with a value.  Raises: NoSuchThread."""
        thread = self.threads.table[number]
        if thread.serial != serial or thread.state == ThreadState.ENDED:
            raise NoSuchThread
        thread.frame.set_value(value)
        self.end(thread)

    def end(self, thread: Thread) -> None:
        """End a thread, wherever it is, with the value that its frame has; its process, if it is the last."""
        process = self.processes.of(thread)
        if process.threads.first == process.threads.last:
            self.endings.exit(process, 0)
            return
        self.scheduler.remove(thread)
        self.processes.leave_stack(thread)
        self.threads.end(thread, process.threads, process.ended)
        if thread.detached:
            self.threads.release(thread, process.ended)
        else:
            self._answer(thread)

    def join(self, thread: Thread) -> word:
        """Answer a thread's call of `thread_join`, or let the thread wait for the answer.

        Raises: BadArgument (it is the caller, or waits too long), NoSuchThread, BadAddress or OutOfMemory; nothing has
        changed.
        """
        number = thread.frame.argument(0)
        if number == thread.number or thread.frame.argument(2) > MOST_TICKS:
            raise BadArgument
        return self._join(thread, self.find(self.processes.of(thread), number))

    def join_by_handle(self, thread: Thread, number: u16, serial: word) -> word:
        """Answer a thread's call of `thread_wait`, likewise, for a thread of any process.  Raises: as `join`."""
        other = self.threads.table[number]
        if other.serial != serial or other.detached:
            raise NoSuchThread
        if other is thread or thread.frame.argument(2) > MOST_TICKS:
            raise BadArgument
        return self._join(thread, other)

    def _join(self, thread: Thread, other: Thread) -> word:
        number: word = other.number
        if other.state == ThreadState.ENDED:
            self._collect(other, thread)
        else:
            self.scheduler.wait_until(thread, self.wait_queues.of_joiners(other.number), thread.frame.argument(2))
        return number

    def detach(self, process: Process, number: word) -> None:
        """Detach a thread, so that nobody can join it.  Raises: NoSuchThread."""
        thread = self.find(process, number)
        self.scheduler.refuse_all(self.wait_queues.of_joiners(thread.number), NoSuchThread.number)
        if thread.state == ThreadState.ENDED:
            self.threads.release(thread, process.ended)
        else:
            thread.detached = True

    def find(self, process: Process, number: word) -> Thread:
        """Return a thread of a process that can be joined.  Raises: NoSuchThread."""
        if not 0 < number < len(self.threads.table):
            raise NoSuchThread
        thread = self.threads.table[number]
        if thread.pid != process.pid or thread.detached:
            raise NoSuchThread
        return thread

    def _answer(self, ended: Thread) -> None:
        """Finish the calls of those that wait to join a thread, which has ended."""
        number = ended.number
        queue = self.scheduler.queues[self.wait_queues.of_joiners(number)]
        while queue.first != 0 and ended.number != 0:
            joiner = self.threads.table[queue.first]
            try:
                self._collect(ended, joiner)
                joiner.frame.set_result(number)
            except KernelError as error:
                joiner.frame.set_error(error.number)
            self.scheduler.wake(joiner)
        if ended.number == 0:
            self.scheduler.refuse_all(self.wait_queues.of_joiners(number), NoSuchThread.number)

    def _collect(self, ended: Thread, joiner: Thread) -> None:
        """Give the value of a thread that has ended to who joins it, and free the slot.

        Raises: BadAddress or OutOfMemory; nothing has changed.
        """
        address = joiner.frame.argument(1)
        if address != 0:
            self.ended.value = ended.frame.argument(0)
            space = self.processes.of(joiner).space
            self.user_memory.copy_record_out(space, address, address_of(self.ended), size_of(self.ended))
        self.threads.release(ended, self.processes.of(ended).ended)
