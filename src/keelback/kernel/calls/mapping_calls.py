"""The calls of the part `mapping`: ranges of pages that a process maps, unmaps and protects."""

from keelback.abi.errors import BadArgument
from keelback.abi.rights import EXECUTE, GUARD, READ, SPARSE, WRITE
from keelback.kernel.memory.space_records import RegionKind
from keelback.kernel.processes.processes import Process, Processes
from keelback.kernel.processes.threads import Thread
from keelback.kernel.processes.word_waits import WordWaits
from keelback.kernel.x86.paging import PagingScheme
from keelback.lang import PAGE_SIZE, Component, u8, word


class MappingCalls(Component):
    """Serves them."""

    def __init__(self, processes: Processes, word_waits: WordWaits | None) -> None:
        self.word_waits = word_waits
        self.processes = processes
        self.virtual_memory = processes.virtual_memory
        self.scheme = processes.layout.paging

    def map(self, thread: Thread) -> word:
        """Map zeros at an address, or where there is room (0), with some rights; return the address.

        With SPARSE its pages have no promise; with GUARD the first page has no rights, and keeps what lies below apart.
        Raises: BadArgument, BadAddress, NoRoom, TooManyRegions or OutOfMemory; nothing has changed.
        """
        frame = thread.frame
        permissions = permissions_for(self.scheme, frame.argument(2) & ~(SPARSE | GUARD))
        kind: RegionKind = RegionKind.SPARSE if frame.argument(2) & SPARSE else RegionKind.ANONYMOUS
        return self.virtual_memory.map(
            self.processes.of(thread).space,
            frame.argument(0),
            frame.argument(1),
            kind,
            permissions,
            PAGE_SIZE if frame.argument(2) & GUARD else 0,
        )

    def unmap(self, thread: Thread) -> word:
        """Free the pages of a range.

        Raises: BadArgument, BadAddress, TooManyRegions or OutOfMemory; nothing has changed.
        """
        process = self.processes.of(thread)
        self.virtual_memory.unmap(process.space, thread.frame.argument(0), thread.frame.argument(1))
        self._forget_unreadable(process)
        return 0

    def protect(self, thread: Thread) -> word:
        """Give the pages of a range other rights.

        Raises: BadArgument, BadAddress, TooManyRegions or OutOfMemory; nothing has changed.
        """
        frame = thread.frame
        permissions = permissions_for(self.scheme, frame.argument(2))
        process = self.processes.of(thread)
        self.virtual_memory.protect(process.space, frame.argument(0), frame.argument(1), permissions)
        self._forget_unreadable(process)
        return 0

    def _forget_unreadable(self, process: Process) -> None:
        if self.word_waits is not None:
            self.word_waits.forget_unreadable(process)


def permissions_for(scheme: PagingScheme, asked: word) -> u8:
    """Return the flags of a page-table entry for some rights.  Raises: BadArgument."""
    if asked & ~(READ | WRITE | EXECUTE):
        raise BadArgument
    return scheme.permissions(asked & READ != 0, asked & WRITE != 0, asked & EXECUTE != 0)
