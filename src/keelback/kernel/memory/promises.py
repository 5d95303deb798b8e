"""Promises: memory that pages may still need is there when they need it.

    user frames    │ in use, read-only │ in use, written │ free, promised │ free │
                                       └─────── user_promised ──────────┘
    kernel zone    │ in use: page tables, directories, stacks │ free, promised │ free │
                                                              └ kernel_promised┘

1. A page has a promise when its process may write to it, or has it in a frame that it wrote: of the stack the first
   pages, of sparse memory and of the malloc area those alone that have a frame.  Pages of memory objects have none,
   since none of them needs anything any more.
2. A space counts its pages with a promise (`promised.pages`).  A frame in use that is not read-only is held by
   such pages alone, and one of their promises answers for it; each other one of them is for a frame to come.
3. The promises of all spaces and the frames that are read-only are together at most all user frames.
4. A space counts the page tables that it does not have and that pages may need which can be accessed: all but those of
   point 1 that have no promise (`promised.tables`); all of them together are at most what is free of the kernel zone.

So a page with a promise finds a frame, and a table if it needs one.  All other memory is given only as long as these
sentences stay true.  A layout with overcommit counts as all do, and promises more than there is.
"""

from keelback.abi.errors import OutOfMemory
from keelback.kernel.memory.frames import LIBRARY, MOST_PROMISED
from keelback.kernel.memory.regions import Regions
from keelback.kernel.memory.space_records import MemoryRegion, RegionKind, Space
from keelback.kernel.memory.spaces import AddressSpaces
from keelback.kernel.x86.paging import USER, WRITABLE, Entry, Level
from keelback.lang import PAGE_SHIFT, PAGE_SIZE, Component, i32, u8, u32, word


