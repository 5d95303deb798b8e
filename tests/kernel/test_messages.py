"""Messages: what comes is what was sent, to whom it was sent, and whoever can get no answer is told so."""

import pytest

from keelback.abi.errors import (
    BadArgument,
    BadHandle,
    Closed,
    NoReply,
    NotPermitted,
    TooManyHandles,
)
from keelback.abi.handles import ALL, MOST_HANDLES, RECEIVE, SEND, UNHEARD
from keelback.kernel.messages.handle_table import FEW
from kernel.driven import CALL, Call, Died, blocks, driven, register

SERVER, FIRST, SECOND, THIRD = 1, 2, 3, 4
ENDPOINT = 1  # the handle that all have


@pytest.fixture
def machine(life):
    """Return a machine with a server and three children of it, which all have a handle to one endpoint."""
    made = driven("it", life=life)
    assert made.call(Call.ENDPOINT_CREATE, 0) == ENDPOINT
    assert [made.fork() for _ in range(3)] == [FIRST, SECOND, THIRD]
    yield made
    made.check()


def words(machine, pid):
    """Return what came for a process: the badge and three words."""
    frame = machine.thread(pid).frame
    return tuple(register(frame, name) for name in ("bx", "si", "di", "bp"))


def send(machine, pid, *message):
    blocks(machine, pid, Call.SEND, ENDPOINT, 0, *message)


def call(machine, pid, *message):
    blocks(machine, pid, Call.CALL, ENDPOINT, 0, *message)


def test_a_message_waits_for_its_receiver_and_its_sender_goes_on_then(machine):
    send(machine, FIRST, 1, 2, 3)
    assert machine.call(Call.RECEIVE, ENDPOINT) == 0
    assert words(machine, SERVER) == (0, 1, 2, 3)
    assert machine.finish(FIRST) == 0


def test_a_receiver_waits_for_a_message_and_its_sender_goes_on_at_once(machine):
    blocks(machine, SERVER, Call.RECEIVE, ENDPOINT)
    assert machine.call(Call.SEND, ENDPOINT, 0, 4, 5, 6, pid=FIRST) == 0
    assert machine.finish(SERVER) == 0 and words(machine, SERVER) == (0, 4, 5, 6)


def test_who_comes_first_is_received_first_and_who_waits_first_receives_first(machine):
    for pid in (THIRD, FIRST, SECOND):
        send(machine, pid, pid)
    received = []
    for _ in range(3):
        assert machine.call(Call.RECEIVE, ENDPOINT) == 0
        received.append(words(machine, SERVER)[1])
    assert received == [THIRD, FIRST, SECOND]
    for pid in (SECOND, THIRD):
        blocks(machine, pid, Call.RECEIVE, ENDPOINT)
    for number in (7, 8):
        assert machine.call(Call.SEND, ENDPOINT, 0, number, pid=FIRST) == 0
    assert [(machine.finish(pid), words(machine, pid)[1]) for pid in (SECOND, THIRD)] == [(0, 7), (0, 8)]


def test_a_call_is_replied_to_by_a_handle_that_serves_once(machine):
    call(machine, FIRST, 1, 2, 3)
    reply = machine.call(Call.RECEIVE, ENDPOINT)
    assert reply == 2 and words(machine, SERVER) == (0, 1, 2, 3)
    machine.check()
    assert machine.call(Call.REPLY, reply, 0, 7, 8, 9) == 0
    assert machine.finish(FIRST) == 0 and words(machine, FIRST) == (0, 7, 8, 9)
    assert machine.call(Call.REPLY, reply, 0, 7, 8, 9) == BadHandle.number


def test_a_server_may_hold_many_calls_and_reply_in_any_order(machine):
    for pid in (FIRST, SECOND, THIRD):
        call(machine, pid, pid)
    handles = {pid: machine.call(Call.RECEIVE, ENDPOINT) for pid in (FIRST, SECOND, THIRD)}
    assert [*handles.values()] == [2, 3, 4]
    for pid in (SECOND, THIRD, FIRST):
        assert machine.call(Call.REPLY, handles[pid], 0, 10 * pid) == 0
        machine.check()
    assert [(machine.finish(pid), words(machine, pid)[1]) for pid in handles] == [(0, 20), (0, 30), (0, 40)]


