"""Guards below stacks that a process maps for its threads."""

import pytest

from keelback.abi.errors import BadArgument, NoRoom
from keelback.kernel.processes.processes import Reason
from kernel.driven import ANYWHERE, BSS, PAGE, Call, Died, driven_threads, register_name

WRITE, GUARD = 2, 16


@pytest.fixture
def machine(life):
    made = driven_threads("it", life=life)
    assert made.call(Call.MAP, 0, 4 * PAGE, WRITE | GUARD) == ANYWHERE
    yield made
    made.check()


def test_a_guard_is_a_page_without_rights_that_nobody_else_gets(machine):
    assert machine.call(Call.MAP, ANYWHERE, PAGE, WRITE) == NoRoom.number
    assert machine.call(Call.MAP, 0, PAGE, WRITE) == ANYWHERE + 4 * PAGE
    rights = {
        each.start: each.permissions for each in machine.regions() if ANYWHERE <= each.start < ANYWHERE + 4 * PAGE
    }
    assert list(rights) == [ANYWHERE, ANYWHERE + PAGE] and rights[ANYWHERE] == 0 != rights[ANYWHERE + PAGE]
    machine.write(ANYWHERE + PAGE, 1)


def test_no_page_of_it_is_promised(machine):
    before = machine.spare()[0]
    assert machine.call(Call.MAP, 0, 3 * PAGE, WRITE | GUARD) > 0
    assert machine.spare()[0] == before - 2
    assert machine.call(Call.UNMAP, ANYWHERE + 4 * PAGE, 3 * PAGE) == 0
    assert machine.spare()[0] == before


@pytest.mark.parametrize("size", [0, 1, PAGE])
def test_something_is_left_behind_it(machine, size):
    assert machine.call(Call.MAP, 0, size, WRITE | GUARD) == BadArgument.number


@pytest.mark.parametrize(
    ("pointer", "reason"),
    [(ANYWHERE + PAGE + 8, Reason.STACK_OVERFLOW), (ANYWHERE + 8, Reason.STACK_OVERFLOW), (BSS, Reason.PROTECTED)],
)
def test_a_fault_there_is_an_overflow_of_who_has_its_stack_there(machine, pointer, reason):
    assert machine.start() == 2
    setattr(machine.thread(2).frame, register_name(machine.thread(2).frame, "sp"), pointer)
    with pytest.raises(Died):
        machine.write(ANYWHERE + 16, 1, 2)
    fault = machine.process(1).fault
    assert (fault.reason, fault.thread) == (reason, 2)
