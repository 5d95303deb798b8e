"""The map of a process's memory: what is in a region, region by region, each row with its name.

0x00000000–0x07ffffff  kernel part       one line
0x08048000  1122S0.....    image         an area: regions of one purpose side by side
0xffefe000  gggg           guard
0xffffe000  2              stack
"""

from collections.abc import Iterator
from itertools import groupby
from typing import NamedTuple

from keelback.inspect.snapshot import Snapshot
from keelback.inspect.snapshot.processes import Process
from keelback.inspect.snapshot.regions import KINDS, Region
from keelback.inspect.walk import PAGE_SHIFT
from keelback.kernel.memory.space_records import RegionKind
from keelback.view.cells import GUARD, NOT_YET, PAGE, WIDTH, Cell, Fold, Line, Map, Row, folded
from keelback.view.frame_cells import FrameCells, styled
from keelback.view.words import described

KERNEL_PART = "kernel part"
GUARDED = "guard"
NOT_THERE = "{:,} not there yet"
SAID = {NOT_YET: NOT_THERE, GUARD: "{:,} never mapped"}


class Area(NamedTuple):
    """Addresses [start, end) of one purpose, and its name."""

    start: int
    end: int
    name: str


def virtual_map(
    process: Process,
    width: int = WIDTH,
    changed: frozenset[int] = frozenset(),
    cells: FrameCells | None = None,
) -> Map:
    """Return the map of a process, so many pages a row; those whose address is among `changed` are marked."""
    cells = cells or FrameCells(process.snapshot)
    pages = _pages(process, cells, changed)

    def said(cell: Cell, count: int) -> str:
        return NOT_THERE.format(count) if cell == NOT_YET else f"{count:,} {described(cell, cells.owners.name)}"

    lines = [*_kernel_part(process, pages), *folded(_lines(process, width, pages), said)]
    title = f"{process.snapshot.name_of(process.pid)}: {process.counted}"
    return Map(title, sorted(lines, key=lambda each: each.start), process.pid)


def _pages(process: Process, cells: FrameCells, changed: frozenset[int]) -> dict[int, Cell]:
    """Return the cell of each page that is mapped, by its address."""
    found = {}
    for page, style in styled(process.space) if process.space is not None else ():
        shown = cells.of(page.frame)
        cell = Cell(shown.glyph, style, shown.pid)
        found[page.page] = cell.changed if page.page in changed else cell
    return found


def _kernel_part(process: Process, pages: dict[int, Cell]) -> Iterator[Line]:
    """Yield what is below user space: the kernel's, and between that what programs may use, and a guard."""
    layout = process.snapshot.kernel.layout
    between = [Row(page, (cell,), "screen") for page, cell in pages.items() if page < layout.user_base]
    between += [Row(area.start, (GUARD,) * (area.end - area.start >> PAGE_SHIFT), area.name)
                for area in _guard(process.snapshot) if area.start < layout.user_base]  # fmt: skip
    start = 0
    for row in sorted(between):
        if start < row.start:
            yield Fold(start, row.start, KERNEL_PART)
        yield row
        start = row.end
    if start < layout.user_base:
        yield Fold(start, layout.user_base, KERNEL_PART)


def _guard(snapshot: Snapshot) -> list[Area]:
    layout = snapshot.kernel.layout
    return [Area(layout.stack_guard, layout.stack_bottom, GUARDED)] if layout.guard_pages else []


def areas(process: Process) -> list[Area]:
    """Return what user space is for: regions of one purpose that touch are one area; what is in none is left out."""
    layout = process.snapshot.kernel.layout
    found: list[Area] = []
    for name, group in groupby(process.regions, key=lambda each: _name(process, each)):
        for region in group:
            if found and found[-1].name == name and found[-1].end == region.start:
                found[-1] = found[-1]._replace(end=region.end)
            else:
                found.append(Area(region.start, region.end, name))
    return sorted([*found, *(each for each in _guard(process.snapshot) if each.start >= layout.user_base)])


def _name(process: Process, region: Region) -> str:
    if region.kind == RegionKind.IMAGE:
        return "image"
    if region.kind == RegionKind.LIBRARY:
        before = [each for each in process.libraries if each.address <= region.start]
        return max(before, key=lambda each: each.address).library.name if before else "library"
    return KINDS.get(region.kind, f"kind {int(region.kind)}")


def _lines(process: Process, width: int, pages: dict[int, Cell]) -> Iterator[Line]:
    present = sorted(pages)
    for area in areas(process):
        if area.name == GUARDED:
            yield from _alike(area, GUARD, width)
        else:
            yield from _area(area, width, [each for each in present if area.start <= each < area.end], pages)


def _area(area: Area, width: int, present: list[int], pages: dict[int, Cell]) -> Iterator[Line]:
    """Yield the rows of an area in which some page is, and folds between; those of a stack start at its lowest page."""
    base = present[0] if area.name == KINDS[RegionKind.STACK] and present else area.start
    so_far = area.start
    for row in sorted({(page - base) // PAGE // width for page in present}):
        start = base + row * width * PAGE
        yield from _alike(area._replace(start=so_far, end=start), NOT_YET, width)
        so_far = min(start + width * PAGE, area.end)
        yield Row(start, tuple(pages.get(page, NOT_YET) for page in range(start, so_far, PAGE)), area.name)
    yield from _alike(area._replace(start=so_far), NOT_YET, width)


def _alike(area: Area, cell: Cell, width: int) -> Iterator[Line]:
    """Yield one row of a cell for all pages of an area, or a fold where they are too many; for none, nothing."""
    count = area.end - area.start >> PAGE_SHIFT
    if count > width:
        yield Fold(area.start, area.end, SAID[cell].format(count), cell, area.name)
    elif count:
        yield Row(area.start, (cell,) * count, area.name)
