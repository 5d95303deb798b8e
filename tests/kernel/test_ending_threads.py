"""Threads that others end by a handle: wherever they are, with a value for who joins them, and nothing is left."""

import pytest

from keelback.abi.errors import BadAddress, BadHandle, NoSuchThread, NotPermitted
from keelback.abi.handles import DESTROY, NAMES, RECEIVE, UNHEARD
from keelback.kernel.processes.processes import Ending
from keelback.kernel.processes.threads import ThreadState
from kernel.driven import BSS, DATA, Call, Died, blocks, driven_threads

RECORD = DATA + 128
HANDLE, ENDPOINT, WORDS = 2, 3, 4
ANY_CHILD = -1


@pytest.fixture
def machine(life):
    """Return a machine with processes 1 and 2, and threads 3 and 4 of the second; both have a handle to thread 3."""
    made = driven_threads("it", "it", life=life)
    assert [made.start(2), made.start(2)] == [3, 4]
    assert made.call(Call.THREAD_HANDLE, 3, pid=2) == HANDLE
    blocks(made, 2, Call.SEND, NAMES, made.put_message(RECORD, 2, handle=HANDLE))
    assert made.call(Call.RECEIVE, NAMES, made.put_message(RECORD, 1, buffer=BSS, room=1)) == 0
    assert made.finish(2) == 0
    assert made.call(Call.ENDPOINT_CREATE, 0, pid=2) == ENDPOINT
    yield made
    made.check()


def end(machine, by, value=77, handle=HANDLE):
    """Let a thread end the thread of a handle; check the kernel then."""
    assert machine.call(Call.THREAD_END, handle, value, pid=by) == 0
    machine.check()


