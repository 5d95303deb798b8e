"""Memory objects: pages that several processes have, the same for all, as long as somebody names or shows them."""

from dataclasses import replace

import pytest

from keelback.abi.errors import (
    BadAddress,
    BadArgument,
    BadHandle,
    NoObjectSlot,
    NoRoom,
    NotPermitted,
    OutOfMemory,
    TooManyHandles,
)
from keelback.abi.handles import CHANGE, GRANT, MAP, MOST_HANDLES
from keelback.inspect.snapshot import Snapshot
from keelback.kernel.memory.frames import Role
from keelback.kernel.memory.objects import IN_NODE
from keelback.kernel.memory.space_records import RegionKind
from keelback.kernel.processes.word_waits import CHANGED
from kernel.driven import (
    ANYWHERE,
    ARGUMENT,
    BSS,
    CROWDED,
    EAGER,
    NAME,
    PAGE,
    SMALL,
    Blocked,
    Call,
    Died,
    driven,
    driven_threads,
    in_both_lives,
    in_each_cell,
    memory_for,
    of_its_own,
)
from support import MIB

READ, WRITE, EXECUTE = 1, 2, 8
FAR = ANYWHERE + 0x40_0000  # its page has a table of its own
PAGES = 3
OBJECT = 1  # the handle to the object that process 1 makes first


@pytest.fixture
def machine(life):
    """Return a machine whose process 1 has an object of three pages, of which it shows all."""
    made = with_object(life)
    yield made
    made.check()


def with_object(life, layout=SMALL):
    machine = driven(life=life, layout=layout, memory=memory_for(layout))
    assert machine.call(Call.OBJECT_CREATE, PAGES) == OBJECT
    assert show(machine) == ANYWHERE
    return machine


def show(machine, address=ANYWHERE, pages=PAGES, offset=0, rights=WRITE, pid=1, handle=OBJECT):
    return machine.call(Call.OBJECT_MAP, handle, address, pages * PAGE, offset * PAGE | rights, pid=pid)


def objects(machine):
    return Snapshot(machine.lens).objects


def counts(machine, number=1):
    """Return how many handles name an object, and how many pages show it."""
    found = objects(machine)[number]
    return found.handles, found.shown


@in_each_cell
def test_an_object_is_zeros_that_all_its_processes_see_change(life, layout):
    machine = with_object(life, layout)
    child = machine.fork()
    for offset in (0, PAGE, 2 * PAGE):
        assert machine.read(ANYWHERE + offset) == machine.read(ANYWHERE + offset, child) == 0
    machine.write(ANYWHERE + PAGE, 5)
    assert machine.read(ANYWHERE + PAGE, child) == 5
    machine.write(ANYWHERE + PAGE + 1, 6, child)
    assert machine.read(ANYWHERE + PAGE + 1) == 6
    assert machine.frame(ANYWHERE) == machine.frame(ANYWHERE, child) == objects(machine)[1].frames[0]
    machine.check()


def test_an_object_has_its_frames_from_the_start_and_a_touch_needs_no_memory(life):
    machine = driven(life=life)
    before = machine.spare()
    assert machine.call(Call.OBJECT_CREATE, PAGES) == OBJECT
    user, zone = machine.spare()
    assert (before[0] - user, before[1] - zone) == (PAGES, 1)
    show(machine)
    used = machine.used()
    for page in range(PAGES):
        machine.write(ANYWHERE + page * PAGE, 1)
    assert machine.used() == used


def test_parts_of_an_object_are_where_they_are_asked_for(machine):
    assert show(machine, FAR, pages=1, offset=2) == FAR
    assert show(machine, 0, pages=2, offset=1) == ANYWHERE + PAGES * PAGE
    machine.write(FAR, 7)
    assert machine.read(ANYWHERE + 2 * PAGE) == machine.read(ANYWHERE + 4 * PAGE) == 7
    assert counts(machine) == (1, 6)


@pytest.mark.parametrize(
    "arguments, error",
    [
        ((9, 0, PAGE, READ), BadHandle),
        ((0, 0, PAGE, READ), BadHandle),
        ((OBJECT, FAR + 1, PAGE, READ), BadArgument),
        ((OBJECT, 0, 0, READ), BadArgument),
        ((OBJECT, 0, PAGE, 4), BadArgument),
        ((OBJECT, 0, PAGE, 16), BadArgument),
        ((OBJECT, 0, PAGES * PAGE + 1, READ), BadArgument),
        ((OBJECT, 0, PAGE, PAGES * PAGE | READ), BadArgument),
        ((OBJECT, 0, PAGE, 0xFFFF_F000 | READ), BadArgument),
        ((OBJECT, 0, 2 * PAGE, 2 * PAGE | READ), BadArgument),
        ((OBJECT, 0x1000, PAGE, READ), BadAddress),
        ((OBJECT, ANYWHERE + PAGE, PAGE, READ), NoRoom),
    ],
)
def test_a_part_that_cannot_be_mapped_is_refused(machine, arguments, error):
    assert machine.call(Call.OBJECT_MAP, *arguments) == error.number
    assert counts(machine) == (1, PAGES)


