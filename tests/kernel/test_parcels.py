"""Messages with more than words: bytes and handles come whole or not at all, and whoever is to blame is told so."""

from itertools import product

import pytest

from keelback.abi.errors import (
    BadAddress,
    BadArgument,
    BadHandle,
    Closed,
    NotPermitted,
    TimedOut,
    TooLarge,
    TooManyHandles,
)
from keelback.abi.handles import ALL, GRANT, MOST_HANDLES, NO_WAIT, NOTIFIED, RECEIVE, SEND, UNHEARD
from keelback.kernel.layout import PUBLISHED
from kernel.driven import (
    ANYWHERE,
    BSS,
    DATA,
    PAGE,
    SMALL,
    TEXT,
    Blocked,
    Call,
    blocks,
    driven,
    memory_for,
    register,
    with_our_areas,
)
from support import sliced

SERVER, FIRST, SECOND = 1, 2, 3
ENDPOINT, WORDS = 1, 2  # of messages with data, and of words alone
RECORD = DATA + 128
TEXTS = bytes(range(256)) * 16


def make(life="interpreted", layout=SMALL):
    """Return a machine with a server and two children of it, which have handles to two endpoints."""
    made = driven("it", life=life, layout=layout, memory=memory_for(layout))
    assert [made.call(Call.ENDPOINT_CREATE, most) for most in (PAGE, 0)] == [ENDPOINT, WORDS]
    assert [made.fork() for _ in range(2)] == [FIRST, SECOND]
    return made


@pytest.fixture
def machine(life):
    made = make(life)
    yield made
    made.check()


def came(machine, pid):
    """Return what came for a process: how many bytes, and which handle."""
    more = register(machine.thread(pid).frame, "dx")
    return more & 0xFFFF, more >> 16


def send(machine, pid, **fields):
    """Let a process send a message that waits, with a record."""
    blocks(machine, pid, Call.SEND, ENDPOINT, machine.put_message(RECORD, pid, **fields))


def receive(machine, pid=SERVER, **fields):
    """Let a process receive what is there; return the result."""
    fields = {"buffer": BSS, "room": PAGE, **fields}
    return machine.call(Call.RECEIVE, ENDPOINT, machine.put_message(RECORD, pid, **fields), pid=pid)


PLACES = (0, 1, PAGE - 1, PAGE - 2048, 100)


@pytest.mark.parametrize(("start", "to"), sliced(product(PLACES, PLACES), 2))
@pytest.mark.parametrize("length", [1, 64, 4095, 4096])
def test_bytes_come_as_they_were_wherever_they_lie(start, to, length):
    copied(make(), start, to, length)


@pytest.mark.parametrize(("start", "to"), [(PAGE - 1, PAGE - 2048), (3, 4000)])
def test_so_they_do_compiled(start, to):
    copied(make("compiled"), start, to, 4096)


@pytest.mark.parametrize("layout", PUBLISHED[1:2] + PUBLISHED[3:], ids=lambda each: f"{each.name}-{each.paging.name}")
def test_so_they_do_with_all_page_tables(layout):
    machine = make(layout=with_our_areas(layout))
    copied(machine, 77, PAGE - 100, 4096)
    machine.check()


def copied(machine, start, to, length):
    """Send bytes from a place in a page to another, and look at what came."""
    machine.put(BSS + start, TEXTS[:length], FIRST)
    send(machine, FIRST, data=BSS + start, length=length)
    assert receive(machine, buffer=BSS + to) == 0 and came(machine, SERVER) == (length, 0)
    before, after = machine.get(BSS + to - 1, 1), machine.read(BSS + to + length)
    assert machine.get(BSS + to, length) == TEXTS[:length] and (before, after) == (b"\0", 0)


def test_a_reply_has_bytes_as_well(machine):
    machine.put(BSS, b"question", FIRST)
    request = machine.put_message(RECORD, FIRST, data=BSS, length=8, buffer=BSS + 3, room=10)
    blocks(machine, FIRST, Call.CALL, ENDPOINT, request, 1, 2, 3)
    reply = receive(machine)
    assert reply == 3 and came(machine, SERVER) == (8, 0) and machine.get(BSS, 8) == b"question"
    machine.put(BSS, b"answer")
    assert machine.call(Call.REPLY, reply, machine.put_message(RECORD, data=BSS, length=6), 7) == 0
    assert machine.finish(FIRST) == 0 and came(machine, FIRST) == (6, 0)
    assert machine.get(BSS, 10, FIRST) == b"queanswer\0"


