"""The memory of a process: pages that come when they are touched, and the system calls that change what is where."""

import pytest

from keelback.abi.errors import BadAddress, BadArgument, NoRoom, OutOfMemory, TooManyRegions
from keelback.kernel.layout import MICROKERNEL
from keelback.kernel.memory.frames import PINNED, Role
from keelback.kernel.memory.space_records import RegionKind
from keelback.kernel.processes.processes import Access, Ending, Reason
from keelback.kernel.x86.paging import USER, WRITABLE
from kernel.driven import (
    ANYWHERE,
    BSS,
    BSS_PAGES,
    DATA,
    LIMITED,
    MALLOC,
    MOST_REGIONS,
    NAME,
    PAGE,
    STACK,
    TEXT,
    TEXTS,
    Call,
    Died,
    Driven,
    driven,
)
from kernel.traces import assert_equal, range_of, state

NONE, READ, WRITE, SPARSE = 0, 1, 2, 4
RIGHTS = PAGE - 1
END = MICROKERNEL.user_end
LIMIT = MICROKERNEL.stack_bottom
GUARD = MICROKERNEL.stack_guard
MALLOC_END = MICROKERNEL.malloc_limit


@pytest.fixture
def machine(life):
    """Return a machine with a process whose next user frames are full of what was there before."""
    made = driven("it", "it", life=life)
    zone = made.kernel.memory.frames.user_zone
    made.pc.ram.bytes[zone.lowest() << 12 : 0x9F000] = b"\xaa" * (0x9F000 - (zone.lowest() << 12))
    yield made
    made.check()


def page_of(machine: Driven, address: int) -> bytes:
    frame = machine.frame(address)
    return bytes(machine.pc.ram.bytes[frame << 12 : frame + 1 << 12])


def zero_frame(machine: Driven) -> int:
    return machine.kernel.spaces.kernel.zero


def references(machine: Driven, frame: int) -> int:
    return machine.kernel.memory.frames.table[frame].references


def fault_of(machine: Driven) -> tuple[Access, int, Reason]:
    fault = machine.process(2).fault
    assert machine.process(2).ending == Ending.FAULTED
    return fault.access, fault.address, fault.reason


def regions_of(machine: Driven, pid: int = 1) -> list[tuple[int, int, RegionKind, int]]:
    return [(each.start, each.end, each.kind, each.permissions) for each in machine.regions(pid)]


# Pages that come when they are touched.


def test_a_page_that_is_only_read_is_the_frame_of_zeros(machine):
    used = machine.used()
    assert machine.entry(BSS) == 0
    assert {machine.read(BSS + number * PAGE + 5) for number in range(BSS_PAGES)} == {0}
    assert {machine.frame(BSS + number * PAGE) for number in range(BSS_PAGES)} == {zero_frame(machine)}
    assert not machine.entry(BSS) & WRITABLE and machine.used() == used
    assert references(machine, zero_frame(machine)) == PINNED


def test_a_page_that_is_written_is_a_new_frame_of_zeros(machine):
    lowest, used = machine.kernel.memory.frames.user_zone.lowest(), machine.used()
    machine.write(BSS + 7, 0x55)
    assert machine.frame(BSS) == lowest and machine.entry(BSS) & (USER | WRITABLE) == USER | WRITABLE
    assert page_of(machine, BSS) == bytes(7) + b"\x55" + bytes(PAGE - 8)
    assert machine.used() == (used[0] + 1, used[1])
    assert machine.kernel.memory.frames.table[lowest].use == 1


def test_a_page_that_is_written_after_it_was_read_leaves_the_frame_of_zeros_alone(machine):
    machine.read(BSS)
    machine.read(BSS + PAGE)
    machine.write(BSS, 0x55)
    assert machine.frame(BSS) != zero_frame(machine) == machine.frame(BSS + PAGE)
    assert machine.read(BSS) == 0x55 and machine.read(BSS + PAGE) == 0
    assert not any(page_of(machine, BSS + PAGE))


