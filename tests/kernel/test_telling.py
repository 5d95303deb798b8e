"""The call that tells of processes, in both lives."""

import pytest

from keelback.abi.errors import BadAddress
from keelback.abi.records import HAS_ENDED, IS_ASLEEP, IS_READY, IS_WAITING
from keelback.kernel.layout import MICROKERNEL
from kernel.driven import BSS, LIVES, Blocked, Call, Died, driven

SIZE = 40
NOT_OURS = [0, MICROKERNEL.kernel_start, 0xFFFF_FFFC, MICROKERNEL.user_end - 4]


def bytes_at(machine, address: int, count: int) -> bytes:
    return bytes(machine.read(address + index) for index in range(count))


def facts(machine) -> tuple[int, int, str]:
    """Return what the last call told: parent, state, name."""
    told = bytes_at(machine, BSS, SIZE)
    return (
        int.from_bytes(told[:4], "little", signed=True),
        int.from_bytes(told[4:8], "little"),
        told[8:].rstrip(b"\0").decode(),
    )


def all_told(machine) -> list[tuple[int, tuple[int, int, str]]]:
    """Return the ids of all processes, and what is told of each."""
    found, number = [], 0
    while number := machine.call(Call.PROCESS_AFTER, number, BSS):
        found.append((number, facts(machine)))
    return found


@pytest.mark.parametrize("life", LIVES)
def test_every_process_is_told_of_with_what_it_does(life):
    machine = driven(life=life)
    name = bytes(machine.process(1).name).rstrip(b"\0").decode()
    sleeper, waiting, ended, orphan = (machine.fork() for _ in range(4))
    assert machine.call(Call.SLEEP, 10_000, pid=sleeper) == 0
    last = machine.fork(pid=waiting)
    with pytest.raises(Blocked):
        machine.call(Call.WAIT, -1, 0, pid=waiting)
    with pytest.raises(Died):
        machine.call(Call.EXIT, 3, pid=ended)
    machine.call(Call.DETACH, pid=orphan)
    assert all_told(machine) == [
        (1, (0, IS_READY, name)),
        (sleeper, (1, IS_ASLEEP, name)),
        (waiting, (1, IS_WAITING, name)),
        (ended, (1, HAS_ENDED, name)),
        (orphan, (-1, IS_READY, name)),
        (last, (waiting, IS_READY, name)),
    ]
    machine.check()


@pytest.mark.parametrize("life", LIVES)
def test_behind_the_last_process_there_is_none_and_nothing_is_written(life):
    machine = driven(life=life)
    for last in (1, 2, MICROKERNEL.processes - 1, MICROKERNEL.processes, 0x7FFF_FFFF, 0xFFFF_FFFF):
        assert machine.call(Call.PROCESS_AFTER, last, 0) == 0
    assert bytes_at(machine, BSS, SIZE) == bytes(SIZE)


@pytest.mark.parametrize("address", NOT_OURS)
def test_no_answer_goes_where_the_caller_may_not_write(address):
    machine = driven()
    assert machine.call(Call.PROCESS_AFTER, 0, address) == BadAddress.number
