"""The page walk on its own terms: what page tables in any RAM say, by any paging scheme.

    root (cr3) ──> table ──> … ──> table ──> page         an entry that is not present, or is a large page, ends it

It shares no code with the kernel, whose tables it is there to check.  Reserved bits are not looked at.

Source: Intel SDM volume 3, sections 4.3 to 4.5 (32-bit, PAE and 4-level paging), 4.6 (access rights).
"""

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from functools import lru_cache
from itertools import compress
from typing import Literal, NamedTuple

from keelback.lang import Panic

PRESENT, WRITABLE, USER, ACCESSED, DIRTY, LARGE, GLOBAL = 1 << 0, 1 << 1, 1 << 2, 1 << 5, 1 << 6, 1 << 7, 1 << 8
NO_EXECUTE = 1 << 63
LOW_FLAGS = 0xFFF
PAGE_SHIFT = 12
ALL = (1 << 64) - 1
END = 1 << 64

FROM_ALL = WRITABLE | USER | ACCESSED
"""What a page has only if each entry on the way has it; no-execute, which is a ban, it has if any has it."""

Format = Literal["I", "Q"]

NEVER = 0
"""No bit: an entry of the level never is a page."""


@dataclass(frozen=True, eq=False)
class Level:
    """A level of tables: `1 << bits` entries, each for `1 << shift` bytes of addresses."""

    name: str
    shift: int
    bits: int
    is_page: int
    """The bit by which an entry is a page."""
    frames: int
    """The bits of a page's entry that are its address."""
    high_frames: int = 0
    """Those that are bits 32 to 39 of it, from bit 13 on."""
    has_rights: bool = True
    """Whether its entries say what is allowed behind them."""


@dataclass(frozen=True, eq=False)
class Scheme:
    """How a CPU walks: the levels from the root down."""

    levels: tuple[Level, ...]
    format: Format
    """Of an entry, as `memoryview.cast` has it."""
    entry_size: int
    links: int
    """The bits of an entry that are a lower table's address."""
    root: int
    """The bits of cr3 that are the root's."""
    sign: int = 0
    """The highest bit of an address, which all above it repeat."""


_32, _64 = 0xFFFF_F000, 0x000F_FFFF_FFFF_F000
_2_MIB, _1_GIB = 0x000F_FFFF_FFE0_0000, 0x000F_FFFF_C000_0000
_WIDE = (Level("page directory", 21, 9, LARGE, _2_MIB), Level("page table", 12, 9, PRESENT, _64))
_TABLE = Level("page table", 12, 10, PRESENT, _32)
_LARGE_4_MIB = Level("page directory", 22, 10, LARGE, 0xFFC0_0000, high_frames=0x1F_E000)

SCHEMES = {
    # CR4.PSE is 0: nothing is a large page.
    "i386": Scheme((Level("page directory", 22, 10, NEVER, 0), _TABLE), "I", 4, _32, _32),
    "i386 with large pages": Scheme((_LARGE_4_MIB, _TABLE), "I", 4, _32, _32),
    "PAE": Scheme(
        (Level("page-directory pointers", 30, 2, NEVER, 0, has_rights=False), *_WIDE), "Q", 8, _64, 0xFFFF_FFE0
    ),
    "x86-64": Scheme(
        (Level("page map level 4", 39, 9, NEVER, 0), Level("page-directory pointers", 30, 9, LARGE, _1_GIB), *_WIDE),
        *("Q", 8, _64, _64, 1 << 47),
    ),
}

Step = tuple[memoryview, int, int]
"""An entry on the way to a page: its table, its index there, and what it was."""

Reader = Callable[[int, int], memoryview]
"""Returns so many bytes at a physical address, fewer where there is no RAM: a view that changes as memory does."""


class Translation(NamedTuple):
    """A page that is mapped: its address, its first frame, what may be done with it, and its size in bytes.

    `flags` are bits of an entry: rights that all entries on the way give, the others as the last one has them.
    """

    page: int
    frame: int
    flags: int
    size: int = 1 << PAGE_SHIFT

    def allows_as(self, other: "Translation") -> bool:
        """Say whether this and another one of the page lead to the same frame with the same rights."""
        return self.frame == other.frame and not (self.flags ^ other.flags) & (WRITABLE | USER | GLOBAL | NO_EXECUTE)


NOT_KNOWN = (), None
NOT_MAPPED = "not mapped"
RIGHTS = USER | WRITABLE | NO_EXECUTE


def said_mapping(frame: int, flags: int) -> str:
    """Return where a mapping leads and all of its `RIGHTS`: `frame 0x12, read and write`."""
    may = "read and write" if flags & WRITABLE else "read only"
    never = ", not executable" * bool(flags & NO_EXECUTE)
    return f"frame {frame:#x}, {may}{never}{', kernel only' * (not flags & USER)}"


class Table(NamedTuple):
    """A table: where it lies, its level, the first address that it is for, and the entries that lead to it."""

    place: int
    depth: int
    base: int
    way: tuple[int, ...]