def test_a_receiver_that_waits_gets_the_bytes_at_once(machine):
    machine.put(BSS, b"here", FIRST)
    blocks(machine, SERVER, Call.RECEIVE, ENDPOINT, machine.put_message(RECORD, buffer=ANYWHERE, room=0))
    assert machine.call(Call.SEND, ENDPOINT, 0, pid=FIRST) == 0 and machine.finish(SERVER) == 0
    blocks(machine, SERVER, Call.RECEIVE, ENDPOINT, machine.put_message(RECORD, buffer=BSS, room=4))
    assert machine.call(Call.SEND, ENDPOINT, machine.put_message(RECORD, FIRST, data=BSS, length=4), pid=FIRST) == 0
    assert machine.finish(SERVER) == 0 and machine.get(BSS, 4) == b"here"


@pytest.mark.parametrize(
    ("fields", "error"),
    [
        ({"data": ANYWHERE, "length": 1}, BadAddress),
        ({"data": BSS, "length": PAGE + 1}, BadArgument),
        ({"room": PAGE + 1}, BadArgument),
        ({"deadline": 0x8000_0000}, BadArgument),
        ({"rights": ALL + 1}, BadArgument),
        ({"handle": 9}, BadHandle),
        ({"handle": MOST_HANDLES + 1}, BadHandle),
    ],
)
@pytest.mark.parametrize("call", [Call.SEND, Call.CALL])
def test_a_message_that_is_wrong_fails_its_sender_alone(machine, fields, error, call):
    blocks(machine, SERVER, Call.RECEIVE, ENDPOINT, machine.put_message(RECORD, buffer=BSS, room=PAGE))
    assert machine.call(call, ENDPOINT, machine.put_message(RECORD, FIRST, **fields), pid=FIRST) == error.number
    machine.check()
    assert machine.call(Call.SEND, ENDPOINT, 0, pid=SECOND) == 0 and machine.finish(SERVER) == 0


def test_a_record_that_is_nowhere_is_refused(machine):
    for address in (8, ANYWHERE, 0xFFFF_FFF0):
        for call, handle in product((Call.SEND, Call.CALL, Call.RECEIVE, Call.REPLY, Call.REPLY_RECEIVE), (1, 2)):
            assert machine.call(call, handle, address, pid=FIRST) == BadAddress.number


def test_a_call_with_a_bad_buffer_for_the_reply_fails_at_once(machine):
    for buffer in (TEXT, ANYWHERE):
        request = machine.put_message(RECORD, FIRST, buffer=buffer, room=1)
        assert machine.call(Call.CALL, ENDPOINT, request, pid=FIRST) == BadAddress.number
        assert receive(machine, buffer=buffer) == BadAddress.number


def test_a_receiver_without_room_is_told_so_and_the_sender_stays(machine):
    send(machine, FIRST, data=BSS, length=100)
    assert receive(machine, room=99) == TooLarge.number and machine.call(Call.RECEIVE, ENDPOINT, 0) == TooLarge.number
    machine.check()
    assert receive(machine, room=100) == 0 and machine.finish(FIRST) == 0


def test_receivers_without_room_that_wait_are_passed_over(machine):
    blocks(machine, SERVER, Call.RECEIVE, ENDPOINT, 0)
    blocks(machine, SECOND, Call.RECEIVE, ENDPOINT, machine.put_message(RECORD, SECOND, buffer=BSS, room=4))
    message = machine.put_message(RECORD, FIRST, data=BSS, length=4)
    assert machine.call(Call.SEND, ENDPOINT, message, pid=FIRST) == 0
    assert machine.finish(SERVER) == TooLarge.number and machine.finish(SECOND) == 0


def test_a_caller_without_room_for_the_reply_is_told_so(machine):
    blocks(machine, FIRST, Call.CALL, ENDPOINT, 0)
    reply = receive(machine)
    assert machine.call(Call.REPLY, reply, machine.put_message(RECORD, data=BSS, length=1)) == UNHEARD
    assert machine.finish(FIRST) == TooLarge.number


def test_an_endpoint_for_words_takes_nothing_else(machine):
    for fields in ({"data": BSS, "length": 1}, {"handle": ENDPOINT}):
        message = machine.put_message(RECORD, FIRST, **fields)
        assert machine.call(Call.SEND, WORDS, message, pid=FIRST) == TooLarge.number
    assert machine.call(Call.ENDPOINT_CREATE, PAGE + 1) == BadArgument.number


# Handles.


