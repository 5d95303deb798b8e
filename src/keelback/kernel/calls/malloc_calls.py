"""The calls of the part `malloc`: pages in an area where the kernel places them."""

from keelback.kernel.memory.malloc_pages import MallocPages
from keelback.kernel.processes.processes import Processes
from keelback.kernel.processes.threads import Thread
from keelback.kernel.processes.word_waits import WordWaits
from keelback.lang import Component, word


class MallocCalls(Component):
    """Serves them."""

    def __init__(self, processes: Processes, malloc: MallocPages, word_waits: WordWaits | None) -> None:
        self.word_waits = word_waits
        self.processes = processes
        self.malloc = malloc

    def malloc_pages(self, thread: Thread) -> word:
        """Take new malloc pages in a row, zero and writable; return the address of the first.

        Raises: BadArgument, NoRoom, OutOfMemory or TooManyRegions; nothing has changed.
        """
        return self.malloc.allocate(self.processes.of(thread).space, thread.frame.argument(0))

    def free_pages(self, thread: Thread) -> word:
        """Give malloc pages in a row back.

        Raises: BadArgument or BadAddress; nothing has changed.
        """
        process = self.processes.of(thread)
        self.malloc.release(process.space, thread.frame.argument(0), thread.frame.argument(1))
        if self.word_waits is not None:
            self.word_waits.forget_unreadable(process)
        return 0
