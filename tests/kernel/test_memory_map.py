"""The kernel memory map against a computation frame by frame, and the order of memory after start-up."""

from hypothesis import example, given, settings
from hypothesis import strategies as st

from keelback.kernel.boot.boot_parameters import BiosMemoryMap, BootParameters
from keelback.kernel.boot.memory_map import MemoryMap
from keelback.lang import Ram, Region, view
from support import MIB

PAGE, LIMIT = 4096, 1 << 32
edge = st.sampled_from(
    [0, 1, PAGE - 1, PAGE, PAGE + 1, MIB, 3 * MIB, LIMIT - PAGE, LIMIT - 1, LIMIT, LIMIT + MIB, 1 << 63]
)
number = st.integers(0, 40 * PAGE) | edge
entries = st.lists(
    st.tuples(number, number | st.just((1 << 64) - 1), st.sampled_from([1, 1, 1, 2, 3, 0, 77])), max_size=8
)


def make_map(bios, limit=1 << 20):
    ram = Ram(1 * MIB)
    records = Region(ram, 0x1000, 0x4000)
    parameters = view(ram, BootParameters, 0x10000)
    parameters.map_entries = len(bios)
    for given_entry, (base, size, kind) in zip(parameters.map, bios, strict=False):
        given_entry.base_low, given_entry.base_high = base & 0xFFFFFFFF, base >> 32
        given_entry.size_low, given_entry.size_high = size & 0xFFFFFFFF, size >> 32
        given_entry.type = kind
    bios_map = BiosMemoryMap(records)
    bios_map.copy(0x10000, 0x20000)
    memory_map = MemoryMap(records, bios_map)
    memory_map.make(0x30000, limit)
    return memory_map, [(each.start, each.end) for each in list(memory_map.table.elements)[: memory_map.fill.count]]


def usable(bios, frame):
    """Say independently whether a frame is whole in a usable entry and no other kind touches it."""
    start, end = frame * PAGE, (frame + 1) * PAGE
    whole = any(kind == 1 and base <= start and end <= base + size for base, size, kind in bios)
    touched = any(kind != 1 and size and base < end and start < base + size for base, size, kind in bios)
    return whole and not touched and not 0xA0 <= frame < 0x100


@given(entries)
@example([(0, (1 << 64) - 1, 1)])
@example([(0, PAGE, 1), (1, 0, 2)])
@example([(PAGE, PAGE, 1), (2 * PAGE, PAGE, 1), (0, 1, 2)])
def test_a_frame_is_in_the_map_exactly_when_it_is_usable(bios):
    _, ranges = make_map(bios)
    frames = {*range(50), 0x9F, 0xA0, 0xB8, 0xFF, 256, 257, 511, 512, 767, 768, 769, (1 << 20) - 2, (1 << 20) - 1}
    for frame in frames:
        assert any(start <= frame < end for start, end in ranges) == usable(bios, frame), hex(frame)


@given(entries)
def test_ranges_are_sorted_disjoint_and_do_not_touch(bios):
    memory_map, ranges = make_map(bios)
    bounds = [bound for each in ranges for bound in each]
    assert bounds == sorted(set(bounds)) and all(bound <= 1 << 20 for bound in bounds)
    assert memory_map.end() == (bounds[-1] if bounds else 0)


@settings(max_examples=20)
@given(st.permutations([(0, 0x9FC00, 1), (0x9FC00, 0x400, 2), (MIB, 3 * MIB, 1), (2 * MIB, PAGE, 3), (LIMIT, MIB, 1)]))
def test_the_order_of_the_entries_does_not_matter(bios):
    assert make_map(bios)[1] == [(0, 0x9F), (0x100, 0x200), (0x201, 0x400)]


GIB = 1 << 30


def test_memory_above_four_gib_is_in_the_map_up_to_the_limit():
    bios = [(MIB, 3 * GIB - MIB, 1), (3 * GIB, GIB, 2), (4 * GIB + 7, 2 * GIB, 1), (5 * GIB - 1, 2, 3)]
    high = [(0x10_0001, 0x13_FFFF), (0x14_0001, 0x18_0000)]
    assert make_map(bios, 1 << 24)[1] == [(0x100, 0xC_0000), *high]
    memory_map, ranges = make_map(bios, 0x13_0000)
    assert ranges == [(0x100, 0xC_0000), (0x10_0001, 0x13_0000)]
    assert memory_map.claimed_end() == 0x18_0000


def test_the_map_ends_at_the_limit():
    bios = [(MIB, 4 * PAGE, 1), (MIB + 5 * PAGE, PAGE, 1)]
    assert make_map(bios, limit=0x102)[1] == [(0x100, 0x102)]
    assert make_map(bios, limit=0x105)[1] == [(0x100, 0x104)]
    assert make_map(bios, limit=0)[1] == []


def test_as_many_entries_as_the_protocol_has_room_for():
    bios = [(MIB + 2 * index * PAGE, PAGE, 1) for index in range(128)]
    assert make_map(bios)[1] == [(0x100 + 2 * index, 0x101 + 2 * index) for index in range(128)]