def test_a_handle_is_given_with_some_of_its_rights(machine):
    assert machine.call(Call.MINT, ENDPOINT, SEND | GRANT, 5) == 3
    given = machine.put_message(RECORD, SERVER, handle=3, rights=SEND)
    blocks(machine, SERVER, Call.SEND, ENDPOINT, given)
    assert receive(machine, FIRST) == 0 and came(machine, FIRST) == (0, 3)
    machine.check()
    assert machine.call(Call.MINT, 3, SEND | GRANT, 0, pid=FIRST) == NotPermitted.number
    assert machine.call(Call.RECEIVE, 3, 0, pid=FIRST) == NotPermitted.number
    blocks(machine, FIRST, Call.SEND, 3, 0)
    assert machine.finish(SERVER) == 0 and receive(machine) == 0
    assert register(machine.thread(SERVER).frame, "bx") == 5


def test_a_handle_is_given_whole_unless_rights_are_named(machine):
    assert machine.call(Call.DROP, WORDS, pid=FIRST) == 0
    send(machine, SECOND, handle=WORDS)
    assert receive(machine, FIRST) == 0 and came(machine, FIRST) == (0, WORDS)
    blocks(machine, FIRST, Call.RECEIVE, WORDS, 0)


@pytest.mark.parametrize("rights", [SEND, SEND | RECEIVE])
def test_one_that_may_not_be_given_is_not(machine, rights):
    assert machine.call(Call.MINT, ENDPOINT, rights, 0, pid=FIRST) == 3
    message = machine.put_message(RECORD, FIRST, handle=3)
    assert machine.call(Call.SEND, ENDPOINT, message, pid=FIRST) == NotPermitted.number
    assert machine.call(Call.MINT, ENDPOINT, rights | GRANT, 0, pid=FIRST) == 4
    message = machine.put_message(RECORD, FIRST, handle=4, rights=ALL)
    assert machine.call(Call.SEND, ENDPOINT, message, pid=FIRST) == NotPermitted.number


def test_a_handle_to_reply_moves_and_serves_its_new_holder(machine):
    blocks(machine, FIRST, Call.CALL, ENDPOINT, 0)
    reply = receive(machine)
    blocks(machine, SERVER, Call.SEND, ENDPOINT, machine.put_message(RECORD, handle=reply))
    assert receive(machine, SECOND) == 0 and came(machine, SECOND) == (0, 3)
    assert machine.finish(SERVER) == 0
    machine.check()
    assert machine.call(Call.REPLY, reply, 0) == BadHandle.number
    assert machine.call(Call.REPLY, 3, 0, 9, pid=SECOND) == 0 and machine.finish(FIRST) == 0


def test_of_a_call_that_brings_a_handle_the_one_to_reply_gets_the_lower_number(machine):
    assert machine.call(Call.DROP, WORDS) == 0
    blocks(machine, FIRST, Call.CALL, ENDPOINT, machine.put_message(RECORD, FIRST, handle=WORDS))
    assert receive(machine) == WORDS and came(machine, SERVER) == (0, 3)


def test_nobody_gives_the_handle_that_they_reply_to(machine):
    blocks(machine, FIRST, Call.CALL, ENDPOINT, 0)
    reply = receive(machine)
    message = machine.put_message(RECORD, handle=reply)
    assert machine.call(Call.REPLY, reply, message) == BadHandle.number
    assert machine.call(Call.REPLY_RECEIVE, reply << 16 | ENDPOINT, message) == BadHandle.number
    assert machine.call(Call.REPLY, reply, 0) == 0


def test_a_receiver_with_a_full_table_is_told_so_and_nothing_comes(machine):
    for number in range(3, MOST_HANDLES):
        assert machine.call(Call.MINT, WORDS, SEND, 0) == number
    machine.put(BSS, b"????")
    machine.put(BSS, b"data", FIRST)
    record = machine.put_message(RECORD, FIRST, data=BSS, length=4, handle=WORDS)
    blocks(machine, FIRST, Call.CALL, ENDPOINT, record)
    assert receive(machine) == TooManyHandles.number and machine.get(BSS, 4) == b"????"
    machine.check()
    assert machine.call(Call.DROP, 500) == 0
    assert receive(machine) == 500 and came(machine, SERVER) == (4, MOST_HANDLES)


# Deadlines.


def sleep(machine, ticks):
    """Let so many ticks pass, while everybody waits; return what the calls of those did who then wait no longer."""
    assert machine.call(Call.SLEEP, ticks) == 0
    results = {}
    while machine.current != SERVER:
        machine.step()
        results = machine.results | results  # from then on they give way
    machine.check()
    return results


