"""Waiting on words: a thread waits until another has changed a word of memory, and says so.

1. The word is read in the same trap that puts the thread into its queue, so no change between the two is missed.
2. A word of a process's own is known by process and address, whatever frame shows it: fork and copy-on-write change
   nothing.  One of a memory object is known by the frame, which stays, and by the place there: whoever maps it.
3. Those that wait on one word are woken in the order in which they came.
4. Who waits on a word that can't be read any more is told so: BadAddress.  So is who waits on one in a page that
   `page_alloc` replaced: that of a memory object would be known by another key from then on.
"""

from collections.abc import Iterator

from keelback.abi.errors import BadAddress, BadArgument
from keelback.kernel.memory.frames import Role
from keelback.kernel.memory.user_memory import UserMemory
from keelback.kernel.processes.processes import Process, Processes
from keelback.kernel.processes.queues import Queue
from keelback.kernel.processes.scheduler import MOST_TICKS
from keelback.kernel.processes.threads import AwaitedWord, Thread, ThreadState
from keelback.kernel.x86.paging import page_of
from keelback.lang import PAGE_SIZE, Component, Region, rare, u16, u32, word

WORD = 4
"""Bytes of what threads wait on, on every machine."""
SHARED = 1 << 31
"""Marks what is no process's own: no process and no frame has so high a number."""
CHANGED = 1
"""What `wait_on` returns at once where the word has another value already."""


class WordWaits(Component):
    """Lets threads wait on words, and wakes them."""

    def __init__(self, home: Region, processes: Processes, user_memory: UserMemory) -> None:
        self.processes = processes
        self.threads = processes.threads
        self.scheduler = processes.scheduler
        self.wait_queues = processes.scheduler.wait_queues
        self.user_memory = user_memory
        self.frames = processes.frames
        self.key = home.struct(AwaitedWord)
        self.virtual_memory = processes.virtual_memory

    # What a word is known by: here alone.

    def make_key(self, key: AwaitedWord, thread: Thread, process: Process, address: word) -> None:
        """Note what the word at an address of a thread's process is known by.  Raises: BadAddress."""
        key.place = thread.pid
        key.address = address
        if process.space.shared != 0:
            self._note_sharing(key, process, address)

    @rare
    def _note_sharing(self, key: AwaitedWord, process: Process, address: word) -> None:
        """Note it where it is known by the frame of a memory object's page.  Raises: BadAddress."""
        frame: u32 = self.virtual_memory.readable(process.space, address)
        if self.frames.table[frame].role == Role.OBJECT:
            key.place = SHARED | frame
            key.address = address % PAGE_SIZE

    def queue_of(self, key: AwaitedWord) -> u16:
        """Return the queue of those that wait on a word, among others."""
        return self.wait_queues.of_word(key.address // WORD ^ key.address // 256 ^ key.place)

    def _is_awaited_by(self, waiter: Thread) -> bool:
        """Say whether a thread of the queue of the word that was noted waits on it."""
        return waiter.awaited.address == self.key.address and waiter.awaited.place == self.key.place

    # Calls.

    def wait(self, thread: Thread) -> word:
        """Answer a thread's call of `wait_on`, with `CHANGED`, or let it wait; it then returns 0.

        Raises: BadArgument or BadAddress; nothing has changed.
        """
        address = thread.frame.argument(0)
        if thread.frame.argument(2) > MOST_TICKS:
            raise BadArgument
        if not self.user_memory.is_place_of_word(address):
            self._check(address)
        process = self.processes.of(thread)
        self.make_key(thread.awaited, thread, process, address)
        if self.user_memory.read_word(process.space, address) != thread.frame.argument(1) % (1 << 32):
            return CHANGED
        self.scheduler.wait(thread, self.queue_of(thread.awaited))
        if thread.frame.argument(2) != 0:
            self.scheduler.end_at(thread, thread.frame.argument(2))
        return 0

    def wake(self, thread: Thread) -> u32:
        """Wake those that wait on the word of a thread's call of `wake`, the first so many; return how many they are.

        Raises: BadArgument or BadAddress; nothing has changed.
        """
        address = thread.frame.argument(0)
        if not self.user_memory.is_place_of_word(address):
            self._check(address)
        process = self.processes.of(thread)
        self.make_key(self.key, thread, process, address)
        queue = self.scheduler.queues[self.queue_of(self.key)]
        number = queue.first
        if number == 0:
            self._check_there(thread)  # where somebody waits, it is
            return 0
        waiter = self.threads.table[number]
        most = thread.frame.argument(1)
        if number != queue.last or waiter.timed or most == 0 or not self._is_awaited_by(waiter):
            return self._wake_each(thread, queue, most)
        queue.clear()
        self.scheduler.make_ready(waiter)
        return 1

    @rare
    def _wake_each(self, thread: Thread, queue: Queue, most: word) -> u32:
        """Return as `wake`, from a queue in which there may be others.  Raises: likewise."""
        woken: u32 = 0
        number = queue.first
        while number != 0:
            waiter = self.threads.table[number]
            number = waiter.waits.next
            if self._is_awaited_by(waiter):
                if woken >= most:
                    break
                self.scheduler.wake_from(queue, waiter)
                woken += 1
        if woken == 0:
            self._check_there(thread)
        return woken

    def _check_there(self, thread: Thread) -> None:
        """Check that the word of a thread's call can be read.  Raises: BadAddress."""
        self.virtual_memory.readable(self.processes.of(thread).space, thread.frame.argument(0))

    @rare
    def _check(self, address: word) -> None:
        """Check that an address can be a word's.  Raises: BadArgument or BadAddress."""
        if address % WORD != 0:
            raise BadArgument
        self.user_memory.check_range(address, WORD)

    @rare
    def forget_unreadable(self, process: Process) -> None:
        """Tell those of a process that wait on a word which can't be read any more."""
        for thread in self._waiters(process):
            try:
                self.virtual_memory.readable(process.space, thread.frame.argument(0))
            except BadAddress as error:
                self.scheduler.refuse(thread, error.number)

    @rare
    def forget_page(self, process: Process, page: word) -> None:
        """Tell those of a process that wait on a word of a page which is another from now on."""
        for thread in self._waiters(process):
            if page_of(thread.frame.argument(0)) == page:
                self.scheduler.refuse(thread, BadAddress.number)

    def _waiters(self, process: Process) -> Iterator[Thread]:
        """Yield the threads of a process that wait on words; one that is alone is the caller, which does not wait."""
        number = process.threads.first if process.threads.first != process.threads.last else 0
        while number != 0:
            thread = self.threads.table[number]
            number = thread.siblings.next
            if thread.state == ThreadState.WAITING and self.wait_queues.is_of_words(thread.queue):
                yield thread