def test_a_page_between_the_files_bytes_and_memory_is_zero_after_them(machine):
    assert page_of(machine, DATA)[:3] == b"it\0" and not any(page_of(machine, DATA)[len(TEXTS) :])
    assert page_of(machine, TEXT)[:2] == b"\xcd\x80" and not any(page_of(machine, TEXT)[32:])


def test_the_stack_grows_as_it_is_touched_down_to_its_limit(machine):
    used = machine.used()
    for page in (STACK - PAGE, LIMIT, STACK - 100 * PAGE):
        machine.write(page, 9, 2)
    assert machine.used() == (used[0] + 3, used[1])
    with pytest.raises(Died):
        machine.write(LIMIT - 1, 9, 2)
    assert fault_of(machine) == (Access.WRITE, LIMIT - 1, Reason.STACK_OVERFLOW)


@pytest.mark.parametrize("address", [0, 0x1000, ANYWHERE, GUARD - 1, END, 0xFFFF_FFFF])
def test_what_is_in_no_region_can_be_neither_read_nor_written(machine, address):
    with pytest.raises(Died):
        machine.read(address, 2)
    assert fault_of(machine) == (Access.READ, address, Reason.NOT_MAPPED)
    with pytest.raises(Died):
        machine.write(address, 1)
    assert machine.process(1).fault.access == Access.WRITE


def test_a_region_says_what_may_be_done_and_not_its_entries(machine):
    for address, permissions in ((ANYWHERE, NONE), (ANYWHERE + PAGE, READ), (ANYWHERE + 2 * PAGE, WRITE)):
        assert machine.call(Call.MAP, address, PAGE, permissions) == address
    assert [region[3] for region in regions_of(machine)[-4:-1]] == [0, USER, USER | WRITABLE]
    assert machine.read(ANYWHERE + PAGE) == machine.read(ANYWHERE + 2 * PAGE) == 0
    machine.write(ANYWHERE + 2 * PAGE, 1)


@pytest.mark.parametrize(("permissions", "deed"), [(NONE, "read"), (NONE, "write"), (READ, "write")])
@pytest.mark.parametrize("before", [[], ["read"], ["write"], ["read", "write"]])
def test_what_a_region_does_not_allow_kills(machine, permissions, deed, before):
    def do(what):
        machine.read(ANYWHERE, 2) if what == "read" else machine.write(ANYWHERE, 1, 2)

    machine.call(Call.MAP, ANYWHERE, PAGE, WRITE, pid=2)
    for each in before:
        do(each)
    assert machine.call(Call.PROTECT, ANYWHERE, PAGE, permissions, pid=2) == 0
    with pytest.raises(Died):
        do(deed)
    assert fault_of(machine) == (Access[deed.upper()], ANYWHERE, Reason.PROTECTED)


def test_text_can_be_read_and_not_written(machine):
    assert machine.read(TEXT, 2) == 0xCD
    with pytest.raises(Died):
        machine.write(TEXT, 1, 2)
    assert fault_of(machine) == (Access.WRITE, TEXT, Reason.PROTECTED)


# map, unmap, protect.


def test_a_place_that_the_kernel_finds_is_the_lowest_from_the_anonymous_base(machine):
    sizes = [1, PAGE, 3 * PAGE, 2 * PAGE + 1]
    places = [machine.call(Call.MAP, 0, size, WRITE) & 0xFFFF_FFFF for size in sizes]
    assert places == [ANYWHERE + pages * PAGE for pages in (0, 1, 2, 5)]
    assert machine.call(Call.UNMAP, ANYWHERE + 2 * PAGE, 2 * PAGE) == 0
    assert machine.call(Call.MAP, 0, 3 * PAGE, READ) == ANYWHERE + 8 * PAGE
    assert machine.call(Call.MAP, 0, 2 * PAGE, READ) == ANYWHERE + 2 * PAGE


