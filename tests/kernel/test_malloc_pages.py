"""Malloc pages: which are taken, what they are, who has them, and that nobody else gets at them."""

from dataclasses import replace

import pytest

from keelback.abi.errors import BadAddress, BadArgument, NoRoom, OutOfMemory, TooManyRegions
from keelback.inspect.snapshot import Snapshot
from keelback.kernel.layout import MICROKERNEL
from keelback.kernel.memory.space_records import RegionKind
from keelback.kernel.processes.processes import Access, Ending, Reason
from keelback.kernel.x86.paging import USER, WRITABLE
from kernel.driven import (
    ANYWHERE,
    ARGUMENT,
    CALL,
    LIMITED,
    MALLOC,
    MOST_REGIONS,
    NAME,
    PAGE,
    SMALL,
    Call,
    Died,
    Driven,
    driven,
)
from kernel.traces import assert_equal, range_of, state

END = MICROKERNEL.malloc_limit


@pytest.fixture
def machine(life):
    made = driven("it", "it", life=life)
    yield made
    made.check()


def allocate(machine: Driven, count: int, pid: int = 1) -> int:
    """Let a process take pages; return the first as a number from the base, or an error."""
    result = machine.call(Call.MALLOC_PAGES, count, pid=pid)
    return ((result & 0xFFFF_FFFF) - MALLOC) // PAGE if not -256 < result < 0 else result


def release(machine: Driven, number: int, count: int, pid: int = 1) -> int:
    return machine.call(Call.FREE_PAGES, MALLOC + number * PAGE, count, pid=pid)


