"""Drawings of memory as stacked boxes, from a layout's constants or a running machine.

    ┌───────────┐ name of the end
    │   title   │ note                     a part: between solid lines, with a title
    │ box       │
    ├╌╌╌╌╌╌╌╌╌╌╌┤ name of a place          the boxes in it: between dashed ones
    │ box       │
    └───────────┘ name of the start

Memory is drawn with the highest address on top, a file with its start on top.
"""

from collections.abc import Iterable, Iterator, Sequence
from typing import NamedTuple

from keelback.abi.parts import Part as KernelPart
from keelback.inspect.snapshot import Snapshot
from keelback.kernel.devices.screen import SCREEN
from keelback.kernel.kernel import Kernel
from keelback.kernel.layout import KIB, MIB, Layout
from keelback.lang import PAGE_SHIFT, PAGE_SIZE

GIB = 1024 * MIB
TIB = 1024 * GIB
WIDTH = 39
COLUMN = 11  # of the addresses, where none needs more
NAMES = (
    "user_end", "malloc_limit", "malloc_base", "anonymous_base", "image_base", "stack_top",
    "user_base", "stack_bottom", "stack_guard", "windows", "globals_end", "globals_start", "records_end", "text_end",
    "places",
)  # fmt: skip
"""The addresses of a layout that have its name for them in a drawing."""

# Lines below a part: their ends, and what is between them.
SOLID = "├─┤"
DOUBLE = "╞═╡"
GROWING = "├v┤"
DASHED = "├╌┤"

CORE = "microkernel and process manager"
REGION_TOP = "kernel_region_top"
KERNEL_IMAGE = "[kernel image]"
HEAP_AND_STACK = "[kernel boot heap/stack]"


class Box(NamedTuple):
    """What lies from `start` to the box above; no constant says where that is when it is None, but `name` may."""

    start: int | None
    lines: tuple[str, ...] = ()
    name: str = ""
    note: str = ""


class Part(NamedTuple):
    """Boxes that belong together, the highest first; `note` stands beside the title, `line` below the lowest."""

    title: str
    boxes: Sequence[Box]
    note: str = ""
    line: str = SOLID


def draw_image_file(parts: Iterable[tuple[str, int]]) -> Iterator[str]:
    """Yield the lines of a file, by the title of each part and the offset at which it starts, the first first."""
    line, name = "┌─┐", "(start)"
    for title, offset in parts:
        yield _line(f"{offset:#06x}", line, name)
        yield _row(f"{title:^{WIDTH}}")
        line, name = SOLID, ""
    yield _line("", "└─┘", "(end)")


# Virtual memory.


def draw_virtual(layout: Layout) -> Iterator[str]:
    """Yield the lines of a layout's virtual memory, the same picture in every process."""
    pieces = list(_pieces(layout))
    is_owned = layout.owned_start < SCREEN
    around, rest = ("Kernel reserved", "not used") if is_owned else ("available for global mappings", "free")
    if layout.identity:
        around, rest = "Memory at its own addresses", "for the kernel alone"
    above = _filled(pieces, layout.region_limit, layout.kernel_limit, rest)
    if layout.region_least < layout.region_limit:
        above += [Box(layout.region_limit, (rest,))] * (above[-1].lines != (rest,))
        above[-1] = above[-1]._replace(start=None, name=f"{REGION_TOP}, {layout.region_limit:#010x} at most")
    else:
        above[-1] = above[-1]._replace(name=REGION_TOP)
    parts = (
        Part("User memory space", _filled(pieces, layout.kernel_limit, layout.paging.user_limit, "free"), line=DOUBLE),
        Part(around, above),
        Part("microkernel, process manager, etc.", [Box(layout.kernel_start, (f"{'(see above)':^{WIDTH - 2}}",))]),
        Part(around, _filled(pieces, 0, layout.kernel_start, rest)),
    )
    return _draw(layout, layout.paging.user_limit, "", parts)


