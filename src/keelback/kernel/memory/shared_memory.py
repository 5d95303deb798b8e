"""Shared memory: what processes map of memory objects.

1. All pages of a region that shows an object are mapped, as soon as it is there.
2. After a fork, or when a region may be written again, an entry lacks the right to write until a fault gives it back.
"""

from keelback.abi.errors import BadArgument, OutOfMemory
from keelback.kernel.memory.objects import MemoryObject, Objects
from keelback.kernel.memory.space_records import RegionKind, Space
from keelback.kernel.memory.virtual_memory import VirtualMemory
from keelback.lang import PAGE_SHIFT, PAGE_SIZE, Component, round_up, u8, u16, u32, word


class SharedMemory(Component):
    """Maps memory objects."""

    def __init__(self, virtual_memory: VirtualMemory, objects: Objects) -> None:
        self.objects = objects
        self.virtual_memory = virtual_memory
        self.regions = virtual_memory.regions
        self.promises = virtual_memory.promises
        self.spaces = virtual_memory.spaces
        self.frames = virtual_memory.frames
        self.tables = virtual_memory.tables
        self.reach = self.tables.reach

    def map(
        self, space: Space, number: u16, kind: RegionKind, address: word, size: word, offset: word, permissions: u8
    ) -> word:
        """Map the pages of an object from an offset on, which starts one; return where they are.

        The kind of the region will be SHARED or VIEW.

        An address of 0 leaves the place to the kernel.
        Raises: BadArgument (a size of 0, an address that starts no page, more pages than the object has), BadAddress,
        NoRoom, TooManyRegions, OutOfMemory; nothing has changed.
        """
        record = self.objects.table[number]
        first: word = offset >> PAGE_SHIFT
        if first > record.pages or size > (record.pages - first) << PAGE_SHIFT:
            raise BadArgument
        start: word = self.virtual_memory.place(space, address, size)
        end: word = start + round_up(size, PAGE_SIZE)
        self.regions.reserve(space, start, end, kind, permissions, number)
        self.regions.add(space, start, end, kind, permissions, number)
        space.shared += (end - start) >> PAGE_SHIFT
        self.objects.join(number, (end - start) >> PAGE_SHIFT)
        try:
            self._show(space, record, start, end, first, permissions)
        except OutOfMemory:
            self.virtual_memory.remove(space, start, end)
            raise
        self.regions.settle(space)
        return start

    def _show(self, space: Space, record: MemoryObject, start: word, end: word, first: u32, permissions: u8) -> None:
        """Map the frames of an object from its page `first` on to the pages of [start, end).

        Raises: OutOfMemory, also where a frame can't count one more; the pages before are mapped.
        """
        page: word = start
        entry = self.promises.entry(space, start)
        for frame in self.objects.frames_of(record, first, first + ((end - start) >> PAGE_SHIFT)):
            if page > start:  # one walk a table
                entry = self.promises.entry(space, page) if page % self.reach == 0 else self.tables.behind(entry)
            if not self.frames.share(frame):
                raise OutOfMemory
            self.spaces.enter(entry, page, frame, permissions)
            space.follow(page, frame)
            page += PAGE_SIZE
