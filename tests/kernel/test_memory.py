"""Physical memory after start-up."""

from dataclasses import replace

import pytest

from keelback.image.kernel_image import ImageTooLarge
from keelback.inspect.invariants import check
from keelback.inspect.lens import look
from keelback.kernel.devices.screen import SCREEN
from keelback.kernel.layout import LAYOUTS, MICROKERNEL
from keelback.kernel.memory.frames import CONSOLE, KERNEL, NOBODY, RESERVED
from keelback.machine.observed import Outcome
from keelback.machine.simulated.boot_loader import BiosEntry
from kernel.driven import PAGE, make_machine, memory_for
from support import MIB, make_pc


@pytest.mark.parametrize("memory", [4 * MIB, 8 * MIB, 64 * MIB, 300 * MIB])
def test_the_parts_of_the_kernel_region_follow_one_another(memory):
    pc = make_pc(memory=memory)
    pc.bring_up()
    bounds, layout = pc.kernel.memory.bounds, pc.layout
    order = [
        layout.kernel_start, layout.text_end, layout.records_end, bounds.kernel_top, bounds.bios_map, bounds.kernel_map,
        bounds.heap, pc.kernel.memory.heap.bounds.next, bounds.stack, bounds.zone, bounds.region_top,
    ]  # fmt: skip
    assert order == sorted(order)
    assert bounds.kernel_top % 4096 == 0 and bounds.kernel_top >= pc.header.payload + pc.header.payload_size
    assert bounds.zone - bounds.stack == layout.boot_stack


@pytest.mark.parametrize("layout", LAYOUTS, ids=lambda each: each.name)
def test_the_boot_stack_is_free_memory_when_the_first_thread_runs(life, layout):
    pc = make_machine("it", life=life, layout=layout, memory=memory_for(layout))
    lens = look(layout, pc.ram.contents)
    counts, bounds = lens.memory.frames.counts, lens.memory.bounds
    pc.bring_up()
    stack, before = bounds.stack, counts.kernel_total + counts.user_total
    frames = range(stack // PAGE, bounds.zone // PAGE)
    assert len(frames) == layout.boot_stack // PAGE
    assert {lens.memory.frames.table[frame].use for frame in frames} == {KERNEL}
    pc.begin()
    assert counts.kernel_total + counts.user_total == before + len(frames) and bounds.zone == bounds.stack == stack
    assert {lens.memory.frames.table[frame].use for frame in frames} == {NOBODY}
    zone = lens.memory.frames.kernel_zone
    assert zone is None or zone.lowest() == frames[0], "the next page table lies there"
    check(lens)


def test_every_frame_is_kernel_reserved_or_free(pc):
    frames, bounds = pc.kernel.memory.frames, pc.kernel.memory.bounds
    assert len(frames.table) == 8 * MIB // 4096
    for number, frame in enumerate(frames.table.elements):
        address = number * 4096
        if pc.layout.kernel_start <= address < bounds.zone:
            assert (frame.use, frame.references) == (KERNEL, 1)
        elif address == SCREEN:
            assert (frame.use, frame.references) == (CONSOLE, 1)
        elif number == 0 or 0x9F000 <= address < 0x100000:
            assert (frame.use, frame.references) == (RESERVED, 1), hex(number)
        elif not bounds.zone <= address < bounds.region_top:
            assert (frame.use, frame.references) == (NOBODY, 0), hex(number)


def test_the_counts_are_the_usable_frames(pc):
    counts, bounds = pc.kernel.memory.frames.counts, pc.kernel.memory.bounds
    usable = 0x9F + 8 * MIB // 4096 - 0x100
    taken = 1 + (bounds.region_top - pc.layout.kernel_start) // 4096
    assert counts.user_total == usable - taken
    assert counts.kernel_total == (bounds.region_top - bounds.zone) // 4096


def refused(memory_map, memory=8 * MIB):
    pc = make_pc(memory=memory, memory_map=memory_map)
    pc.boot()
    assert pc.outcome is Outcome.REFUSED
    return pc.console.decode()


def test_too_little_memory_is_said_and_nothing_runs():
    assert "from 0x100000 on it ends at 0x280000, and 0x" in refused(None, 2 * MIB + MIB // 2)


def test_a_hole_in_the_kernel_region_is_too_little_memory():
    holed = (BiosEntry(0x100000, 7 * MIB, 1), BiosEntry(0x200000, 4096, 2))
    assert "There is not enough memory: from 0x100000 on it ends at 0x200000, and 0x" in refused(holed)


def test_an_image_that_reaches_the_end_of_the_kernel_region_is_refused_before_it_runs():
    """No memory would help, so no kernel is asked."""
    with pytest.raises(ImageTooLarge, match="in the microkernel layout there is room for 0$"):
        end = MICROKERNEL.records_end + 4096
        make_pc(layout=replace(MICROKERNEL, region_limit=end, physical_limit=2 * MIB, zone_least=0, boot_stack=4096))


def test_memory_that_nobody_calls_usable_is_none():
    assert "not enough memory" in refused(())


def test_holes_above_the_kernel_are_never_given_out():
    pc = make_pc(memory_map=(BiosEntry(0x100000, 7 * MIB, 1), BiosEntry(0x500000, 0x10000, 2)))
    pc.boot()
    for frame in range(0x500, 0x510):
        assert pc.kernel.memory.frames.table[frame].use == RESERVED
        assert not pc.kernel.memory.frames.user_zone.has(frame)
