"""The payload as a memory object: who is given a handle maps it and reads it, and nobody ever writes to it."""

import pytest

from keelback.abi.errors import BadAddress, BadArgument, NotPermitted
from keelback.abi.handles import CHANGE, MAP
from keelback.inspect.snapshot import Snapshot
from keelback.kernel.memory.frames import KERNEL, OBJECT
from kernel.driven import (
    ANYWHERE,
    BSS,
    DATA,
    EAGER,
    PAGE,
    SMALL,
    Call,
    Died,
    driven,
    in_both_lives,
    in_each_cell,
    memory_for,
)

READ, WRITE = 1, 2
HANDLE = 1


def make(life="interpreted", layout=SMALL):
    """Return a machine, the first process of which has a handle to the payload."""
    made = driven("it", life=life, layout=layout, memory=memory_for(layout))
    assert made.call(Call.PAYLOAD_OBJECT) == HANDLE
    made.check()
    return made


@pytest.fixture
def machine(life):
    made = make(life)
    yield made
    made.check()


def content(machine):
    record = machine.lens.payload.content.record
    return bytes(machine.pc.ram.bytes[record.base : record.base + record.count])


def pages(machine):
    return -(-len(content(machine)) // PAGE)


def frames(machine):
    """Return the frames that the payload lies in."""
    start = machine.lens.payload.content.record.base // PAGE
    return range(start, start + pages(machine))


def show(machine, pid=1, address=ANYWHERE, rights=READ, handle=HANDLE):
    return machine.call(Call.OBJECT_MAP, handle, address, pages(machine) * PAGE, rights, pid=pid)


@in_each_cell
def test_it_is_read_where_it_lies_and_takes_no_frame(life, layout):
    machine = make(life, layout)
    used, spare = machine.used(), machine.spare()
    assert machine.call(Call.OBJECT_SIZE, HANDLE) == pages(machine) > 0
    assert show(machine) == ANYWHERE
    assert machine.frame(ANYWHERE) == frames(machine)[0] and machine.used()[0] == used[0]
    assert machine.spare()[0] == spare[0]
    expected = content(machine)
    assert machine.get(ANYWHERE, len(expected)) == expected
    assert not any(machine.get(ANYWHERE + len(expected), pages(machine) * PAGE - len(expected)))
    machine.check()


def test_what_lay_behind_the_payload_is_not_seen(life):
    machine = driven("it", life=life)
    end = machine.lens.payload.content.record.base + len(content(machine))
    rest = -end % PAGE
    assert rest > 0
    machine.pc.ram.bytes[end : end + rest] = b"\xcc" * rest
    assert machine.call(Call.PAYLOAD_OBJECT) == HANDLE and show(machine) == ANYWHERE
    assert not any(machine.get(ANYWHERE + pages(machine) * PAGE - rest, rest))


def test_nobody_writes_to_it(machine):
    assert show(machine, rights=WRITE) == NotPermitted.number
    assert machine.call(Call.MINT, HANDLE, MAP | CHANGE, 0) == NotPermitted.number
    assert show(machine) == ANYWHERE
    assert machine.call(Call.PROTECT, ANYWHERE, PAGE, WRITE) == BadAddress.number
    assert machine.call(Call.FRAME_COUNTS, ANYWHERE) == BadAddress.number
    with pytest.raises(Died):
        machine.write(ANYWHERE, 1)


def test_more_than_there_is_is_not_mapped(machine):
    size = pages(machine) * PAGE
    assert machine.call(Call.OBJECT_MAP, HANDLE, 0, size + 1, READ) == BadArgument.number
    assert machine.call(Call.OBJECT_MAP, HANDLE, 0, PAGE, size | READ) == BadArgument.number


def test_only_programs_that_the_kernel_started_have_it_unless_it_is_given(machine):
    child = machine.fork()
    assert machine.call(Call.PAYLOAD_OBJECT, pid=child) == NotPermitted.number
    assert show(machine, child) == ANYWHERE, "fork gives it with all other handles"


@pytest.mark.parametrize("last", ["handle", "mapping", "end"])
def test_its_frames_are_the_kernels_again_when_nobody_has_it(machine, last):
    table = machine.lens.memory.frames.table
    before, used = {table[each].use for each in frames(machine)}, machine.used()
    assert len(before) == 1 and before.pop() & 0xF000 == OBJECT
    child = machine.fork()
    assert show(machine, child) == ANYWHERE and machine.call(Call.DROP, HANDLE, pid=child) == 0
    assert machine.call(Call.DROP, HANDLE) == 0
    machine.check()
    assert {table[each].use & 0xF000 for each in frames(machine)} == {OBJECT}
    if last == "mapping":
        assert machine.call(Call.UNMAP, ANYWHERE, pages(machine) * PAGE, pid=child) == 0
    else:
        with pytest.raises(Died):
            machine.call(Call.EXIT, 0, pid=child) if last == "end" else machine.write(ANYWHERE, 1, child)
    assert {(table[each].use, table[each].references) for each in frames(machine)} == {(KERNEL, 1)}
    assert not Snapshot(machine.lens).objects and machine.used()[0] <= used[0]
    assert machine.call(Call.PAYLOAD_OBJECT) == HANDLE


def test_all_who_ask_have_the_same(life):
    machine = driven("it", "it", life=life)
    assert machine.call(Call.PAYLOAD_OBJECT) == machine.call(Call.PAYLOAD_OBJECT, pid=2) == HANDLE
    assert machine.call(Call.PAYLOAD_OBJECT) == HANDLE + 1
    (found,) = Snapshot(machine.lens).objects.values()
    assert found.handles == 3 and found.is_kernels and [*found.frames] == [*frames(machine)]
    machine.check()


@in_both_lives(SMALL, EAGER)
def test_a_fork_shows_the_same_frames(life, layout):
    machine = make(life, layout)
    assert show(machine) == ANYWHERE
    child = machine.fork()
    assert machine.frame(ANYWHERE, child) == frames(machine)[0]
    machine.check()


def test_programs_start_from_it_as_before(machine):
    assert show(machine) == ANYWHERE
    machine.put(BSS, b"it\0")
    child = machine.call(Call.SPAWN, BSS, DATA + 32)
    assert child > 0 and machine.is_alive(child)
