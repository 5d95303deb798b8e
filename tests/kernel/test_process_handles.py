"""Handles to processes: who has one may end the process that it names, and its descendants, as long as it lives."""

import pytest

from keelback.abi.errors import BadHandle, NoSuchProcess, NotPermitted
from keelback.abi.handles import DESTROY, GRANT
from kernel.driven import BSS, DATA, PAGE, Blocked, Call, Died, driven

FIRST, PARENT, CHILD, OTHER = 1, 2, 3, 4
ENDPOINT, HANDLE = 1, 2
RECORD = DATA + 128


@pytest.fixture
def machine(life):
    """Return a machine whose OTHER has a handle to PARENT, which has a child."""
    made = driven("it", life=life)
    assert made.call(Call.ENDPOINT_CREATE, PAGE) == ENDPOINT
    assert [made.fork(), made.fork(2), made.fork()] == [PARENT, CHILD, OTHER]
    assert made.call(Call.PROCESS_HANDLE, PARENT) == HANDLE
    with pytest.raises(Blocked):
        made.call(Call.SEND, ENDPOINT, made.put_message(RECORD, handle=HANDLE))
    assert made.call(Call.RECEIVE, ENDPOINT, made.put_message(RECORD, OTHER, buffer=BSS, room=1), pid=OTHER) == 0
    yield made
    made.check()


def test_its_holder_ends_the_process_or_a_descendant_and_nobody_else(machine):
    assert machine.call(Call.KILL, CHILD, pid=OTHER) == NotPermitted.number
    for stranger in (OTHER, FIRST):
        assert machine.call(Call.PROCESS_KILL, HANDLE, stranger, pid=OTHER) == NotPermitted.number
    assert machine.call(Call.PROCESS_KILL, HANDLE, CHILD, pid=OTHER) == 0 and not machine.is_alive(CHILD)
    assert machine.call(Call.PROCESS_KILL, HANDLE, CHILD, pid=OTHER) == NoSuchProcess.number
    assert machine.call(Call.PROCESS_KILL, HANDLE, PARENT, pid=OTHER) == 0 and not machine.is_alive(PARENT)


def test_it_names_nobody_when_the_process_has_ended(machine):
    with pytest.raises(Died):
        machine.call(Call.EXIT, 0, pid=PARENT)
    assert machine.call(Call.PROCESS_KILL, HANDLE, PARENT, pid=OTHER) == NoSuchProcess.number
    assert machine.call(Call.WAIT, PARENT, 0) == PARENT
    while (child := machine.fork()) != PARENT:  # until another has the number
        with pytest.raises(Died):
            machine.call(Call.EXIT, 0, pid=child)
        assert machine.call(Call.WAIT, child, 0) == child
    assert machine.call(Call.PROCESS_KILL, HANDLE, PARENT, pid=OTHER) == NoSuchProcess.number
    assert machine.is_alive(PARENT) and machine.call(Call.DROP, HANDLE, pid=OTHER) == 0


def test_only_ancestors_make_one_and_it_has_no_more_rights_than_were_given(machine):
    assert machine.call(Call.PROCESS_HANDLE, FIRST, pid=CHILD) == NotPermitted.number
    assert machine.call(Call.PROCESS_HANDLE, PARENT, pid=CHILD) == NotPermitted.number
    assert machine.call(Call.PROCESS_HANDLE, 7, pid=CHILD) == NoSuchProcess.number
    assert machine.call(Call.PROCESS_HANDLE, CHILD, pid=CHILD) == HANDLE
    assert machine.call(Call.MINT, HANDLE, GRANT, 0, pid=OTHER) == HANDLE + 1
    assert machine.call(Call.PROCESS_KILL, HANDLE + 1, CHILD, pid=OTHER) == NotPermitted.number
    assert machine.call(Call.MINT, HANDLE, DESTROY, 1, pid=OTHER) == NotPermitted.number  # no other serial number
    assert machine.call(Call.PROCESS_KILL, ENDPOINT, CHILD, pid=OTHER) == BadHandle.number
    for call in (Call.SEND, Call.RECEIVE, Call.ENDPOINT_DESTROY, Call.OBJECT_SIZE):
        assert machine.call(call, HANDLE, 0, pid=OTHER) == BadHandle.number


def test_nobody_ends_the_first_process_by_one(machine):
    assert machine.call(Call.PROCESS_HANDLE, FIRST) == HANDLE + 1
    assert machine.call(Call.PROCESS_KILL, HANDLE + 1, FIRST) == NotPermitted.number
    assert machine.call(Call.PROCESS_KILL, HANDLE + 1, OTHER) == 0
