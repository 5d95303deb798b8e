"""Drawings of memory: every boundary of a running machine is in its drawing, and the parts follow one another."""

import re

import pytest

from keelback.inspect.drawing import draw_image_file, draw_kernel_region, draw_live, draw_virtual, usable_ranges
from keelback.kernel.layout import MICROKERNEL, PUBLISHED
from keelback.kernel.memory.frames import Role
from keelback.lang import PAGE_SIZE
from support import MIB, make_pc
from variants import name_of

EDGE = re.compile(r"^([ 0-9a-fx]{11,14}) [┌├╞└][─═╌v]{39}[┐┤╡┘](?: (.*))?$")


def edges(lines):
    return [int(found[1], 16) for line in lines if (found := EDGE.match(line)) and found[1].strip()]


@pytest.mark.parametrize("memory", [4 * MIB, 64 * MIB])
def test_a_running_machine_is_drawn_with_all_its_boundaries(memory):
    pc = make_pc(memory=memory)
    pc.bring_up()
    bounds, layout = pc.kernel.memory.bounds, pc.layout
    free, unused = first_free_frame(pc.kernel) * PAGE_SIZE, pc.kernel.memory.heap.bounds.next
    expected = [
        bounds.region_top, free, bounds.zone, bounds.stack, unused, bounds.heap, bounds.kernel_map, bounds.bios_map,
        layout.records_end, layout.text_end, layout.places, layout.kernel_start,
    ]  # fmt: skip
    lines = list(draw_live(pc.kernel))
    assert edges(lines) == expected == sorted(expected, reverse=True)
    assert any("kernel stack (boot)" in line and line.endswith("│ 16 KiB") for line in lines)


def first_free_frame(kernel):
    """Return the zone's frame before which all are in use and after which none is, by the frame records."""
    bounds = kernel.memory.bounds
    zone = range(bounds.zone // PAGE_SIZE, bounds.region_top // PAGE_SIZE)
    records = kernel.memory.frames.table
    in_use = [frame for frame in zone if records[frame].references > 0 or records[frame].role == Role.TABLE]
    assert in_use and in_use == list(zone)[: len(in_use)]
    return zone[len(in_use)]


def assert_in_order(lines, labels):
    text, position = "\n".join(lines), 0
    for label in labels:
        position = text.index(label, position) + len(label)


def test_the_drawings_have_the_labels_of_the_design_in_its_order():
    parts = [("boot sector", 0), ("setup code", 0x200), ("microkernel and process manager", 0x1000)]
    labels = ["(start)", "boot sector", "setup code", "microkernel and process manager", "(end)"]
    assert_in_order(draw_image_file(parts), labels)
    labels = ["kernel_region_top", "initial page allocations", "kernel stack (boot)", "─v─", ". . .",
              "[kernel boot heap/stack]", "kernel memory map", "BIOS memory map", "═╡ kernel_top", "payload",
              "[kernel image]", "microkernel and process manager", "kernel_start (0x100000"]  # fmt: skip
    assert_in_order(draw_kernel_region(MICROKERNEL), labels)
    pc = make_pc(memory=4 * MIB)
    pc.bring_up()
    assert_in_order(draw_live(pc.kernel), labels)
    labels = ["0x100000000 = 4GB", "User memory space", "═╡ KLIMIT (0x8000000 = 128MB)",
              "available for global mappings", "kernel_region_top", "microkernel, process manager, etc.",
              "kernel_start (0x100000 = 1MB)", "available for global mappings", "┘ 0x0"]  # fmt: skip
    assert_in_order(draw_virtual(MICROKERNEL), labels)


def test_the_usable_ranges_are_those_of_the_memory_map():
    pc = make_pc(memory=4 * MIB)
    pc.boot()
    assert list(usable_ranges(pc.kernel)) == [
        "[0x00000000, 0x0009f000)  636 KiB",
        "[0x00100000, 0x00400000)  3 MiB",
    ]


@pytest.mark.parametrize("layout", PUBLISHED, ids=name_of)
def test_a_layout_is_drawn_from_high_to_low_without_gaps(layout):
    for drawing in (draw_virtual(layout), draw_kernel_region(layout)):
        lines = list(drawing)
        assert edges(lines) == sorted(edges(lines), reverse=True)
        assert all(EDGE.match(line) or line.lstrip().startswith("│") for line in lines)
        assert len({re.search("[┌│├╞└]", line).start() for line in lines}) == 1
    assert edges(draw_virtual(layout))[0] == layout.paging.user_limit and edges(draw_virtual(layout))[-1] == 0


def test_names_stand_at_the_addresses_that_they_name():
    named = {line.rpartition(" ")[2]: line[:11].strip() for line in draw_virtual(MICROKERNEL) if EDGE.match(line)}
    assert named["user_base"] == f"{MICROKERNEL.user_base:#010x}"
    assert named["image_base"] == f"{MICROKERNEL.image_base:#010x}"
