"""Waiting on words: nothing is missed between the look and the wait, and fork and copies change nothing."""

import pytest

from keelback.abi.errors import BadAddress, BadArgument, TimedOut
from keelback.kernel.processes.word_waits import CHANGED
from kernel.driven import ANYWHERE, ARGUMENT, BSS, DATA, MALLOC, NAME, PAGE, TEXT, Blocked, Call, Died, driven_threads

READ, WRITE = 1, 2
LIBRARY = DATA + 48
IN_THE_SAME_QUEUE = 0x104
FAR_IN_THE_SAME_QUEUE = 64 << 20
"""Bytes between two words that have one queue; so far on, there is no memory."""


@pytest.fixture
def machine(life):
    """Return a machine with processes 1 and 2, of which the second has threads 2, 3 and 4."""
    made = driven_threads("it", "it", life=life)
    assert [made.start(2), made.start(2)] == [3, 4]
    yield made
    made.check()


def wait(machine, number, address, value=0, ticks=0):
    with pytest.raises(Blocked):
        machine.call(Call.WAIT_ON, address, value, ticks, pid=number)
    machine.check()


def waits(machine, *numbers):
    return all(machine.thread(number).queue for number in numbers)


def test_who_waits_is_woken_by_who_says_so(machine):
    wait(machine, 3, BSS)
    assert machine.call(Call.WAKE, BSS, 1, pid=2) == 1
    assert machine.finish(3) == 0


def test_who_finds_another_value_does_not_wait(machine):
    machine.write(BSS + 3, 1, 2)
    assert machine.call(Call.WAIT_ON, BSS, 0, 0, pid=3) == CHANGED
    wait(machine, 3, BSS, 1 << 24)
    assert machine.call(Call.WAKE, BSS, 1, pid=4) == 1


def test_those_on_one_word_are_woken_in_turn_and_no_others(machine):
    made = machine.start(2)
    for number, address in ((4, BSS), (2, BSS + IN_THE_SAME_QUEUE), (3, BSS)):
        wait(machine, number, address)
    assert machine.thread(2).queue == machine.thread(3).queue
    assert machine.call(Call.WAKE, BSS, 9, pid=1) == 0  # another process
    assert machine.call(Call.WAKE, BSS, 1, pid=made) == 1
    assert machine.finish(4) == 0 and waits(machine, 2, 3)
    assert machine.call(Call.WAKE, BSS, 9, pid=made) == 1
    assert machine.finish(3) == 0 and waits(machine, 2)


def test_who_waits_alone_is_woken_by_its_own_word_and_by_a_wake_of_some(machine):
    wait(machine, 3, BSS)
    assert machine.call(Call.WAKE, BSS + IN_THE_SAME_QUEUE, 1, pid=2) == 0 and waits(machine, 3)
    assert machine.call(Call.WAKE, BSS, 0, pid=2) == 0 and waits(machine, 3)
    assert machine.call(Call.WAKE, BSS, 1, pid=2) == 1
    assert machine.finish(3) == 0


def test_only_so_many_are_woken(machine):
    made = machine.start(2)
    for number in (4, 2, 3):
        wait(machine, number, BSS)
    assert machine.call(Call.WAKE, BSS, 0, pid=made) == 0
    assert machine.call(Call.WAKE, BSS, 2, pid=made) == 2
    assert machine.finish(4) == 0 and machine.finish(2) == 0 and waits(machine, 3)
    assert machine.call(Call.WAKE, BSS, -1, pid=made) == 1
    assert machine.finish(3) == 0


@pytest.mark.parametrize(
    ("call", "arguments", "error"),
    [
        (Call.WAIT_ON, (BSS + 2, 0, 0), BadArgument), (Call.WAIT_ON, (BSS, 0, 1 << 31), BadArgument),
        (Call.WAIT_ON, (ANYWHERE, 0, 0), BadAddress), (Call.WAIT_ON, (0, 0, 0), BadAddress),
        (Call.WAIT_ON, (-4, 0, 0), BadAddress), (Call.WAKE, (BSS + 1, 1), BadArgument), (Call.WAKE, (0, 1), BadAddress),
    ],
)  # fmt: skip
def test_what_is_no_word_of_the_callers_is_refused(machine, call, arguments, error):
    assert machine.call(call, *arguments, pid=2) == error.number


def test_a_wake_where_no_memory_is_fails_whether_memory_is_shared_or_not(machine):
    assert machine.call(Call.WAKE, ANYWHERE + PAGE, 1, pid=2) == BadAddress.number
    handle = machine.call(Call.OBJECT_CREATE, 1, pid=2)
    assert machine.call(Call.OBJECT_MAP, handle, ANYWHERE, PAGE, WRITE, pid=2) == ANYWHERE
    assert machine.call(Call.WAKE, ANYWHERE + PAGE, 1, pid=2) == BadAddress.number
    assert machine.call(Call.WAKE, BSS, 1, pid=2) == 0 and machine.call(Call.WAKE, ANYWHERE, 1, pid=2) == 0


def test_a_wake_where_no_memory_is_fails_beside_others_that_wait(machine):
    wait(machine, 3, BSS)
    assert machine.call(Call.WAKE, BSS + FAR_IN_THE_SAME_QUEUE, 1, pid=2) == BadAddress.number and waits(machine, 3)


def test_a_deadline_ends_the_wait(machine):
    wait(machine, 3, BSS, ticks=3)
    for number in (1, 2, 4):
        assert machine.call(Call.SLEEP, 100, pid=number) == 0
    machine.run(3)
    assert machine.results.pop(3) == TimedOut.number
    assert machine.call(Call.WAKE, BSS, 1, pid=3) == 0


