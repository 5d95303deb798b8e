"""Waiting by handles: who has one is told how a process or a thread ended, whoever's child it is."""

from dataclasses import replace

import pytest

from keelback.abi.errors import (
    BadAddress,
    BadArgument,
    BadHandle,
    NoSuchProcess,
    NoSuchThread,
    NotPermitted,
    TimedOut,
    UnknownCall,
)
from keelback.abi.handles import DESTROY, GRANT, NAMES, RECEIVE
from keelback.abi.parts import Part
from keelback.abi.records import EXITED, FAULTED, KILLED
from keelback.kernel.processes.threads import ThreadState
from kernel.driven import (
    ARGUMENT,
    BSS,
    DATA,
    NAME,
    SMALL,
    TEXT,
    Call,
    Died,
    blocks,
    driven,
    driven_threads,
    in_each_cell,
    memory_for,
)

FIRST, PARENT, CHILD, OTHER = 1, 2, 3, 4
ENDPOINT, HANDLE = 1, 2
RECORD = DATA + 128


def words(machine, address, pid, count=2):
    """Return words of 4 bytes of a process."""
    content = machine.get(address, 4 * count, pid)
    return [int.from_bytes(content[at : at + 4], "little") for at in range(0, 4 * count, 4)]


# Processes.


def make(life, layout=SMALL):
    """Return a machine whose OTHER has a handle to PARENT, of which it is no parent; PARENT has a child."""
    made = driven("it", life=life, layout=layout, memory=memory_for(layout))
    assert made.call(Call.ENDPOINT_CREATE, 8) == ENDPOINT
    assert [made.fork(), made.fork(2), made.fork()] == [PARENT, CHILD, OTHER]
    assert made.call(Call.PROCESS_HANDLE, PARENT) == HANDLE
    blocks(made, FIRST, Call.SEND, ENDPOINT, made.put_message(RECORD, handle=HANDLE))
    assert made.call(Call.RECEIVE, ENDPOINT, made.put_message(RECORD, OTHER, buffer=BSS, room=1), pid=OTHER) == 0
    return made


@pytest.fixture
def machine(life):
    made = make(life)
    yield made
    made.check()


def exits(machine, pid, status=0):
    with pytest.raises(Died):
        machine.call(Call.EXIT, status, pid=pid)


def faults(machine, pid):
    with pytest.raises(Died):
        machine.write(TEXT, 1, pid)


ENDS = {
    "exits": (lambda machine: exits(machine, PARENT, 7), [EXITED, 7]),
    "faults": (lambda machine: faults(machine, PARENT), [FAULTED, 14]),
    "is killed": (lambda machine: machine.call(Call.KILL, PARENT), [KILLED, FIRST]),
}


@pytest.mark.parametrize("how", ENDS)
def test_who_waits_is_told_when_and_how_the_process_ends(machine, how):
    blocks(machine, OTHER, Call.PROCESS_WAIT, HANDLE, BSS + 8)
    end, expected = ENDS[how]
    end(machine)
    machine.check()
    assert machine.finish(OTHER) == PARENT and words(machine, BSS + 8, OTHER) == expected
    assert machine.call(Call.WAIT, PARENT, 0) == PARENT, "its parent is told besides"


@in_each_cell
def test_who_comes_later_is_told_at_once_as_long_as_the_parent_was_not(life, layout):
    machine = make(life, layout)
    exits(machine, PARENT, 9)
    for _ in range(2):
        assert machine.call(Call.PROCESS_WAIT, HANDLE, BSS + 8, pid=OTHER) == PARENT
        assert words(machine, BSS + 8, OTHER) == [EXITED, 9]
    assert machine.call(Call.WAIT, PARENT, 0) == PARENT
    assert machine.call(Call.PROCESS_WAIT, HANDLE, BSS + 8, pid=OTHER) == NoSuchProcess.number
    machine.check()


