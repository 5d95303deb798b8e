"""PHYS and VIRT tables: rows follow one another from 0 to the last address, and each page is its owner's."""

from itertools import pairwise
from types import SimpleNamespace

import pytest
from hypothesis import given
from hypothesis import strategies as st

from keelback.inspect.address_tables import Row, physical_table, virtual_table
from keelback.inspect.snapshot import Snapshot
from keelback.inspect.story import process_facts
from keelback.kernel.layout import MICROKERNEL
from keelback.kernel.memory.frames import NOBODY as NO_OWNER
from keelback.kernel.memory.frames import RESERVED, SHARED
from keelback.kernel.memory.space_records import RegionKind
from kernel.driven import (
    ANYWHERE,
    BSS,
    BSS_PAGES,
    LIBRARY,
    LIBRARY_END,
    LIBRARY_FILE,
    MALLOC,
    NOBODY,
    PAGE,
    TEXT,
    Call,
    driven,
)

LAST = 0xFFFF_FFFF
AFTER_IMAGE = BSS + BSS_PAGES * PAGE


def assert_whole(rows):
    """Rows are inclusive, leave nothing out, end at the last address, and no two neighbours say the same."""
    assert rows[0].start == 0 and rows[-1].end == LAST
    for row, following in pairwise(rows):
        assert row.start <= row.end and row.end + 1 == following.start and row.label != following.label


@pytest.fixture(scope="module")
def machine():
    """Return a machine whose first process has two libraries, other memory of each kind, and a child."""
    made = driven("it", "it", check=False, programs={"nobody": LIBRARY_FILE})
    for name in (LIBRARY, NOBODY):
        assert made.call(Call.LOAD_LIBRARY, name) > 0
    assert made.call(Call.MAP, ANYWHERE, 3 * PAGE, 2) == ANYWHERE
    made.write(ANYWHERE + PAGE, 1)
    made.call(Call.MALLOC_PAGES, 2)
    assert made.fork() == 3
    made.write(ANYWHERE + PAGE, 2, pid=3)  # of a page that both have, the child gets its own
    return made


def test_every_table_is_whole(machine):
    assert_whole(physical_table(Snapshot(machine.lens)))
    assert_whole(virtual_table(Snapshot(machine.lens), None))
    for pid in (1, 2, 3):
        assert_whole(virtual_table(Snapshot(machine.lens), Snapshot(machine.lens).processes[pid]))


def test_virtual_rows_are_the_regions_by_what_they_are_for(machine):
    expected = [
        (0, "Kernel reserved"),
        (MICROKERNEL.user_base, "Unreserved"),
        (TEXT, "User space for it"),
        (AFTER_IMAGE, "libit space in it space"),
        (AFTER_IMAGE + LIBRARY_END, "nobody space in it space"),
        (AFTER_IMAGE + 2 * LIBRARY_END, "Unreserved"),
        (ANYWHERE, "Anonymous memory of it"),
        (ANYWHERE + 3 * PAGE, "Unreserved"),
        (MALLOC, "Malloc pages of it"),
        (MALLOC + 2 * PAGE, "Unreserved"),
        (MICROKERNEL.stack_bottom, "User space for it"),
        (MICROKERNEL.stack_top, "Unreserved"),
    ]
    for pid in (1, 3):
        rows = virtual_table(Snapshot(machine.lens), Snapshot(machine.lens).processes[pid])
        assert [(row.start, row.label) for row in rows] == expected


def test_the_facts_of_a_process_list_its_malloc_pages_with_their_frames(machine):
    processes = Snapshot(machine.lens).processes
    expected = [{"page": page, "frame": machine.frame(page) * PAGE} for page in (MALLOC, MALLOC + PAGE)]
    assert process_facts(processes[1])["malloc_pages"] == expected
    assert process_facts(processes[2])["malloc_pages"] == []


def test_physical_rows_say_whose_each_frame_is(machine):
    """Of each frame of the machine, as its record says; those that no machine has are nobody's."""
    kernel, rows = machine.lens, iter(physical_table(Snapshot(machine.lens)))
    texts = {NO_OWNER: "No-man's land", RESERVED: "No-man's land", SHARED: "User space for several processes"}
    texts |= {1: "User space for it", 2: "User space for it", 3: "User space for it"}
    libraries = {
        machine.frame(AFTER_IMAGE + number * LIBRARY_END + offset): f"User space for {name}"
        for number, name in enumerate(("libit", "nobody"))
        for offset in range(0, 3 * PAGE, PAGE)
    }
    row, seen = next(rows), set()
    for frame, record in enumerate(kernel.memory.frames.table):
        address = frame * PAGE
        if address > row.end:
            row = next(rows)
        is_kernels = frame == 0 or MICROKERNEL.kernel_start <= address < kernel.memory.bounds.region_top
        expected = "Kernel reserved" if is_kernels else libraries.get(frame) or texts.get(record.use, "Kernel reserved")
        assert row.start <= address <= row.end and row.label == expected, hex(address)
        seen.add(row.label)
    assert [row.end, *rows] == [LAST] and len(seen) == 5


def test_libraries_are_listed_as_loaded_and_as_mapped(machine):
    snapshot = Snapshot(machine.lens)
    assert [each.users for each in snapshot.libraries.values()] == [2, 2]
    assert [each.address for each in snapshot.processes[1].libraries] == [AFTER_IMAGE, AFTER_IMAGE + LIBRARY_END]
    assert snapshot.processes[2].libraries == []


def test_a_row_is_written_with_inclusive_ends():
    assert str(Row(0x80_0000, 0x80_2FFF, "User space for proc1")) == "0x00800000 - 0x00802FFF : User space for proc1"


edges = st.sets(st.integers(MICROKERNEL.user_base // PAGE, MICROKERNEL.user_end // PAGE), max_size=24)
kinds = st.lists(
    st.sampled_from([RegionKind.IMAGE, RegionKind.STACK, RegionKind.ANONYMOUS, RegionKind.MALLOC]),
    min_size=12,
    max_size=12,
)


@given(edges, kinds)
def test_any_regions_make_a_whole_table(places, chosen):
    """Regions that touch or not, from the first user page to the last."""
    ends = [place * PAGE for place in sorted(places)]
    pairs = list(zip(ends[::2], ends[1::2], strict=False))
    regions = [
        SimpleNamespace(start=start, end=end, kind=kind, object=0)
        for (start, end), kind in zip(pairs, chosen, strict=False)
    ]
    process = SimpleNamespace(name="it", regions=regions)
    rows = virtual_table(SimpleNamespace(kernel=SimpleNamespace(layout=MICROKERNEL)), process)
    assert_whole(rows)
    for region in regions:
        [row] = [each for each in rows if each.start <= region.start <= each.end]
        assert row.label.endswith("it") and row.end >= region.end - 1
