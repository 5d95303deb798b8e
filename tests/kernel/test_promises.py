"""Promises: with any number of frames left, a call is refused and changes nothing, or all that it gave is there."""

from dataclasses import replace
from itertools import product

import pytest

from keelback.abi.errors import OutOfMemory
from keelback.kernel.processes.processes import Reason
from kernel.driven import ANYWHERE, BSS, LIVES, PAGE, SMALL, STACK, Call, Died, driven, of_its_own
from kernel.scarce import (
    MACHINES,
    MOST,
    READ,
    REQUESTS,
    SPARSE,
    WIDE,
    WRITE,
    ZONES,
    Held,
    fewest,
    met,
    promised,
    scarce_machine,
    write,
)
from support import some_of

LARGE = 0x4000_0000
LAST = ANYWHERE + LARGE - PAGE
EVERY_RUN = [("microkernel", "interpreted")]
EACH = pytest.mark.parametrize("layout", some_of(MACHINES, [each for each in MACHINES if each not in WIDE]))


@pytest.mark.parametrize(("layout", "life"), some_of(product(MACHINES, LIVES), EVERY_RUN))
@pytest.mark.parametrize("name", REQUESTS)
def test_a_call_is_met_from_one_number_of_frames_on(name, layout, life):
    machine = scarce_machine(layout, life)
    REQUESTS[name].prepare(machine)
    for zone in ZONES:
        least = fewest(layout, name, zone)
        counts = [MOST, least + 1, least, *range(max(least - 1, 0), least)]
        assert met(machine, REQUESTS[name], zone, counts) == [MOST, least + 1, least]


@pytest.mark.campaign
@EACH
@pytest.mark.parametrize("zone", ZONES)
@pytest.mark.parametrize("name", REQUESTS)
def test_a_call_is_refused_with_each_number_of_frames_below_and_met_with_each_from_it_on(name, zone, layout, life):
    machine = scarce_machine(layout, life)
    REQUESTS[name].prepare(machine)
    expected = [*range(MOST, fewest(layout, name, zone) - 1, -1)]
    assert met(machine, REQUESTS[name], zone, range(MOST, -1, -1)) == expected


def fewest_for_last(machine, zone):
    """Return how many frames of a zone a touch of the last of 1 GiB of sparse memory needs: its own, or tables."""
    tables = machine.lens.spaces.tables.missing(machine.process(2).space.directory, LAST)
    return {"user": 1, "kernel": tables, "both": max(1, tables)}[zone]


def touch_last(machine, zone, counts):
    """Let process 2 touch the last page of 1 GiB of sparse memory with so many frames left in a zone, then one less."""
    held = Held(machine)
    for count in counts:
        held.leave_in(zone, count)
        assert machine.call(Call.MAP, ANYWHERE, LARGE, WRITE, pid=2) == OutOfMemory.number
        assert machine.call(Call.MAP, ANYWHERE, LARGE, WRITE | SPARSE, pid=2) == ANYWHERE
        machine.write(LAST, 1, 2)
        assert machine.call(Call.UNMAP, ANYWHERE, LARGE, pid=2) == 0
    held.leave_in(zone, counts[-1] - 1)
    assert machine.call(Call.MAP, ANYWHERE, LARGE, WRITE | SPARSE, pid=2) == ANYWHERE
    with pytest.raises(Died):
        machine.write(LAST, 1, 2)
    assert machine.process(2).fault.reason == Reason.OUT_OF_MEMORY
    write(machine, promised(machine), 1)
    held.give_back()
    machine.check()


@pytest.mark.parametrize(
    ("layout", "life"),
    some_of(product(MACHINES, LIVES), [*product(["microkernel"], LIVES), ("usermode", "interpreted")]),
)
@pytest.mark.parametrize("zone", ZONES)
def test_the_last_page_of_sparse_memory_comes_as_long_as_its_frames_are_left(zone, layout, life):
    machine = scarce_machine(layout, life)
    least = fewest_for_last(machine, zone)
    touch_last(machine, zone, (MOST, least + 1, least))


@pytest.mark.campaign
@EACH
@pytest.mark.parametrize("zone", ZONES)
def test_the_last_page_of_sparse_memory_comes_with_each_number_of_frames_left(zone, layout, life):
    machine = scarce_machine(layout, life)
    touch_last(machine, zone, range(MOST, fewest_for_last(machine, zone) - 1, -1))


def test_sparse_memory_is_had_without_a_frame_and_only_its_touch_finds_none(life):
    machine = driven("it", "it", life=life)
    held = Held(machine)
    held.leave(1, 1)
    assert machine.call(Call.MAP, ANYWHERE, 0x4000_0000, WRITE | SPARSE, pid=2) == ANYWHERE
    machine.write(LAST, 1, 2)
    assert machine.spare() == (0, 0)
    write(machine, promised(machine), 1, 2)
    with pytest.raises(Died):
        machine.write(LAST - PAGE, 1, 2)
    assert machine.process(2).fault.reason == Reason.OUT_OF_MEMORY
    held.give_back()
    machine.check()


def test_the_stack_grows_only_as_far_as_there_is_memory(life):
    machine = driven("it", "it", life=life)
    held = Held(machine)
    held.leave(1, 0)
    write(machine, (*promised(machine), STACK - 4 * PAGE), 1)
    with pytest.raises(Died):
        machine.write(STACK - 4 * PAGE, 1, 2)
    assert machine.process(2).fault.reason == Reason.OUT_OF_MEMORY
    held.give_back()
    machine.check()


def test_what_could_be_written_before_can_be_again_without_memory(life):
    machine = driven("it", "it", life=life)
    machine.write(BSS, 7)
    held = Held(machine)
    held.leave(0, 0)
    for permissions in (READ, WRITE, 0, WRITE):
        assert machine.call(Call.PROTECT, BSS, PAGE, permissions) == 0
    machine.write(BSS, 8)
    held.give_back()
    machine.check()


def test_a_shared_page_that_one_may_not_write_leaves_the_other_its_promise(life):
    """The frame is read-only then, so that the other's promise is for its copy."""
    machine = driven("it", "it", life=life)
    machine.write(BSS, 7)
    child = machine.fork()
    held = Held(machine)
    held.leave(0, 0)
    assert machine.call(Call.PROTECT, BSS, PAGE, READ, pid=child) == 0
    held.leave(0, 0)
    write(machine, promised(machine), 1)
    assert machine.read(BSS, child) == 7
    held.give_back()
    machine.check()


@of_its_own
def test_a_layout_with_overcommit_promises_more_than_there_is(life):
    machine = driven("it", "it", life=life, layout=replace(SMALL, overcommit=True))
    assert machine.call(Call.MAP, ANYWHERE, 0x1000_0000, WRITE, pid=2) == ANYWHERE
    assert machine.fork(2) > 0
    with pytest.raises(Died):
        for page in range(ANYWHERE, ANYWHERE + 0x100_0000, PAGE):
            machine.write(page, 1, 2)
    assert machine.process(2).fault.reason == Reason.OUT_OF_MEMORY
    machine.check()
