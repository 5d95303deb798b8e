"""ELF: what the file of a program or a library must be, and how its segments get into an address space.

1. Everything in the file is checked before anything is allocated; a file that lies is refused, never believed.
2. Each segment is mapped with its own permissions, text never writable; no two segments share a page.
3. A page is mapped before it is filled, so releasing the space undoes any prefix of a load.

Source: System V ABI, chapters 4 (object files) and 5 (program loading); i386 supplement.
"""

from keelback.kernel.errors import NotALibrary, NotExecutable, OutOfMemory
from keelback.kernel.paging import USER, WRITABLE, frame_of, page_of
from keelback.kernel.payload import Payload
from keelback.kernel.regions import Kind, Space
from keelback.kernel.virtual_memory import VirtualMemory
from keelback.lang import (
    PAGE_SIZE,
    Array,
    Component,
    Region,
    Struct,
    inline,
    round_up,
    size_of,
    u8,
    u16,
    u32,
    view,
    word,
)

MAGIC = 0x464C457F
CLASS_32 = 1
LITTLE_ENDIAN = 1
EXECUTABLE = 2
SHARED_OBJECT = 3
MACHINE_386 = 3
LOAD = 1
CAN_EXECUTE = 1
CAN_WRITE = 2
MOST_SEGMENTS = 16
MOST_LOADED = 8
"""The most segments that are loaded: each may be a region of its own."""


class ElfHeader(Struct):
    """The first 52 bytes of a 32-bit ELF file."""

    magic: u32
    bits: u8
    byte_order: u8
    identification: Array[u8] = inline(10)
    type: u16
    machine: u16
    version: u32
    entry: u32
    segments: u32  # file offset of the program headers
    sections: u32
    flags: u32
    header_size: u16
    segment_size: u16  # bytes of one program header
    segment_count: u16
    section_size: u16
    section_count: u16
    section_names: u16


class Segment(Struct):
    """One program header."""

    type: u32
    offset: u32  # in the file
    address: u32
    physical: u32
    file_size: u32
    memory_size: u32  # what the file does not give is zero
    flags: u32
    alignment: u32


class LoadedImage(Struct):
    """The file that was checked last."""

    start: u32  # where it starts in the payload
    size: u32  # bytes
    entry: word
    kind: Kind  # of its regions
    bias: word  # what is added to the addresses in the file
    base: word  # the start of its first page in memory
    end: word  # the first address after its last byte in memory
    segments: u32  # where its program headers start in the payload
    count: u32


