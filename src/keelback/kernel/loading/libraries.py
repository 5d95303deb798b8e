"""Shared libraries: loaded once, mapped by each process that asks, at an address of its own.

    the kernel's entry     link page │ text │ data        an address space of the library's own, as it was loaded
                               ╎         ╎      ╎
    one process            link page │ text │ data        the same frames, not writable;
    another                link page │ text │ data        a write to data gives the process a copy

1. A process's list names each library that it maps once, in the order in which they were loaded.
2. A library's pages are changed by these calls alone: `unmap`, `protect` and `page_alloc` refuse them.
"""

from keelback.abi.errors import BadArgument, OutOfMemory, TooManyLibraries
from keelback.kernel.loading.loaded_libraries import Library, LoadedLibraries
from keelback.kernel.memory.promises import countable
from keelback.kernel.memory.space_records import RegionKind, Space
from keelback.kernel.x86.paging import EXECUTE, USER, WRITABLE
from keelback.lang import (
    PAGE_SIZE,
    Array,
    Component,
    KernelError,
    Ref,
    Struct,
    i32,
    inline,
    round_up,
    u8,
    u16,
    u32,
    word,
)

MOST_MAPPED = 8
"""The most libraries that one process maps."""


class MappedLibrary(Struct):
    """A library that a process maps; all zero means that the slot is free."""

    library: Ref[Library]
    address: word  # of its link page


class MappedLibraries(Struct):
    """The libraries that a process maps; slots [0, count) are in use."""

    count: u16
    slots: Array[MappedLibrary] = inline(MOST_MAPPED)


class Libraries(Component):
    """What processes map of the loaded libraries."""

    def __init__(self, loaded: LoadedLibraries) -> None:
        self.loaded = loaded
        self.table = loaded.table
        self.layout = loaded.loader.layout
        self.virtual_memory = loaded.loader.virtual_memory
        self.regions = self.virtual_memory.regions
        self.spaces = self.virtual_memory.spaces
        self.tables = self.spaces.tables
        self.promises = self.virtual_memory.promises
        self.frames = self.virtual_memory.frames

    # Mapping.

    def load(self, space: Space, mapped: MappedLibraries, name: Array[u8]) -> word:
        """Map the library of a name, directly after image and other libraries; return its link page.

        One that is mapped already stays where it is.
        Raises: NoSuchLibrary, NotALibrary, TooManyLibraries, TooManyRegions, NoRoom or OutOfMemory; nothing has
        changed.
        """
        found = self.loaded.find(name)
        for index in range(mapped.count):
            if mapped.slots[index].library is found:
                return mapped.slots[index].address
        if mapped.count == MOST_MAPPED:
            raise TooManyLibraries
        library: Library = found if found is not None else self.loaded.load(name)
        try:
            address: word = self._place(space, library)
        except KernelError:
            if library.users == 0:
                self.loaded.free(library)
            raise
        self._add(mapped, library, address)
        return address

    def _add(self, mapped: MappedLibraries, library: Library, address: word) -> None:
        slot = mapped.slots[mapped.count]
        slot.library = library
        slot.address = address
        mapped.count += 1
        library.users += 1

    def _place(self, space: Space, library: Library) -> word:
        """Map a library where there is room; return the address.

        Raises: TooManyRegions, NoRoom or OutOfMemory; nothing has changed in the process.
        """
        image = space.image
        size: word = library.span()
        after: word = round_up(image.base + image.size, PAGE_SIZE)
        start: word = self.virtual_memory.find_room(space, after, self.layout.image_limit, size)
        self.regions.reserve_more(space, library.space.count)
        try:
            pages: i32 = countable(self._count_writable(library))
            self.promises.take(space, pages, self.promises.more_tables(space, start, start + size))
        except OutOfMemory:
            self.regions.settle(space)
            raise
        self._add_regions(space, library, start)
        try:
            self._share(space, library, start)
        except OutOfMemory:
            self.virtual_memory.remove(space, start, start + size)
            raise
        self.regions.settle(space)
        return start

    def _count_writable(self, library: Library) -> word:
        """Return how many pages of a library can be written, in the process that maps them."""
        pages: word = 0
        for region in self.regions.of(library.space):
            if region.permissions & WRITABLE:
                pages += (region.end - region.start) // PAGE_SIZE
        return pages

    def _add_regions(self, space: Space, library: Library, start: word) -> None:
        base: word = library.space.image.base
        for region in self.regions.of(library.space):
            first: word = region.start - base + start
            self.regions.add(space, first, first + (region.end - region.start), RegionKind.LIBRARY, region.permissions)

    def _share(self, space: Space, library: Library, start: word) -> None:
        """Map the frames of a library from an address on.

        Raises: OutOfMemory; the pages before are mapped, and tables for them are there.
        """
        base = library.space.image.base
        for region in self.regions.of(library.space):
            for page, entry in self.spaces.mappings(library.space.directory, region.start, region.end):
                self._share_page(space, page - base + start, self.tables.frame_of(entry), region.permissions)

    def _share_page(self, space: Space, page: word, frame: u32, permissions: u8) -> None:
        """Map a frame of a library, or a copy where it can't be shared.  Raises: OutOfMemory; a table may be there."""
        entry = self.promises.entry(space, page)
        if not self.frames.share(frame):
            frame = self.virtual_memory.new_copy(space, frame, permissions)
        self.spaces.enter(entry, page, frame, permissions & (USER | EXECUTE))

    def unload(self, space: Space, mapped: MappedLibraries, address: word) -> None:
        """Unmap the library whose link page is at an address; the last user frees it.

        Raises: BadArgument when there is none; TooManyRegions or OutOfMemory; nothing has changed.
        """
        for index in range(mapped.count):
            if mapped.slots[index].address == address:
                end: word = address + self._library(mapped, index).span()
                self.regions.reserve(space, address, end, RegionKind.NONE, 0)
                self.virtual_memory.remove(space, address, end)
                self._drop(mapped, index)
                return
        raise BadArgument

    def _library(self, mapped: MappedLibraries, index: u32) -> Library:
        """Return the library of a slot that is in use."""
        library = mapped.slots[index].library
        assert library is not None, "a slot in use names a library"
        return library

    def _drop(self, mapped: MappedLibraries, index: u32) -> None:
        """Take a slot out of a process's list; those behind it move up."""
        library = self._library(mapped, index)
        mapped.count -= 1
        mapped.slots.copy_from(index, mapped.slots, index + 1, mapped.count - index)
        mapped.slots[mapped.count].clear()
        self.loaded.drop(library)

    # Fork, exec, exit.

    def inherit(self, child: MappedLibraries, parent: MappedLibraries) -> None:
        """Give a new process, whose list is empty, the libraries that its parent has."""
        for index in range(parent.count):
            self._add(child, self._library(parent, index), parent.slots[index].address)

    def drop_all(self, mapped: MappedLibraries) -> None:
        """Empty the list of a process that maps none of their pages any more, from its end."""
        while mapped.count > 0:
            self._drop(mapped, mapped.count - 1)
