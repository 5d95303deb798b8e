"""ELF files: the rules that the file of a program or a library must keep.  Whoever wrote it may lie.

1. Everything is checked before anything is believed: what a header names lies in the file, and no sum wraps.
2. Segments rise, share no page, and lie where the layout lets images be: never on a stack or its guard.
3. A file that breaks a rule is refused, and `broken` says which rule; `RULES` has it in words.

Who makes a payload asks this code too, before any kernel runs (`inspect/executables.py`).

Source: System V ABI, chapters 4 (object files) and 5 (program loading); i386 supplement.
"""

from collections.abc import Iterator
from enum import IntEnum

from keelback.abi.errors import NotALibrary, NotExecutable
from keelback.kernel.layout import Layout
from keelback.kernel.loading.payload import Member, Payload
from keelback.kernel.memory.regions import Kind
from keelback.kernel.x86.paging import page_of
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
INTERPRETER = 3
CAN_EXECUTE = 1
CAN_WRITE = 2
CAN_READ = 4
MOST_SEGMENTS = 16
MOST_LOADED = 8
"""The most segments that are loaded: each may be a region of its own."""


class Rule(IntEnum):
    """Which rule a file breaks."""

    NONE = 0
    WHOLE = 1
    CLASS = 2
    BYTE_ORDER = 3
    MACHINE = 4
    EXECUTABLE = 5
    SHARED_OBJECT = 6
    NO_HEADERS = 7
    HEADER_SIZE = 8
    HEADER_COUNT = 9
    HEADER_PLACE = 10
    LINKER = 11
    SIZE = 12
    TRUNCATED = 13
    PLACE = 14
    ORDER = 15
    PAGE = 16
    NOTHING_LOADED = 17
    LOADED_COUNT = 18
    ENTRY = 19
    GAP = 20
    LINK_PAGE = 21


RULES = (
    "breaks no rule",
    "is not a whole ELF file",
    "is not for a 32-bit machine",
    "is not for a little-endian machine",
    "is not for an i386",
    "is not a static executable",
    "is not a shared object",
    "has no program headers",
    "has program headers that are not 32 bytes each",
    "has more than 16 program headers",
    "has program headers that do not lie in it, 4-aligned",
    "needs a dynamic linker, and there is none",
    "has a segment with more bytes in the file than in memory",
    "ends before the bytes of a segment",
    "has a segment where no image can be",
    "has segments that are not in the order of their addresses",
    "has two segments that share a page",
    "has no segment to load",
    "has more than 8 segments to load",
    "starts outside its executable segments",
    "has pages that do not follow each other, from its link page on",
    "has nothing behind its link page",
)
"""What is said of a file, by `Rule`; "the file" comes before it."""


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

    def is_loaded(self) -> bool:
        """Say whether the segment takes memory of the process."""
        return self.type == LOAD and self.memory_size != 0


class CheckedFile(Struct):
    """The file that was checked last."""

    broken: Rule  # why it was refused
    start: u32  # where it starts in the payload
    size: u32  # bytes
    entry: word
    kind: Kind  # of its regions
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
        image.kind = Kind.IMAGE
        image.bias = 0
        self._check(member, EXECUTABLE, Rule.EXECUTABLE)
        self._rule(Rule.ENTRY, self._can_enter(image.entry))
        return image

    def check_library(self, member: Member, base: word) -> CheckedFile:
        """Check that a member is a library, for loading from an address on; return what describes it.

        Raises: NotALibrary; `image` says why.
        """
        image = self.image
        image.kind = Kind.LIBRARY
        image.bias = base
        try:
            self._check(member, SHARED_OBJECT, Rule.SHARED_OBJECT)
            self._rule(Rule.GAP, self._is_dense(base))
            self._rule(Rule.LINK_PAGE, image.end - base > PAGE_SIZE)
        except NotExecutable:
            raise NotALibrary from None
        return image

    def segments(self) -> Iterator[Segment]:
        """Yield each segment of the file that was checked last that is to be loaded, lowest first."""
        for number in range(self.image.count):
            segment = self._segment(number)
            if segment.is_loaded():
                yield segment

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
        self._rule(Rule.WHOLE, header.magic == MAGIC)
        self._rule(Rule.CLASS, header.bits == CLASS_32)
        self._rule(Rule.BYTE_ORDER, header.byte_order == LITTLE_ENDIAN)
        self._rule(Rule.MACHINE, header.machine == MACHINE_386)
        # Of a program that is none only because it can lie anywhere, the better reason is the linker that it needs.
        self._rule(of_type, header.type == type or header.type == SHARED_OBJECT)
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
            if self._segment(number).type == INTERPRETER:
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
            if segment.type == LOAD:
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
        for segment in self.segments():
            inside = segment.address <= entry < segment.address + segment.memory_size
            if inside and segment.flags & CAN_EXECUTE:
                return True
        return False

    def _is_dense(self, base: word) -> bool:
        """Say whether the segments start at an address and leave no page between them out.

        In such a gap the process could have other memory, which would go with the library.
        """
        position: word = base
        for segment in self.segments():
            start: word = segment.address + self.image.bias
            if page_of(start) != position:
                return False
            position = round_up(start + segment.memory_size, PAGE_SIZE)
        return True
