"""A virtual-memory course's kernel: 2 MiB, one pool of frames, tables and copies made at once; in both lives."""

from collections import Counter
from contextlib import suppress
from functools import cache

import pytest

from keelback.abi.errors import BadAddress, BadArgument, NoProcessSlot, OutOfMemory
from keelback.image.images import make_image, make_image_file
from keelback.image.kernels import compiled
from keelback.image.payload import make_payload
from keelback.image.programs import build_programs
from keelback.image.toolchain import TARGETS
from keelback.inspect.invariants import check
from keelback.inspect.lens import look, walker_of
from keelback.inspect.snapshot import Snapshot
from keelback.kernel.layout import TEACHING, Layout
from keelback.kernel.memory.frames import CONSOLE, KERNEL, NOBODY, PINNED, RESERVED, SHARED, TABLE, ZERO
from keelback.kernel.memory.space_records import FEW
from keelback.kernel.x86.paging import I386, X86_64
from keelback.machine.compare import compare
from keelback.machine.observed import Outcome
from keelback.machine.qemu.qemu import Qemu, Verdict
from keelback.machine.simulated.boot_loader import BiosEntry
from keelback.machine.simulated.compiled import CompiledPc
from keelback.machine.simulated.interpreted import InterpretedPc
from keelback.user import PROGRAMS, RUNTIME
from kernel.course import COURSE
from kernel.driven import PAGE, Call, Died, Driven, driven
from kernel.traces import assert_equal, range_of, state
from support import MIB, console, make_pc, programs_of, run

KERNEL_START, STACK_TOP, SCREEN, USER_START, USER_END = 0x4_0000, 0x8_0000, 0xB_8000, 0x10_0000, 0x30_0000
IMAGE, DATA, STACK, HEAP = USER_START, USER_START + PAGE, USER_END - PAGE, 0x20_0000
PRESENT, WRITABLE, USER = 1, 2, 4
ADAPTERS = range(0xA0, 0x100)
TABLES = {I386: 2, X86_64: 5}
"""The frames of a process's page tables: a directory and a table; four levels, the lowest with two."""
KERNEL_TABLES = {I386: 2, X86_64: 4}
PAGES = 9
"""What `it` has: a page of text, one of data, six of zeros, its stack."""


@pytest.fixture(
    params=[TEACHING, pytest.param(COURSE, marks=pytest.mark.campaign)], ids=lambda layout: layout.paging.name
)
def layout(request):
    return request.param


def started(life: str, layout: Layout, memory: int = 2 * MIB) -> Driven:
    return driven(life=life, layout=layout, memory=memory)


@pytest.fixture
def machine(life, layout):
    made = started(life, layout)
    yield made
    made.check()


def tables_of(machine: Driven) -> int:
    return TABLES[machine.pc.layout.paging]


def records(machine: Driven) -> dict[int, tuple[int, int]]:
    """Return references and use of every frame."""
    return {number: (each.references, each.use) for number, each in enumerate(machine.lens.memory.frames.table)}


def free(machine: Driven) -> list[int]:
    return [frame for frame, (_, use) in records(machine).items() if use == NOBODY]


def owned(machine: Driven, use: int) -> list[int]:
    return [frame for frame, (_, owner) in records(machine).items() if owner == use]


def die(machine: Driven, number: int, *arguments: int, pid: int) -> None:
    with pytest.raises(Died):
        machine.call(number, *arguments, pid=pid)


def quiet(machine: Driven) -> bytearray:
    """Return all that counts of RAM but the first process's registers, after a call that changes nothing."""
    machine.call(Call.GETPID)
    return state(machine.pc, range_of(machine.lens.threads.table[1].frame))