def test_it_names_nobody_that_has_the_number_later(machine):
    exits(machine, PARENT)
    assert machine.call(Call.WAIT, PARENT, 0) == PARENT
    while (child := machine.fork()) != PARENT:
        exits(machine, child)
        assert machine.call(Call.WAIT, child, 0) == child
    assert machine.call(Call.PROCESS_WAIT, HANDLE, 0, pid=OTHER) == NoSuchProcess.number


def test_several_wait_and_one_that_nobody_waits_for_is_told_as_well(machine):
    assert machine.call(Call.DETACH, pid=PARENT) == 0
    blocks(machine, OTHER, Call.PROCESS_WAIT, HANDLE, 0)
    blocks(machine, FIRST, Call.PROCESS_WAIT, HANDLE, BSS + 8)
    exits(machine, PARENT, 3)
    assert machine.finish(OTHER) == machine.finish(FIRST) == PARENT
    assert words(machine, BSS + 8, FIRST) == [EXITED, 3]


def test_who_cant_take_the_ending_is_told_so_and_the_others_get_it(machine):
    blocks(machine, OTHER, Call.PROCESS_WAIT, HANDLE, TEXT)
    blocks(machine, FIRST, Call.PROCESS_WAIT, HANDLE, BSS + 8)
    exits(machine, PARENT)
    assert machine.finish(OTHER) == BadAddress.number and machine.finish(FIRST) == PARENT


def test_one_that_is_killed_while_it_waits_waits_no_longer(machine):
    blocks(machine, OTHER, Call.PROCESS_WAIT, HANDLE, 0)
    assert machine.call(Call.KILL, OTHER) == 0
    machine.check()
    exits(machine, PARENT)


def test_it_needs_the_right_and_the_badge_stays(machine):
    assert machine.call(Call.MINT, HANDLE, DESTROY | GRANT, 0, pid=OTHER) == HANDLE + 1
    assert machine.call(Call.PROCESS_WAIT, HANDLE + 1, 0, pid=OTHER) == NotPermitted.number
    assert machine.call(Call.PROCESS_WAIT, ENDPOINT, 0, pid=OTHER) == BadHandle.number
    assert machine.call(Call.MINT, HANDLE, RECEIVE, 1, pid=OTHER) == NotPermitted.number
    assert machine.call(Call.WAIT, PARENT, 0, pid=OTHER) < 0, "by its id it is the parent's alone"


def test_nobody_waits_for_the_end_of_its_own_process(machine):
    assert machine.call(Call.PROCESS_HANDLE, FIRST) == HANDLE + 1
    assert machine.call(Call.PROCESS_WAIT, HANDLE + 1, 0) == BadArgument.number


def test_when_nothing_can_end_it_the_machine_says_who_waits_for_whom(life):
    machine = make(life)
    blocks(machine, OTHER, Call.PROCESS_WAIT, HANDLE, 0)
    for pid in (PARENT, CHILD, FIRST):
        machine.begin(pid, TEXT, Call.RECEIVE, ENDPOINT, 0)
        machine.pc.step()
    assert b"process 4 (it), thread 4, waits for the end of process 2\n" in bytes(machine.pc.console)


# Threads.


@pytest.fixture
def threads(life):
    """Return a machine with processes 1 and 2, where the first has a handle to thread 3 of 2, 3 and 4 of the second."""
    made = driven_threads("it", "it", life=life)
    assert [made.start(2), made.start(2)] == [3, 4]
    assert made.call(Call.THREAD_HANDLE, 3, pid=2) == 2
    message = made.put_message(RECORD, 2, handle=2, rights=RECEIVE)
    blocks(made, 2, Call.SEND, NAMES, message)
    assert made.call(Call.RECEIVE, NAMES, made.put_message(RECORD, 1, buffer=BSS, room=1)) == 0
    assert made.finish(2) == 0
    yield made
    made.check()


def ends(threads, number, value=0):
    with pytest.raises(Died):
        threads.call(Call.THREAD_EXIT, value, pid=number)
    threads.check()


def test_another_process_joins_a_thread_that_ends_later(threads):
    blocks(threads, 1, Call.THREAD_WAIT, 2, BSS + 8, 0)
    ends(threads, 3, 77)
    assert threads.finish(1) == 3 and words(threads, BSS + 8, 1, 1) == [77]
    assert threads.call(Call.THREAD_JOIN, 3, 0, 0, pid=2) == NoSuchThread.number
    assert threads.call(Call.THREAD_WAIT, 2, 0, 0) == NoSuchThread.number