def taken(machine: Driven, pid: int = 1) -> list[int]:
    return [(each.address - MALLOC) // PAGE for each in Snapshot(machine.lens).processes[pid].malloc_pages()]


def region(machine: Driven, pid: int = 1) -> list[tuple[int, int]]:
    """Return what the malloc region covers, in pages from the base."""
    found = [each for each in machine.regions(pid) if each.kind == RegionKind.MALLOC]
    return [((each.start - MALLOC) // PAGE, (each.end - MALLOC) // PAGE) for each in found]


def test_pages_are_the_lowest_that_are_free_in_a_row(machine):
    assert [allocate(machine, count) for count in (1, 3, 2, 4)] == [0, 1, 4, 6]
    assert release(machine, 1, 3) == 0 and release(machine, 5, 1) == 0
    assert [allocate(machine, count) for count in (4, 2, 2, 1, 1)] == [10, 1, 14, 3, 5]
    assert taken(machine) == list(range(16)) and region(machine) == [(0, 16)]


def test_pages_are_new_zero_and_writable_in_frames_of_their_own(machine):
    zone, used = machine.kernel.memory.frames.user_zone, machine.used()
    machine.pc.ram.bytes[zone.lowest() << 12 : 0x9F000] = b"\xaa" * (0x9F000 - (zone.lowest() << 12))
    assert allocate(machine, 3) == 0
    assert machine.used() == (used[0] + 3, used[1] + 1)
    frames = malloc_frames(machine, 1)
    assert len(set(frames)) == 3
    for number, frame in enumerate(frames):
        assert machine.pc.ram.bytes[frame << 12 : frame + 1 << 12] == bytes(PAGE)
        assert machine.entry(MALLOC + number * PAGE) & (USER | WRITABLE) == USER | WRITABLE
        machine.write(MALLOC + number * PAGE, 7)
        assert machine.read(MALLOC + number * PAGE) == 7
    assert machine.lens.memory.frames.table[frames[0]].use == 1


def test_giving_all_back_leaves_no_trace(machine):
    caller = range_of(machine.thread(1).frame)
    assert machine.call(Call.GETPID) == 1
    before = state(machine.pc, caller)
    assert [allocate(machine, count) for count in (3, 2, 9)] == [0, 3, 5]
    for number, count in ((4, 3), (0, 3), (8, 6), (3, 1), (7, 1)):
        assert release(machine, number, count) == 0
    assert_equal(machine.pc, state(machine.pc, caller), before)


def test_the_region_ends_with_the_highest_page(machine):
    assert allocate(machine, 10) == 0
    for number, count, end in ((2, 3, 10), (8, 1, 10), (9, 1, 8), (5, 3, 2), (0, 1, 2)):
        assert release(machine, number, count) == 0
        assert region(machine) == [(0, end)]
    assert release(machine, 1, 1) == 0 and region(machine) == []


@pytest.mark.parametrize("number", [1, 3, 1000])
@pytest.mark.parametrize("deed", ["read", "write", "puts"])
def test_a_page_that_is_not_taken_is_not_mapped_and_does_not_come_by_touch(machine, number, deed):
    """In a hole, behind the last, far away; by the process, and by the kernel for it."""
    assert allocate(machine, 3, pid=2) == 0 and release(machine, 1, 1, pid=2) == 0
    address = MALLOC + number * PAGE
    if deed == "puts":
        assert machine.call(Call.PUTS, address, 1, pid=2) == BadAddress.number
        assert machine.call(Call.FRAME_COUNTS, address, pid=2) == BadAddress.number
        return
    with pytest.raises(Died):
        machine.read(address, 2) if deed == "read" else machine.write(address, 1, 2)
    fault = machine.process(2).fault
    assert machine.process(2).ending == Ending.FAULTED
    assert (fault.access, fault.address, fault.reason) == (Access[deed.upper()], address, Reason.NOT_MAPPED)


def test_a_page_that_was_used_is_gone_when_it_was_given_back(machine):
    assert allocate(machine, 2, pid=2) == 0
    machine.write(MALLOC + PAGE, 7, 2)
    assert release(machine, 1, 1, pid=2) == 0
    assert allocate(machine, 1, pid=2) == 1 and machine.read(MALLOC + PAGE, 2) == 0
    assert release(machine, 1, 1, pid=2) == 0
    with pytest.raises(Died):
        machine.read(MALLOC + PAGE, 2)


def test_a_child_inherits_pages_and_each_has_its_own_from_then_on(machine):
    assert allocate(machine, 3) == 0 and release(machine, 1, 1) == 0
    machine.write(MALLOC, 7)
    child = machine.fork()
    assert malloc_frames(machine, 1) == malloc_frames(machine, child)
    machine.write(MALLOC, 8, child)
    assert (machine.read(MALLOC), machine.read(MALLOC, child)) == (7, 8)
    assert allocate(machine, 1, pid=child) == 1 and release(machine, 2, 1, pid=child) == 0
    assert (taken(machine), taken(machine, child)) == ([0, 2], [0, 1])
    assert release(machine, 0, 1) == 0 and machine.read(MALLOC, child) == 8


def malloc_frames(machine: Driven, pid: int) -> list[int]:
    return [each.mapping.frame for each in Snapshot(machine.lens).processes[pid].malloc_pages()]


def test_a_program_that_another_replaced_has_no_pages_left(machine):
    assert allocate(machine, 5, pid=2) == 0
    machine.begin(2, CALL, Call.EXEC, NAME, ARGUMENT)
    machine.step()
    assert machine.is_alive(2) and taken(machine, 2) == [] and machine.process(2).space.malloc.count == 0
    assert allocate(machine, 1, pid=2) == 0


WRONG = [
    ((Call.MALLOC_PAGES, 0), BadArgument),
    ((Call.MALLOC_PAGES, (END - MALLOC) // PAGE), NoRoom),
    ((Call.MALLOC_PAGES, 0xFFFF_FFFF), NoRoom),
    ((Call.MALLOC_PAGES, 0x1_0000), OutOfMemory),
    ((Call.FREE_PAGES, MALLOC, 0), BadArgument),
    ((Call.FREE_PAGES, MALLOC + 1, 1), BadArgument),
    ((Call.FREE_PAGES, ANYWHERE, 1), BadAddress),
    ((Call.FREE_PAGES, NAME // PAGE * PAGE, 1), BadAddress),
    ((Call.FREE_PAGES, MALLOC - PAGE, 2), BadAddress),
    ((Call.FREE_PAGES, MALLOC, 4), BadAddress),
    ((Call.FREE_PAGES, MALLOC + PAGE, 1), BadAddress),
    ((Call.FREE_PAGES, MALLOC + 3 * PAGE, 1), BadAddress),
    ((Call.FREE_PAGES, MALLOC, 0xFFFF_FFFF), BadAddress),
    ((Call.FREE_PAGES, END - PAGE, 1), BadAddress),
    ((Call.FREE_PAGES, END, 1), BadAddress),
]


def test_a_request_that_is_wrong_changes_nothing(machine):
    assert allocate(machine, 3) == 0 and release(machine, 1, 1) == 0
    caller = range_of(machine.thread(1).frame)
    assert machine.call(Call.GETPID) == 1
    before = state(machine.pc, caller)
    for request, error in WRONG:
        assert machine.call(*request) == error.number, request
        assert_equal(machine.pc, state(machine.pc, caller), before)


def fill_regions(machine: Driven, left: int) -> None:
    """Let there be room for no more than two regions, or none: to protect a page's neighbour makes two more."""
    number = 0
    while machine.process(1).space.count < MOST_REGIONS - 2:
        number += 2
        assert machine.call(Call.MAP, ANYWHERE + number * PAGE, PAGE, 2) > 0
    if left == 0:
        assert machine.call(Call.PROTECT, NAME // PAGE * PAGE + 2 * PAGE, PAGE, 1) == 0
    assert machine.process(1).space.count == MOST_REGIONS - left


def test_the_first_page_needs_a_region_and_the_next_do_not(life):
    machine = driven("it", life=life, layout=LIMITED)
    fill_regions(machine, 2)
    assert [allocate(machine, count) for count in (1, 2, 3)] == [0, 1, 3]
    assert machine.process(1).space.count == MOST_REGIONS - 1


def test_without_room_for_a_region_there_is_no_page(life):
    machine = driven("it", life=life, layout=LIMITED)
    fill_regions(machine, 0)
    caller = range_of(machine.thread(1).frame)
    before = state(machine.pc, caller)
    assert allocate(machine, 1) == TooManyRegions.number
    assert_equal(machine.pc, state(machine.pc, caller), before)


def test_an_area_that_is_full_has_no_room():
    machine = driven(layout=replace(SMALL, malloc_limit=MALLOC + 8 * PAGE), check=False)
    assert [allocate(machine, count) for count in (5, 4, 3, 1)] == [0, NoRoom.number, 5, NoRoom.number]
    assert release(machine, 2, 2) == 0 and release(machine, 6, 1) == 0
    assert [allocate(machine, count) for count in (3, 2, 1, 1)] == [NoRoom.number, 2, 6, NoRoom.number]
    machine.check()