def test_an_object_knows_its_size_and_none_is_empty_or_larger_than_memory(machine):
    assert machine.call(Call.OBJECT_SIZE, OBJECT) == PAGES
    assert machine.call(Call.OBJECT_SIZE, 2) == BadHandle.number
    used = machine.used()
    for count, error in ((0, BadArgument), (machine.spare()[0] + 1, OutOfMemory), (0xFFFF_FFFF, OutOfMemory)):
        assert machine.call(Call.OBJECT_CREATE, count) == error.number
    assert machine.used() == used and len(objects(machine)) == 1


def test_an_object_that_takes_all_memory_leaves_none(machine):
    assert machine.call(Call.OBJECT_CREATE, machine.spare()[0]) == 2
    machine.check()
    assert machine.spare()[0] == 0 and machine.fork() == OutOfMemory.number
    assert machine.call(Call.DROP, 2) == 0
    assert machine.fork() == 2


def test_an_object_of_several_nodes_has_its_pages_in_order(life):
    count = 2 * IN_NODE + 2
    machine = driven(life=life, memory=16 * MIB)
    assert machine.call(Call.OBJECT_CREATE, count) == OBJECT
    assert show(machine, pages=count) == ANYWHERE
    assert show(machine, 0x5000_0000, pages=IN_NODE + 2, offset=IN_NODE) == 0x5000_0000
    machine.check()
    found = objects(machine)[1]
    assert len(found.frames) == count and len(found.nodes) == 3
    for page in (0, IN_NODE - 1, IN_NODE, 2 * IN_NODE, count - 1):
        assert machine.frame(ANYWHERE + page * PAGE) == found.frames[page]
    machine.write(ANYWHERE + (count - 1) * PAGE, 9)
    assert machine.read(0x5000_0000 + (IN_NODE + 1) * PAGE) == 9


# What keeps an object.


def test_an_object_stays_until_neither_a_handle_names_it_nor_a_page_shows_it(machine):
    used = machine.used()
    assert machine.call(Call.DROP, OBJECT) == 0
    machine.write(ANYWHERE, 3)
    assert counts(machine) == (0, PAGES) and machine.used() == used
    assert machine.call(Call.UNMAP, ANYWHERE, 2 * PAGE) == 0
    assert machine.read(ANYWHERE + 2 * PAGE) == 0 and counts(machine) == (0, 1)
    assert machine.call(Call.UNMAP, ANYWHERE + 2 * PAGE, PAGE) == 0
    assert objects(machine) == {}


def test_a_handle_alone_keeps_what_was_written(machine):
    machine.write(ANYWHERE, 3)
    assert machine.call(Call.UNMAP, ANYWHERE, PAGES * PAGE) == 0
    assert counts(machine) == (1, 0)
    assert show(machine, FAR) == FAR and machine.read(FAR) == 3


def end_by_exit(machine, pid):
    with pytest.raises(Died):
        machine.call(Call.EXIT, 0, pid=pid)


def end_by_kill(machine, pid):
    assert machine.call(Call.KILL, pid) == 0


def end_by_a_fault(machine, pid):
    with pytest.raises(Died):
        machine.read(0, pid)


def run_another_program(machine, pid):
    assert machine.call(Call.EXEC, NAME, ARGUMENT, pid=pid) == 0


@pytest.mark.parametrize("end", [end_by_exit, end_by_kill, end_by_a_fault, run_another_program])
def test_who_ends_shows_and_names_nothing_any_more(machine, end):
    child = machine.fork()
    assert counts(machine) == (2, 2 * PAGES)
    machine.write(ANYWHERE, 4, child)
    end(machine, child)
    machine.check()
    handles = 2 if end is run_another_program else 1  # it keeps its handles
    assert counts(machine) == (handles, PAGES) and machine.read(ANYWHERE) == 4


def test_the_last_process_of_all_frees_the_object(life):
    machine = driven("it", "it", life=life)
    machine.call(Call.OBJECT_CREATE, PAGES, pid=2)
    show(machine, pid=2)
    child = machine.fork(2)
    end_by_exit(machine, 2)
    machine.write(ANYWHERE, 1, child)
    assert counts(machine) == (1, PAGES)
    end_by_exit(machine, child)
    machine.check()
    assert objects(machine) == {} and machine.counts.used[Role.OBJECT] == 0


# Forks.


