"""Fork: the child is as its parent, shares its frames until one of them writes, and is a copy in an eager layout."""

import pytest

from keelback.abi.errors import NoProcessSlot, OutOfMemory
from keelback.kernel.layout import MICROKERNEL
from keelback.kernel.memory.frames import PINNED, SHARED
from keelback.kernel.processes.processes import ProcessState
from keelback.kernel.x86.paging import WRITABLE
from keelback.lang import text_of
from kernel.driven import (
    ANYWHERE,
    BSS,
    CALLED,
    CROWDED,
    DATA,
    EAGER,
    PAGE,
    SMALL,
    STACK,
    TEXT,
    Call,
    Died,
    Driven,
    driven,
    of_its_own,
)
from kernel.traces import assert_equal, range_of, state
from support import MIB

READ, WRITE, SPARSE = 1, 2, 4
PAGES = (TEXT, DATA, BSS, STACK)
"""The pages that a process has in these tests; it may write to all but the first."""


def prepared(life: str, layout=SMALL, **options) -> Driven:
    """Return a machine whose process 1 has written a page, and has a child, 2."""
    machine = driven(life=life, layout=layout, **options)
    machine.write(BSS, 7)
    assert machine.fork() == 2
    return machine


@pytest.fixture
def machine(life):
    made = prepared(life)
    yield made
    made.check()


def record(machine: Driven, address: int, pid: int = 1) -> tuple[int, int]:
    """Return references and owner of the frame that a process has at an address."""
    frame = machine.kernel.memory.frames.table[machine.frame(address, pid)]
    return frame.references, frame.use


def content(machine: Driven, address: int, pid: int) -> bytes:
    frame = machine.frame(address, pid)
    return bytes(machine.pc.ram.bytes[frame << 12 : frame + 1 << 12])


def end(machine: Driven, pid: int) -> None:
    with pytest.raises(Died):
        machine.call(Call.EXIT, 0, pid=pid)


# What the child is.


def test_the_child_has_all_that_its_parent_has(machine):
    parent, child = machine.process(1), machine.process(2)
    assert (child.parent, text_of(child.name), child.state) == (1, "it", ProcessState.ALIVE)
    assert bytes_of(machine, parent.space.regions) == bytes_of(machine, child.space.regions)
    assert (parent.space.count, parent.space.owner, child.space.owner) == (child.space.count, 1, 2)
    assert parent.space.directory != child.space.directory
    assert (parent.children.first, parent.children.last) == (child.pid, child.pid)


def bytes_of(machine, records):
    start = records._address
    return bytes(machine.pc.ram.bytes[start : start + records._element_size() * len(records)])


def test_fork_returns_the_child_to_the_parent_and_0_to_the_child(life):
    machine = driven(life=life)
    machine.begin(1, TEXT, Call.FORK, 0x1111, 0x2222, 0x3333)
    frame = machine.thread(1).frame
    frame.ebp, frame.edx, frame.esp = 0x4444, 0x5555, STACK + 0x800
    assert machine.finish(1) == 2
    child = machine.thread(2).frame
    assert (child.eax, child.eip, child.esp) == (0, CALLED, STACK + 0x800)
    assert (child.ebx, child.esi, child.edi, child.ebp, child.edx) == (0x1111, 0x2222, 0x3333, 0x4444, 0x5555)
    assert (child.cs, child.ss, child.eflags) == (frame.cs, frame.ss, frame.eflags)


# Frames that are shared.


def test_parent_and_child_have_the_same_frames_and_neither_may_write_to_them(machine):
    for page in PAGES:
        assert machine.frame(page, 1) == machine.frame(page, 2)
        assert record(machine, page) == (2, 1)
        assert not machine.entry(page, 1) & WRITABLE and not machine.entry(page, 2) & WRITABLE


def test_the_frame_of_zeros_is_shared_and_not_counted(life):
    machine = driven(life=life)
    machine.read(BSS)
    machine.fork()
    zero = machine.kernel.spaces.kernel.zero
    assert machine.frame(BSS, 1) == machine.frame(BSS, 2) == zero
    assert machine.kernel.memory.frames.table[zero].references == PINNED
    machine.write(BSS, 1, 2)
    assert machine.read(BSS, 1) == 0


def test_a_page_that_nobody_touched_is_each_ones_own(machine):
    assert machine.entry(BSS + PAGE, 1) == machine.entry(BSS + PAGE, 2) == 0
    machine.write(BSS + PAGE, 1, 1)
    machine.write(BSS + PAGE, 2, 2)
    assert (machine.read(BSS + PAGE, 1), machine.read(BSS + PAGE, 2)) == (1, 2)