def _pieces(layout: Layout) -> Iterator[tuple[int, int, tuple[str, ...]]]:
    """Yield what a layout says of virtual memory: where it starts and ends, and what is there."""
    size = f"{layout.stack_pages} pages at most" if layout.stack_pages > 1 else "one page"
    is_last = layout.paging.user_limit - layout.user_end == PAGE_SIZE
    yield layout.user_end, layout.paging.user_limit, ("the last page: never mapped" if is_last else "never mapped",)
    yield layout.stack_bottom, layout.stack_top, (f"stack, {size}",)
    yield layout.stack_guard, layout.stack_bottom, ("guard: never mapped",)
    if KernelPart.MALLOC in layout.parts:
        yield layout.malloc_base, layout.malloc_limit, ("malloc pages, upward",)
    if KernelPart.MAPPING in layout.parts:
        yield layout.anonymous_base, layout.malloc_base, ("anonymous memory, upward",)
    libraries = ("libraries, upward",) if KernelPart.LIBRARIES in layout.parts else ()
    yield layout.image_base, layout.anonymous_base, ("free", *libraries, "image of the process")
    yield layout.windows, layout.windows + layout.window_count * PAGE_SIZE, (f"{layout.window_count} window pages",)
    if layout.kernel_stack_slots:
        end = layout.globals_start + layout.kernel_stack_slots * layout.kernel_stack_slot
        yield layout.globals_start, end, (f"{layout.kernel_stack_slots:,} kernel stacks, each with guard",)
        if end < layout.globals_end:
            yield end, layout.globals_end, ("free",)
    yield (
        SCREEN,
        SCREEN + PAGE_SIZE,
        ("the screen, open to every process" if layout.user_screen else "the screen",),
    )
    yield 0, PAGE_SIZE, ("page 0: never mapped",)


def _filled(pieces: Iterable[tuple[int, int, tuple[str, ...]]], start: int, end: int, rest: str) -> list[Box]:
    """Return boxes for all of [start, end), the highest first; where no piece is, there is `rest`."""
    boxes = []
    position = end
    for first, last, lines in sorted(pieces, reverse=True):
        if start <= first < last <= position:
            if last < position:
                boxes.append(Box(last, (rest,)))
            boxes.append(Box(first, lines))
            position = first
    return boxes if position == start else [*boxes, Box(start, (rest,))]


# The kernel region.


class Places(NamedTuple):
    """Where the parts of the kernel region start that no constant places; None where no machine says it either."""

    free: int | None = None  # of the kernel zone, when no program has started
    zone: int | None = None
    stack: int | None = None
    gap: int | None = None  # what the boot heap has not used
    heap: int | None = None
    kernel_map: int | None = None
    bios_map: int | None = None


def draw_kernel_region(layout: Layout) -> Iterator[str]:
    """Yield the lines of the kernel region as a layout has it, which is physical memory too."""
    return _draw(layout, None, REGION_TOP, _region(layout, Places()))


def draw_live(kernel: Kernel) -> Iterator[str]:
    """Yield the lines of the kernel region of a machine that has started no program, with the size of each part."""
    layout, top = kernel.layout, kernel.memory.bounds.region_top
    return _draw(layout, top, REGION_TOP, list(_sized(_region(layout, live_places(kernel)), top)))


def live_places(kernel: Kernel) -> Places:
    """Return where the parts of the kernel region start on a machine that has started no program."""
    memory, bounds = kernel.memory, kernel.memory.bounds
    zone = memory.frames.kernel_zone
    free = bounds.region_top if zone is None else zone.lowest() << PAGE_SHIFT
    gap = memory.heap.bounds.next
    return Places(free, bounds.zone, bounds.stack, gap, bounds.heap, bounds.kernel_map, bounds.bios_map)


def _region(layout: Layout, places: Places) -> tuple[Part, ...]:
    """Return the parts of the kernel region, those of the kernel image with all that is in them."""
    core = (
        Box(layout.text_end, (f"static records; entry stack, {layout.entry_stack // KIB} KiB",)),
        Box(layout.places, ("places of source lines, read-only",)),
        Box(layout.kernel_start, ("header, entry code, text, read-only",)),
    )
    heap = (Box(places.gap), Box(places.heap, ("frame table, sets of free frames",)))
    zone = (
        Part("free, for page tables" + ", kernel stacks" * (not layout.one_stack), [Box(places.free)]),
        Part("initial page allocations", [Box(places.zone)]),
    )
    return (
        *(zone if not layout.one_pool else ()),
        Part("kernel stack (boot)", [Box(places.stack)], line=GROWING),
        Part(". . .", heap, HEAP_AND_STACK),
        Part("kernel memory map", [Box(places.kernel_map)]),
        Part("BIOS memory map", [Box(places.bios_map, (), "kernel_top")], line=DOUBLE),
        Part("payload", [Box(layout.records_end)], KERNEL_IMAGE),
        Part(CORE, core),
    )