@in_both_lives(SMALL, EAGER)
def test_a_child_shares_and_never_copies(life, layout):
    machine = with_object(life, layout)
    machine.write(ANYWHERE, 1)
    children = [machine.fork() for _ in range(2)]
    for number, pid in enumerate((1, *children)):
        machine.write(ANYWHERE + number, 7, pid)
        machine.check()
    assert [machine.read(ANYWHERE + number, children[0]) for number in range(3)] == [7, 7, 7]
    assert counts(machine) == (3, 3 * PAGES)
    assert machine.counts.used[Role.OBJECT] == PAGES + 1  # and a node
    assert {machine.frame(ANYWHERE, pid) for pid in (1, *children)} == {objects(machine)[1].frames[0]}


@of_its_own
def test_where_a_frame_can_count_no_more_pages_map_and_fork_fail(life):
    machine = with_object(life, CROWDED)
    used = machine.used()
    assert show(machine, FAR) == OutOfMemory.number
    assert machine.fork() == OutOfMemory.number
    assert machine.used() == used and counts(machine) == (1, PAGES)
    machine.check()


# Permissions.


def test_protect_changes_what_one_process_may_do_and_nothing_else(machine):
    child = machine.fork()
    machine.write(ANYWHERE + PAGE, 5)
    assert machine.call(Call.PROTECT, ANYWHERE + PAGE, PAGE, READ) == 0
    machine.check()
    assert machine.read(ANYWHERE + PAGE) == 5
    machine.write(ANYWHERE + PAGE, 6, child)
    assert machine.read(ANYWHERE + PAGE) == 6
    assert machine.call(Call.PROTECT, ANYWHERE + PAGE, PAGE, 0) == 0
    assert machine.call(Call.PROTECT, ANYWHERE, PAGES * PAGE, WRITE) == 0
    regions = [each for each in machine.regions() if each.start == ANYWHERE]
    assert [(each.end, each.object) for each in regions] == [(ANYWHERE + PAGES * PAGE, 1)]
    machine.write(ANYWHERE + PAGE, 7)
    assert machine.read(ANYWHERE + PAGE, child) == 7
    assert machine.call(Call.PROTECT, ANYWHERE, PAGE, READ, pid=child) == 0
    machine.write(ANYWHERE, 1)
    with pytest.raises(Died):
        machine.write(ANYWHERE, 1, child)


def test_a_closed_page_is_nobodys_to_read(machine):
    child = machine.fork()
    assert machine.call(Call.PROTECT, ANYWHERE, PAGE, 0, pid=child) == 0
    assert machine.call(Call.PUTS, ANYWHERE, 1, pid=child) == BadAddress.number
    with pytest.raises(Died):
        machine.read(ANYWHERE, child)


def test_a_handle_with_fewer_rights_gives_pages_that_can_only_be_read(machine):
    machine.write(ANYWHERE, 5)
    child = machine.fork()
    reader = machine.call(Call.MINT, OBJECT, MAP | GRANT, 0, pid=child)
    assert show(machine, FAR, handle=reader, pid=child) == NotPermitted.number
    assert show(machine, FAR, rights=READ, handle=reader, pid=child) == FAR
    assert machine.read(FAR, child) == 5
    assert machine.call(Call.PROTECT, FAR, PAGE, WRITE, pid=child) == BadAddress.number
    assert machine.call(Call.PROTECT, FAR, PAGE, EXECUTE, pid=child) == 0
    assert machine.call(Call.MINT, reader, MAP | CHANGE, 0, pid=child) == NotPermitted.number
    none = machine.call(Call.MINT, OBJECT, GRANT, 0, pid=child)
    assert show(machine, 0, rights=READ, handle=none, pid=child) == NotPermitted.number
    assert counts(machine) == (4, 3 * PAGES)
    with pytest.raises(Died):
        machine.write(FAR, 1, child)


def test_one_that_is_mapped_read_only_may_be_written_later_by_who_may_change_it(machine):
    assert show(machine, FAR, rights=READ) == FAR
    assert machine.call(Call.PROTECT, FAR, PAGE, WRITE) == 0
    machine.write(FAR, 8)
    assert machine.read(ANYWHERE) == 8


# Words that processes wait on.


def wait(machine, address, pid=1, value=0):
    with pytest.raises(Blocked):
        machine.call(Call.WAIT_ON, address, value, 0, pid=pid)
    machine.check()


def test_a_word_of_an_object_is_one_word_for_all_wherever_they_show_it(machine):
    child = machine.fork()
    assert show(machine, FAR, pages=1, offset=1) == FAR
    wait(machine, ANYWHERE + PAGE + 8, child)
    for other in (ANYWHERE + PAGE + 4, ANYWHERE + 8, ANYWHERE + 2 * PAGE + 8, FAR + 12):
        assert machine.call(Call.WAKE, other, 9) == 0
    assert machine.call(Call.WAKE, FAR + 8, 9) == 1
    assert machine.finish(child) == 0
    machine.write(FAR + 8, 1)
    assert machine.call(Call.WAIT_ON, ANYWHERE + PAGE + 8, 0, 0, pid=child) == CHANGED


