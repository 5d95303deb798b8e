"""Drawings of memory: every boundary of a running machine is in its drawing, and the parts follow one another."""

import re

import pytest

from keelback.inspect.drawing import draw_kernel_region, draw_live, draw_virtual, usable_ranges
from keelback.kernel.layout import LAYOUTS, MICROKERNEL
from support import MIB, make_pc

EDGE = re.compile(r"^(0x[0-9a-f]{8}|          ) [┌├╞└][─═]{30}[┐┤╡┘](?: (.*))?$")


def edges(lines):
    return [int(found[1], 16) for line in lines if (found := EDGE.match(line)) and found[1].strip()]


@pytest.mark.parametrize("memory", [4 * MIB, 64 * MIB])
def test_a_running_machine_is_drawn_with_all_its_boundaries(memory):
    pc = make_pc(memory=memory)
    pc.boot()
    bounds, layout = pc.kernel.memory.bounds, pc.layout
    expected = [
        bounds.region_top, bounds.zone, bounds.stack, bounds.heap, bounds.kernel_map, bounds.bios_map,
        layout.records_end, layout.text_end, layout.places, layout.kernel_start,
    ]  # fmt: skip
    lines = list(draw_live(pc.kernel))
    assert edges(lines) == expected == sorted(expected, reverse=True)
    assert any("boot stack" in line and "16 KiB" in line for line in lines)


def test_the_usable_ranges_are_those_of_the_memory_map():
    pc = make_pc(memory=4 * MIB)
    pc.boot()
    assert list(usable_ranges(pc.kernel)) == [
        "[0x00000000, 0x0009f000)  636 KiB",
        "[0x00100000, 0x00400000)  3 MiB",
    ]


@pytest.mark.parametrize("layout", LAYOUTS, ids=lambda layout: layout.name)
def test_a_layout_is_drawn_from_high_to_low_without_gaps(layout):
    for drawing in (draw_virtual(layout), draw_kernel_region(layout)):
        lines = list(drawing)
        assert edges(lines) == sorted(edges(lines), reverse=True)
        assert all(EDGE.match(line) or line[10:13] == " │ " for line in lines)
    assert edges(draw_virtual(layout))[0] == 0xFFFF_FFFF and edges(draw_virtual(layout))[-1] == 0


def test_names_stand_at_the_addresses_that_they_name():
    named = {line.rpartition(" ")[2]: line[:10] for line in draw_virtual(MICROKERNEL) if EDGE.match(line)}
    assert named["user_base"] == f"{MICROKERNEL.user_base:#010x}"
    assert named["image_base"] == f"{MICROKERNEL.image_base:#010x}"
