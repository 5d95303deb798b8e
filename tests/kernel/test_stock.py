"""A machine that was put back is one that was made anew: the tests that get it can't tell."""

import pytest

from keelback.kernel.memory.frames import Frames
from kernel.driven import LIVES, MALLOC, Call, Died, driven, make_machine, without_handles


def state_of(machine):
    """Return RAM, console and time of a machine."""
    return bytes(machine.pc.contents), bytes(machine.pc.console), machine.pc.time


def use(machine):
    """Let a machine do this and that; return what came of it."""
    assert machine.call(Call.MALLOC_PAGES, 2) == MALLOC - 2**32
    machine.write(MALLOC, 7)
    child = machine.fork()
    with pytest.raises(Died):
        machine.read(0, pid=child)
    machine.pc.before_trap.append(lambda: None)
    return child, machine.pc.time, bytes(machine.pc.contents)


@pytest.mark.parametrize("life", LIVES)
def test_a_machine_that_is_put_back_is_as_one_that_is_made(life):
    machine = driven("it", "it", life=life)
    ours, first = id(machine.pc), use(machine)
    del machine
    again = driven("it", "it", life=life)
    fresh = without_handles(make_machine("it", "it", life=life))
    assert id(again.pc) == ours and again.results == fresh.results and not again.pc.before_trap
    assert state_of(again) == state_of(fresh)
    assert use(again) == use(fresh) == first


def test_a_machine_that_somebody_has_is_nobody_elses():
    one, other = driven("it", memory=5 << 20), driven("it", memory=5 << 20)
    kernel = one.kernel
    assert one.pc is not other.pc
    del one
    assert driven("it", memory=5 << 20).kernel is not kernel


def test_a_machine_is_made_anew_while_something_stands_in_the_place_of_ours(monkeypatch):
    pc = driven("it", memory=6 << 20).pc
    ours = id(pc)
    del pc
    with monkeypatch.context() as patch:
        patch.setattr(Frames, "is_alone", lambda self, frame: False)
        assert id(driven("it", memory=6 << 20).pc) != ours
    assert id(driven("it", memory=6 << 20).pc) == ours
