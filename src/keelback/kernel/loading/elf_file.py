"""ELF files: the rules that the file of a program or a library must keep.  Whoever wrote it may lie.

1. Everything is checked before anything is believed: what a header names lies in the file, and no sum wraps.
2. Segments rise, share no page, and lie where the layout lets images be: never on a stack or its guard.
3. A file that breaks a rule is refused, and `broken` says which rule; `RULES` has it in words.

Who makes a payload asks this code too, before any kernel runs (`inspect/executables.py`).
"""

from collections.abc import Iterator

from keelback.abi.errors import NotALibrary, NotExecutable
from keelback.kernel.layout import Layout
from keelback.kernel.loading import elf_format
from keelback.kernel.loading.elf_format import ElfHeader, Segment
from keelback.kernel.loading.payload import Member, Payload
from keelback.kernel.memory.regions import RegionKind
from keelback.kernel.x86.paging import page_of
from keelback.lang import PAGE_SIZE, Component, Region, Struct, TextEnum, round_up, size_of, texts, u16, u32, view, word

MOST_SEGMENTS = 16
MOST_LOADED = 8
"""The most segments that are loaded: each may be a region of its own."""


class Rule(TextEnum):
    """Which rule a file breaks, and what is said of it; "the file" comes before."""

    NONE = 0, "breaks no rule"
    WHOLE = 1, "is not a whole ELF file"
    CLASS = 2, "is not for a 32-bit machine"
    BYTE_ORDER = 3, "is not for a little-endian machine"
    MACHINE = 4, "is not for an i386"
    EXECUTABLE = 5, "is not a static executable"
    SHARED_OBJECT = 6, "is not a shared object"
    NO_HEADERS = 7, "has no program headers"
    HEADER_SIZE = 8, "has program headers that are not 32 bytes each"
    HEADER_COUNT = 9, "has more than 16 program headers"
    HEADER_PLACE = 10, "has program headers that do not lie in it, 4-aligned"
    LINKER = 11, "needs a dynamic linker, and there is none"
    SIZE = 12, "has a segment with more bytes in the file than in memory"
    TRUNCATED = 13, "ends before the bytes of a segment"
    PLACE = 14, "has a segment where no image can be"
    ORDER = 15, "has segments that are not in the order of their addresses"
    PAGE = 16, "has two segments that share a page"
    NOTHING_LOADED = 17, "has no segment to load"
    LOADED_COUNT = 18, "has more than 8 segments to load"
    ENTRY = 19, "starts outside its executable segments"
    GAP = 20, "has pages that do not follow each other, from its link page on"
    LINK_PAGE = 21, "has nothing behind its link page"


RULES = texts(Rule)


class CheckedFile(Struct):
    """The file that was checked last."""

    broken: Rule  # why it was refused
    start: u32  # where it starts in the payload
    size: u32  # bytes
    entry: word
    kind: RegionKind  # of its regions
    bias: word  # what is added to the addresses in the file
    base: word  # the start of its first page in memory
    end: word  # the first address after its last byte in memory
    segments: u32  # where its program headers start in the payload
    count: u32


