"""The boot heap: memory that the kernel takes once, while it initialises, and keeps."""

from keelback.abi.errors import OutOfMemory
from keelback.lang import Component, Region, Struct, u32, word


class HeapBounds(Struct):
    """The room of the boot heap; all zero means that it has none yet."""

    next: word  # the first free address, 16-aligned
    end: word


class BootHeap(Component):
    """A heap that only grows, from `next` up to `end`."""

    def __init__(self, records: Region) -> None:
        self.bounds = records.struct(HeapBounds)

    def start(self, start: word, end: word) -> None:
        """Use the memory [start, end); both are 16-aligned."""
        self.bounds.next = start
        self.bounds.end = end

    def allocate(self, size: u32) -> word:
        """Return the 16-aligned address of `size` bytes, zero as memory is when the machine starts.

        Raises: OutOfMemory; nothing has changed.
        """
        address: word = self.bounds.next
        end = address + (size + 15) // 16 * 16
        if end > self.bounds.end:
            raise OutOfMemory
        self.bounds.next = end
        return address
