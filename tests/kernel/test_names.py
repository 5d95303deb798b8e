"""Which handles a process starts with: the one to `names`, or those that its parent gives it."""

import struct

import pytest

from keelback.abi.errors import (
    BadAddress,
    BadArgument,
    BadHandle,
    NoSuchProgram,
    NotPermitted,
    UnknownCall,
)
from keelback.abi.handles import ALL, GRANT, NAMES, RECEIVE, SEND
from keelback.abi.parts import Part
from keelback.abi.records import MOST_GIVEN
from keelback.kernel.layout import MICROKERNEL
from kernel.driven import (
    ANYWHERE,
    ARGUMENT,
    DATA,
    NAME,
    SMALL,
    Blocked,
    Call,
    Died,
    driven,
    of_its_own,
    register,
    replace,
)

FIRST, SECOND = 1, 2
LIST = DATA + 128


@pytest.fixture
def machine(life):
    made = driven("it", "it", names=True, life=life)
    yield made
    made.check()


def handles(machine, pid):
    """Return the handles of a process: endpoint or object, and rights, by number."""
    table = machine.lens.handles.tables[pid]
    return {number: (each.object, each.rights) for number, each in enumerate(table.few, 1) if each.kind}


def test_all_processes_start_with_a_handle_to_names_where_the_first_may_receive(machine):
    assert handles(machine, FIRST) == {NAMES: (1, ALL)} and handles(machine, SECOND) == {NAMES: (1, SEND | GRANT)}
    child = machine.call(Call.SPAWN, NAME, ARGUMENT)
    assert handles(machine, child) == {NAMES: (1, SEND | GRANT)}
    assert handles(machine, machine.fork()) == {NAMES: (1, ALL)}
    with pytest.raises(Blocked):
        machine.call(Call.SEND, NAMES, 0, pid=child)
    assert machine.call(Call.RECEIVE, NAMES, 0) == 0


def test_names_are_closed_when_nobody_can_receive_there(machine):
    with pytest.raises(Blocked):
        machine.call(Call.CALL, NAMES, 0, pid=SECOND)
    with pytest.raises(Died):
        machine.call(Call.EXIT, 0, pid=FIRST)
    machine.check()
    assert machine.finish(SECOND) == -20
    child = machine.call(Call.SPAWN, NAME, ARGUMENT, pid=SECOND)
    assert handles(machine, child) == {NAMES: (1, SEND | GRANT)}


def test_a_child_of_one_without_names_has_none(machine):
    assert machine.call(Call.DROP, NAMES, pid=SECOND) == 0
    assert handles(machine, machine.call(Call.SPAWN, NAME, ARGUMENT, pid=SECOND)) == {}
    assert machine.call(Call.MINT, NAMES, SEND, 0) == 2 and machine.call(Call.DROP, NAMES) == 0
    assert handles(machine, machine.call(Call.SPAWN, NAME, ARGUMENT)) == {}


def test_exec_keeps_all_handles(machine):
    assert machine.call(Call.ENDPOINT_CREATE, 0) == 2
    machine.begin(FIRST, DATA - 0x1000, Call.EXEC, NAME, ARGUMENT)
    machine.step()
    assert handles(machine, FIRST) == {NAMES: (1, ALL), 2: (2, ALL)}


def spawn_with(machine, *numbers, pid=FIRST):
    machine.put(LIST, struct.pack(f"<{len(numbers)}I", *numbers), pid)
    return machine.call(Call.SPAWN_WITH, NAME, ARGUMENT, LIST, len(numbers), pid=pid)


def test_a_child_has_the_handles_that_it_is_given_in_their_order(machine):
    assert [machine.call(Call.ENDPOINT_CREATE, 0), machine.call(Call.OBJECT_CREATE, 1)] == [2, 3]
    assert machine.call(Call.MINT, 2, RECEIVE | GRANT, 7) == 4
    child = spawn_with(machine, 4, NAMES, 3)
    assert handles(machine, child) == {1: (2, RECEIVE | GRANT), 2: (1, ALL), 3: (1, handles(machine, FIRST)[3][1])}
    machine.check()
    assert handles(machine, machine.call(Call.SPAWN_WITH, NAME, ARGUMENT, 0, 0)) == {}


def test_a_child_is_told_how_many_handles_it_was_given(machine):
    told = "dx" if machine.word_bits == 32 else "si"
    for numbers in ((), (NAMES,), (NAMES,) * 3):
        assert register(machine.thread(spawn_with(machine, *numbers)).frame, told) == len(numbers)
    assert register(machine.thread(machine.call(Call.SPAWN, NAME, ARGUMENT)).frame, told) == 0


def test_one_gets_more_handles_than_a_record_has_room_for(machine):
    assert len(handles(machine, spawn_with(machine, NAMES))) == 1
    child = spawn_with(machine, *[NAMES] * MOST_GIVEN)
    assert machine.lens.handles.tables[child].last == MOST_GIVEN
    machine.check()
    with pytest.raises(Died):
        machine.call(Call.EXIT, 0, pid=child)


def test_what_can_not_be_given_is_refused_and_nothing_starts(machine):
    before = machine.used(), machine.alive()
    assert machine.call(Call.MINT, NAMES, SEND, 0) == 2
    assert spawn_with(machine, NAMES, 2) == NotPermitted.number
    assert spawn_with(machine, NAMES, 9) == BadHandle.number
    assert spawn_with(machine, *[NAMES] * (MOST_GIVEN + 1)) == BadArgument.number
    assert machine.call(Call.SPAWN_WITH, NAME, ARGUMENT, ANYWHERE, 1) == BadAddress.number
    assert machine.call(Call.SPAWN_WITH, ARGUMENT, ARGUMENT, LIST, 1) == NoSuchProgram.number
    with pytest.raises(Blocked):
        machine.call(Call.CALL, NAMES, 0, pid=SECOND)
    reply = machine.call(Call.RECEIVE, NAMES, 0)
    assert spawn_with(machine, NAMES, reply) == BadHandle.number
    assert (machine.used(), machine.alive()) == before


@of_its_own
def test_a_kernel_without_messages_gives_no_handles(life):
    layout = replace(SMALL, parts=tuple(part for part in MICROKERNEL.parts if part is not Part.MESSAGES))
    machine = driven(life=life, layout=layout)
    assert machine.call(Call.SPAWN, NAME, ARGUMENT) == 2
    machine.begin(FIRST, DATA - 0x1000, Call.SPAWN_WITH, NAME, ARGUMENT, LIST, 0)
    assert machine.finish(FIRST) == UnknownCall.number
