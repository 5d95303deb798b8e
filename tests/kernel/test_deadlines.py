"""Deadlines: each sleeper wakes at its tick, however far others in the same queue sleep, and in the order of coming."""

import pytest

from keelback.kernel.processes.scheduler import TICKS
from kernel.driven import Call, driven


@pytest.fixture
def machine(life):
    """Return a machine with four processes."""
    made = driven("it", "it", "it", "it", life=life)
    yield made
    made.check()


def sleep(machine, pid, ticks):
    """Let a process sleep; return the tick at which it is to wake."""
    assert machine.call(Call.SLEEP, ticks, pid=pid) == 0
    machine.check()
    return machine.lens.timer.clock.ticks + ticks


def test_those_of_one_queue_wake_each_at_its_tick(machine):
    wake = {pid: sleep(machine, pid, ticks) for pid, ticks in ((4, 5 + 2 * TICKS), (2, 5), (3, 5 + TICKS), (1, 6))}
    assert len({wake[pid] % TICKS for pid in (2, 3, 4)}) == 1
    for pid in (2, 1, 3, 4):
        machine.run(pid)
        assert machine.lens.timer.clock.ticks == wake[pid]
        sleep(machine, pid, 9000)


def test_those_of_one_tick_wake_in_the_order_in_which_they_came(machine):
    order = (3, 1, 4, 2)
    wake = [sleep(machine, pid, 300) for pid in order]
    assert len(set(wake)) == 1
    for pid in order:
        machine.run(pid)
        assert machine.lens.timer.clock.ticks == wake[0]
        sleep(machine, pid, 9000)


@pytest.mark.parametrize("killed", [1, 2, 3])
def test_one_that_is_killed_leaves_the_others_where_they_are(life, killed):
    machine = driven("it", "it", "it", "it", "it", life=life)
    pids = (2, 3, 4)
    wake = {pid: sleep(machine, pid, 40 + TICKS * (pid == 3)) for pid in pids}
    gone = pids[killed - 1]
    assert machine.call(Call.KILL, gone, pid=1) == 0
    machine.check()
    for pid in (1, 5):
        sleep(machine, pid, 9000)
    for pid in sorted(set(pids) - {gone}, key=wake.get):
        machine.run(pid)
        assert machine.lens.timer.clock.ticks == wake[pid]
        sleep(machine, pid, 9000)
    machine.check()