def test_no_place_that_the_kernel_finds_is_in_the_malloc_area(machine):
    room = MICROKERNEL.malloc_base - ANYWHERE
    assert machine.call(Call.MAP, 0, room + PAGE, READ) == NoRoom.number
    assert machine.call(Call.MAP, 0, room, READ | SPARSE) == ANYWHERE
    assert machine.call(Call.MAP, 0, PAGE, READ) == NoRoom.number


def test_memory_that_was_unmapped_is_gone_and_zero_when_it_is_mapped_again(machine):
    used = machine.used()
    machine.call(Call.MAP, ANYWHERE, 3 * PAGE, WRITE)
    for number in range(3):
        machine.write(ANYWHERE + number * PAGE, 7)
    assert machine.used() == (used[0] + 3, used[1] + 1)
    assert machine.call(Call.UNMAP, ANYWHERE + PAGE, PAGE) == 0
    assert machine.used() == (used[0] + 2, used[1] + 1)
    assert machine.read(ANYWHERE) == machine.read(ANYWHERE + 2 * PAGE) == 7
    assert machine.call(Call.MAP, 0, PAGE, WRITE) == ANYWHERE + PAGE and machine.read(ANYWHERE + PAGE) == 0
    assert machine.call(Call.UNMAP, ANYWHERE, 0x1000_0000) == 0
    assert machine.used() == used
    with pytest.raises(Died):
        machine.read(ANYWHERE)


def test_unmapping_what_is_in_no_region_is_no_error(machine):
    assert machine.call(Call.GETPID) == 1
    before = state(machine.pc, range_of(machine.thread(1).frame))
    assert machine.call(Call.UNMAP, ANYWHERE, 0x1000_0000) == 0
    assert_equal(machine.pc, state(machine.pc, range_of(machine.thread(1).frame)), before)


def test_a_page_that_is_protected_and_opened_again_keeps_its_frame_and_its_content(machine):
    machine.write(BSS, 7)
    frame = machine.frame(BSS)
    assert machine.call(Call.PROTECT, BSS, PAGE, NONE) == 0
    assert machine.call(Call.PUTS, BSS, 1) == BadAddress.number
    assert machine.call(Call.PROTECT, BSS, PAGE, READ) == 0
    assert (machine.read(BSS), machine.frame(BSS)) == (7, frame)
    assert machine.call(Call.PROTECT, BSS, PAGE, WRITE) == 0
    machine.write(BSS + 1, 8)
    assert (machine.read(BSS), machine.read(BSS + 1), machine.frame(BSS)) == (7, 8, frame)


def test_protecting_part_of_a_region_makes_three_and_undoing_it_makes_one(machine):
    before = regions_of(machine)
    machine.call(Call.PROTECT, BSS + PAGE, PAGE, READ)
    assert len(regions_of(machine)) == len(before) + 2
    machine.call(Call.PROTECT, BSS + PAGE, PAGE, WRITE)
    assert regions_of(machine) == before


def test_text_that_is_opened_for_writing_is_written(machine):
    assert machine.call(Call.PROTECT, TEXT, PAGE, WRITE) == 0
    machine.write(TEXT + 100, 7)
    assert machine.read(TEXT + 100) == 7


