"""Malloc pages: what a process's malloc asks for, in an area where the kernel alone places pages.

    malloc_base ┬ pages that are taken, in frames of the process, and holes between them
                ┼ end of the highest page that is taken: the region ends, the next page to be taken may lie here
    malloc_limit┴

1. A page of the area is mapped exactly when it is taken; it never comes by being touched, and one that was given back
   can't be used by mistake.
2. The region is [malloc_base, end of the highest page that is taken), and there is none when no page is.
3. The record counts the pages; none before `first` is free.  Which they are, the page tables say.
"""

from keelback.abi.errors import BadAddress, BadArgument, NoRoom, OutOfMemory
from keelback.kernel.memory.promises import countable
from keelback.kernel.memory.space_records import RegionKind, Space
from keelback.kernel.memory.virtual_memory import VirtualMemory
from keelback.kernel.x86.paging import USER, WRITABLE
from keelback.lang import PAGE_SHIFT, PAGE_SIZE, Component, u32, word


class MallocPages(Component):
    """Takes malloc pages for a process, and gives them back."""

    def __init__(self, virtual_memory: VirtualMemory) -> None:
        self.layout = virtual_memory.layout
        self.virtual_memory = virtual_memory
        self.regions = virtual_memory.regions
        self.spaces = virtual_memory.spaces
        self.promises = virtual_memory.promises
        self.base = virtual_memory.layout.malloc_base
        self.most = (virtual_memory.layout.malloc_limit - self.base) >> PAGE_SHIFT

    def _end(self, space: Space) -> word:
        """Return where the region ends; the base when there is none."""
        end: word = max(self.regions.find(space, self.base).end, self.base)
        return end

    def allocate(self, space: Space, count: word) -> word:
        """Take so many new pages of zeros in a row, the lowest that are free; return the address of the first.

        Raises: BadArgument (none), NoRoom, TooManyRegions, OutOfMemory; nothing has changed.
        """
        if count == 0:
            raise BadArgument
        start: word = self._find_room(space, count)
        end: word = start + (count << PAGE_SHIFT)
        if space.malloc.count == 0:
            self.regions.reserve_more(space, 1)
        try:
            self._map(space, start, end)
        except OutOfMemory:
            self.regions.settle(space)
            raise
        # From here on nothing can fail.
        if end > self._end(space):
            self.regions.add(space, start, end, RegionKind.MALLOC, USER | WRITABLE)
        space.malloc.count += count
        if self._number(start) == space.malloc.first:
            space.malloc.first += count
        return start

    def _number(self, page: word) -> word:
        return (page - self.base) >> PAGE_SHIFT

    def _find_room(self, space: Space, count: word) -> word:
        """Return the lowest address from the record's hint on with so many free pages.  Raises: NoRoom."""
        start: word = space.malloc.first
        for page, _ in self.spaces.mappings(space.directory, self.base + (start << PAGE_SHIFT), self._end(space)):
            number: word = self._number(page)
            if number - start >= count:
                break
            start = number + 1
        if count > self.most - start:
            raise NoRoom
        return self.base + (start << PAGE_SHIFT)

    def _map(self, space: Space, start: word, end: word) -> None:
        """Map new frames of zeros in [start, end), where nothing is.  Raises: OutOfMemory; nothing has changed."""
        count: word = (end - start) >> PAGE_SHIFT
        self.promises.take(space, countable(count), 0)
        try:
            for page in range(start, end, PAGE_SIZE):
                self.virtual_memory.map_zeros(space, page, USER | WRITABLE)
        except OutOfMemory:
            # No page of it was mapped before, nor used since: whatever is there now goes, and its tables.
            self._unmap(space, start, end, count)
            raise

    def _unmap(self, space: Space, start: word, end: word, count: word) -> None:
        """Unmap what is mapped of [start, end), which has so many promises."""
        before: u32 = self.promises.tables(space, start, end)
        if self.spaces.unmap(space, start, end):
            self.promises.add(space, 0, self.promises.tables(space, start, end) - before)
        self.promises.add(space, -count, 0)

    def release(self, space: Space, address: word, count: word) -> None:
        """Give so many pages from an address on back.

        Raises: BadArgument (none, or the address starts no page), BadAddress (one of them is not taken); nothing has
        changed.
        """
        self._check_taken(space, address, count)
        end: word = address + (count << PAGE_SHIFT)
        self._unmap(space, address, end, count)
        self.spaces.forget_user_pages(space.directory)
        space.malloc.count -= count
        space.malloc.first = min(space.malloc.first, self._number(address))
        if end == self._end(space):
            self.regions.carve(space, self._highest_end(space, address), end)
            self.regions.settle(space)

    def _check_taken(self, space: Space, address: word, count: word) -> None:
        if address % PAGE_SIZE != 0 or count == 0:
            raise BadArgument
        if address < self.base or address >= self.layout.malloc_limit:
            raise BadAddress
        if count > self.most - self._number(address):
            raise BadAddress
        taken: word = 0
        for _page, _ in self.spaces.mappings(space.directory, address, address + (count << PAGE_SHIFT)):
            taken += 1
        if taken < count:
            raise BadAddress

    def _highest_end(self, space: Space, end: word) -> word:
        """Return the end of the highest page that is taken below an address; the base when there is none."""
        page: word = end
        while page > self.base and self.spaces.frame(space.directory, page - PAGE_SIZE) == 0:
            page -= PAGE_SIZE
        return page