class Promises(Component):
    """Counts what the pages of all spaces may still need."""

    def __init__(self, spaces: AddressSpaces, regions: Regions) -> None:
        self.layout = spaces.layout
        self.regions = regions
        self.spaces = spaces
        self.frames = spaces.frames
        self.counts = spaces.frames.counts
        self.page_tables = spaces.tables
        # Each level whose entries lead to tables, with the way to such a table.
        directories = spaces.scheme.directories
        self.levels = tuple((level, directories[: depth + 1]) for depth, level in enumerate(directories))
        # The same, with how many levels of tables there are from such a table down.
        self.depths = tuple((len(directories) - depth, level) for depth, level in enumerate(directories))

    # What has a promise.

    def start_of(self, region: MemoryRegion) -> word:
        """Return where the pages of a region start that have a promise though they have no frame; its end: nowhere."""
        if region.kind == RegionKind.STACK:
            return min(max(region.start, self.layout.stack_growth), region.end)
        if region.kind >= RegionKind.MALLOC:
            return region.end
        return region.start

    def pages(self, space: Space, start: word, end: word) -> word:
        """Return how many pages of [start, end) have a promise."""
        return self._pages(space, start, end, WRITABLE)

    def _pages(self, space: Space, start: word, end: word, asked: u8) -> word:
        """Return as `pages`, if those that may be written were those of regions with the permissions asked for."""
        count: word = 0
        for region in self.regions.within(space, start, end):
            if region.permissions & asked == asked:
                first: word = max(region.start, start)
                last: word = min(region.end, end)
                middle: word = min(max(self.start_of(region), first), last)
                count += (last - middle) >> PAGE_SHIFT
                if middle > first and region.object == 0:
                    for frame in self.spaces.frames_of(space.directory, first, middle):
                        count += 1 if frame != self.spaces.kernel.zero else 0
        return count

    def tables(self, space: Space, start: word, end: word) -> u32:
        """Return how many tables are promised and not there, of those that [start, end) reaches into."""
        if self._is_in_one(start, end - 1):
            missing: u32 = self.page_tables.missing(space.directory, start)
            return self._promised(space, start, missing) if missing > 0 else 0
        count: u32 = 0
        for level, way in self.levels:
            limit: word = self._end_of(end - 1, level)
            position: word = start >> level.shift << level.shift
            while position < limit:
                page: word = self._first_on_demand(space, position, limit, USER)
                if page == limit:
                    break
                count += 0 if self._is_there(space, way, page) else 1
                position = self._end_of(page, level)
        return count

    def _is_in_one(self, first: word, last: word) -> bool:
        """Say whether two addresses are of one lowest table."""
        return first // self.page_tables.reach == last // self.page_tables.reach

    def _is_there(self, space: Space, way: tuple[Level, ...], address: word) -> bool:
        """Say whether a space has the table that some levels from the root on lead to."""
        return self.page_tables.follow(way, space.directory, address) != 0

    def _promised(self, space: Space, address: word, missing: u32) -> u32:
        """Return how many tables are promised of those on the way to an address, the last so many of which are missing.

        Where nothing comes on demand in the reach of one, nothing does in that of one below it.
        """
        count: u32 = 0
        page: word = address  # where there is a table above: the first that comes on demand in its reach
        for depth, level in self.depths:
            if depth <= missing:
                if count == 0 or page >> level.shift != address >> level.shift:
                    limit: word = self._end_of(address, level)
                    page = self._first_on_demand(space, address >> level.shift << level.shift, limit, USER)
                    if page == limit:
                        break
                count += 1
        return count

    def _end_of(self, address: word, level: Level) -> word:
        """Return where the reach of an address's table ends, or user space."""
        base: word = address >> level.shift << level.shift
        room: word = self.layout.user_end - base
        end: word = base + min(level.reach, room)
        return end

    def _first_on_demand(self, space: Space, start: word, end: word, asked: u8) -> word:
        """Return the first page of [start, end) that may come when it is touched, by promise; `end`: there is none.

        Asked for are the regions with some permissions.
        """
        for region in self.regions.within(space, start, end):
            page: word = max(self.start_of(region), start)
            if region.permissions & asked == asked and page < min(region.end, end):
                return page
        return end

    def more_tables(self, space: Space, start: word, end: word) -> u32:
        """Return how many tables more are promised when [start, end), where nothing is, can be accessed on demand."""
        last: word = end - 1
        if self._is_in_one(start, last):
            missing: u32 = self.page_tables.missing(space.directory, start)
            return missing - self._promised(space, start, missing) if missing > 0 else 0
        count: u32 = 0
        for level, way in self.levels:
            slots: u32 = (last >> level.shift) - (start >> level.shift)
            count += self._more_of_slot(space, start, level, way)
            if slots > 0:  # and of what lies between them there is nothing, so no table either
                count += slots - 1 + self._more_of_slot(space, last, level, way)
        return count

    def _more_of_slot(self, space: Space, address: word, level: Level, way: tuple[Level, ...]) -> u32:
        """Return 1 if an address's slot has no table, and nothing that can be accessed on demand, 0 if it has."""
        if self._is_there(space, way, address):
            return 0
        limit: word = self._end_of(address, level)
        return 1 if self._first_on_demand(space, address >> level.shift << level.shift, limit, USER) == limit else 0

    def _more_tables_protected(self, space: Space, start: word, end: word, permissions: u8) -> i32:
        """Return how many tables more are promised when [start, end), all in regions, has other permissions.

        Raises: OutOfMemory for more than there could ever be; a range of any size is refused after so many steps.
        """
        before: u32 = self.tables(space, start, end)
        most: u32 = before + self.counts.kernel_total
        count: u32 = 0
        for level, way in self.levels:
            limit: word = self._end_of(end - 1, level)
            position: word = start >> level.shift << level.shift
            while position < limit:
                page: word = self._first_protected(space, position, limit, start, end, permissions)
                if page == limit:
                    break
                if not self._is_there(space, way, page):
                    if count == most:
                        raise OutOfMemory
                    count += 1
                position = self._end_of(page, level)
        return count - before

    def _first_protected(
        self, space: Space, position: word, limit: word, start: word, end: word, permissions: u8
    ) -> word:
        """Return the first page of [position, limit) that may come when it is touched, by promise; `limit`: none.

        [start, end) has other permissions then.
        """
        before: word = min(max(start, position), limit)
        page: word = self._first_on_demand(space, position, before, USER)
        if page < before:
            return page
        after: word = min(max(end, position), limit)
        if permissions & USER:
            page = self._first_on_demand(space, before, after, 0)
            if page < after:
                return page
        return self._first_on_demand(space, after, limit, USER)

    # Making promises, and keeping them.

    def check(self, pages: i32, tables: i32) -> None:
        """Check that so many more promises can be kept.  Raises: OutOfMemory."""
        if pages > 0:
            self.frames.check_user(pages)
        if tables > 0:
            self.frames.check_kernel(tables)

    def add(self, space: Space, pages: i32, tables: i32) -> None:
        """Change the promises of a space by so many."""
        space.promised.pages += pages
        space.promised.tables += tables
        self.counts.user_promised += pages
        self.counts.kernel_promised += tables

    def take(self, space: Space, pages: i32, tables: i32) -> None:
        """Give a space so many promises more.  Raises: OutOfMemory; nothing has changed."""
        self.check(pages, tables)
        self.add(space, pages, tables)

    def take_all(self, space: Space) -> None:
        """Give a space that maps nothing yet the promises for its regions.  Raises: as `take`."""
        start, end = self.layout.user_base, self.layout.user_end
        self.take(space, countable(self.pages(space, start, end)), self.tables(space, start, end))

    def end(self, space: Space) -> None:
        """Take all promises of a space back."""
        pages: u32 = space.promised.pages
        tables: u32 = space.promised.tables
        self.add(space, -pages, -tables)

    def take_to_protect(self, space: Space, start: word, end: word, permissions: u8, spared: u32) -> None:
        """Give a space the promises that it needs when [start, end), all in regions, has other permissions.

        So many of them are for frames that are read-only until then.  Raises: OutOfMemory; nothing has changed.
        """
        after: i32 = countable(self._pages(space, start, end, 0)) if permissions & WRITABLE else 0
        before: i32 = countable(self.pages(space, start, end))
        pages: i32 = after - before
        tables: i32 = self._more_tables_protected(space, start, end, permissions)
        self.check(pages - spared, tables)
        self.add(space, pages, tables)

    def entry(self, space: Space, page: word) -> Entry:
        """Return the entry of a page, whose table is made if there is none.  Raises: as `make_table`."""
        found = self.page_tables.find_near(space, page)
        return found if found is not None else self.make_table(space, page)

    def make_table(self, space: Space, page: word) -> Entry:
        """Make the table for a page that has none; return the page's entry.

        Raises: OutOfMemory when it was not promised and there is no frame; nothing has changed.
        """
        # The pages of a library's own space are all there once it is loaded, so it is promised nothing.
        promised: u32 = 0 if space.owner == LIBRARY else self.tables(space, page, page + PAGE_SIZE)
        self.add(space, 0, -promised)
        try:
            return self.page_tables.reserve(space.directory, page)
        except OutOfMemory:
            self.add(space, 0, promised)
            raise


def countable(pages: word) -> i32:
    """Return a number of pages that may be promised.  Raises: OutOfMemory where there can't be so many frames."""
    if pages > MOST_PROMISED:
        raise OutOfMemory
    return pages