USER_BASE = MICROKERNEL.user_base
MISTAKEN = [
    ((Call.MAP, ANYWHERE, 0, READ), BadArgument),
    ((Call.MAP, 0, 0, READ), BadArgument),
    ((Call.MAP, ANYWHERE + 1, PAGE, READ), BadArgument),
    ((Call.MAP, ANYWHERE, PAGE, 16), BadArgument),
    ((Call.MAP, ANYWHERE, PAGE, -1), BadArgument),
    ((Call.MAP, PAGE, PAGE, READ), BadAddress),
    ((Call.MAP, USER_BASE - PAGE, PAGE, READ), BadAddress),
    ((Call.MAP, USER_BASE - PAGE, 3 * PAGE, READ), BadAddress),
    ((Call.MAP, END, PAGE, READ), BadAddress),
    ((Call.MAP, END - PAGE, PAGE + 1, READ), BadAddress),
    ((Call.MAP, ANYWHERE, 0xFFFF_FFFF, READ), BadAddress),
    ((Call.MAP, TEXT - PAGE, 2 * PAGE, READ), NoRoom),
    ((Call.MAP, TEXT, 1, READ), NoRoom),
    ((Call.MAP, LIMIT, PAGE, READ), NoRoom),
    ((Call.MAP, 0, 0xFFFF_FFFF, READ), NoRoom),
    ((Call.MAP, 0, 0xC000_0000, READ), NoRoom),
    ((Call.UNMAP, BSS, 0), BadArgument),
    ((Call.UNMAP, BSS + 4, PAGE), BadArgument),
    ((Call.UNMAP, 0, PAGE), BadAddress),
    ((Call.UNMAP, USER_BASE - PAGE, PAGE), BadAddress),
    ((Call.UNMAP, END, PAGE), BadAddress),
    ((Call.UNMAP, BSS, 0xFFFF_F000), BadAddress),
    ((Call.PROTECT, BSS, 0, READ), BadArgument),
    ((Call.PROTECT, BSS + 1, PAGE, READ), BadArgument),
    ((Call.PROTECT, BSS, PAGE, 5), BadArgument),
    ((Call.PROTECT, 0, PAGE, READ), BadAddress),
    ((Call.PROTECT, 0x10_0000, PAGE, READ), BadAddress),
    ((Call.PROTECT, ANYWHERE, PAGE, READ), BadAddress),
    ((Call.PROTECT, BSS, (BSS_PAGES + 1) * PAGE, READ), BadAddress),
    ((Call.PROTECT, TEXT - PAGE, 2 * PAGE, READ), BadAddress),
    ((Call.PAGE_ALLOC, ANYWHERE + 1), BadArgument),
    ((Call.PAGE_ALLOC, ANYWHERE + PAGE - 1), BadArgument),
    ((Call.PAGE_ALLOC, 0), BadAddress),
    ((Call.PAGE_ALLOC, 0x10_0000), BadAddress),
    ((Call.PAGE_ALLOC, USER_BASE - PAGE), BadAddress),
    ((Call.PAGE_ALLOC, END), BadAddress),
    ((Call.MAP, MALLOC, PAGE, READ), BadAddress),
    ((Call.MAP, MALLOC - PAGE, PAGE + 1, READ), BadAddress),
    ((Call.MAP, MALLOC_END - PAGE, 2 * PAGE, READ), BadAddress),
    ((Call.UNMAP, ANYWHERE, 0x8000_0000), BadAddress),
    ((Call.PROTECT, MALLOC_END - PAGE, PAGE, READ), BadAddress),
    ((Call.PAGE_ALLOC, MALLOC), BadAddress),
    ((Call.PAGE_ALLOC, MALLOC_END - PAGE), BadAddress),
    ((Call.PUTS, ANYWHERE, 1), BadAddress),
    ((Call.PUTS, LIMIT - 1, 1), BadAddress),
    ((Call.FRAME_COUNTS, TEXT), BadAddress),
    ((Call.FRAME_COUNTS, END - 4), BadAddress),
    ((Call.FRAME_COUNTS, 0), BadAddress),
]


def test_a_request_that_is_wrong_changes_nothing(machine):
    caller = range_of(machine.thread(1).frame)
    assert machine.call(Call.GETPID) == 1
    before = state(machine.pc, caller)
    for request, error in MISTAKEN:
        assert machine.call(*request) == error.number, request
        assert_equal(machine.pc, state(machine.pc, caller), before)