@pytest.mark.parametrize("writer", [1, 2])
def test_who_writes_gets_a_copy_and_the_other_sees_what_was(machine, writer):
    other, frame, used = 3 - writer, machine.frame(BSS), machine.used()
    machine.write(BSS + 5, 9, writer)
    assert (machine.read(BSS, writer), machine.read(BSS + 5, writer)) == (7, 9)
    assert (machine.read(BSS, other), machine.read(BSS + 5, other)) == (7, 0)
    assert machine.frame(BSS, writer) != frame == machine.frame(BSS, other)
    assert record(machine, BSS, writer) == (1, writer) and record(machine, BSS, other)[0] == 1
    assert machine.used() == (used[0] + 1, used[1])


@pytest.mark.parametrize("first", [1, 2])
def test_the_last_holder_writes_without_a_copy(machine, first):
    last, frame = 3 - first, machine.frame(BSS)
    machine.write(BSS, 1, first)
    used = machine.used()
    machine.write(BSS, 2, last)
    assert machine.frame(BSS, last) == frame and machine.used() == used
    assert record(machine, BSS, last) == (1, last)
    assert machine.entry(BSS, last) & WRITABLE


def test_a_frame_that_its_owner_has_left_is_owned_by_the_others_together(machine):
    assert machine.fork(1) == 3
    machine.write(BSS, 1, 1)
    assert record(machine, BSS, 2) == record(machine, BSS, 3) == (2, SHARED)
    machine.write(BSS, 1, 2)
    assert record(machine, BSS, 3) == (1, SHARED)
    machine.write(BSS, 1, 3)
    assert record(machine, BSS, 3) == (1, 3)


def test_a_parent_that_ends_leaves_what_it_shared(machine):
    assert machine.fork(2) == 3
    with pytest.raises(Died):
        machine.call(Call.KILL, 2, pid=2)
    assert (machine.read(BSS, 3), machine.read(DATA, 3)) == (7, ord("i"))
    machine.write(BSS, 8, 3)
    assert machine.read(BSS, 1) == 7


def test_grandchildren_share_too(machine):
    pids = [1, 2]
    for parent in (2, 3, 4):
        pids.append(machine.fork(parent))
    assert record(machine, BSS) == (5, 1)
    for pid in pids:
        machine.write(BSS, pid, pid)
    assert [machine.read(BSS, pid) for pid in pids] == pids


def test_what_was_read_only_is_shared_and_stays_so(machine):
    assert record(machine, TEXT) == (2, 1)
    assert machine.call(Call.GETPID, pid=2) == 2
    with pytest.raises(Died):
        machine.write(TEXT, 1, 2)
    assert record(machine, TEXT) == (1, 1)


def test_a_fork_of_a_page_that_nobody_may_touch_keeps_its_content(life):
    machine = driven(life=life)
    machine.write(BSS, 7)
    machine.call(Call.PROTECT, BSS, PAGE, 0)
    machine.fork()
    for pid in (1, 2):
        assert machine.call(Call.PROTECT, BSS, PAGE, WRITE, pid=pid) == 0
        assert machine.read(BSS, pid) == 7
    machine.write(BSS, 8, 2)
    assert machine.read(BSS, 1) == 7


def test_memory_that_one_unmaps_stays_the_others(machine):
    assert machine.call(Call.UNMAP, BSS, PAGE, pid=2) == 0
    assert machine.read(BSS, 1) == 7 and record(machine, BSS) == (1, 1)
    assert machine.call(Call.PAGE_ALLOC, BSS, pid=1) == 0
    assert machine.read(BSS, 1) == 0


def test_what_the_kernel_writes_to_a_shared_page_is_the_callers_alone(machine):
    before = content(machine, BSS, 1)
    assert machine.call(Call.FRAME_COUNTS, BSS, pid=2) == 0
    assert content(machine, BSS, 1) == before != content(machine, BSS, 2)


def test_all_is_given_back_when_all_have_ended(life):
    machine = driven("it", "it", life=life)
    before = machine.used()
    machine.call(Call.MAP, ANYWHERE, 0x80_0000, WRITE | SPARSE)
    for address in (BSS, ANYWHERE, ANYWHERE + 0x40_0000):
        machine.write(address, 1)
    for parent in (1, 1, 3):
        machine.fork(parent)
    machine.write(BSS, 2, 4)
    for pid in (3, 5, 4, 1):
        end(machine, pid)
    assert machine.used() == (before[0] - 2, before[1] - 4)  # data, stack; directory, two tables, stack
    machine.check()


def test_a_frame_has_more_than_300_holders(life):
    machine = driven(life=life, layout=MICROKERNEL, memory=48 * MIB, check=False)
    machine.write(BSS, 7)
    frame, used = machine.frame(BSS), machine.used()
    children = [machine.fork() for _ in range(310)]
    assert children == list(range(2, 312))
    assert record(machine, BSS) == record(machine, TEXT) == (311, 1)
    machine.write(BSS, 8, children[-1])
    machine.write(BSS, 9)
    assert machine.read(BSS, children[0]) == 7
    assert machine.kernel.memory.frames.table[frame].references == 309
    machine.check()
    for child in children:
        assert machine.call(Call.KILL, child) == 0
        assert machine.call(Call.WAIT, child, 0) == child
    assert machine.used() == used and record(machine, TEXT) == (1, 1)
    machine.check()