def test_or_one_that_ended_before(threads):
    ends(threads, 3, 78)
    assert threads.call(Call.THREAD_WAIT, 2, BSS + 8, 0) == 3 and words(threads, BSS + 8, 1, 1) == [78]
    assert threads.lens.threads.table[3].state == ThreadState.FREE


def test_whoever_waits_first_gets_the_value(threads):
    blocks(threads, 4, Call.THREAD_JOIN, 3, BSS + 8, 0)
    blocks(threads, 1, Call.THREAD_WAIT, 2, BSS + 8, 0)
    ends(threads, 3, 79)
    assert threads.finish(4) == 3 and threads.finish(1) == NoSuchThread.number


@pytest.mark.parametrize("how", ["exit", "kill", "exec", "detach", "fault"])
def test_who_waits_for_a_thread_that_leaves_no_value_is_told_so(threads, how):
    blocks(threads, 1, Call.THREAD_WAIT, 2, BSS + 8, 0)
    if how == "exec":
        assert threads.call(Call.EXEC, NAME, ARGUMENT, pid=2) == 0
    elif how == "detach":
        assert threads.call(Call.THREAD_DETACH, 3, pid=2) == 0
    elif how == "kill":
        with pytest.raises(Died):
            threads.call(Call.KILL, 2, pid=4)
    else:
        with pytest.raises(Died):
            threads.call(Call.EXIT, 0, pid=2) if how == "exit" else threads.write(TEXT, 1, 4)
    threads.check()
    assert threads.finish(1) == NoSuchThread.number
    assert threads.call(Call.THREAD_WAIT, 2, BSS + 8, 0) == NoSuchThread.number


def test_a_thread_that_has_the_number_later_is_another(threads):
    ends(threads, 3)
    assert threads.call(Call.THREAD_JOIN, 3, 0, 0, pid=2) == 3
    while (made := threads.start(2)) != 3:
        ends(threads, made)
        assert threads.call(Call.THREAD_JOIN, made, 0, 0, pid=2) == made
    assert threads.call(Call.THREAD_WAIT, 2, 0, 0) == NoSuchThread.number
    assert threads.call(Call.THREAD_WAIT, 2, 0, 0, pid=3) == NoSuchThread.number  # the caller is not who is meant


def test_a_deadline_and_what_is_wrong_are_told(threads):
    blocks(threads, 1, Call.THREAD_WAIT, 2, 0, 2)
    threads.pc.trap_time = 500
    while 1 not in threads.results:
        threads.step()
    assert threads.finish(1) == TimedOut.number
    assert threads.call(Call.THREAD_WAIT, 2, 0, 1 << 31) == BadArgument.number
    assert threads.call(Call.THREAD_WAIT, NAMES, 0, 0) == BadHandle.number
    assert threads.call(Call.MINT, 2, RECEIVE, 9) == NotPermitted.number
    assert threads.call(Call.MINT, 2, 0, 0) == 3
    assert threads.call(Call.THREAD_WAIT, 3, 0, 0) == NotPermitted.number
    for number in (0, 1, 9, 1 << 20):  # no thread of its own, but 2 is
        assert threads.call(Call.THREAD_HANDLE, number, pid=2) == NoSuchThread.number
    assert threads.call(Call.THREAD_HANDLE, 2, pid=2) == 3
    assert threads.call(Call.THREAD_WAIT, 3, 0, 0, pid=2) == BadArgument.number  # the caller itself


def test_where_there_are_no_handles_there_is_no_such_call():
    layout = replace(SMALL, parts=tuple(each for each in Part if each is not Part.MESSAGES))
    machine = driven(layout=layout)
    for call in (Call.PROCESS_WAIT, Call.THREAD_HANDLE, Call.THREAD_WAIT):
        machine.known.discard(call)
        assert machine.call(call, 1) == UnknownCall.number