class Walker:
    """Reads the page tables of one scheme."""

    def __init__(self, scheme: str, read: Reader) -> None:
        self.scheme = SCHEMES[scheme]
        self.read = read
        self._views: list[dict[int, memoryview]] = [{} for _ in self.scheme.levels]
        self._known: dict[tuple[int, int], tuple[tuple[Step, ...], Translation | None]] = {}
        """By cr3 and page, the way that was gone; where its entries are as they were, it leads where it led."""
        self._steps = [
            (views, level.shift, (1 << level.bits) - 1, level.is_page, depth)
            for depth, (views, level) in enumerate(zip(self._views, self.scheme.levels, strict=True))
        ]

    def walk(self, root: int, address: int) -> Translation | None:
        """Return what cr3 and an address lead to, as the page of 4 KiB that holds it; None when it is not mapped.

        Raises: Panic when a table is not in RAM.
        """
        way, known = self._known.get((root, address >> PAGE_SHIFT), NOT_KNOWN)
        for view, index, entry in way:
            if view[index] != entry:
                break
        else:
            if known is not None:
                return known
        return self._walk(root, address)

    def _walk(self, root: int, address: int) -> Translation | None:
        """Do the same, whatever is known."""
        place, links, page = root & self.scheme.root, self.scheme.links, address >> PAGE_SHIFT
        way: tuple[Step, ...] = ()
        for views, shift, last, is_page, depth in self._steps:
            view, index = views.get(place) or self._view(place, depth), address >> shift & last
            entry = view[index]
            if not entry & PRESENT:
                return None
            way += ((view, index, entry),)
            if entry & is_page:
                found = _translation(self.scheme, page, tuple([each for _, _, each in way]))
                self._known[root, page] = way, found
                return found
            place = entry & links
        raise AssertionError("every entry of the last level that is present is a page")

    def pages(self, root: int, start: int = 0, end: int = END, having: int = PRESENT) -> list[Translation]:
        """Return what is mapped of [start, end) with all of some flags, lowest first; a large page is one.

        Raises: as `walk`.
        """
        found: list[Translation] = []
        for table in self.tables(root, start, end):
            content = self.content(table)
            level = self.scheme.levels[table.depth]
            if level.is_page:
                pages = _pages(content, self.scheme, table.base, table.way, having)
                if not start <= table.base <= self.end_of(table) <= end:
                    pages = tuple(each for each in pages if each.page < end and start < each.page + each.size)
                found += pages
        return sorted(found) if len(self.scheme.levels) > 2 or self.scheme.levels[0].is_page else found

    def tables(self, root: int, start: int = 0, end: int = END) -> Iterator[Table]:
        """Yield each table that a walk to an address of [start, end) reads, the root first.  Raises: as `walk`."""
        yield from self._tables(Table(root & self.scheme.root, 0, 0, ()), start, end)

    def _tables(self, table: Table, start: int, end: int) -> Iterator[Table]:
        yield table
        for index, entry in self.present(table) if table.depth + 1 < len(self.scheme.levels) else ():
            lower = self.lower(table, index, entry)
            if lower is not None and lower.base < end and start < self.end_of(lower):
                yield from self._tables(lower, start, end)

    def base_of(self, table: Table, index: int) -> int:
        """Return the first address that an entry of a table is for."""
        base = table.base | index << self.scheme.levels[table.depth].shift
        return base | -self.scheme.sign & ALL if base & self.scheme.sign else base

    def lower(self, table: Table, index: int, entry: int) -> Table | None:
        """Return the table that a present entry of another one leads to, None where the entry is a page."""
        if entry & self.scheme.levels[table.depth].is_page:
            return None
        return Table(entry & self.scheme.links, table.depth + 1, self.base_of(table, index), (*table.way, entry))

    def end_of(self, table: Table) -> int:
        """Return the first address after those that a table is for."""
        level = self.scheme.levels[table.depth]
        return table.base + (1 << level.shift + level.bits)

    def present(self, table: Table) -> tuple[tuple[int, int], ...]:
        """Return the entries of a table that are present, each behind its index.  Raises: as `walk`."""
        return _present(self.content(table), self.scheme.format)

    def content(self, table: Table) -> bytes:
        """Return the bytes of a table.  Raises: as `walk`."""
        return (self._views[table.depth].get(table.place) or self._view(table.place, table.depth)).tobytes()

    def _view(self, place: int, depth: int) -> memoryview:
        size = self.scheme.entry_size << self.scheme.levels[depth].bits
        content = self.read(place, size)
        if len(content) < size:
            raise Panic(f"a page table lies at {place:#x}, where there is no RAM")
        view = self._views[depth][place] = content.cast(self.scheme.format)
        return view


def reader(memory: memoryview) -> Reader:
    """Return what reads a machine's RAM, bytes from physical address 0."""
    return lambda place, size: memory[place : place + size]


@lru_cache(1 << 16)
def _translation(scheme: Scheme, number: int, way: tuple[int, ...]) -> Translation:
    """Return what the entries on the way to a page say of it together."""
    level, entry = scheme.levels[len(way) - 1], way[-1]
    size, page = 1 << level.shift, number << PAGE_SHIFT
    place = entry & level.frames | (entry & level.high_frames) << 19
    flags = entry & (LOW_FLAGS | NO_EXECUTE)
    for upper, each in zip(scheme.levels, way[:-1], strict=False):
        if upper.has_rights:
            flags = flags & (each | ~FROM_ALL) | each & NO_EXECUTE
    return Translation(page, (place | page & size - 1) >> PAGE_SHIFT, flags, size)


# Most tables are the same from one look to the next, and a table's bytes say all that is in it.


@lru_cache(1 << 10)
def _present(content: bytes, form: Format) -> tuple[tuple[int, int], ...]:
    entries = memoryview(content).cast(form).tolist()
    filled = compress(range(len(entries)), entries)  # most entries are zero
    return tuple((index, entries[index]) for index in filled if entries[index] & PRESENT)


@lru_cache(1 << 10)
def _pages(content: bytes, scheme: Scheme, base: int, way: tuple[int, ...], having: int) -> tuple[Translation, ...]:
    level = scheme.levels[len(way)]
    pages = [
        _translation(scheme, (base | index << level.shift) >> PAGE_SHIFT, (*way, entry))
        for index, entry in _present(content, scheme.format)
        if entry & level.is_page
    ]
    return tuple(each for each in pages if each.flags & having == having)
