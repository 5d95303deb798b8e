"""Shared libraries: loaded once, mapped by each process that asks, at an address of its own.

    the kernel's entry     link page │ text │ data        an address space of the library's own, as it was loaded
                               ╎         ╎      ╎
    one process            link page │ text │ data        the same frames, not writable;
    another                link page │ text │ data        a write to data gives the process a copy

1. A library is loaded exactly as long as a process maps it; the last that unmaps it frees it.
2. The library's own space holds a reference to each of its frames, so no process is ever the last holder of one: what
   was loaded stays as it was.
3. A process's list names each library that it maps once, in the order in which they were loaded.
4. A library's pages are changed by these calls alone: `unmap`, `protect` and `page_alloc` refuse them.
5. From its link page to its last page a library has no gap (`elf_file.py`), so nothing else lies within it.
"""

from keelback.abi.errors import (
    BadArgument,
    NoSuchLibrary,
    NoSuchProgram,
    OutOfMemory,
    TooManyLibraries,
)
from keelback.kernel.loading.elf import ElfLoader
from keelback.kernel.memory.frames import LIBRARY
from keelback.kernel.memory.regions import Kind, Space
from keelback.kernel.x86.paging import USER, WRITABLE
from keelback.lang import (
    PAGE_SHIFT,
    PAGE_SIZE,
    Array,
    Component,
    KernelError,
    Ref,
    Region,
    Struct,
    inline,
    round_up,
    u8,
    u16,
    u32,
    word,
)

MOST_LIBRARIES = 16
MOST_MAPPED = 8
"""The most libraries that one process maps."""
LIBRARY_NAME_SIZE = 32


class Library(Struct):
    """A library that is loaded; all zero means that the slot is free."""

    name: Array[u8] = inline(LIBRARY_NAME_SIZE)  # zero-padded
    space: Space  # where it was loaded, its link page at the image's base
    size: u32  # bytes behind the link page, to its last one, which need not be in the file
    users: u16  # how many processes map it


class MappedLibrary(Struct):
    """A library that a process maps; all zero means that the slot is free."""

    library: Ref[Library]
    address: word  # of its link page


class MappedLibraries(Struct):
    """The libraries that a process maps; slots [0, count) are in use."""

    count: u16
    slots: Array[MappedLibrary] = inline(MOST_MAPPED)


class LibraryName(Struct):
    """The name of the library that a process asks for."""

    text: Array[u8] = inline(LIBRARY_NAME_SIZE)  # zero-padded