def test_a_process_has_so_many_regions_at_most(life):
    machine = driven("it", life=life, layout=LIMITED)
    fill_regions(machine, MOST_REGIONS)
    caller = range_of(machine.thread(1).frame)
    before = state(machine.pc, caller)
    for request in (
        (Call.MAP, 0x6000_0000, PAGE, WRITE),
        (Call.MAP, 0, PAGE, READ),
        (Call.PAGE_ALLOC, 0x6000_0000),
        (Call.PROTECT, BSS + PAGE, PAGE, READ),
        (Call.PROTECT, BSS, BSS_PAGES * PAGE, READ),
        (Call.UNMAP, BSS + PAGE, PAGE),
    ):
        assert machine.call(*request) == TooManyRegions.number, request
    assert_equal(machine.pc, state(machine.pc, caller), before)


def fill_regions(machine: Driven, count: int) -> None:
    """Let process 1 have so many regions, the last of them single pages from ANYWHERE on, one apart."""
    for number in range(count - machine.process(1).space.count):
        machine.call(Call.MAP, ANYWHERE + 2 * number * PAGE, PAGE, WRITE)
    assert machine.process(1).space.count == count


def test_a_request_that_needs_no_region_more_is_met_when_there_are_as_many_as_can_be(life):
    machine = driven("it", life=life, layout=LIMITED)
    fill_regions(machine, MOST_REGIONS)
    for request in (
        (Call.PAGE_ALLOC, ANYWHERE),
        (Call.PROTECT, ANYWHERE, PAGE, READ),
        (Call.PROTECT, ANYWHERE, PAGE, WRITE),
        (Call.PROTECT, BSS, PAGE, WRITE),
        (Call.PAGE_ALLOC, ANYWHERE + PAGE),
        (Call.UNMAP, ANYWHERE + PAGE, PAGE),
        (Call.UNMAP, ANYWHERE, PAGE),
    ):
        assert machine.call(*request) == 0, request
    assert machine.process(1).space.count == MOST_REGIONS - 1
    assert machine.call(Call.UNMAP, BSS + PAGE, PAGE) == 0  # the last slot
    machine.check()


# page_alloc, as courses know it.


def test_page_alloc_takes_the_lowest_free_frame_and_clears_it(machine):
    frames, stack = machine.kernel.memory.frames, machine.frame(STACK)
    for address in (ANYWHERE, 0xF000_0000, MALLOC - PAGE, MALLOC_END, USER_BASE, END - PAGE, GUARD - PAGE):
        lowest, used = frames.user_zone.lowest(), machine.used()[0]
        assert machine.call(Call.PAGE_ALLOC, address) == 0
        replaced = address == END - PAGE  # the stack's last page was there, and its frame is free first
        assert machine.frame(address) == (min(lowest, stack) if replaced else lowest)
        assert machine.used()[0] == used + (not replaced)
        assert page_of(machine, address) == bytes(PAGE)
        assert machine.entry(address) & RIGHTS == 7
        machine.write(address, 3)
        assert machine.read(address) == 3


def test_page_alloc_over_a_page_frees_the_frame_that_was_there(machine):
    for page in (ANYWHERE, ANYWHERE + PAGE):
        machine.call(Call.PAGE_ALLOC, page)
        machine.write(page, 7)
    frames, used = [machine.frame(page) for page in (ANYWHERE, ANYWHERE + PAGE)], machine.used()
    assert machine.call(Call.UNMAP, ANYWHERE, PAGE) == 0
    assert machine.call(Call.PAGE_ALLOC, ANYWHERE + PAGE) == 0
    assert machine.read(ANYWHERE + PAGE) == 0 and machine.used() == (used[0] - 1, used[1])
    assert machine.frame(ANYWHERE + PAGE) == frames[0] and references(machine, frames[1]) == 0


