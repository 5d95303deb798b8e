"""The page walk says what the emulated CPU does, by every scheme, large pages and rights of every level included."""

import random
import struct

import pytest

from keelback.inspect.walk import (
    ACCESSED,
    DIRTY,
    GLOBAL,
    LARGE,
    NO_EXECUTE,
    PRESENT,
    SCHEMES,
    USER,
    WRITABLE,
    Table,
    Translation,
    Walker,
    reader,
)
from keelback.kernel.x86 import paging
from keelback.lang import Panic
from kernel.paging_oracle import FETCH, FRAME, GDT, KERNEL_CODE, READ, WRITE, Oracle

RAM, TABLES, TABLES_END = 0x80_0000, 0x18_0000, 0x1D_0000
FIRST_FRAME, FRAMES = 0x400, 0x800
CODE_PAGE, CODE_FRAME = 0x2000_0000, 0x7FF
PAGE, OTHER, HIGH = 0x0804_8000, 0xC000_0000, 0xFFFF_8000_0000_0000
ALL = PRESENT | WRITABLE | USER
RIGHTS = (0, WRITABLE, USER, USER | WRITABLE)


class Built:
    """Page tables in RAM, made entry by entry."""

    def __init__(self, name):
        self.name = name
        self.scheme = SCHEMES[name]
        self.levels = self.scheme.levels
        self.last = len(self.levels) - 1
        self.ram = bytearray(RAM)
        self.root = TABLES
        self.free = TABLES + FRAME
        self.walker = Walker(name, reader(memoryview(self.ram)))

    def write(self, place, value):
        struct.pack_into("<" + self.scheme.format, self.ram, place, value)

    def read(self, place):
        return struct.unpack_from("<" + self.scheme.format, self.ram, place)[0]

    def entry(self, table, depth, address):
        """Return where the entry of a table for an address lies."""
        level = self.levels[depth]
        return table + (address >> level.shift & (1 << level.bits) - 1) * self.scheme.entry_size

    def map(self, address, frame, flags, make=ALL, depth=None):
        """Map a page by an entry of a level, the last unless told; tables that are not there get the flags `make`.

        What is mapped already, and tables, stay.  Returns where the entry lies.
        """
        depth = self.last if depth is None else depth
        table = self.root
        for upper in range(depth):
            place = self.entry(table, upper, address)
            if not self.read(place) & PRESENT:
                self.write(place, self.free | (make if self.levels[upper].has_rights else PRESENT))
                self.free += FRAME
            elif self.read(place) & self.levels[upper].is_page:
                return place
            table = self.read(place) & self.scheme.links
        place = self.entry(table, depth, address)
        if not self.read(place) & PRESENT:
            self.write(place, frame << 12 | flags | (LARGE if depth < self.last else 0))
        return place

    def walk(self, address):
        return self.walker.walk(self.root, address)

    def large(self):
        """Return the levels above the last whose entries may be pages."""
        return [depth for depth in range(self.last) if self.levels[depth].is_page]


@pytest.fixture(params=SCHEMES)
def built(request):
    return Built(request.param)


# Against the CPU.


def draw_pages(built, draw):
    """Map pages with all kinds of rights at all levels; return addresses in and beside them."""
    ban = NO_EXECUTE if built.scheme.entry_size == 8 else 0
    spans = [1 << level.shift for level in built.levels]
    top = 1 << min(built.levels[0].shift + built.levels[0].bits, 47)
    pages = sorted({each for span in spans for number in (1, 2, 3) if (each := 0x3000_0000 + span * number) < top})
    for page in pages:
        flags, make = (
            draw.choice(RIGHTS) | PRESENT * (draw.random() < 0.9) | ban * (draw.random() < 0.3) for _ in range(2)
        )
        make = draw.choice((make, ALL))
        depth = draw.choice([None, *built.large()])
        if depth is None:
            built.map(page, draw.randrange(FIRST_FRAME, CODE_FRAME), flags, make)
        else:
            size = 1 << built.levels[depth].shift
            built.map(page, FIRST_FRAME if size < RAM else 0, flags, make, depth)
    offsets = (0, FRAME, 5 * FRAME, RAM - 5 * FRAME)
    return sorted({page + offset for page in pages for offset in offsets})