def _sized(parts: Iterable[Part], end: int) -> Iterator[Part]:
    """Yield parts, all of whose places are known, with the size of each box noted."""
    for part in parts:
        boxes = []
        for box in part.boxes:
            assert box.start is not None
            boxes.append(box._replace(note=_size(end - box.start)))
            end = box.start
        yield part._replace(boxes=boxes)


def usable(kernel: Kernel) -> Iterator[tuple[int, int]]:
    """Yield start and end of each range of memory that a running kernel found usable."""
    for first, last in Snapshot(kernel).usable:
        yield first * PAGE_SIZE, last * PAGE_SIZE


def usable_ranges(kernel: Kernel) -> Iterator[str]:
    """Yield a line for each of those ranges."""
    for start, end in usable(kernel):
        yield f"[{start:#010x}, {end:#010x})  {_size(end - start)}"


def _size(size: int) -> str:
    if size % MIB == 0 and size:
        return f"{size // MIB:,} MiB"
    return f"{size // KIB:,} KiB" if size % KIB == 0 else f"{size:,} bytes"


# Lines.


def _draw(layout: Layout, top: int | None, top_name: str, parts: Sequence[Part]) -> Iterator[str]:
    column = max(COLUMN, len(f"{top or 0:#x}"))
    yield _edge(layout, top, top_name, "┌─┐", column)
    for part in parts:
        notes = (part.boxes[0].note if not part.boxes[0].lines else "", part.note)
        yield _row(f"{part.title:^{WIDTH}}", "  ".join(each for each in notes if each), column)
        for box in part.boxes:
            for number, line in enumerate(box.lines):
                yield _row(f" {line:<{WIDTH - 1}}", box.note if number == 0 else "", column)
            line = DASHED if box is not part.boxes[-1] else "└─┘" if part is parts[-1] else part.line
            yield _edge(layout, box.start, box.name, line, column)


def _edge(layout: Layout, address: int | None, name: str, line: str, column: int) -> str:
    """Return a line between boxes, with all names of its address."""
    limit = layout.paging.user_limit
    said = {
        limit: f"{limit:#x} = {_round(limit)}",
        layout.kernel_limit: f"KLIMIT ({layout.kernel_limit:#x} = {_round(layout.kernel_limit)})",
        layout.kernel_start: f"kernel_start ({layout.kernel_start:#x} = {_round(layout.kernel_start)})",
        0: "0x0",
    }
    names = [said[address]] if address in said else []
    known = [each for each in NAMES if each not in _absent(layout)]
    names += [each for each in known if address and getattr(layout, each) == address]  # 0: not in this layout
    place = "" if address is None else f"{address:#010x}"
    return _line(place, line, ", ".join([*names, name] if name else names), column)


def _round(address: int) -> str:
    unit, name = next(each for each in ((TIB, "TB"), (GIB, "GB"), (MIB, "MB"), (KIB, "KB")) if address % each[0] == 0)
    return f"{address // unit}{name}"


def _absent(layout: Layout) -> set[str]:
    """Return the names of addresses that mean nothing in a layout."""
    parts = {
        KernelPart.MALLOC: ("malloc_base", "malloc_limit"),
        KernelPart.MAPPING: ("anonymous_base",),
    }
    names = [name for part, of_part in parts.items() if part not in layout.parts for name in of_part]
    return {*names, *(["stack_guard"] if layout.guard_pages == 0 else [])}


def _line(place: str, line: str, name: str, column: int = COLUMN) -> str:
    between = line[1] * WIDTH if line != GROWING else f"─────v{'─' * (WIDTH - 12)}v─────"
    return f"{place:>{column}} {line[0]}{between}{line[2]} {name}".rstrip()


def _row(text: str, note: str = "", column: int = COLUMN) -> str:
    return f"{'':{column}} │{text}│ {note}".rstrip()