class ElfLoader(Component):
    """Loads programs and libraries of the payload into address spaces."""

    def __init__(self, records: Region, memory: VirtualMemory, payload: Payload) -> None:
        self.ram = records.ram
        self.layout = memory.layout
        self.memory = memory
        self.spaces = memory.spaces
        self.frames = memory.frames
        self.payload = payload
        self.window = memory.window
        self.image = records.struct(LoadedImage)

    # Check …

    def check(self) -> None:
        """Check the program that the payload found last; `image` then describes it.

        Raises: NotExecutable; OutOfMemory when it has more pages than there are free frames.
        """
        image = self.image
        self._check_header(EXECUTABLE)
        image.kind = Kind.IMAGE
        image.bias = 0
        self._check_segments()
        if not self._can_enter(image.entry):
            raise NotExecutable

    def check_library(self, base: word) -> None:
        """Check the library that the payload found last, for loading from an address on; `image` then describes it.

        Raises: NotALibrary; OutOfMemory when it has more pages than there are free frames.
        """
        image = self.image
        try:
            self._check_header(SHARED_OBJECT)
            image.kind = Kind.LIBRARY
            image.bias = base
            self._check_segments()
        except NotExecutable:
            raise NotALibrary from None
        if image.end - base <= PAGE_SIZE or not self._is_whole(base):
            raise NotALibrary

    def _is_whole(self, base: word) -> bool:
        """Say whether the segments, which rise, start at an address and leave no page between them out.

        In such a gap the process could have other memory, which would go with the library.
        """
        position: word = base
        for number in range(self.image.count):
            segment = self._segment(number)
            if segment.type == LOAD and segment.memory_size != 0:
                start: word = segment.address + self.image.bias
                if page_of(start) != position:
                    return False
                position = round_up(start + segment.memory_size, PAGE_SIZE)
        return True

    def _check_header(self, type: u16) -> None:
        """Check that the file is an ELF file of a type for this machine, and where its program headers lie."""
        image, file = self.image, self.payload.found
        image.start = file.start
        image.size = file.size
        if file.size < size_of(ElfHeader):
            raise NotExecutable
        header = view(self.ram, ElfHeader, self.payload.address(file.start))
        if header.magic != MAGIC or header.bits != CLASS_32 or header.byte_order != LITTLE_ENDIAN:
            raise NotExecutable
        if header.type != type or header.machine != MACHINE_386:
            raise NotExecutable
        self._check_header_table(header)

    def _check_header_table(self, header: ElfHeader) -> None:
        image = self.image
        count = header.segment_count
        if header.segment_size != size_of(Segment) or count == 0 or count > MOST_SEGMENTS:
            raise NotExecutable
        offset = header.segments
        if offset % 4 != 0 or offset > image.size or count * size_of(Segment) > image.size - offset:
            raise NotExecutable
        image.segments = image.start + offset
        image.count = count
        image.entry = header.entry

    def _check_segments(self) -> None:
        """Check that segments rise, each on pages of its own, and that there are frames for them."""
        lowest: word = self.layout.user_base
        pages: u32 = 0
        loaded: u32 = 0
        for number in range(self.image.count):
            segment = self._segment(number)
            if segment.type != LOAD or segment.memory_size == 0:
                continue
            self._check_segment(segment, lowest)
            loaded += 1
            start = segment.address + self.image.bias
            if loaded == 1:
                self.image.base = page_of(start)
            self.image.end = start + segment.memory_size
            lowest = round_up(self.image.end, PAGE_SIZE)
            pages += (round_up(start + self._loaded_size(segment), PAGE_SIZE) - page_of(start)) // PAGE_SIZE
        if loaded == 0 or loaded > MOST_LOADED:
            raise NotExecutable
        if pages > self.frames.counts.user_free:
            raise OutOfMemory

    def _check_segment(self, segment: Segment, lowest: word) -> None:
        highest: word = self.layout.image_limit
        start = segment.address + self.image.bias
        if start < lowest or start >= highest:
            raise NotExecutable
        if segment.memory_size > highest - start or segment.file_size > segment.memory_size:
            raise NotExecutable
        if segment.offset > self.image.size or segment.file_size > self.image.size - segment.offset:
            raise NotExecutable

    def _can_enter(self, entry: word) -> bool:
        """Say whether an address lies in a segment that can execute."""
        for number in range(self.image.count):
            segment = self._segment(number)
            inside = segment.address <= entry < segment.address + segment.memory_size
            if inside and segment.type == LOAD and segment.flags & CAN_EXECUTE:
                return True
        return False

    def _loaded_size(self, segment: Segment) -> u32:
        """Return how many bytes have frames from the start; the layout says whether zeros that no file has do."""
        return segment.memory_size if self.layout.eager_image else segment.file_size

    def _segment(self, number: u32) -> Segment:
        return view(self.ram, Segment, self.payload.address(self.image.segments + number * size_of(Segment)))

    # … then change.

    def load(self, space: Space) -> None:
        """Map and fill the segments of the file that was checked last; what the file does not give comes on demand.

        Raises: OutOfMemory; what was loaded is in the space, and releasing that frees it.
        """
        for number in range(self.image.count):
            segment = self._segment(number)
            if segment.type == LOAD and segment.memory_size != 0:
                self._load_segment(space, segment)
        image = self.image
        space.image.frame = frame_of(self.spaces.lookup(space.directory, image.base))
        space.image.base = image.base
        space.image.size = image.end - image.base

    def _load_segment(self, space: Space, segment: Segment) -> None:
        permissions: u8 = USER | WRITABLE if segment.flags & CAN_WRITE else USER
        start: word = segment.address + self.image.bias
        end: word = round_up(start + segment.memory_size, PAGE_SIZE)
        # The region comes first: what owns a page is there before the page.
        space.add(page_of(start), end, self.image.kind, permissions)
        for page in range(page_of(start), start + self._loaded_size(segment), PAGE_SIZE):
            self._load_page(space, page, segment, permissions)

    def _load_page(self, space: Space, page: word, segment: Segment, permissions: u8) -> None:
        self.memory.map_zeros(space, page, permissions)
        start: word = segment.address + self.image.bias
        first = max(page, start)
        end = min(page + PAGE_SIZE, start + segment.file_size)
        if first >= end:
            return
        source = self.image.start + segment.offset + (first - start)
        content = self.window.open(frame_of(self.spaces.lookup(space.directory, page))).bytes
        content.copy_from(first - page, self.payload.content.elements, source, end - first)