def fill(machine: Driven, pid: int = 1, start: int = HEAP) -> int:
    """Let a process take pages until none is left; return how many it got."""
    for count in range((STACK - start) // PAGE):
        if machine.call(Call.PAGE_ALLOC, start + count * PAGE, pid=pid) == OutOfMemory.number:
            return count
    raise AssertionError("memory is never full")


# B1.  Where everything lies.


def test_2_mib_of_memory_are_used_whatever_there_is(life, layout):
    machine = started(life, layout, memory=4 * MIB)
    assert len(machine.lens.memory.frames.table) == 2 * MIB // PAGE
    said = machine.pc.console.decode().splitlines()
    assert said[0] == "keelback: memory from 0x200000 on is beyond what this layout uses; ignored"
    assert started(life, layout).pc.console.decode().startswith(f"keelback: {layout.name} layout, ")


def test_who_has_the_frames_after_the_start(machine):
    uses = records(machine)
    region = range(KERNEL_START // PAGE, machine.lens.memory.bounds.region_top // PAGE)
    assert uses[0] == (1, RESERVED) and uses[SCREEN // PAGE] == (1, CONSOLE)
    assert all(uses[frame] == (1, RESERVED) for frame in ADAPTERS if frame != SCREEN // PAGE)
    assert all(uses[frame] == (1, KERNEL) for frame in region) and STACK_TOP // PAGE - 1 in region
    # The kernel's tables and the frame of zeros, then all that the first process has: the lowest frames, side by side.
    zeros = 1 + KERNEL_TABLES[machine.pc.layout.paging]
    assert owned(machine, TABLE) == [*range(1, zeros)] and uses[zeros][0] == PINNED
    tables, end = zeros + 1, zeros + 1 + tables_of(machine) + PAGES
    assert [frame for frame in range(1, 0x40) if uses[frame][1] != NOBODY] == [*range(1, end)]
    assert owned(machine, TABLE | 1) == [*range(tables, end - PAGES)] and owned(machine, 1) == [
        *range(end - PAGES, end)
    ]


def test_the_kernel_serves_every_trap_on_one_stack_below_0x80000(machine):
    machine.fork()
    ends = {thread.kernel_stack for thread in machine.lens.threads.table if thread.kernel_stack}
    assert ends == {STACK_TOP} == {machine.pc.layout.records_end}


def test_15_processes_can_be_and_the_first_has_slot_1(machine):
    assert machine.current == 1
    assert [machine.fork() for _ in range(16)] == [*range(2, 16), *[NoProcessSlot.number] * 2]


def test_every_process_may_write_to_the_screen(machine):
    child = machine.fork()
    for pid, letter in ((1, ord("1")), (child, ord("2"))):
        machine.write(SCREEN, letter, pid=pid)
        assert machine.pc.ram.bytes[SCREEN] == letter == machine.read(SCREEN, pid=child)
    assert records(machine)[SCREEN // PAGE] == (1, CONSOLE), "it is the kernel's, however many write there"


# B3.  Page tables.


def test_a_process_has_tables_of_its_own_made_at_once(machine):
    child = machine.fork()
    tables = {pid: owned(machine, TABLE | pid) for pid in (1, child)}
    walker = walker_of(machine.lens)
    for pid, frames in tables.items():
        root = machine.process(pid).space.directory * PAGE
        found = [*walker.tables(root, 0, USER_END)]
        assert [each.place // PAGE for each in found] == frames and len(frames) == tables_of(machine)
        assert all(
            machine.lens.memory.frames.table[each.place // PAGE].references == len(walker.present(each))
            for each in found
        )
    machine.call(Call.PAGE_ALLOC, HEAP)
    assert owned(machine, TABLE | 1) == tables[1], "no call needs another"
    die(machine, Call.EXIT, 0, pid=child)
    assert owned(machine, TABLE | child) == []


def test_the_kernels_mappings_below_0x100000_are_copied_and_only_the_screen_is_a_users(machine):
    walker, root = walker_of(machine.lens), machine.process(1).space.directory * PAGE
    pages = {each.page: each for each in walker.pages(root, 0, USER_START)}
    kernel = walker.pages(machine.lens.spaces.kernel.directory * PAGE, 0, USER_START)
    assert [*pages.values()] == kernel and [*pages] == [*range(PAGE, USER_START, PAGE)]
    assert all(each.frame == page // PAGE for page, each in pages.items())
    assert [page for page, each in pages.items() if each.flags & USER] == [SCREEN]
    text = range(KERNEL_START, machine.pc.layout.text_end, PAGE)
    assert [page for page, each in pages.items() if not each.flags & WRITABLE] == [*text]


def test_the_kernels_own_space_maps_all_memory_at_its_own_addresses(machine):
    pages = walker_of(machine.lens).pages(machine.lens.spaces.kernel.directory * PAGE)
    assert [(each.page // PAGE, each.frame) for each in pages] == [
        (frame, frame) for frame in range(1, 2 * MIB // PAGE)
    ]


@pytest.mark.parametrize("address", [0, PAGE, KERNEL_START, STACK_TOP - 4, SCREEN - 1, SCREEN + PAGE, USER_START - 1])
@pytest.mark.parametrize("access", ["read", "write"])
def test_user_mode_reaches_nothing_of_the_kernels(machine, address, access):
    child = machine.fork()
    before = machine.pc.ram.bytes[address]
    with pytest.raises(Died):
        machine.read(address, pid=child) if access == "read" else machine.write(address, before ^ 1, pid=child)
    assert machine.pc.ram.bytes[address] == before and machine.is_alive(1)


# B4, B6.  What is mapped where.


def test_lookup_says_frame_and_permissions_as_a_walk_of_its_own_does(machine):
    spaces, root = machine.lens.spaces, machine.process(1).space.directory
    found = {each.page: each for each in walker_of(machine.lens).pages(root * PAGE, USER_START, USER_END)}
    assert len(found) == PAGES
    for page in range(USER_START, USER_END, PAGE):
        entry = spaces.tables.find(root, page)
        if page in found:
            flags = found[page].flags
            assert (spaces.frame(root, page), entry.writable, entry.user) == (
                found[page].frame,
                bool(flags & WRITABLE),
                True,
            )
        else:
            assert not entry.present and spaces.frame(root, page) == 0


def test_a_stack_that_was_replaced_is_memory_like_what_lies_below_it(machine):
    """Then they are one region, across the place where other layouts have malloc pages."""
    for page in (STACK - PAGE, STACK):
        assert machine.call(Call.PAGE_ALLOC, page) == 0
        machine.check()
    machine.write(STACK, 1)
    machine.check()


def test_every_process_has_its_stack_on_the_last_page_and_no_guard(machine):
    child = machine.fork()
    frames = {machine.frame(STACK, pid) for pid in (1, child)}
    assert len(frames) == 2
    assert machine.call(Call.PAGE_ALLOC, STACK - PAGE, pid=child) == 0, "what lies below is free for all"
    with pytest.raises(Died):
        machine.write(USER_END, 1, pid=child)


# B5.  page_alloc.


@pytest.mark.parametrize(
    ("address", "error"),
    [
        (HEAP + 1, BadArgument),
        (HEAP + PAGE - 1, BadArgument),
        (0, BadAddress),
        (SCREEN, BadAddress),
        (USER_START - PAGE, BadAddress),
        (USER_END, BadAddress),
        (USER_END + PAGE, BadAddress),
        (0xFFFF_F000, BadAddress),
        (0x8000_0000, BadAddress),
    ],
)
def test_page_alloc_refuses_and_nothing_has_changed(machine, address, error):
    before = quiet(machine)
    assert machine.call(Call.PAGE_ALLOC, address) == error.number
    assert_equal(machine.pc, quiet(machine), before)


def test_page_alloc_takes_the_lowest_free_frame_and_never_a_reserved_one(machine):
    expected = free(machine)
    for count, frame in enumerate(expected):
        assert machine.call(Call.PAGE_ALLOC, HEAP + count * PAGE) == 0
        assert machine.frame(HEAP + count * PAGE) == frame
        if count + 1 == (STACK - HEAP) // PAGE:
            break
    assert not {*expected} & {0, *ADAPTERS, *range(KERNEL_START // PAGE, STACK_TOP // PAGE)}


def test_regions_that_need_a_frame_take_it_from_the_one_pool(machine):
    for count in range(FEW + 2):
        assert machine.call(Call.PAGE_ALLOC, HEAP + 2 * count * PAGE) == 0
    [space] = [each for each in Snapshot(machine.kernel).all_spaces if each.nodes]
    assert len(space.nodes) == 1
    machine.check()


def test_page_alloc_of_a_page_that_is_mapped_frees_the_old_frame(machine):
    assert machine.call(Call.PAGE_ALLOC, HEAP) == 0
    machine.write(HEAP, 7)
    before = free(machine), machine.frame(HEAP)
    assert machine.call(Call.PAGE_ALLOC, HEAP) == 0
    assert (free(machine), machine.frame(HEAP)) == before and machine.read(HEAP) == 0
    assert machine.call(Call.PAGE_ALLOC, IMAGE + 2 * PAGE) == 0, "of the image too"
    assert free(machine) == before[0]


def test_memory_is_filled_to_the_last_frame_and_filled_again(life, layout):
    machine = started(life, layout, memory=MIB)
    for _ in range(3):
        child = machine.fork()
        room = len(free(machine))
        assert fill(machine, child, IMAGE + PAGES * PAGE) == room and free(machine) == []
        assert machine.call(Call.FORK) == OutOfMemory.number
        die(machine, Call.EXIT, 0, pid=child)


# B7, B8, B9.  fork.


def test_fork_takes_the_lowest_free_slot(machine):
    for _ in range(3):
        machine.fork()
    die(machine, Call.EXIT, 0, pid=3)
    assert [machine.fork(), machine.fork()] == [3, 5]


def test_fork_copies_what_may_be_written_and_shares_what_may_not(machine):
    assert machine.call(Call.PAGE_ALLOC, HEAP) == 0
    machine.write(HEAP, 7)
    child = machine.fork()
    mine, its = (Snapshot(machine.lens).spaces[pid].user for pid in (1, child))
    assert [each.page for each in mine] == [each.page for each in its], "it looks at what is mapped"
    for one, other in zip(mine, its, strict=True):
        assert one.flags & WRITABLE == other.flags & WRITABLE
        if one.flags & WRITABLE:
            assert one.frame != other.frame and records(machine)[other.frame] == (1, child)
            content = [bytes(machine.pc.ram.bytes[each.frame * PAGE :][:PAGE]) for each in (one, other)]
            assert content[0] == content[1]
        else:
            assert one.frame == other.frame and records(machine)[one.frame] == (2, 1)
    machine.write(HEAP, 8)
    assert (machine.read(HEAP, pid=1), machine.read(HEAP, pid=child)) == (8, 7)
    die(machine, Call.EXIT, 0, pid=1)
    assert records(machine)[machine.frame(IMAGE, child)] == (1, SHARED), "the last holder keeps it"


def test_fork_without_room_for_tables_or_data_leaves_nothing(life, layout):
    """With every number of free frames that is too small, down to none: its own pages but the text are to be copied."""
    machine = started(life, layout, memory=MIB)
    pages = iter(range(HEAP, STACK, PAGE))
    while len(free(machine)) >= tables_of(machine) + machine.process(1).space.promised.pages:
        assert machine.call(Call.PAGE_ALLOC, next(pages)) == 0
    for left in range(len(free(machine)), -1, -1):
        before = quiet(machine)
        assert machine.call(Call.FORK) == OutOfMemory.number
        assert_equal(machine.pc, quiet(machine), before)
        assert machine.call(Call.PAGE_ALLOC, next(pages)) == (0 if left else OutOfMemory.number)
    machine.check()


def test_fork_without_a_slot_leaves_nothing(machine):
    for _ in range(14):
        machine.fork()
    before = quiet(machine)
    assert machine.call(Call.FORK) == NoProcessSlot.number
    assert_equal(machine.pc, quiet(machine), before)


def test_fork_fails_at_each_of_its_allocations_and_leaves_nothing(machine):
    before, number = quiet(machine), 0
    while True:
        number += 1
        machine.lens.memory.frames.injection.countdown = number
        child = machine.call(Call.FORK)
        machine.lens.memory.frames.injection.countdown = 0
        if child > 0:
            break
        assert child == OutOfMemory.number
        assert_equal(machine.pc, quiet(machine), before)
    assert number > tables_of(machine) + PAGES - 1
    machine.park(child)


def test_page_alloc_fails_without_a_trace_and_then_has_its_page(machine):
    for address in (HEAP, DATA, IMAGE + 2 * PAGE):
        before = quiet(machine)
        machine.lens.memory.frames.injection.countdown = 1
        result = machine.call(Call.PAGE_ALLOC, address)
        missed, machine.lens.memory.frames.injection.countdown = machine.lens.memory.frames.injection.countdown, 0
        assert (result, missed) in ((OutOfMemory.number, 0), (0, 1))
        if result:
            assert_equal(machine.pc, quiet(machine), before)
            assert machine.call(Call.PAGE_ALLOC, address) == 0


# B10, B11.  Endings, and arguments.


@pytest.mark.parametrize("ending", ["exit", "kill", "fault"])
def test_whoever_ends_leaves_nothing(machine, ending):
    before = records(machine)
    child = machine.fork()
    assert machine.call(Call.PAGE_ALLOC, HEAP, pid=child) == 0
    if ending == "exit":
        die(machine, Call.EXIT, 3, pid=child)
    elif ending == "kill":
        assert machine.call(Call.KILL, child) == 0
    else:
        with pytest.raises(Died):
            machine.write(KERNEL_START, 1, pid=child)
    assert records(machine) == before and not machine.is_alive(child) and machine.process(child).pid == 0


WILD = (
    0,
    1,
    PAGE,
    KERNEL_START,
    SCREEN,
    USER_START - 1,
    IMAGE,
    STACK,
    USER_END - 1,
    USER_END,
    0x8000_0000,
    0xFFFF_FFFF,
)


def test_no_argument_of_any_call_harms_the_kernel(machine):
    child = machine.fork()
    for number in range(30):
        if number in (Call.FORK, Call.EXIT, Call.SLEEP):
            continue
        for first in WILD:
            for second in (0, 5, 0xFFFF_FFFF):
                if not machine.is_alive(child):
                    child = machine.fork()
                with suppress(Died):
                    machine.call(number, first, second, second, pid=child)
        machine.check()
    assert machine.is_alive(1)


def started_programs(layout: Layout, *lines: str):
    """Return a machine that has booted with programs of the course."""
    programs = {name: programs_of(layout)[name] for name in {line.split()[0] for line in lines}}
    pc = make_pc(*lines, programs=programs, layout=layout, memory=2 * MIB, check=False)
    pc.boot()
    return pc


@pytest.mark.parametrize("lines", [["allocator 120"] * 4, ["fork 120"]], ids=["allocator", "fork"])
def test_four_processes_fill_memory_each_at_its_own_speed_and_go_on(lines, layout):
    pc = started_programs(layout, *lines)
    room = pc.kernel.memory.frames.counts.user_free
    pictures = []

    def look_at_frames():
        if pc.traps % 100 == 0:
            pictures.append(Counter(each.use for each in pc.kernel.memory.frames.table if each.references))

    pc.after_trap.append(look_at_frames)
    assert pc.run() is Outcome.POWERED_OFF
    taken = sorted(int(line.split()[-5].rstrip(",")) for line in console(pc) if ", then none was left" in line)
    assert len(taken) == 4 and taken == sorted(set(taken)), "each has its own speed"
    full = pictures[-2]
    assert (
        sum(full[pid] for pid in (1, 2, 3, 4)) > 0.9 * room
        and full[TABLE | 1] == full[TABLE | 4] == TABLES[layout.paging]
    )
    assert pc.kernel.memory.frames.counts.user_free >= room, "and all of it is free again"


def test_the_picture_of_memory_starts_with_the_reserved_page_then_tables_and_data_by_owner(layout):
    pc = started_programs(layout, "allocator 3", "allocator 3")
    uses = [each.use for each in list(pc.kernel.memory.frames.table)[:40]]
    pages = {pid: uses.count(pid) for pid in (1, 2)}
    expected = [RESERVED, *[TABLE] * KERNEL_TABLES[layout.paging], ZERO]
    for pid in (1, 2):
        expected += [TABLE | pid] * TABLES[layout.paging] + [pid] * pages[pid]
    assert uses[: len(expected)] == expected and min(pages.values()) >= 2


def test_forking_and_exiting_for_long_leaves_every_frame(layout):
    pc = started_programs(layout, "forkexit 200", "forkexit 200")
    assert pc.run() is Outcome.POWERED_OFF and console(pc) == []
    frames = pc.kernel.memory.frames
    kept = [frame for frame, each in enumerate(frames.table) if each.use not in (NOBODY, KERNEL, RESERVED, CONSOLE)]
    assert kept == [*range(1, 2 + KERNEL_TABLES[layout.paging])], "the kernel's tables and the frame of zeros"


def test_a_machine_without_memory_behind_1_mib_runs_programs_below(layout):
    conventional = (BiosEntry(0, 0x9_FC00, 1), BiosEntry(0xF_0000, 0x1_0000, 2))
    hello = programs_of(layout)["hello"]
    pc = run("hello", programs={"hello": hello}, layout=layout, memory=1 * MIB, memory_map=conventional)
    assert console(pc) == ["hello: I am process 1"]


# What only the published layout has.

POLICIES = (
    *("identity", "one_pool", "one_stack", "eager_tables", "eager_fork", "eager_image", "user_screen", "lowest_number"),
    "for_size",
)


@cache
def wide_image(*lines: str, life: str) -> bytes:
    sources = sorted({PROGRAMS / f"{line.split()[0]}.c" for line in lines})
    programs = build_programs(sources, runtime=RUNTIME, image_base=TEACHING.image_base, target=TARGETS[64])
    payload = make_payload({"etc/init": "".join(line + "\n" for line in lines).encode(), **programs})
    return make_image(TEACHING, payload, compiled(TEACHING) if life == "compiled" else None)


def wide(*lines: str, life: str = "interpreted"):
    """Return a machine of the published layout, not booted."""
    kind = CompiledPc if life == "compiled" else InterpretedPc
    return kind(TEACHING, wide_image(*lines, life=life), memory=2 * MIB)


def test_the_layout_is_the_courses():
    layout = TEACHING
    assert (layout.physical_limit, layout.user_end, layout.kernel_start) == (2 * MIB, 3 * MIB, KERNEL_START)
    assert (layout.records_end, layout.user_base, layout.processes) == (STACK_TOP, USER_START, 16)
    assert layout.one_stack and layout.paging is X86_64 and (layout.stack_bottom, layout.guard_pages) == (STACK, 0)
    assert all(getattr(layout, name) for name in POLICIES) and not layout.overcommit and layout.parts == ()


def test_five_frames_of_tables_a_process_linked_and_with_the_kernels_mappings():
    """By a walk of its own: level 4, 3, 2, and two of level 1, each entry a link to the next."""
    pc = wide("allocator 3", "allocator 3")
    pc.boot()
    lens = look(TEACHING, pc.ram.contents)
    check(lens)
    words = memoryview(pc.ram.contents).cast("Q")
    kernel = lens.spaces.kernel.directory

    def table(frame):
        return {index: entry for index, entry in enumerate(words[frame * 512 : frame * 512 + 512]) if entry & PRESENT}

    def down(frame, index=0):
        return (table(frame)[index] & 0xFFFFFFFFFF000) // PAGE

    for pid in (1, 2):
        level4 = lens.processes.table[pid].space.directory
        level3, level2 = down(level4), down(down(level4))
        low, high = down(level2, 0), down(level2, 1)
        assert [*table(level4)] == [*table(level3)] == [0] and [*table(level2)] == [0, 1]
        mine = [level4, level3, level2, low, high]
        frames = lens.memory.frames.table
        assert [frame for frame in range(512) if frames[frame].use == TABLE | pid] == sorted(mine) == mine
        shared = down(down(down(kernel)))
        below = {index: entry for index, entry in table(low).items() if index < 256}
        assert below == {index: entry for index, entry in table(shared).items() if index < 256}
        assert [index for index, entry in below.items() if entry & USER] == [SCREEN // PAGE]
        assert all(entry & USER for index, entry in table(low).items() if index >= 256)
        assert [*table(high)] == [255], "the stack, on the last page of 3 MiB"
        assert table(high)[255] & WRITABLE and frames[down(high, 255)].use == pid
    assert [*table(shared)] == [*range(1, 512)], "the kernel's own has all 2 MiB"


@pytest.mark.parametrize("lines", [["allocator 80"] * 4, ["fork 80"], ["forkexit 100", "smash", "null"]], ids=str)
def test_both_lives_of_the_published_layout_are_equal(lines):
    first, second = (wide(*lines, life=life) for life in ("interpreted", "compiled"))
    lens = look(TEACHING, first.ram.contents)
    first.after_trap.append(lambda: check(lens) if first.traps % 64 == 0 else None)
    report = compare(first, second)
    assert report.difference is None and report.traps > 100
    assert first.outcome is second.outcome is Outcome.POWERED_OFF
    left = [frame for frame, each in enumerate(lens.memory.frames.table) if each.use in (TABLE, ZERO)]
    assert left == [*range(1, 6)], "the kernel's four tables, and the frame of zeros"
    counts = lens.memory.frames.counts
    assert counts.user_total - counts.user_free == 5


@pytest.mark.parametrize("memory", [2, 3, 4, 16])
def test_qemu_runs_it_with_however_little_memory(memory):
    image = wide_image("allocator 100", "allocator 100", "fork 100", "smash", life="compiled")
    with Qemu(make_image_file(TEACHING, image), memory=memory * MIB) as machine:
        assert machine.wait() is Verdict.DONE
        lines = bytes(machine.console).decode().splitlines()
    assert any(line.startswith("keelback: teaching layout, ") for line in lines)
    assert sum("took pages: " in line for line in lines) == 6
    assert any("(smash) killed: page fault: write to 0x00100000, protected" in line for line in lines)