class Libraries(Component):
    """The kernel's list of loaded libraries, and what processes map of them."""

    def __init__(self, records: Region, loader: ElfLoader) -> None:
        self.layout = loader.layout
        self.loader = loader
        self.payload = loader.payload
        self.memory = loader.memory
        self.regions = loader.regions
        self.spaces = loader.spaces
        self.tables = loader.spaces.tables
        self.promises = loader.memory.promises
        self.frames = loader.memory.frames
        self.table = records.array(Library, MOST_LIBRARIES)
        self.request = records.struct(LibraryName)

    # Mapping.

    def map(self, space: Space, mapped: MappedLibraries, name: Array[u8]) -> word:
        """Map the library of a name, directly after image and other libraries; return its link page.

        One that is mapped already stays where it is.
        Raises: NoSuchLibrary, NotALibrary, TooManyLibraries, TooManyRegions, NoRoom or OutOfMemory; nothing has
        changed.
        """
        found = self._find(name)
        index: u32 = self._slot_of(mapped, found)
        if index < mapped.count:
            return mapped.slots[index].address
        if mapped.count == MOST_MAPPED:
            raise TooManyLibraries
        library: Library = found if found is not None else self._load(name)
        try:
            address: word = self._place(space, library)
        except KernelError:
            if library.users == 0:
                self._free(library)
            raise
        self._add(mapped, library, address)
        return address

    def _slot_of(self, mapped: MappedLibraries, library: Ref[Library]) -> u32:
        """Return which slot of a process's list names a library; `count` when none does."""
        index: u32 = 0
        while index < mapped.count and mapped.slots[index].library is not library:
            index += 1
        return index

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
        size: u32 = span(library)
        after: word = round_up(image.base + image.size, PAGE_SIZE)
        start: word = self.memory.find_room(space, after, self.layout.image_limit, size)
        self.regions.reserve_more(space, library.space.count)
        try:
            pages: u32 = self._count_writable(library)
            self.promises.take(space, pages, self.promises.more_tables(space, start, start + size))
        except OutOfMemory:
            self.regions.settle(space)
            raise
        self._add_regions(space, library, start)
        try:
            self._share(space, library, start)
        except OutOfMemory:
            self.memory.remove(space, start, start + size)
            raise
        self.regions.settle(space)
        return start

    def _count_writable(self, library: Library) -> u32:
        """Return how many pages of a library can be written, in the process that maps them."""
        pages: u32 = 0
        for region in self.regions.of(library.space):
            if region.permissions & WRITABLE:
                pages += (region.end - region.start) >> PAGE_SHIFT
        return pages

    def _add_regions(self, space: Space, library: Library, start: word) -> None:
        base: word = library.space.image.base
        for region in self.regions.of(library.space):
            first: word = region.start - base + start
            self.regions.add(space, first, first + (region.end - region.start), Kind.LIBRARY, region.permissions)

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
            frame = self.memory.new_copy(space, frame, permissions)
        self.spaces.enter(entry, page, frame, permissions & USER)

    def unmap(self, space: Space, mapped: MappedLibraries, address: word) -> None:
        """Unmap the library whose link page is at an address; the last user frees it.

        Raises: BadArgument when there is none; TooManyRegions or OutOfMemory; nothing has changed.
        """
        index: u32 = 0
        while index < mapped.count and mapped.slots[index].address != address:
            index += 1
        if index == mapped.count:
            raise BadArgument
        library = mapped.slots[index].library
        assert library is not None, "a slot in use names a library"
        end: word = address + span(library)
        self.regions.reserve(space, address, end, Kind.NONE, 0)
        self.memory.remove(space, address, end)
        self._remove(mapped, index)
        self._drop(library)

    def _remove(self, mapped: MappedLibraries, index: u32) -> None:
        """Take a slot out of a process's list; those behind it move up."""
        mapped.count -= 1
        place: u32 = index
        while place < mapped.count:
            mapped.slots[place].library = mapped.slots[place + 1].library
            mapped.slots[place].address = mapped.slots[place + 1].address
            place += 1
        mapped.slots[place].library = None
        mapped.slots[place].address = 0

    # Fork, exec, exit.

    def inherit(self, child: MappedLibraries, parent: MappedLibraries) -> None:
        """Let a new process, whose list is empty, have the libraries that its parent has."""
        for index in range(parent.count):
            library = parent.slots[index].library
            assert library is not None, "a slot in use names a library"
            self._add(child, library, parent.slots[index].address)

    def drop_all(self, mapped: MappedLibraries) -> None:
        """Empty the list of a process that maps none of their pages any more."""
        while mapped.count > 0:
            mapped.count -= 1
            slot = mapped.slots[mapped.count]
            library = slot.library
            assert library is not None, "a slot in use names a library"
            slot.library = None
            slot.address = 0
            self._drop(library)

    # The kernel's list.

    def _find(self, name: Array[u8]) -> Ref[Library]:
        """Return the loaded library of a name."""
        for index in range(MOST_LIBRARIES):
            library = self.table[index]
            if library.users > 0 and library.name == name:
                return library
        return None

    def _load(self, name: Array[u8]) -> Library:
        """Load the library of a name; nobody uses it yet.

        Raises: NoSuchLibrary, NotALibrary, TooManyLibraries or OutOfMemory; nothing has changed.
        """
        try:
            member = self.payload.members[self.payload.find(name)]
        except NoSuchProgram:
            raise NoSuchLibrary from None
        image = self.loader.file.check_library(member, self.layout.image_base)
        library = self._free_slot()
        library.space.directory = self.spaces.create(0)
        library.space.owner = LIBRARY
        self.loader.place(library.space, image)
        try:
            self.loader.load(library.space, image)
        except OutOfMemory:
            self._free(library)
            raise
        library.name.copy_from(0, name, 0, LIBRARY_NAME_SIZE)
        library.size = library.space.image.size - PAGE_SIZE
        return library

    def _free_slot(self) -> Library:
        for index in range(MOST_LIBRARIES):
            if self.table[index].users == 0:
                return self.table[index]
        raise TooManyLibraries

    def _drop(self, library: Library) -> None:
        library.users -= 1
        if library.users == 0:
            self._free(library)

    def _free(self, library: Library) -> None:
        """Free a library that nobody maps, loaded in part or whole."""
        self.memory.release(library.space)
        library.name.clear()
        library.size = 0


def span(library: Library) -> u32:
    """Return how many bytes of whole pages a library takes in an address space, its link page among them."""
    return round_up(library.space.image.size, PAGE_SIZE)
