"""The guard below a stack: nobody gets a page of it, and who touches it is told that the stack is at its limit."""

from dataclasses import replace

import pytest

from keelback.abi.errors import BadAddress
from keelback.kernel.layout import MICROKERNEL, USERMODE, WrongLayout
from keelback.kernel.processes.processes import Reason
from kernel.driven import PAGE, SMALL, UNUSUAL, Call, Died, driven, of_its_own
from kernel.traces import assert_equal, range_of, state
from support import MIB

NARROW = replace(USERMODE, processes=8)
GUARD, BOTTOM, TOP = SMALL.stack_guard, SMALL.stack_bottom, SMALL.stack_top
RANGES = {
    "its first page": (GUARD, PAGE),
    "its last page": (BOTTOM - PAGE, 1),
    "all of it": (GUARD, BOTTOM - GUARD),
    "a page before too": (GUARD - PAGE, PAGE + 1),
    "a page of the stack too": (BOTTOM - PAGE, 2 * PAGE),
    "all around it": (GUARD - PAGE, BOTTOM - GUARD + 2 * PAGE),
}


@pytest.mark.parametrize("range_", RANGES)
def test_no_call_changes_the_guard(life, range_):
    machine = driven("it", life=life)
    start, size = RANGES[range_]
    caller = range_of(machine.thread(1).frame)
    assert machine.call(Call.GETPID) == 1  # whose code is accessed now
    before = state(machine.pc, caller)
    for call, *more in ((Call.MAP, 2), (Call.MAP, 0), (Call.UNMAP,), (Call.PROTECT, 2)):
        assert machine.call(call, start, size, *more) == BadAddress.number
    for page in range(max(start, GUARD), min(start + size, BOTTOM), PAGE):
        assert machine.call(Call.PAGE_ALLOC, page) == BadAddress.number
    assert_equal(machine.pc, state(machine.pc, caller), before)


@pytest.mark.parametrize("address", [GUARD, GUARD + 1, BOTTOM - 5 * PAGE, BOTTOM - 1])
def test_a_touch_anywhere_in_the_guard_is_a_stack_at_its_limit(life, address):
    assert dies_of(driven("it", life=life), address) == Reason.STACK_OVERFLOW


def test_what_is_below_the_guard_is_memory_like_all_other(life):
    machine = driven("it", life=life)
    assert machine.call(Call.MAP, GUARD - PAGE, PAGE, 2) == signed(GUARD - PAGE)
    machine.write(GUARD - 1, 1)
    assert machine.call(Call.UNMAP, GUARD - PAGE, PAGE) == 0
    assert dies_of(machine, GUARD - 1) == Reason.NOT_MAPPED


@of_its_own
def test_a_layout_without_a_guard_lets_the_page_below_the_stack_be_taken(life):
    machine = driven("it", life=life, layout=UNUSUAL)
    assert machine.call(Call.MAP, BOTTOM - 3 * PAGE, 2 * PAGE, 2) == signed(BOTTOM - 3 * PAGE)
    assert machine.call(Call.PAGE_ALLOC, BOTTOM - PAGE) == 0
    machine.write(BOTTOM - 1, 1)
    assert machine.call(Call.PROTECT, BOTTOM - PAGE, 2 * PAGE, 1) == 0
    assert machine.call(Call.UNMAP, BOTTOM - 3 * PAGE, 4 * PAGE) == 0
    machine.check()
    assert dies_of(machine, BOTTOM - PAGE) == Reason.NOT_MAPPED


@of_its_own
def test_a_guard_below_klimit_is_no_user_memory(life):
    machine = driven("it", life=life, layout=NARROW, memory=9 * MIB)
    for call, *more in ((Call.MAP, PAGE, 2), (Call.UNMAP, 2 * PAGE), (Call.PROTECT, PAGE, 2), (Call.PAGE_ALLOC,)):
        assert machine.call(call, NARROW.stack_guard, *more) == BadAddress.number
    assert dies_of(machine, NARROW.stack_bottom - 1) == Reason.STACK_OVERFLOW


@pytest.mark.parametrize("where", ["malloc_base", "anonymous_base"])
def test_a_layout_with_its_guard_where_the_kernel_places_memory_is_refused(where):
    with pytest.raises(WrongLayout, match="nothing that the kernel places lies on a stack, or in its guard"):
        replace(MICROKERNEL, stack_top=getattr(MICROKERNEL, where) + 300 * PAGE)


def dies_of(machine, address):
    with pytest.raises(Died):
        machine.write(address, 1)
    return machine.process(1).fault.reason


def signed(address):
    return address - (1 << 32)
