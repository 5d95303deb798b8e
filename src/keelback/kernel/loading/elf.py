"""Loading: how the segments of an ELF file that was checked get into an address space.

1. All of the file is checked before anything is allocated (`elf_file.py`).
2. Each segment is mapped with its own permissions; no two share a page.
3. A region comes before its pages, and a page is mapped before it is filled, so releasing the space undoes any prefix
   of a load.
4. A page that is never writable is marked in its entry as loaded, for others that load the same file.
"""

from keelback.kernel.loading.elf_file import CheckedFile, ElfFile
from keelback.kernel.loading.elf_format import Segment
from keelback.kernel.loading.payload import Payload
from keelback.kernel.memory.space_records import Space
from keelback.kernel.memory.virtual_memory import VirtualMemory
from keelback.kernel.x86.paging import AS_LOADED, WRITABLE, page_of
from keelback.lang import PAGE_SIZE, Component, Region, round_up, u8, u32, word


class ElfLoader(Component):
    """Loads programs and libraries of the payload into address spaces."""

    def __init__(self, records: Region, virtual_memory: VirtualMemory, payload: Payload) -> None:
        self.layout = virtual_memory.layout
        self.virtual_memory = virtual_memory
        self.regions = virtual_memory.regions
        self.spaces = virtual_memory.spaces
        self.payload = payload
        self.access = virtual_memory.access
        self.file = ElfFile(records, virtual_memory.layout, payload)

    def _loaded_size(self, segment: Segment) -> word:
        """Return how many bytes have frames from the start; the layout says whether zeros that no file has do."""
        return segment.memory_size if self.layout.eager_image else segment.file_size

    def count_read_only(self) -> word:
        """Return how many pages of the file that was checked last will be marked as loaded."""
        pages: word = 0
        for segment, start in self.file.segments():
            if not segment.can_write:
                pages += (round_up(start + self._loaded_size(segment), PAGE_SIZE) - page_of(start)) // PAGE_SIZE
        return pages

    def place(self, space: Space, image: CheckedFile) -> None:
        """Make the regions for the segments of a file that was checked last."""
        for segment, start in self.file.segments():
            end: word = round_up(start + segment.memory_size, PAGE_SIZE)
            self.regions.add(space, page_of(start), end, image.kind, self._permissions_of(segment))

    def load(self, space: Space, image: CheckedFile) -> None:
        """Map and fill the pages that have been placed and are not mapped yet; what the file has not comes on demand.

        Raises: OutOfMemory; what was loaded is in the space, and releasing that frees it.
        """
        for segment, start in self.file.segments():
            self._load_segment(space, image, segment, start)
        space.image.frame = self.spaces.frame(space.directory, image.base)
        space.image.base = image.base
        space.image.size = image.end - image.base
        space.image.file = image.start

    def _load_segment(self, space: Space, image: CheckedFile, segment: Segment, start: word) -> None:
        flags: u32 = self._permissions_of(segment)
        if not flags & WRITABLE:
            flags |= AS_LOADED
        for page in range(page_of(start), start + self._loaded_size(segment), PAGE_SIZE):
            entry = self.spaces.tables.find(space.directory, page)
            if entry is None or not entry.present:
                self._fill(image, self.virtual_memory.enter_new(space, page, entry, flags), page, segment, start)

    def _fill(self, image: CheckedFile, frame: u32, page: word, segment: Segment, start: word) -> None:
        """Fill a new frame with what the file has for a page of a segment, and with zeros around that."""
        first = max(page, start)
        end = max(first, min(page + PAGE_SIZE, start + segment.file_size))
        content = self.access.page(frame).bytes
        content.fill(0, first - page, 0)
        if first < end:
            source = image.start + segment.offset + (first - start)
            content.copy_from(first - page, self.payload.content.elements, source, end - first)
        content.fill(end - page, page + PAGE_SIZE - end, 0)

    def _permissions_of(self, segment: Segment) -> u8:
        """Return the permissions of a segment's pages, as a page-table entry has them; 0: none."""
        return self.layout.paging.permissions(segment.can_read, segment.can_write, segment.can_execute)