def test_who_waits_too_long_is_told_so(machine):
    send(machine, FIRST, deadline=3)
    blocks(machine, SECOND, Call.CALL, ENDPOINT, machine.put_message(RECORD, SECOND, deadline=2))
    assert sleep(machine, 2) == {SECOND: TimedOut.number}
    blocks(machine, SECOND, Call.RECEIVE, WORDS, 0)
    assert sleep(machine, 1) == {FIRST: TimedOut.number}
    assert receive(machine, deadline=NO_WAIT) == TimedOut.number
    blocks(machine, FIRST, Call.RECEIVE, WORDS, 0)
    with pytest.raises(Blocked):
        receive(machine, deadline=1)
    machine.step()
    assert machine.finish(SERVER) == TimedOut.number


def test_a_deadline_ends_the_wait_for_a_reply_and_the_reply_reaches_nobody(machine):
    blocks(machine, SECOND, Call.RECEIVE, WORDS, 0)
    blocks(machine, FIRST, Call.CALL, ENDPOINT, machine.put_message(RECORD, FIRST, deadline=2))
    reply = receive(machine)
    assert sleep(machine, 2) == {FIRST: TimedOut.number}
    blocks(machine, FIRST, Call.CALL, ENDPOINT, 0)
    assert receive(machine) == reply + 1
    assert machine.call(Call.REPLY, reply, 0) == UNHEARD
    assert machine.call(Call.REPLY, reply + 1, 0) == 0 and machine.finish(FIRST) == 0


def test_what_comes_in_time_is_received_and_the_deadline_is_forgotten(machine):
    blocks(machine, SECOND, Call.RECEIVE, WORDS, 0)
    blocks(machine, FIRST, Call.SEND, ENDPOINT, machine.put_message(RECORD, FIRST, deadline=5))
    assert receive(machine) == 0 and machine.finish(FIRST) == 0
    blocks(machine, FIRST, Call.SEND, ENDPOINT, 0)
    assert sleep(machine, 10) == {}
    assert receive(machine) == 0 and machine.finish(FIRST) == 0


def test_nobody_calls_without_waiting(machine):
    message = machine.put_message(RECORD, FIRST, deadline=NO_WAIT)
    assert machine.call(Call.CALL, ENDPOINT, message, pid=FIRST) == BadArgument.number
    assert machine.call(Call.SEND, ENDPOINT, message, pid=FIRST) == TimedOut.number


# Bits.


def bits(machine, pid):
    return register(machine.thread(pid).frame, "si")


def test_bits_that_are_signalled_are_received_at_once_or_later(machine):
    blocks(machine, SERVER, Call.RECEIVE, ENDPOINT, 0)
    assert machine.call(Call.SIGNAL, ENDPOINT, 5, pid=FIRST) == 0
    assert machine.finish(SERVER) == NOTIFIED and bits(machine, SERVER) == 5
    for value in (1, 4, 8):
        assert machine.call(Call.SIGNAL, ENDPOINT, value, pid=FIRST) == 0
    machine.check()
    assert machine.call(Call.RECEIVE, ENDPOINT, 0) == NOTIFIED and bits(machine, SERVER) == 13
    blocks(machine, SERVER, Call.RECEIVE, ENDPOINT, 0)


def test_bits_come_before_messages_and_with_reply_receive_too(machine):
    blocks(machine, FIRST, Call.CALL, ENDPOINT, 0)
    blocks(machine, SECOND, Call.SEND, ENDPOINT, 0)
    assert machine.call(Call.SIGNAL, ENDPOINT, 2) == 0
    assert machine.call(Call.RECEIVE, ENDPOINT, 0) == NOTIFIED
    reply = machine.call(Call.RECEIVE, ENDPOINT, 0)
    assert machine.call(Call.SIGNAL, ENDPOINT, 4) == 0
    assert machine.call(Call.REPLY_RECEIVE, reply << 16 | ENDPOINT, 0) == NOTIFIED and bits(machine, SERVER) == 4
    assert machine.finish(FIRST) == 0
    assert machine.call(Call.RECEIVE, ENDPOINT, 0) == 0


def test_signals_need_bits_and_the_right_to_send(machine):
    assert machine.call(Call.SIGNAL, ENDPOINT, 0) == BadArgument.number
    assert machine.call(Call.ENDPOINT_DESTROY, WORDS) == 0
    assert machine.call(Call.SIGNAL, WORDS, 0, pid=FIRST) == Closed.number
    assert machine.call(Call.MINT, ENDPOINT, RECEIVE, 0) == 3
    assert machine.call(Call.SIGNAL, 3, 1) == NotPermitted.number
