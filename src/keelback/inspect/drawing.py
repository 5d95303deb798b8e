"""Drawings of memory as stacked boxes, the highest address on top, from a layout's constants or a running machine."""

from collections.abc import Iterator
from typing import NamedTuple

from keelback.kernel.kernel import Kernel
from keelback.kernel.layout import KIB, MIB, Layout
from keelback.kernel.screen import SCREEN
from keelback.lang import PAGE_SIZE

WIDTH = 30
NAMES = (
    "user_end", "malloc_limit", "malloc_base", "anonymous_base", "image_base", "stack_top",
    "kernel_limit", "user_base", "stack_bottom", "stack_guard", "windows", "records_end", "text_end", "places",
    "kernel_start",
)  # fmt: skip
"""The addresses of a layout that have a name in a drawing."""


class Box(NamedTuple):
    """What lies from `start` to the box above; `start` is None where no constant says it, `name` then tells it."""

    start: int | None
    lines: tuple[str, ...]
    name: str = ""
    notes: tuple[str, ...] = ()


def draw_virtual(layout: Layout) -> Iterator[str]:
    """Yield the lines of a layout's virtual memory, the same picture in every process."""
    size = f"{layout.stack_pages} pages at most" if layout.stack_pages > 1 else "one page"
    stack = [Box(layout.stack_bottom, (f"stack, {size}",)), Box(layout.stack_guard, ("guard page: never mapped",))]
    boxes = [
        Box(layout.user_end, ("the last page: never mapped",)),
        Box(layout.malloc_limit, ("free",)),
        Box(layout.malloc_base, ("malloc pages, upward",)),
        Box(layout.anonymous_base, ("anonymous memory, upward",)),
        Box(layout.image_base, ("free", "libraries, upward", "image of the process")),
        *_kernel_part(layout),
    ]
    if layout.stack_bottom != layout.user_base:
        boxes.insert(5, Box(layout.kernel_limit, ("free",)))
    position = next(number for number, box in enumerate(boxes) if (box.start or 0) < layout.stack_bottom)
    return _draw(layout, 0xFFFF_FFFF, "", [*boxes[:position], *stack, *boxes[position:]])


def _kernel_part(layout: Layout) -> Iterator[Box]:
    """Yield the boxes below KLIMIT."""
    yield Box(layout.windows, (f"{layout.window_count} window pages",))
    if layout.region_least < layout.region_limit:
        yield Box(None, ("free for global mappings",), f"region_top, {layout.region_limit:#010x} at most")
    yield Box(layout.kernel_start, ("kernel region",))
    around = "the kernel's, not used" if layout.owned_start < SCREEN else "free for global mappings"
    yield Box(SCREEN + PAGE_SIZE, (around,))
    yield Box(SCREEN, ("the screen",))
    yield Box(PAGE_SIZE, (around,))
    yield Box(0, ("page 0: never mapped",))


def draw_kernel_region(layout: Layout) -> Iterator[str]:
    """Yield the lines of the kernel region as a layout has it, which is physical memory too."""
    boxes = (
        Box(None, ("kernel zone",), "", ("page tables, kernel stacks; the first page tables lowest",)),
        Box(None, (f"boot stack, {layout.boot_stack // KIB} KiB, downward",)),
        Box(None, ("boot heap, upward",), "", ("frame table, sets of free frames",)),
        Box(None, ("kernel memory map",)),
        Box(None, ("BIOS memory map",), "kernel_top"),
        Box(layout.records_end, ("payload",)),
        Box(layout.text_end, (f"entry stack, {layout.entry_stack // KIB} KiB", "static records")),
        Box(layout.places, ("places of source lines",), "", ("read-only, to the kernel too",)),
        Box(layout.kernel_start, ("header, entry code, text",), "", ("read-only, to the kernel too",)),
    )
    return _draw(layout, None, "region_top", boxes)


def draw_live(kernel: Kernel) -> Iterator[str]:
    """Yield the lines of the kernel region as a running machine has it, with the size of each part."""
    layout, bounds = kernel.layout, kernel.memory.bounds
    parts = (
        (bounds.zone, "kernel zone"),
        (bounds.stack, "boot stack"),
        (bounds.heap, "boot heap"),
        (bounds.kernel_map, "kernel memory map"),
        (bounds.bios_map, "BIOS memory map"),
        (layout.records_end, "payload"),
        (layout.text_end, "static records, entry stack"),
        (layout.places, "places of source lines"),
        (layout.kernel_start, "header, entry code, text"),
    )
    ends = (bounds.region_top, *(start for start, _ in parts))
    names = {bounds.kernel_top: "kernel_top"}
    boxes = [
        Box(start, (name,), names.get(start, ""), (_size(end - start),))
        for (start, name), end in zip(parts, ends, strict=False)
    ]
    return _draw(layout, bounds.region_top, "region_top", boxes)


def usable_ranges(kernel: Kernel) -> Iterator[str]:
    """Yield a line for each range of memory that a running kernel found usable."""
    memory_map = kernel.memory.map
    for index in range(memory_map.fill.count):
        usable = memory_map.table[index]
        start, end = usable.start * PAGE_SIZE, usable.end * PAGE_SIZE
        yield f"[{start:#010x}, {end:#010x})  {_size(end - start)}"


def _size(size: int) -> str:
    if size % MIB == 0 and size:
        return f"{size // MIB:,} MiB"
    return f"{size // KIB:,} KiB" if size % KIB == 0 else f"{size:,} bytes"


def _draw(layout: Layout, top: int | None, top_name: str, boxes: "tuple[Box, ...] | list[Box]") -> Iterator[str]:
    yield _edge(layout, top, top_name, "┌┐")
    for box in boxes:
        for number, line in enumerate(box.lines):
            yield _line(line, box.notes[number] if number < len(box.notes) else "")
        corners = "└┘" if box is boxes[-1] else "╞╡" if box.start == layout.kernel_limit else "├┤"
        yield _edge(layout, box.start, box.name, corners)


def _edge(layout: Layout, address: int | None, name: str, corners: str) -> str:
    left, right = corners[0], corners[1]
    line = ("═" if left == "╞" else "─") * WIDTH
    names = [each for each in NAMES if address is not None and getattr(layout, each) == address] + [name]
    said = "KLIMIT = " if address == layout.kernel_limit else ""
    place = f"{address:#010x}" if address is not None else " " * 10
    return f"{place} {left}{line}{right} {said}{', '.join(each for each in names if each)}".rstrip()


def _line(text: str, note: str) -> str:
    return f"{'':10} │ {text:<{WIDTH - 1}}│ {note}".rstrip()
