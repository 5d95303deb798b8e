"""The calls of the part `mapping`: ranges of pages that a process maps, unmaps and protects."""

from keelback.abi.errors import BadArgument
from keelback.abi.rights import EXECUTE, READ, SPARSE, WRITE
from keelback.kernel.memory.regions import RegionKind
from keelback.kernel.processes.processes import Processes
from keelback.kernel.processes.threads import Thread
from keelback.lang import Component, u8, word


class MappingCalls(Component):
    """Serves them."""

    def __init__(self, processes: Processes) -> None:
        self.processes = processes
        self.virtual_memory = processes.virtual_memory

    def map(self, thread: Thread) -> word:
        """Map zeros at an address, or where there is room (0), with some rights; return the address.

        With SPARSE its pages have no promise.
        Raises: BadArgument, BadAddress, NoRoom, TooManyRegions or OutOfMemory; nothing has changed.
        """
        frame = thread.frame
        permissions = self._permissions(frame.argument(2) & ~SPARSE)
        kind: RegionKind = RegionKind.SPARSE if frame.argument(2) & SPARSE else RegionKind.ANONYMOUS
        return self.virtual_memory.map(
            self.processes.of(thread).space, frame.argument(0), frame.argument(1), kind, permissions
        )

    def unmap(self, thread: Thread) -> word:
        """Free the pages of a range.

        Raises: BadArgument, BadAddress, TooManyRegions or OutOfMemory; nothing has changed.
        """
        self.virtual_memory.unmap(self.processes.of(thread).space, thread.frame.argument(0), thread.frame.argument(1))
        return 0

    def protect(self, thread: Thread) -> word:
        """Give the pages of a range other rights.

        Raises: BadArgument, BadAddress, TooManyRegions or OutOfMemory; nothing has changed.
        """
        frame = thread.frame
        permissions = self._permissions(frame.argument(2))
        self.virtual_memory.protect(self.processes.of(thread).space, frame.argument(0), frame.argument(1), permissions)
        return 0

    def _permissions(self, asked: word) -> u8:
        """Return the flags of a page-table entry for some rights.  Raises: BadArgument."""
        if asked & ~(READ | WRITE | EXECUTE):
            raise BadArgument
        scheme = self.virtual_memory.layout.paging
        return scheme.permissions(asked & READ != 0, asked & WRITE != 0, asked & EXECUTE != 0)
