"""Cells, one a page: who has it, the glyph, and what the program may do there, the style; without colour or form.

    Map ── lines ─┬─ Row: up to 64 cells side by side, from an address on
                  └─ Fold: many pages of which there is one thing to say

1. A cell does not know where it is: rows that show the same are equal, which is what folding looks for.
2. No fact is in a colour alone; a cell's `pid` says which colour it has.
"""

from collections.abc import Callable, Iterable, Iterator
from enum import Flag, auto
from functools import cache
from typing import NamedTuple

from keelback.inspect.walk import PAGE_SHIFT

PAGE = 1 << PAGE_SHIFT
WIDTH = 64
"""Cells of a row, where there is room."""


class Style(Flag):
    """What may be done with a page, and what it is beside its owner's."""

    PLAIN = 0
    """User code may only read, or execute."""
    WRITABLE = auto()
    COPY_ON_WRITE = auto()
    """User code may write, and then has a copy."""
    SUPERVISOR = auto()
    """User code can't reach it."""
    TABLE = auto()
    """A page table."""
    CHANGED = auto()
    """Not as it was before."""


class Cell(NamedTuple):
    """One page: its glyph and style, the process whose colour it has (0: none's), and the level of a page table.

    The lowest level, whose entries are pages, is 1.
    """

    glyph: str
    style: Style = Style.PLAIN
    pid: int = 0
    level: int = 0

    @property
    def changed(self) -> "Cell":
        """Return the cell as one that was not so before."""
        return _changed(self)


FREE = Cell(".")
FREE_OF_ZONE = Cell(".", Style.SUPERVISOR)
"""A frame that only the kernel will take."""
NOTHING = Cell(" ")
"""No memory, or no region, is there."""
KERNEL = Cell("K", Style.SUPERVISOR)
KERNEL_TABLE = Cell("K", Style.SUPERVISOR | Style.TABLE)
RESERVED = Cell("R", Style.SUPERVISOR)
NOT_YET = Cell(".")
"""In a region, and comes when it is touched."""
GUARD = Cell("g", Style.SUPERVISOR)


@cache
def _changed(cell: Cell) -> Cell:
    return cell._replace(style=cell.style | Style.CHANGED)


class Row(NamedTuple):
    """Cells of pages side by side, from the address `start` on, and the name of what they are in, "" for none."""

    start: int
    cells: tuple[Cell, ...]
    name: str = ""

    @property
    def end(self) -> int:
        """Return the first address after it."""
        return self.start + (len(self.cells) << PAGE_SHIFT)

    def address(self, index: int) -> int:
        """Return the address that a cell stands for; a frame's number is that of its page."""
        return self.start + (index << PAGE_SHIFT)


class Fold(NamedTuple):
    """Addresses [start, end) of pages that are all alike: such as `cell` is, None: as in the rows above."""

    start: int
    end: int
    said: str
    cell: Cell | None = None
    name: str = ""

    @property
    def pages(self) -> int:
        """Return how many pages these are."""
        return (self.end - self.start) >> PAGE_SHIFT


Line = Row | Fold


class Spot(NamedTuple):
    """A page of a process, or (pid 0) a frame by its address."""

    pid: int
    address: int


class Map(NamedTuple):
    """A memory, physical or of one process, line by line, lowest address first."""

    title: str
    lines: list[Line]
    pid: int = 0
    """Of the process; 0: physical memory."""

    def cells(self) -> Iterator[Cell]:
        """Yield every cell that is shown, and that which a fold stands for."""
        for line in self.lines:
            if isinstance(line, Row):
                yield from line.cells
            elif line.cell is not None:
                yield line.cell


Said = Callable[[Cell, int], str]
"""Says in words what so many pages are that are all such as a cell."""


def folded(lines: Iterable[Line], said: Said) -> Iterator[Line]:
    """Yield lines with rows that repeat folded: two or more of one cell alone, three or more of any."""
    run: list[Row] = []
    for line in lines:
        if run and not (isinstance(line, Row) and _repeats(run[-1], line)):
            yield from _fold(run, said)
            run = []
        if isinstance(line, Row):
            run.append(line)
        else:
            yield line
    yield from _fold(run, said)


def _repeats(before: Row, row: Row) -> bool:
    """Say whether a row goes on where another one ends, as that does; the last may be shorter where all are alike."""
    if before.end != row.start or before.name != row.name:
        return False
    return before.cells == row.cells or (_is_uniform(before) and _is_uniform(row) and before.cells[0] == row.cells[0])


def _is_uniform(row: Row) -> bool:
    return row.cells.count(row.cells[0]) == len(row.cells)


def _fold(run: list[Row], said: Said) -> list[Line]:
    if len(run) > 1 and _is_uniform(run[0]):
        start, end, cell = run[0].start, run[-1].end, run[0].cells[0]
        return [Fold(start, end, said(cell, (end - start) >> PAGE_SHIFT), cell, run[0].name)]
    if len(run) > 2:
        return [run[0], Fold(run[1].start, run[-1].end, "like the row above", name=run[0].name)]
    return [*run]
