"""The calls of the part `mapping`: ranges of pages that a process maps, unmaps and protects."""

from keelback.abi.errors import BadArgument
from keelback.abi.rights import READ, SPARSE, WRITE
from keelback.kernel.memory.regions import RegionKind
from keelback.kernel.processes.processes import Processes
from keelback.kernel.processes.threads import Thread
from keelback.kernel.x86.paging import USER, WRITABLE
from keelback.lang import Component, u8, u32


class MappingCalls(Component):
    """Serves them."""

    def __init__(self, processes: Processes) -> None:
        self.processes = processes
        self.virtual_memory = processes.virtual_memory

    def map(self, thread: Thread) -> u32:
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

    def unmap(self, thread: Thread) -> u32:
        """Free the pages of a range.

        Raises: BadArgument, BadAddress, TooManyRegions or OutOfMemory; nothing has changed.
        """
        self.virtual_memory.unmap(self.processes.of(thread).space, thread.frame.argument(0), thread.frame.argument(1))
        return 0

    def protect(self, thread: Thread) -> u32:
        """Give the pages of a range other rights.

        Raises: BadArgument, BadAddress, TooManyRegions or OutOfMemory; nothing has changed.
        """
        frame = thread.frame
        permissions = self._permissions(frame.argument(2))
        self.virtual_memory.protect(self.processes.of(thread).space, frame.argument(0), frame.argument(1), permissions)
        return 0

    def _permissions(self, asked: u32) -> u8:
        """Return what a page-table entry calls READ and WRITE, which includes reading.  Raises: BadArgument."""
        if asked & ~(READ | WRITE):
            raise BadArgument
        if asked & WRITE:
            return USER | WRITABLE
        return USER if asked & READ else 0