# Frames that are copied at once.


@of_its_own
def test_a_frame_with_as_many_holders_as_can_be_counted_is_copied_for_the_next(life):
    machine = prepared(life, CROWDED)
    assert machine.counts.full == 4
    assert machine.fork(1) == 3
    machine.check()
    for page in PAGES:
        assert machine.frame(page, 1) == machine.frame(page, 2) != machine.frame(page, 3)
        assert content(machine, page, 1) == content(machine, page, 3)
        assert record(machine, page, 3) == (1, 3)
    assert machine.counts.full == 4
    assert machine.fork(3) == 4 and machine.counts.full == 8
    for pid in (1, 2, 3, 4):
        machine.write(BSS, pid, pid)
    assert [machine.read(BSS, pid) for pid in (1, 2, 3, 4)] == [1, 2, 3, 4]
    for pid in (4, 3, 2):
        assert machine.call(Call.KILL, pid) == 0
    assert machine.counts.full == 0
    machine.check()


@of_its_own
def test_an_eager_fork_copies_every_page_that_can_be_written(life):
    machine = prepared(life, EAGER)
    machine.check()
    for page in (DATA, BSS, STACK):
        assert machine.frame(page, 1) != machine.frame(page, 2)
        assert content(machine, page, 1) == content(machine, page, 2)
        assert record(machine, page, 1) == (1, 1) and record(machine, page, 2) == (1, 2)
        assert machine.entry(page, 1) & machine.entry(page, 2) & WRITABLE
    assert record(machine, TEXT) == (2, 1)
    traps, used = machine.pc.traps, machine.used()
    for pid in (1, 2):
        machine.run(pid)
        traps = machine.pc.traps
        machine.write(BSS, pid, pid)
        assert machine.pc.traps == traps + 1  # the call after it: no page fault
    assert [machine.read(BSS, pid) for pid in (1, 2)] == [1, 2] and machine.used() == used


@of_its_own
def test_an_eager_fork_copies_into_the_lowest_free_frames_by_address(life):
    machine = driven(life=life, layout=EAGER)
    machine.write(BSS, 7)
    lowest = machine.kernel.memory.frames.user_zone.lowest()
    machine.fork()
    assert [machine.frame(page, 2) for page in (DATA, BSS, STACK)] == [lowest, lowest + 1, lowest + 2]


@of_its_own
def test_an_eager_fork_leaves_alone_what_was_never_written(life):
    machine = driven(life=life, layout=EAGER)
    machine.read(BSS)
    machine.fork()
    assert machine.frame(BSS, 2) == machine.kernel.spaces.kernel.zero and machine.entry(BSS + PAGE, 2) == 0
    machine.write(BSS, 1, 2)
    assert machine.read(BSS, 1) == 0


@of_its_own
def test_an_eager_fork_copies_a_page_whose_permissions_were_changed(life):
    machine = driven(life=life, layout=EAGER)
    machine.write(BSS, 7)
    machine.call(Call.PROTECT, BSS, PAGE, READ)
    machine.call(Call.PROTECT, BSS, PAGE, WRITE)
    machine.fork()
    assert machine.frame(BSS, 1) != machine.frame(BSS, 2)


# Fork that fails.


def test_a_full_table_is_an_error_and_leaves_no_trace(life):
    machine = driven(life=life)
    assert [machine.fork() for _ in range(6)] == [2, 3, 4, 5, 6, 7]
    caller = range_of(machine.thread(1).frame)
    before = state(machine.pc, caller)
    assert machine.fork() == NoProcessSlot.number
    assert_equal(machine.pc, state(machine.pc, caller), before)
    end(machine, 3)
    assert machine.fork() == NoProcessSlot.number  # its record is there until somebody waits
    assert machine.call(Call.WAIT, -1, 0) == 3
    assert machine.fork() == 3


def test_forks_until_memory_is_used_up_can_all_be_undone(life):
    machine = driven(life=life, layout=MICROKERNEL, check=False)
    used, spare, children = machine.used(), machine.spare(), []
    while (child := machine.fork()) > 0:
        children.append(child)
    # A directory, two tables and a stack; what the parent has and may still need.
    expected = min(spare[1] // 4, spare[0] // machine.process(1).space.promised.pages)
    assert child == OutOfMemory.number and len(children) == expected
    machine.check()
    for child in children:
        assert machine.call(Call.KILL, child) == 0 and machine.call(Call.WAIT, -1, 0) == child
    assert machine.used() == used
    machine.check()