def test_fork_and_copies_between_wait_and_wake_change_nothing(machine):
    machine.write(BSS, 5, 2)
    wait(machine, 3, BSS, 5)
    assert machine.call(Call.FORK, pid=2) == 3
    machine.park(5)
    before = machine.frame(BSS, 2)
    machine.write(BSS, 6, 2)  # a copy: the child has the old frame
    assert machine.frame(BSS, 2) != before
    machine.check()
    assert machine.call(Call.WAKE, BSS, 1, pid=5) == 0  # the child's own word
    assert machine.call(Call.WAIT_ON, BSS, 6, 0, pid=5) == CHANGED
    assert machine.call(Call.WAKE, BSS, 1, pid=4) == 1
    assert machine.finish(3) == 0


@pytest.mark.parametrize("how", ["unmap", "protect", "unmap beside"])
def test_who_waits_on_memory_that_goes_is_told(machine, how):
    assert machine.call(Call.MAP, ANYWHERE, 2 * PAGE, WRITE, pid=2) == ANYWHERE
    wait(machine, 3, ANYWHERE + 8)
    wait(machine, 4, ANYWHERE + PAGE, ticks=50)
    if how == "protect":
        assert machine.call(Call.PROTECT, ANYWHERE, 2 * PAGE, 0, pid=2) == 0
    else:
        assert machine.call(Call.UNMAP, ANYWHERE, PAGE if how == "unmap beside" else 2 * PAGE, pid=2) == 0
    machine.check()
    assert machine.finish(3) == BadAddress.number
    if how == "unmap beside":
        assert waits(machine, 4)
    else:
        assert machine.finish(4) == BadAddress.number


def test_who_waits_on_a_malloc_page_or_a_library_that_goes_is_told(machine):
    assert machine.call(Call.MALLOC_PAGES, 1, pid=2) & 0xFFFF_FFFF == MALLOC
    library = machine.call(Call.LOAD_LIBRARY, LIBRARY, pid=2)
    wait(machine, 3, MALLOC)
    wait(machine, 4, library + 3 * PAGE)
    assert machine.call(Call.FREE_PAGES, MALLOC, 1, pid=2) == 0
    assert machine.finish(3) == BadAddress.number and waits(machine, 4)
    assert machine.call(Call.UNLOAD_LIBRARY, library, pid=2) == 0
    assert machine.finish(4) == BadAddress.number


@pytest.mark.parametrize("kind", ["own", "shared"])
def test_who_waits_on_a_page_that_is_replaced_is_told(machine, kind):
    if kind == "own":
        assert machine.call(Call.MAP, ANYWHERE, 2 * PAGE, WRITE, pid=2) == ANYWHERE
    else:
        shown = machine.call(Call.OBJECT_CREATE, 2, pid=2)
        assert machine.call(Call.OBJECT_MAP, shown, ANYWHERE, 2 * PAGE, WRITE, pid=2) == ANYWHERE
        assert machine.call(Call.FORK, pid=2) == 3
        machine.park(5)
    wait(machine, 3, ANYWHERE + 8)
    wait(machine, 4, ANYWHERE + PAGE)
    assert machine.call(Call.PAGE_ALLOC, ANYWHERE, pid=2) == 0
    machine.check()
    assert machine.finish(3) == BadAddress.number and waits(machine, 4)
    if kind == "shared":
        assert machine.call(Call.WAKE, ANYWHERE + 8, 9, pid=5) == 0
        assert machine.call(Call.WAKE, ANYWHERE + PAGE, 9, pid=5) == 1


@pytest.mark.parametrize("how", ["exit", "exec", "kill", "fault"])
def test_ends_find_those_that_wait(machine, how):
    wait(machine, 3, BSS, ticks=50)
    wait(machine, 4, BSS)
    if how == "exec":
        assert machine.call(Call.EXEC, NAME, ARGUMENT, pid=2) == 0
    elif how == "kill":
        assert machine.call(Call.KILL, 2, pid=1) == 0
    else:
        with pytest.raises(Died):
            machine.call(Call.EXIT, 0, pid=2) if how == "exit" else machine.write(TEXT, 1, 2)
    machine.check()
    assert not machine.is_alive(3) and not machine.is_alive(4)


def test_reading_a_word_that_was_never_touched_takes_no_memory(machine):
    assert machine.call(Call.MAP, ANYWHERE, PAGE, READ, pid=2) == ANYWHERE
    used = machine.used()
    wait(machine, 3, ANYWHERE)
    assert machine.used() == used


def test_a_word_of_a_memory_object_is_one_wherever_it_is_shown(machine):
    handle = machine.call(Call.OBJECT_CREATE, 2, pid=2)
    place = machine.call(Call.OBJECT_MAP, handle, ANYWHERE, 2 * PAGE, WRITE, pid=2)
    assert place == ANYWHERE and machine.call(Call.FORK, pid=2) == 3
    machine.park(5)
    again = machine.call(Call.OBJECT_MAP, handle, ANYWHERE + 8 * PAGE, PAGE, PAGE + WRITE, pid=5)
    assert again == ANYWHERE + 8 * PAGE
    wait(machine, 3, place + PAGE + 8)
    wait(machine, 4, BSS)
    assert machine.call(Call.WAKE, place + 8, 9, pid=5) == 0
    assert machine.call(Call.WAKE, BSS, 9, pid=5) == 0
    assert machine.call(Call.WAKE, again + 8, 9, pid=5) == 1
    assert machine.finish(3) == 0 and waits(machine, 4)