def test_the_receiver_of_a_call_runs_at_once_and_the_caller_when_the_server_waits_again(machine):
    blocks(machine, SERVER, Call.REPLY_RECEIVE, ENDPOINT)
    machine.begin(FIRST, CALL, Call.CALL, ENDPOINT, 0, 1)
    machine.step()
    assert machine.current == SERVER and machine.finish(SERVER) == 2
    machine.begin(SERVER, CALL, Call.REPLY_RECEIVE, 2 << 16 | ENDPOINT, 0, 5)
    machine.step()
    assert machine.current == FIRST and machine.finish(FIRST) == 0 and words(machine, FIRST)[1] == 5


def test_reply_receive_takes_the_next_call_when_one_waits(machine):
    call(machine, FIRST, 1)
    assert machine.call(Call.REPLY_RECEIVE, ENDPOINT) == 2
    call(machine, SECOND, 2)
    assert machine.call(Call.REPLY_RECEIVE, 2 << 16 | ENDPOINT, 0, 50) == 2 and words(machine, SERVER)[1] == 2
    assert machine.finish(FIRST) == 0 and words(machine, FIRST)[1] == 50


def test_a_caller_is_told_that_nobody_can_reply_when_the_handle_is_dropped(machine):
    call(machine, FIRST)
    assert machine.call(Call.DROP, machine.call(Call.RECEIVE, ENDPOINT)) == 0
    assert machine.finish(FIRST) == NoReply.number


def test_a_caller_is_told_that_nobody_can_reply_when_the_server_ends(machine):
    call(machine, FIRST)
    assert machine.call(Call.RECEIVE, ENDPOINT, pid=SECOND) == 2
    with pytest.raises(Died):
        machine.call(Call.EXIT, 0, pid=SECOND)
    machine.check()
    assert machine.finish(FIRST) == NoReply.number


def test_the_reply_to_a_caller_that_has_ended_reaches_nobody(machine):
    call(machine, FIRST)
    reply = machine.call(Call.RECEIVE, ENDPOINT)
    thread, child = machine.thread(FIRST).number, FIRST
    for _ in range(20):  # until a child has the thread that had called
        assert machine.call(Call.KILL, child) == 0 and machine.call(Call.WAIT, child, 0) == child
        machine.check()
        child = machine.fork()
        if machine.thread(child).number == thread:
            break
    assert machine.thread(child).number == thread
    call(machine, child)
    assert machine.call(Call.RECEIVE, ENDPOINT, pid=SECOND) == 2
    assert machine.call(Call.REPLY, reply, 0, 1, 2, 3) == UNHEARD
    assert machine.call(Call.REPLY, reply, 0, 1, 2, 3) == BadHandle.number
    machine.check()


def test_a_child_has_its_parents_handles_but_none_to_reply(machine):
    call(machine, FIRST)
    reply = machine.call(Call.RECEIVE, ENDPOINT)
    assert machine.call(Call.MINT, ENDPOINT, SEND, 7) == reply + 1
    child = machine.fork()
    machine.check()
    assert machine.call(Call.REPLY, reply, 0, pid=child) == BadHandle.number
    assert machine.call(Call.DROP, reply + 1, pid=child) == 0
    assert machine.call(Call.DROP, ENDPOINT, pid=child) == 0
    assert machine.call(Call.REPLY, reply, 0) == 0


def test_a_child_whose_handles_are_fewer_than_its_parents_has_them_where_fewer_lie(machine):
    while machine.call(Call.MINT, ENDPOINT, SEND, 0) <= FEW:
        pass
    for pid in (FIRST, SECOND):
        call(machine, pid)
    assert [machine.call(Call.RECEIVE, ENDPOINT) for _ in range(2)] == [FEW + 2, FEW + 3]
    assert machine.call(Call.DROP, FEW + 1) == 0  # a number that is free, below those to reply
    child = machine.fork()
    machine.check()
    assert machine.call(Call.MINT, ENDPOINT, SEND, 0, pid=child) == FEW + 1
    assert machine.call(Call.REPLY, FEW + 2, pid=child) == BadHandle.number
    assert machine.call(Call.REPLY, FEW + 2) == 0