class ElfFile(Component):
    """Files of the payload, as programs or libraries; `image` describes the one that was checked last."""

    def __init__(self, records: Region, layout: Layout, payload: Payload) -> None:
        self.ram = records.ram
        self.layout = layout
        self.payload = payload
        self.image = records.struct(CheckedFile)

    def check_program(self, member: Member) -> CheckedFile:
        """Check that a member is a program; return what describes it.  Raises: NotExecutable; `image` says why."""
        image = self.image
        image.kind = RegionKind.IMAGE
        image.bias = 0
        self._check(member, elf_format.EXECUTABLE, Rule.EXECUTABLE)
        self._rule(Rule.ENTRY, self._can_enter(image.entry))
        return image

    def check_library(self, member: Member, base: word) -> CheckedFile:
        """Check that a member is a library, for loading from an address on; return what describes it.

        Raises: NotALibrary; `image` says why.
        """
        image = self.image
        image.kind = RegionKind.LIBRARY
        image.bias = base
        try:
            self._check(member, elf_format.SHARED_OBJECT, Rule.SHARED_OBJECT)
            self._rule(Rule.GAP, self._is_dense(base))
            self._rule(Rule.LINK_PAGE, image.end - base > PAGE_SIZE)
        except NotExecutable:
            raise NotALibrary from None
        return image

    def segments(self) -> Iterator[tuple[Segment, word]]:
        """Yield each segment of the file that was checked last that is to be loaded, and its address, lowest first."""
        for number in range(self.image.count):
            segment = self._segment(number)
            if segment.is_loaded():
                yield segment, segment.address + self.image.bias

    def _segment(self, number: u32) -> Segment:
        return view(self.ram, Segment, self.payload.address(self.image.segments + number * size_of(Segment)))

    def _rule(self, rule: Rule, kept: bool) -> None:
        """Refuse a file that does not keep a rule.  Raises: NotExecutable."""
        if not kept:
            self.image.broken = rule
            raise NotExecutable

    def _check(self, member: Member, type: u16, of_type: Rule) -> None:
        image = self.image
        image.broken = Rule.NONE
        image.start = member.start
        image.size = member.size
        self._rule(Rule.WHOLE, member.size >= size_of(ElfHeader))
        header = view(self.ram, ElfHeader, self.payload.address(member.start))
        self._rule(Rule.WHOLE, header.magic == elf_format.MAGIC)
        self._rule(Rule.CLASS, header.bits == elf_format.CLASS_32)
        self._rule(Rule.BYTE_ORDER, header.byte_order == elf_format.LITTLE_ENDIAN)
        self._rule(Rule.MACHINE, header.machine == elf_format.MACHINE_386)
        # Of a program that is none only because it can lie anywhere, the better reason is the linker that it needs.
        self._rule(of_type, header.type == type or header.type == elf_format.SHARED_OBJECT)
        self._check_headers(header)
        self._rule(Rule.LINKER, not self._needs_linker())
        self._rule(of_type, header.type == type)
        self._check_segments()

    def _check_headers(self, header: ElfHeader) -> None:
        """Check where the program headers lie."""
        image, offset, count = self.image, header.segments, header.segment_count
        self._rule(Rule.NO_HEADERS, count > 0)
        self._rule(Rule.HEADER_SIZE, header.segment_size == size_of(Segment))
        self._rule(Rule.HEADER_COUNT, count <= MOST_SEGMENTS)
        self._rule(Rule.HEADER_PLACE, offset % 4 == 0 and self._has(offset, count * size_of(Segment)))
        image.segments = image.start + offset
        image.count = count
        image.entry = header.entry

    def _has(self, offset: u32, size: u32) -> bool:
        """Say whether so many bytes from an offset on lie in the file."""
        return offset <= self.image.size and size <= self.image.size - offset

    def _needs_linker(self) -> bool:
        for number in range(self.image.count):
            if self._segment(number).type == elf_format.INTERPRETER:
                return True
        return False

    def _check_segments(self) -> None:
        """Check every segment, those that are loaded in the order of the file: that is to be the order of addresses."""
        image = self.image
        loaded: u32 = 0
        image.base = 0
        image.end = 0
        before: word = 0  # the page that the segment before starts in
        for number in range(image.count):
            segment = self._segment(number)
            if segment.type == elf_format.LOAD:
                self._check_sizes(segment)
            if segment.is_loaded():
                start: word = self._start_of(segment)
                self._rule(Rule.ORDER, start >= before)
                self._rule(Rule.PAGE, start >= round_up(image.end, PAGE_SIZE))
                before = page_of(start)
                image.base = before if loaded == 0 else image.base
                image.end = start + segment.memory_size
                loaded += 1
        self._rule(Rule.NOTHING_LOADED, loaded > 0)
        self._rule(Rule.LOADED_COUNT, loaded <= MOST_LOADED)

    def _check_sizes(self, segment: Segment) -> None:
        self._rule(Rule.SIZE, segment.file_size <= segment.memory_size)
        self._rule(Rule.TRUNCATED, segment.file_size == 0 or self._has(segment.offset, segment.file_size))

    def _start_of(self, segment: Segment) -> word:
        """Return where a segment starts in memory; all of it is where images may be."""
        first: word = self.layout.image_start
        limit: word = self.layout.image_limit
        start = segment.address + self.image.bias
        self._rule(Rule.PLACE, first <= start < limit and segment.memory_size <= limit - start)
        return start

    def _can_enter(self, entry: word) -> bool:
        """Say whether an address lies in a segment that can execute."""
        for segment, start in self.segments():
            if segment.can_execute and start <= entry < start + segment.memory_size:
                return True
        return False

    def _is_dense(self, base: word) -> bool:
        """Say whether the segments start at an address and leave no page between them out.

        In such a gap the process could have other memory, which would go with the library.
        """
        position: word = base
        for segment, start in self.segments():
            if page_of(start) != position:
                return False
            position = round_up(start + segment.memory_size, PAGE_SIZE)
        return True