def what_is_told(built, seed):
    """Return what the walk says of accesses to drawn pages, of those that a program could tell us about."""
    for address in (KERNEL_CODE, GDT):
        built.map(address & -FRAME, address >> 12, PRESENT | WRITABLE)
    built.map(CODE_PAGE, CODE_FRAME, ALL)
    found = {}
    for address in draw_pages(built, random.Random(f"{built.name} {seed}")):
        page = built.walk(address + 4)
        if page is None or page.frame in range(FIRST_FRAME, CODE_FRAME):
            for access, flags in {READ: USER, WRITE: USER | WRITABLE, FETCH: USER}.items():
                allowed = page is not None and page.flags & flags == flags
                allowed = allowed and not (access == FETCH and page.flags & NO_EXECUTE)
                found[address, access] = page.frame if allowed else None
    return found


@pytest.mark.parametrize("name", SCHEMES)
def test_a_program_reaches_what_the_walk_says(name):
    told = set()
    for seed in range(12):
        built = Built(name)
        found = what_is_told(built, seed)
        memory = bytes(built.ram[TABLES:TABLES_END])
        cpu = Oracle(name, memory, TABLES, range(FIRST_FRAME, FRAMES), TABLES >> 12, CODE_PAGE)
        cpu.code_frame = CODE_FRAME
        assert found == {(address, access): cpu.probe(address, access) for address, access in found}
        told |= {(access, frame is None) for (_, access), frame in found.items()}
    assert told == {(access, faults) for access in (READ, WRITE, FETCH) for faults in (False, True)}


# One page.


def test_the_schemes_are_those_that_the_kernel_describes():
    for kernels in paging.SCHEMES:
        scheme = SCHEMES[kernels.name]
        assert [(level.shift, level.bits) for level in scheme.levels] == [
            (level.shift, level.bits) for level in kernels.levels
        ]
        assert (scheme.entry_size, scheme.links) == (kernels.entry_size, kernels.address_mask)


@pytest.mark.parametrize("upper", [each | PRESENT for each in RIGHTS])
@pytest.mark.parametrize("lower", [PRESENT, PRESENT | WRITABLE, PRESENT | USER | GLOBAL, ALL | ACCESSED | DIRTY])
def test_a_page_may_what_all_entries_allow_and_is_global_and_dirty_by_the_last(built, upper, lower):
    built.map(PAGE, 5, lower, make=upper | ACCESSED)
    assert built.walk(PAGE + 0x123) == Translation(PAGE, 5, lower & ~(WRITABLE | USER) | lower & upper)


def test_a_page_was_accessed_if_all_entries_were(built):
    built.map(PAGE, 5, ALL | ACCESSED, make=ALL)
    assert built.walk(PAGE).flags == ALL


def test_one_ban_of_execution_is_enough(built):
    if built.scheme.entry_size == 8:
        built.map(PAGE, 5, ALL | NO_EXECUTE)
        built.map(OTHER, 6, ALL, make=ALL | NO_EXECUTE)
        assert built.walk(PAGE) == (PAGE, 5, ALL | NO_EXECUTE, FRAME)
        assert built.walk(OTHER) == (OTHER, 6, ALL | NO_EXECUTE, FRAME)


def test_what_has_no_present_entry_on_some_level_is_not_mapped(built):
    assert built.walk(PAGE) is None
    built.map(PAGE, 5, ALL & ~PRESENT)
    assert built.walk(PAGE) is None and built.walk(PAGE + FRAME) is None
    built.map(PAGE, 5, ALL)
    assert built.walk(PAGE) is not None and built.walk(PAGE + FRAME) is None


def test_low_bits_of_cr3_are_flags(built):
    built.map(PAGE, 5, ALL)
    assert built.walker.walk(built.root | 0x18, PAGE) == built.walk(PAGE) == (PAGE, 5, ALL, FRAME)


def test_the_pointers_of_pae_need_no_frame_of_their_own():
    built = Built("PAE")
    built.map(PAGE, 5, ALL)
    moved = built.root + 0xFE0
    built.ram[moved : moved + 32] = built.ram[built.root : built.root + 32]
    assert built.walker.walk(moved, PAGE) == built.walk(PAGE) == (PAGE, 5, ALL, FRAME)


