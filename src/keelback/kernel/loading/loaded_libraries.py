"""The libraries that are loaded, each once, whoever maps it.

1. A library is loaded exactly as long as a process maps it; the last that drops it frees it.
2. It lies in an address space of its own, which holds a reference to each of its frames, so no process is ever the last
   holder of one: what was loaded stays as it was.
3. From its link page to its last page a library has no gap (`elf_file.py`), so nothing else lies within it.
"""

from keelback.abi.errors import NoSuchLibrary, NoSuchProgram, OutOfMemory, TooManyLibraries
from keelback.kernel.loading.elf import ElfLoader
from keelback.kernel.memory.frames import LIBRARY
from keelback.kernel.memory.space_records import Space
from keelback.lang import PAGE_SIZE, Array, Component, Ref, Region, Struct, inline, round_up, u8, u16, word

MOST_LIBRARIES = 16
LIBRARY_NAME_SIZE = 32


class LibraryName(Struct):
    """The name of a library, as it is asked for."""

    text: Array[u8] = inline(LIBRARY_NAME_SIZE)  # zero-padded


class Library(Struct):
    """A library that is loaded; all zero means that the slot is free."""

    name: Array[u8] = inline(LIBRARY_NAME_SIZE)  # zero-padded
    space: Space  # where it was loaded, its link page at the image's base
    size: word  # bytes behind the link page, to its last one, which need not be in the file
    users: u16  # how many processes map it

    def span(self) -> word:
        """Return how many bytes of whole pages it takes in an address space, its link page among them."""
        return round_up(self.space.image.size, PAGE_SIZE)


class LoadedLibraries(Component):
    """The kernel's list of them."""

    def __init__(self, records: Region, loader: ElfLoader) -> None:
        self.loader = loader
        self.table = records.array(Library, MOST_LIBRARIES)
        self.request = records.struct(LibraryName)

    def find(self, name: Array[u8]) -> Ref[Library]:
        """Return the loaded library of a zero-padded name, if it is loaded."""
        for library in self.table:
            if library.users > 0 and library.name == name:
                return library
        return None

    def load(self, name: Array[u8]) -> Library:
        """Load the library of a zero-padded name; nobody uses it yet.

        Raises: NoSuchLibrary, NotALibrary, TooManyLibraries or OutOfMemory; nothing has changed.
        """
        loader = self.loader
        try:
            member = loader.payload.members[loader.payload.find(name)]
        except NoSuchProgram:
            raise NoSuchLibrary from None
        image = loader.file.check_library(member, loader.layout.image_base)
        library = self._free_slot()
        library.space.directory = loader.spaces.create(0)
        library.space.owner = LIBRARY
        loader.place(library.space, image)
        try:
            loader.load(library.space, image)
        except OutOfMemory:
            self.free(library)
            raise
        library.name.copy_from(0, name, 0, LIBRARY_NAME_SIZE)
        library.size = library.space.image.size - PAGE_SIZE
        return library

    def _free_slot(self) -> Library:
        for library in self.table:
            if library.users == 0:
                return library
        raise TooManyLibraries

    def drop(self, library: Library) -> None:
        """Count a user less; the last frees it."""
        library.users -= 1
        if library.users == 0:
            self.free(library)

    def free(self, library: Library) -> None:
        """Free a library that nobody maps, loaded in part or whole."""
        self.loader.virtual_memory.release(library.space)
        library.name.clear()
        library.size = 0
