"""ELF files: the rules that the file of a program or a library must keep.  Whoever wrote it may lie.

1. Everything is checked before anything is believed: what a header names lies in the file, and no sum wraps.
2. Segments rise, share no page, and lie where the layout lets images be: never on a stack or its guard.
3. A file that breaks a rule is refused, and `broken` says which rule; `RULES` has it in words.

Who makes a payload asks this code too, before any kernel runs (`inspect/executables.py`).
"""

from collections.abc import Iterator
from dataclasses import dataclass

from keelback.abi.errors import NotALibrary, NotExecutable
from keelback.kernel.layout import Layout
from keelback.kernel.loading import elf_format
from keelback.kernel.loading.elf_format import ElfHeader, Segment
from keelback.kernel.loading.payload import Member, Payload
from keelback.kernel.memory.space_records import RegionKind
from keelback.kernel.x86.paging import page_of
from keelback.lang import (
    PAGE_SIZE,
    Component,
    Region,
    Struct,
    TextEnum,
    layout_of,
    round_up,
    texts,
    u16,
    u32,
    view,
    word,
)

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
    WIDE_CLASS = 22, "is not for a 64-bit machine"
    WIDE_MACHINE = 23, "is not for an x86-64"
    WIDE_HEADER_SIZE = 24, "has program headers that are not 56 bytes each"
    WIDE_HEADER_PLACE = 25, "has program headers that do not lie in it, 8-aligned"


RULES = texts(Rule)


@dataclass(frozen=True)
class Format:
    """What a file for a machine has to be, and the rule that it breaks where it is not."""

    bits: int
    """Of the header: the class."""
    machine: int
    header_size: int
    segment_size: int
    alignment: int
    """Bytes of a word: what a program header lies at a multiple of."""
    of_class: Rule
    of_machine: Rule
    of_size: Rule
    of_place: Rule


def format_for(word_bits: int) -> Format:
    """Return the format of files for a machine with so many bits to a word."""
    rules = (Rule.CLASS, Rule.MACHINE, Rule.HEADER_SIZE, Rule.HEADER_PLACE)
    wide = (Rule.WIDE_CLASS, Rule.WIDE_MACHINE, Rule.WIDE_HEADER_SIZE, Rule.WIDE_HEADER_PLACE)
    return Format(
        elf_format.CLASSES[word_bits],
        elf_format.MACHINES[word_bits],
        layout_of(ElfHeader, word_bits).size,
        layout_of(Segment, word_bits).size,
        word_bits // 8,
        *(rules if word_bits == 32 else wide),
    )


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
        self.format = format_for(layout.paging.word_bits)

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
            if self._is_loaded(segment):
                yield segment, segment.address + self.image.bias

    def _is_loaded(self, segment: Segment) -> bool:
        """Say whether a segment takes memory of the process."""
        return segment.type == elf_format.LOAD and segment.memory_size != 0

    def _segment(self, number: u32) -> Segment:
        return view(self.ram, Segment, self.payload.address(self.image.segments + number * self.format.segment_size))

    def _rule(self, rule: Rule, kept: bool) -> None:
        """Refuse a file that does not keep a rule.  Raises: NotExecutable."""
        if not kept:
            self.image.broken = rule
            raise NotExecutable

    def _check(self, member: Member, type: u16, of_type: Rule) -> None:
        image, format = self.image, self.format
        image.broken = Rule.NONE
        image.start = member.start
        image.size = member.size
        self._rule(Rule.WHOLE, member.size >= format.header_size)
        header = view(self.ram, ElfHeader, self.payload.address(member.start))
        self._rule(Rule.WHOLE, header.magic == elf_format.MAGIC)
        self._rule(format.of_class, header.bits == format.bits)
        self._rule(Rule.BYTE_ORDER, header.byte_order == elf_format.LITTLE_ENDIAN)
        self._rule(format.of_machine, header.machine == format.machine)
        # Of a program that is none only because it can lie anywhere, the better reason is the linker that it needs.
        self._rule(of_type, header.type == type or header.type == elf_format.SHARED_OBJECT)
        self._check_headers(header)
        self._rule(Rule.LINKER, not self._needs_linker())
        self._rule(of_type, header.type == type)
        self._check_segments()

    def _check_headers(self, header: ElfHeader) -> None:
        """Check where the program headers lie."""
        image, format, offset, count = self.image, self.format, header.segments, header.segment_count
        self._rule(Rule.NO_HEADERS, count > 0)
        self._rule(format.of_size, header.segment_size == format.segment_size)
        self._rule(Rule.HEADER_COUNT, count <= MOST_SEGMENTS)
        inside = self._has(offset, count * format.segment_size)
        self._rule(format.of_place, offset % format.alignment == 0 and inside)
        image.segments = image.start + offset
        image.count = count
        image.entry = header.entry

    def _has(self, offset: word, size: word) -> bool:
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
            if self._is_loaded(segment):
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