def test_those_of_several_processes_are_woken_in_turn(machine):
    children = [machine.fork() for _ in range(3)]
    for child in children:
        wait(machine, ANYWHERE, child)
    assert machine.call(Call.WAKE, ANYWHERE, 2) == 2
    assert [machine.finish(child) for child in children[:2]] == [0, 0]
    end_by_kill(machine, children[2])
    assert machine.call(Call.WAKE, ANYWHERE, 2) == 0


def test_a_copy_of_a_word_in_memory_that_is_not_shared_is_another_word(machine):
    child = machine.fork()
    wait(machine, BSS, child)
    assert machine.call(Call.WAKE, BSS, 9) == 0


@pytest.mark.parametrize("call, more", [(Call.UNMAP, (PAGE,)), (Call.PROTECT, (PAGE, 0))])
def test_who_waits_on_a_word_that_goes_is_told(life, call, more):
    machine = driven_threads(life=life)
    handle = machine.call(Call.OBJECT_CREATE, 1)
    assert show(machine, pages=1, handle=handle) == ANYWHERE
    thread = machine.start(1)
    wait(machine, ANYWHERE + 4, thread)
    assert machine.call(call, ANYWHERE, *more) == 0
    assert machine.finish(thread) == BadAddress.number
    machine.check()


# The kernel's own accesses, and other memory.


def test_the_kernel_reads_and_writes_shared_memory_as_a_process_does(machine):
    child = machine.fork()
    for index, byte in enumerate(b"hi\n"):
        machine.write(ANYWHERE + index, byte)
    assert machine.call(Call.PUTS, ANYWHERE, 3, pid=child) == 3
    assert bytes(machine.pc.console).endswith(b"hi\n")
    assert machine.call(Call.UPTIME, ANYWHERE + PAGE - 4, pid=child) == 0  # in two pages
    assert machine.frame(ANYWHERE) == machine.frame(ANYWHERE, child)


def test_a_new_page_in_its_place_is_the_processs_own(machine):
    child = machine.fork()
    machine.write(ANYWHERE, 5)
    assert machine.call(Call.PAGE_ALLOC, ANYWHERE, pid=child) == 0
    machine.check()
    assert machine.read(ANYWHERE, child) == 0 and machine.read(ANYWHERE) == 5
    assert counts(machine) == (2, 2 * PAGES - 1)


def test_neighbours_become_one_region_if_they_show_one_object_in_the_same_way(machine):
    assert machine.call(Call.OBJECT_CREATE, 1) == 2
    end = ANYWHERE + PAGES * PAGE
    assert show(machine, end, pages=1, handle=2) == end
    assert show(machine, end + PAGE, pages=1, handle=2) == end + PAGE
    assert show(machine, end + 2 * PAGE, pages=1, handle=2, rights=READ) == end + 2 * PAGE
    assert machine.call(Call.MAP, end + 3 * PAGE, PAGE, READ) == end + 3 * PAGE
    found = [(each.start, each.kind, each.object) for each in machine.regions() if each.start >= ANYWHERE][:-1]
    assert found == [
        (ANYWHERE, RegionKind.SHARED, 1),
        (end, RegionKind.SHARED, 2),
        (end + 2 * PAGE, RegionKind.SHARED, 2),
        (end + 3 * PAGE, RegionKind.ANONYMOUS, 0),
    ]


def test_the_hole_of_an_image_may_show_an_object(machine):
    assert machine.call(Call.UNMAP, BSS, PAGE) == 0
    assert show(machine, BSS, pages=1) == BSS
    machine.write(BSS, 9)
    assert machine.read(ANYWHERE) == 9


# Limits.


def test_the_table_of_objects_and_that_of_handles_can_be_full():
    machine = driven(layout=replace(SMALL, objects=4))
    assert [machine.call(Call.OBJECT_CREATE, 1) for _ in range(4)] == [1, 2, 3, NoObjectSlot.number]
    assert machine.call(Call.DROP, 2) == 0
    assert machine.call(Call.OBJECT_CREATE, 1) == 2
    assert machine.call(Call.DROP, 3) == 0
    for number in range(2, MOST_HANDLES):
        assert machine.call(Call.MINT, 1, MAP, 0) > 0, number
    used = machine.used()
    assert machine.call(Call.OBJECT_CREATE, 1) == TooManyHandles.number
    assert machine.used() == used and len(objects(machine)) == 2
    machine.check()
