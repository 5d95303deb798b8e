"""Moving: pages that leave one address space for another, with what is in them.

    source  start ┬ count pages ──frames, promises──> there ┬ target
                  ┴                                         ┴

1. Pages that move are anonymous memory that their process may write to, and are that again where they come.
2. A page that was never written has no frame there either.
3. The source's reference to a frame becomes the target's.  A frame that others hold too, since a fork, stays shared
   with them, and whoever writes first gets a copy.
4. Each page takes its promise along, so all promises together stay as many.

To move is two steps: make all room (`prepare`, which may fail), and `move`, or `cancel` where something else failed.
"""

from keelback.abi.errors import BadAddress, BadArgument, OutOfMemory
from keelback.kernel.memory.space_records import RegionKind, Space
from keelback.kernel.memory.virtual_memory import VirtualMemory
from keelback.kernel.x86.paging import USER, WRITABLE
from keelback.lang import PAGE_SHIFT, PAGE_SIZE, Component, KernelError, u32, word


class Moving(Component):
    """Moves pages between spaces."""

    def __init__(self, virtual_memory: VirtualMemory) -> None:
        self.virtual_memory = virtual_memory
        self.layout = virtual_memory.layout
        self.regions = virtual_memory.regions
        self.promises = virtual_memory.promises
        self.spaces = virtual_memory.spaces
        self.tables = virtual_memory.tables
        self.frames = virtual_memory.frames

    def check(self, source: Space, start: word, count: u32) -> None:
        """Check that so many pages, one or more, may leave a space.

        Raises: BadArgument (no page starts there), BadAddress (one of them is no anonymous memory that may be
        written), TooManyRegions, OutOfMemory (there is a region more); nothing has changed.
        """
        if start % PAGE_SIZE != 0:
            raise BadArgument
        if start >= self.layout.user_end or count > (self.layout.user_end - start) >> PAGE_SHIFT:
            raise BadAddress
        end: word = start + (count << PAGE_SHIFT)
        position: word = start
        for region in self.regions.within(source, start, end):
            if region.start > position or region.kind != RegionKind.ANONYMOUS or not region.permissions & WRITABLE:
                break
            position = region.end
        if position < end:
            raise BadAddress
        self.regions.reserve(source, start, end, RegionKind.NONE, 0)
        self.regions.settle(source)

    def prepare(self, source: Space, start: word, count: u32, target: Space, place: word) -> word:
        """Make room in a space for pages of another, which were checked; return where: at a place, or (0) anywhere.

        Raises: BadArgument, BadAddress, NoRoom, TooManyRegions, OutOfMemory; nothing has changed.
        """
        there: word = self.virtual_memory.place(target, place, count << PAGE_SHIFT)
        end: word = there + (count << PAGE_SHIFT)
        try:
            self._reserve(source, start, count, target, there)
            self.promises.take(target, 0, self.promises.more_tables(target, there, end))
        except KernelError:
            self.regions.settle(source)
            self.regions.settle(target)
            raise
        self.regions.add(target, there, end, RegionKind.ANONYMOUS, USER | WRITABLE)
        try:
            for page, entry in self.spaces.mappings(source.directory, start, start + (count << PAGE_SHIFT)):
                if self.tables.frame_of(entry) != self.spaces.kernel.zero:
                    self.promises.entry(target, there + (page - start))
        except OutOfMemory:
            self.cancel(source, count, target, there)
            raise
        return there

    def _reserve(self, source: Space, start: word, count: u32, target: Space, there: word) -> None:
        """Take nodes for the regions that will be.  Raises: TooManyRegions; OutOfMemory: there may be nodes more."""
        size: word = count << PAGE_SHIFT
        if source is target:
            self.regions.reserve_more(source, 2)
            return
        self.regions.reserve(target, there, there + size, RegionKind.ANONYMOUS, USER | WRITABLE)
        self.regions.reserve(source, start, start + size, RegionKind.NONE, 0)

    def cancel(self, source: Space, count: u32, target: Space, there: word) -> None:
        """Give the room back that was made for pages, which stay where they are."""
        # With the pages their promises are taken back, which the target does not have yet.
        self.promises.add(target, count, 0)
        self.virtual_memory.remove(target, there, there + (count << PAGE_SHIFT))
        self.regions.settle(source)

    def move(self, source: Space, start: word, count: u32, target: Space, there: word) -> None:
        """Move pages to where room was made for them."""
        end: word = start + (count << PAGE_SHIFT)
        for page, entry in self.spaces.mappings(source.directory, start, end):
            frame: u32 = self.tables.frame_of(entry)
            if frame != self.spaces.kernel.zero:
                self.tables.remove(entry)
                self._enter(source, target, there + (page - start), frame)
        self.virtual_memory.remove(source, start, end)
        self.promises.add(target, count, 0)
        self.regions.settle(target)

    def _enter(self, source: Space, target: Space, page: word, frame: u32) -> None:
        """Map a page, whose table is there, to a frame that was another space's."""
        flags: u32 = USER | WRITABLE if self.frames.hand_over(frame, source.owner, target.owner) else USER
        self.spaces.enter(self.promises.entry(target, page), page, frame, flags)
        target.follow(page, frame)