@pytest.mark.parametrize("before", ["nothing", "read", "text", "a hole", "no access"])
def test_page_alloc_makes_any_page_memory_that_can_be_written(machine, before):
    address = {"text": TEXT + PAGE, "a hole": ANYWHERE + 5 * PAGE}.get(before, BSS + PAGE)
    if before == "read":
        machine.read(address)
    if before == "no access":
        machine.call(Call.PROTECT, address, PAGE, NONE)
    assert machine.call(Call.PAGE_ALLOC, address) == 0
    machine.write(address, 3)
    assert machine.read(address) == 3
    assert (address, address + PAGE, RegionKind.ANONYMOUS, USER | WRITABLE) in regions_of(machine)


def test_pages_that_are_allocated_side_by_side_are_one_region(machine):
    for number in (0, 2, 1, 3):
        machine.call(Call.PAGE_ALLOC, ANYWHERE + number * PAGE)
    assert (ANYWHERE, ANYWHERE + 4 * PAGE, RegionKind.ANONYMOUS, USER | WRITABLE) in regions_of(machine)


def test_page_alloc_gives_out_every_frame_and_then_says_that_there_is_none(life):
    machine = driven("it", "it", life=life, check=False)
    used = machine.used()
    spare, number = machine.spare()[0], 0
    while machine.call(Call.PAGE_ALLOC, ANYWHERE + number * PAGE) == 0:
        number += 1
    assert number == spare and machine.spare()[0] == 0
    assert machine.call(Call.PAGE_ALLOC, ANYWHERE) == 0
    assert machine.call(Call.PAGE_ALLOC, ANYWHERE + number * PAGE) == OutOfMemory.number
    for page in (DATA, *range(BSS, BSS + BSS_PAGES * PAGE, PAGE), *range(STACK - 3 * PAGE, STACK + 1, PAGE)):
        machine.write(page, 1, 1)
        machine.write(page, 1, 2)
    assert machine.counts.user_free == 0
    with pytest.raises(Died):
        machine.write(STACK - 4 * PAGE, 1, 2)
    assert fault_of(machine) == (Access.WRITE, STACK - 4 * PAGE, Reason.OUT_OF_MEMORY)
    assert machine.call(Call.UNMAP, ANYWHERE, number * PAGE) == 0
    assert machine.used() == (used[0] - 2 + BSS_PAGES + 3, used[1] - 4)  # the text that both had stays
    machine.check()


# What the kernel itself reads and writes for a process.


def test_a_text_that_was_never_touched_is_zeros_and_stays_untouched(machine):
    used = machine.used()
    assert machine.call(Call.PUTS, BSS, 3) == 3
    assert bytes(machine.pc.console).endswith(b"\0\0\0")
    assert machine.entry(BSS) == 0 and machine.used() == used


def test_what_the_kernel_writes_is_in_a_frame_of_the_process(machine):
    machine.read(BSS)
    assert machine.call(Call.FRAME_COUNTS, BSS + PAGE - 8) == 0
    assert zero_frame(machine) not in (machine.frame(BSS), machine.frame(BSS + PAGE))
    assert not any(machine.pc.ram.bytes[zero_frame(machine) << 12 : zero_frame(machine) + 1 << 12])


def test_frames_are_counted_by_zone_and_by_who_owns_them(machine):
    machine.write(BSS, 0)
    assert machine.call(Call.FRAME_COUNTS, BSS) == 0
    words = memoryview(page_of(machine, BSS)[:56]).cast("I").tolist()
    counts = machine.counts
    promised = 2 * (BSS_PAGES + 3) - 1  # zeros and stacks; the first page of zeros is there
    *used, stacks, objects = counts.used
    used[Role.KERNEL] += stacks  # the kernel's, to a program
    used[Role.SHARED] += objects
    assert words == [
        counts.kernel_free, counts.kernel_total, counts.user_free - promised, counts.user_total, *used, 0, promised,
    ]  # fmt: skip
    assert words[4] == 6 and words[8] == 1  # a text, two data and stacks, this page; the frame of zeros


def test_a_name_is_read_like_any_memory(machine):
    assert machine.call(Call.SPAWN, NAME, BSS) == 3
    assert machine.entry(BSS) == 0
