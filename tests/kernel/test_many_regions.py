"""A thousand regions in one process, by its own calls: what they are, their frames, and without any left."""

import random

import pytest

from keelback.abi.errors import OutOfMemory
from keelback.kernel.layout import MICROKERNEL
from keelback.kernel.memory.regions import IN_NODE
from keelback.kernel.memory.space_records import FEW, SPARE
from keelback.kernel.x86.paging import USER, WRITABLE
from kernel.driven import ANYWHERE, ARGUMENT, NAME, PAGE, Call, Died, Driven, driven
from kernel.scarce import TABLE, Held
from kernel.traces import assert_equal, memory, range_of, state
from support import MIB

NONE, READ, WRITE, SPARSE = 0, 1, 2, 4
MANY = 1000
FULL = IN_NODE - SPARE
"""As many regions as lie in one node."""
PERMISSIONS = {NONE: 0, READ: USER, WRITE: USER | WRITABLE}


@pytest.fixture
def machine(life):
    made = driven("it", life=life, memory=16 * MIB, check=False)
    yield made
    made.check()


def place(number: int) -> int:
    """Return where a page lies, by its number."""
    return ANYWHERE + number * PAGE


def do(machine: Driven, call: Call, *arguments: int, pid: int = 1) -> None:
    """Let a process make a call that succeeds."""
    assert machine.call(call, *arguments, pid=pid) in (0, arguments[0])


def many(machine: Driven, count: int = MANY) -> None:
    """Let process 1 have so many regions more: pages side by side, to be read and to be written in turn."""
    for number in range(count):
        do(machine, Call.MAP, place(number), PAGE, WRITE if number % 2 else READ)