def test_a_walk_sees_what_memory_has_now(built):
    for frame in (5, 6):
        place = built.map(PAGE, frame, ALL)
        assert built.walk(PAGE).frame == built.walker.pages(built.root)[0].frame == frame
        built.write(place, 0)
        assert built.walk(PAGE) is None and built.walker.pages(built.root) == []


@pytest.mark.parametrize("place", [RAM, 0xFFFF_F000])
def test_a_table_outside_ram_is_a_panic(built, place):
    message = f"a page table lies at {place:#x}, where there is no RAM"
    with pytest.raises(Panic, match=message):
        built.walker.walk(place, PAGE)
    built.write(built.entry(built.root, 0, PAGE), place | PRESENT)
    for look in (built.walk, lambda _: built.walker.pages(built.root)):
        with pytest.raises(Panic, match=message):
            look(PAGE)


# Large pages.


def test_a_large_page_is_one_page_and_each_address_in_it_has_its_frame(built):
    for depth in built.large():
        size = 1 << built.levels[depth].shift
        base = 0x4000_0000 + size
        built.map(base, 2 * size >> 12, ALL, depth=depth)
        assert built.walk(base + 5 * FRAME + 1) == (base + 5 * FRAME, (2 * size >> 12) + 5, ALL | LARGE, size)
        assert Translation(base, 2 * size >> 12, ALL | LARGE, size) in built.walker.pages(built.root)
    assert len(built.walker.pages(built.root)) == len(built.large())


def test_without_large_pages_the_bit_means_nothing():
    built = Built("i386")
    built.map(PAGE, 5, ALL, make=ALL | LARGE)
    assert built.walk(PAGE) == (PAGE, 5, ALL, FRAME)


def test_a_large_page_of_two_levels_may_lie_above_four_gigabytes():
    built = Built("i386 with large pages")
    built.write(built.entry(built.root, 0, PAGE), 0x0040_0000 | 0xAB << 13 | LARGE | ALL)
    assert built.walk(PAGE + FRAME).frame == 0xAB << 20 | 0x400 | (PAGE >> 12 & 0x3FF) + 1


# Many pages.


def test_pages_are_what_the_walk_finds_at_each_lowest_first(built):
    for seed in range(6):
        draw_pages(built, random.Random(seed))
    found = built.walker.pages(built.root)
    assert [each.page for each in found] == sorted(each.page for each in found) and len(found) > 3
    assert [built.walk(each.page) for each in found] == found
    for start, end in ((found[1].page, found[3].page + 1), (0, found[0].page), (found[-1].page + 1, 1 << 64)):
        inside = [each for each in found if each.page < end and start < each.page + each.size]
        assert built.walker.pages(built.root, start, end) == inside
    for flags in (USER, USER | WRITABLE, NO_EXECUTE):
        having = [each for each in found if each.flags & flags == flags]
        assert built.walker.pages(built.root, having=flags) == having


def test_tables_are_those_on_the_way_to_a_range_and_count_what_is_present(built):
    built.map(PAGE, 5, ALL)
    built.map(PAGE + FRAME, 6, ALL)
    other = 1 << built.levels[0].shift + built.levels[0].bits - 2
    tables = list(built.walker.tables(built.root, PAGE, PAGE + 1))
    assert [each.depth for each in tables] == list(range(len(built.levels)))
    assert [len(built.walker.present(each)) for each in tables] == [1] * built.last + [2]
    assert [each.place for each in tables] == [built.root + FRAME * number for number in range(len(built.levels))]
    assert all(each.base <= PAGE < built.walker.end_of(each) for each in tables)
    assert list(built.walker.tables(built.root, other, other + 1)) == [Table(built.root, 0, 0, ())]


def test_the_upper_half_of_a_long_address_repeats_its_highest_bit():
    built = Built("x86-64")
    built.map(HIGH, 5, ALL)
    built.map(PAGE, 6, ALL)
    assert [each.page for each in built.walker.pages(built.root)] == [PAGE, HIGH]
    assert built.walk(HIGH) == (HIGH, 5, ALL, FRAME)
    assert [each.page for each in built.walker.pages(built.root, HIGH)] == [HIGH]