def test_a_minted_handle_has_no_more_rights_and_its_own_badge(machine):
    assert machine.call(Call.MINT, ENDPOINT, SEND, 0x1234) == 2
    assert machine.call(Call.MINT, 2, SEND | RECEIVE, 0) == NotPermitted.number
    assert machine.call(Call.MINT, 2, SEND, 9) == NotPermitted.number
    assert machine.call(Call.MINT, 2, SEND, 0x1234) == 3 and machine.call(Call.MINT, 2, SEND, 0) == 4
    assert machine.call(Call.RECEIVE, 2, 0) == NotPermitted.number
    assert machine.call(Call.ENDPOINT_DESTROY, 2, 0) == NotPermitted.number
    assert machine.call(Call.MINT, ENDPOINT, ALL + 1, 0) == BadArgument.number
    for handle in (2, 3, 4):
        blocks(machine, FIRST, Call.RECEIVE, ENDPOINT)
        assert machine.call(Call.SEND, handle, 0) == 0
        assert machine.finish(FIRST) == 0 and words(machine, FIRST)[0] == 0x1234


@pytest.mark.parametrize("number", [Call.SEND, Call.CALL, Call.RECEIVE, Call.REPLY, Call.MINT, Call.DROP])
def test_a_number_that_is_no_handle_is_refused(machine, number):
    for handle in (0, 2, 7, MOST_HANDLES, MOST_HANDLES + 1, 0x7FFF_FFFF):
        assert machine.call(number, handle, 0) == BadHandle.number


def test_destroying_an_endpoint_wakes_all_who_wait_there(machine):
    call(machine, FIRST)
    assert machine.call(Call.RECEIVE, ENDPOINT) == 2
    send(machine, SECOND)
    call(machine, THIRD)
    assert machine.call(Call.ENDPOINT_DESTROY, ENDPOINT) == 0
    machine.check()
    assert [machine.finish(pid) for pid in (FIRST, SECOND, THIRD)] == [Closed.number] * 3
    assert machine.call(Call.REPLY, 2, 0) == UNHEARD
    for number in (Call.SEND, Call.CALL, Call.RECEIVE, Call.ENDPOINT_DESTROY):
        assert machine.call(number, ENDPOINT, 0) == Closed.number


def test_an_endpoint_that_nobody_can_receive_from_is_closed(machine):
    send_only = machine.call(Call.MINT, ENDPOINT, SEND, 0, pid=FIRST)
    assert machine.call(Call.DROP, ENDPOINT, pid=FIRST) == 0
    blocks(machine, FIRST, Call.SEND, send_only, 0)
    for pid in (SERVER, SECOND, THIRD):
        assert machine.call(Call.DROP, ENDPOINT, pid=pid) == 0
        machine.check()
    assert machine.finish(FIRST) == Closed.number
    assert machine.call(Call.SEND, send_only, 0, pid=FIRST) == Closed.number


def test_a_caller_keeps_waiting_when_the_last_handle_goes_but_the_one_to_reply(machine):
    call(machine, FIRST)
    assert machine.call(Call.RECEIVE, ENDPOINT) == 2
    for pid in (SECOND, THIRD):
        assert machine.call(Call.DROP, ENDPOINT, pid=pid) == 0
    assert machine.call(Call.DROP, ENDPOINT) == 0
    machine.check()
    assert machine.call(Call.REPLY, 2, 0, 9) == 0
    assert machine.finish(FIRST) == 0 and words(machine, FIRST)[1] == 9


def test_handles_of_a_table_have_the_lowest_numbers_and_nodes_come_and_go(machine):
    used = machine.used()
    numbers = [machine.call(Call.MINT, ENDPOINT, SEND, 0) for _ in range(20)]
    assert numbers == [*range(2, 22)] and machine.used() == (used[0], used[1] + 1)
    machine.check()
    for number in (5, 3, 21, 20, 9):
        assert machine.call(Call.DROP, number) == 0
        machine.check()
    assert [machine.call(Call.MINT, ENDPOINT, SEND, 0) for _ in range(4)] == [3, 5, 9, 20]
    for number in range(7, 21):
        assert machine.call(Call.DROP, number) == 0
    assert machine.used() == used


def test_a_process_has_at_most_so_many_handles(machine):
    for number in range(2, MOST_HANDLES + 1):
        assert machine.call(Call.MINT, ENDPOINT, SEND, 0) == number
    assert machine.call(Call.MINT, ENDPOINT, SEND, 0) == TooManyHandles.number
    call(machine, FIRST)
    assert machine.call(Call.RECEIVE, ENDPOINT) == TooManyHandles.number
    machine.check()
    assert machine.call(Call.DROP, 700) == 0
    assert machine.call(Call.RECEIVE, ENDPOINT) == 700