def anonymous(machine: Driven, pid: int = 1) -> list[tuple[int, int, int]]:
    """Return the pages that regions above ANYWHERE start and end at, as numbers, and the permissions."""
    found = [each for each in machine.regions(pid) if ANYWHERE <= each.start < MICROKERNEL.malloc_base]
    return [((r.start - ANYWHERE) // PAGE, (r.end - ANYWHERE) // PAGE, r.permissions) for r in found]


def test_pages_with_permissions_in_turn_are_each_a_region_and_alike_they_are_one(machine):
    used, few = machine.used(), machine.process(1).space.count
    many(machine)
    assert anonymous(machine) == [(n, n + 1, USER | WRITABLE if n % 2 else USER) for n in range(MANY)]
    assert machine.process(1).space.nodes == 4 == machine.used()[1] - used[1]
    machine.write(place(501), 7)
    assert machine.read(place(501)) == 7 and machine.read(place(502)) == 0
    machine.check()
    do(machine, Call.PROTECT, place(0), MANY * PAGE, WRITE)
    assert anonymous(machine) == [(0, MANY, USER | WRITABLE)]
    assert machine.process(1).space.nodes == 0 and machine.read(place(501)) == 7
    do(machine, Call.UNMAP, place(0), MANY * PAGE)
    assert (machine.used(), machine.process(1).space.count) == (used, few)


def test_every_second_page_that_goes_leaves_a_region_more(machine):
    used = machine.used()
    do(machine, Call.MAP, place(0), 2 * MANY * PAGE, WRITE)
    for number in range(1, 2 * MANY, 2):
        do(machine, Call.UNMAP, place(number), PAGE)
    assert anonymous(machine) == [(n, n + 1, USER | WRITABLE) for n in range(0, 2 * MANY, 2)]
    for number in (0, 2, 1000, 2 * MANY - 2):
        machine.write(place(number), 1)
    assert machine.call(Call.MAP, 0, 2 * PAGE, READ) == place(2 * MANY - 1)
    assert machine.call(Call.MAP, 0, PAGE, READ) == place(1)
    machine.check()
    do(machine, Call.UNMAP, place(0), 3 * MANY * PAGE)
    assert anonymous(machine) == [] and machine.used() == used


def test_a_page_in_a_gap_is_no_mans(machine):
    many(machine, 300)
    do(machine, Call.UNMAP, place(150), PAGE)
    with pytest.raises(Died):
        machine.read(place(150))
    assert machine.process(1).fault.address == place(150)


def test_a_child_has_a_thousand_regions_too_and_gives_its_nodes_back(machine):
    many(machine)
    for number in (1, 333, 999):
        machine.write(place(number), number % 251)
    used, before = machine.used(), memory(machine.lens, 1)
    child = machine.fork()
    assert anonymous(machine, child) == anonymous(machine) and memory(machine.lens, child) == before
    machine.check()
    do(machine, Call.UNMAP, place(100), 700 * PAGE, pid=child)
    assert memory(machine.lens, 1) == before and len(anonymous(machine, child)) == MANY - 700
    machine.check()
    with pytest.raises(Died):
        machine.call(Call.EXIT, 0, pid=child)
    assert machine.call(Call.WAIT, child, 0) == child
    assert machine.used() == used


def test_exec_and_exit_give_all_nodes_back(machine):
    child = machine.fork()
    used = machine.used()
    many(machine)
    with pytest.raises(Died):
        machine.call(Call.EXIT, 0)
    machine.check()
    for number in range(300):
        do(machine, Call.MAP, place(2 * number), PAGE, READ, pid=child)
    assert machine.process(child).space.nodes == 2
    machine.call(Call.EXEC, NAME, ARGUMENT, pid=child)
    assert machine.process(child).space.nodes == 0 and machine.used() < used


def full(machine: Driven) -> Held:
    """Let process 1 have as many regions as its node holds, and let no frame of the kernel zone be left."""
    for number in range(FULL - 1 - machine.process(1).space.count):
        do(machine, Call.MAP, place(2 * number), PAGE, NONE)
    do(machine, Call.MAP, place(2 * FULL), 3 * PAGE, WRITE)
    assert (machine.process(1).space.count, machine.process(1).space.nodes) == (FULL, 1)
    held = Held(machine)
    held.leave_in("kernel", 0)
    return held


NEED_ANOTHER = [
    (Call.MAP, place(1000), PAGE, NONE),
    (Call.UNMAP, place(2 * FULL + 1), PAGE),
    (Call.PROTECT, place(2 * FULL + 1), PAGE, READ),
    (Call.PROTECT, place(2 * FULL), PAGE, READ),
    (Call.PAGE_ALLOC, place(1)),
    (Call.MALLOC_PAGES, 1),
]
NEED_NONE = [
    (Call.MAP, place(2 * FULL - 1), PAGE, WRITE),
    (Call.PROTECT, place(2), PAGE, NONE),
    (Call.UNMAP, place(1), PAGE),
    (Call.PROTECT, place(2 * FULL), 3 * PAGE, READ),
    (Call.UNMAP, place(2 * FULL + 2), PAGE),
    (Call.UNMAP, place(2), PAGE),
]


@pytest.mark.parametrize("request_", NEED_ANOTHER, ids=lambda each: each[0].name)
def test_a_region_more_than_nodes_hold_needs_a_frame_and_changes_nothing_without(machine, request_):
    held = full(machine)
    caller = range_of(machine.thread(1).frame)
    assert machine.call(Call.GETPID) == 1
    before = state(machine.pc, caller)
    assert machine.call(*request_) == OutOfMemory.number
    assert_equal(machine.pc, state(machine.pc, caller), before)
    held.give_back()
    assert machine.call(*request_) in (0, request_[1], (MICROKERNEL.malloc_base - 2**32))


@pytest.mark.parametrize("request_", NEED_NONE, ids=lambda each: f"{each[0].name} {each[1]:x}")
def test_what_leaves_no_region_more_needs_no_frame(machine, request_):
    held = full(machine)
    assert machine.call(*request_) in (0, request_[1])
    held.give_back()


def test_without_a_frame_a_process_unmaps_whole_regions_first(machine):
    held = full(machine)
    middle = (Call.UNMAP, place(2 * FULL + 1), PAGE)
    assert machine.call(*middle) == OutOfMemory.number
    do(machine, Call.UNMAP, place(0), PAGE)
    do(machine, *middle)
    held.give_back()


@pytest.mark.parametrize("left", range(5))
def test_a_fork_of_many_regions_has_all_nodes_or_leaves_nothing(machine, left):
    """A child needs a directory, a stack, a table for the image and one for the stack, and its nodes."""
    many(machine, 300)
    held, needed = Held(machine), 2 + 2 + 2
    tables = machine.process(1).space.promised.tables
    held.leave_in("kernel", needed + tables - left)
    before = machine.used()
    child = machine.call(Call.FORK)
    if left:
        assert child == OutOfMemory.number and machine.used() == before
    else:
        machine.park(child)
        assert anonymous(machine, child) == anonymous(machine)
    held.give_back()


def test_promises_are_those_of_the_pages_that_are_left_whatever_is_protected(life):
    """Memory of all kinds around the borders of four tables, some of which are there; invariants count again."""
    machine, chance = driven("it", life=life, memory=16 * MIB, check=False), random.Random(11)
    for number in range(4):
        border = ANYWHERE + (number + 1) * TABLE
        for first, last, permission in ((-9, -5, WRITE | SPARSE), (-5, -1, READ), (-1, 3, WRITE), (3, 6, NONE)):
            do(machine, Call.MAP, border + first * PAGE, (last - first) * PAGE, permission)
    for number in range(120):
        border = ANYWHERE + chance.randint(1, 4) * TABLE
        first = chance.randrange(-9, 6)
        start, end = border + first * PAGE, border + chance.randint(first + 1, 6) * PAGE
        if number % 12 == 11:
            do(machine, Call.UNMAP, start, end - start)
            do(machine, Call.MAP, start, end - start, chance.choice([NONE, READ, WRITE, WRITE | SPARSE]))
        elif number % 12 == 5 and machine.lens.regions.find(machine.process(1).space, start).permissions:
            machine.read(start)
        else:
            do(machine, Call.PROTECT, start, end - start, chance.choice([NONE, NONE, READ, WRITE]))
        machine.check()


def test_random_requests_leave_the_regions_of_a_model_of_pages(life):
    """Hundreds of regions, checked and compared after each request in turn with the permissions of single pages."""
    machine, chance, pages, most = driven("it", life=life, memory=16 * MIB, check=False), random.Random(5), {}, 0
    for number in range(900):
        grow = number % 450 < 400
        first, count = chance.randrange(700), chance.choice([1, 1, 1, 2] if grow else [1, 20, 60])
        here, permission = range(first, first + count), chance.choice([NONE, READ, WRITE])
        present = [page for page in here if page in pages]
        if not present:
            do(machine, Call.MAP, place(first), count * PAGE, permission)
            pages |= dict.fromkeys(here, PERMISSIONS[permission])
        elif len(present) == count and chance.random() < 0.6:
            do(machine, Call.PROTECT, place(first), count * PAGE, permission)
            pages |= dict.fromkeys(here, PERMISSIONS[permission])
        elif not grow or chance.random() < 0.1:
            do(machine, Call.UNMAP, place(first), count * PAGE)
            pages = {page: each for page, each in pages.items() if page not in here}
        assert anonymous(machine) == as_regions(pages)
        most = max(most, machine.process(1).space.count)
        if number % 50 == 0:
            machine.check()
    assert most > FULL > FEW


def as_regions(pages: dict[int, int]) -> list[tuple[int, int, int]]:
    found: list[tuple[int, int, int]] = []
    for page, allowed in sorted(pages.items()):
        if found and found[-1][1:] == (page, allowed):
            found[-1] = (found[-1][0], page + 1, allowed)
        else:
            found.append((page, page + 1, allowed))
    return found