def word(machine, thread):
    return int.from_bytes(machine.get(BSS, machine.word_bits // 8, thread), "little")


def is_ready(machine):
    machine.park(3)


def sleeps(machine):
    machine.call(Call.SLEEP, 10_000, pid=3)
    assert machine.thread(3).state == ThreadState.SLEEPING


def has_a_call_received(machine):
    blocks(machine, 3, Call.CALL, ENDPOINT, 0)
    assert machine.call(Call.RECEIVE, ENDPOINT, 0, pid=4) == WORDS


def fork(machine):
    """Let thread 2 fork; return the child, whose thread is told nothing."""
    child = machine.call(Call.FORK, pid=2)
    machine.park(machine.table[child].threads.first)
    return child


def has_a_child(machine):
    fork(machine)
    blocks(machine, 3, Call.WAIT, ANY_CHILD, 0)


def waits_for_a_process(machine):
    handle = machine.call(Call.PROCESS_HANDLE, fork(machine), pid=2)
    blocks(machine, 3, Call.PROCESS_WAIT, handle, 0)


PLACES = {
    "ready": is_ready,
    "asleep": sleeps,
    "waiting on a word": lambda machine: blocks(machine, 3, Call.WAIT_ON, BSS + 64, 0, 0),
    "waiting on a word, with a deadline": lambda machine: blocks(machine, 3, Call.WAIT_ON, BSS, 0, 9),
    "sending": lambda machine: blocks(machine, 3, Call.SEND, ENDPOINT, 0),
    "calling": lambda machine: blocks(machine, 3, Call.CALL, ENDPOINT, 0),
    "calling, and a server has the call": has_a_call_received,
    "receiving": lambda machine: blocks(machine, 3, Call.RECEIVE, ENDPOINT, 0),
    "waiting for a child": has_a_child,
    "joining": lambda machine: blocks(machine, 3, Call.THREAD_JOIN, 4, 0, 0),
    "waiting for a process": waits_for_a_process,
}


@pytest.mark.parametrize("by", [1, 2], ids=["another process", "its own"])
@pytest.mark.parametrize("place", PLACES)
def test_a_thread_ends_wherever_it_is_and_who_joins_it_gets_the_value(machine, place, by):
    machine.write(BSS, 0, 2)
    machine.write(BSS, 0, 1)
    PLACES[place](machine)
    joiner = 1 if by == 2 else 2
    stacks = machine.lens.memory.frames.counts.kernel_free
    join = (Call.THREAD_WAIT, HANDLE) if joiner == 1 else (Call.THREAD_JOIN, 3)
    blocks(machine, joiner, *join, BSS, 0)
    end(machine, by)
    assert not machine.is_alive(3)
    assert machine.finish(joiner) == 3 and word(machine, joiner) == 77
    assert machine.lens.memory.frames.counts.kernel_free > stacks
    assert machine.call(Call.THREAD_END, HANDLE, 0, pid=by) == NoSuchThread.number


def test_the_reply_to_a_call_of_a_thread_that_ended_reaches_nobody(machine):
    has_a_call_received(machine)
    end(machine, 1)
    assert machine.call(Call.REPLY, WORDS, 0, pid=4) == UNHEARD


def test_who_waits_behind_it_is_served_as_if_it_had_not_been_there(machine):
    for thread in (3, 4):
        blocks(machine, thread, Call.SEND, ENDPOINT, 0)
    end(machine, 1)
    assert machine.call(Call.RECEIVE, ENDPOINT, 0, pid=2) == 0 and machine.finish(4) == 0


def test_a_thread_that_ended_keeps_its_value_until_it_is_joined(machine):
    end(machine, 2, 78)
    assert machine.call(Call.THREAD_END, HANDLE, 79, pid=1) == NoSuchThread.number
    assert machine.call(Call.THREAD_JOIN, 3, BSS, 0, pid=2) == 3 and word(machine, 2) == 78


def test_a_joiner_whose_memory_is_not_there_is_told_so_and_the_next_gets_the_value(machine):
    blocks(machine, 4, Call.THREAD_JOIN, 3, 4, 0)
    blocks(machine, 1, Call.THREAD_WAIT, HANDLE, BSS, 0)
    end(machine, 2)
    assert machine.finish(4) == BadAddress.number
    assert machine.finish(1) == 3 and word(machine, 1) == 77


def test_one_that_is_detached_leaves_nothing(machine):
    assert machine.call(Call.THREAD_DETACH, 3, pid=2) == 0
    end(machine, 1)
    assert machine.call(Call.THREAD_JOIN, 3, 0, 0, pid=2) == NoSuchThread.number


def test_a_thread_ends_itself_by_a_handle(machine):
    own = machine.call(Call.THREAD_HANDLE, 4, pid=4)
    with pytest.raises(Died):
        machine.call(Call.THREAD_END, own, 5, pid=4)
    assert machine.call(Call.THREAD_JOIN, 4, BSS, 0, pid=2) == 4 and word(machine, 2) == 5


def test_the_last_thread_takes_its_process_with_it(machine):
    for thread in (2, 4):
        with pytest.raises(Died):
            machine.call(Call.THREAD_EXIT, 0, pid=thread)
    end(machine, 1)
    process = machine.table[2]
    assert (process.ending, process.exit_status, process.threads.first) == (Ending.EXITED, 0, 0)


def test_the_right_and_the_handle_are_needed(machine):
    lesser = machine.call(Call.MINT, HANDLE, RECEIVE, 0)
    assert machine.call(Call.THREAD_END, lesser, 0) == NotPermitted.number
    for handle in (0, 9, NAMES):
        assert machine.call(Call.THREAD_END, handle, 0) == BadHandle.number
    only = machine.call(Call.MINT, HANDLE, DESTROY, 0)
    assert machine.call(Call.THREAD_WAIT, only, 0, 0) == NotPermitted.number
    end(machine, 1, handle=only)


def test_its_number_is_another_threads_later_and_the_handle_names_nobody(machine):
    end(machine, 1)
    assert machine.call(Call.THREAD_JOIN, 3, 0, 0, pid=2) == 3
    while (made := machine.start(2)) != 3:
        with pytest.raises(Died):
            machine.call(Call.THREAD_EXIT, 0, pid=made)
        assert machine.call(Call.THREAD_JOIN, made, 0, 0, pid=2) == made
    assert machine.call(Call.THREAD_END, HANDLE, 0) == NoSuchThread.number and machine.is_alive(3)
