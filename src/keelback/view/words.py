"""What glyphs and styles of cells mean, in words: for folds and for the legend, which has only those that occur."""

from collections.abc import Callable, Iterable
from typing import NamedTuple

from keelback.view.cells import Cell, Style

GLYPHS = {
    "K": "kernel",
    "R": "reserved",
    "C": "console",
    "L": "of a library",
    "S": "of several, owner gone",
    "=": "of a memory object",
    "0": "frame of zeros",
    "g": "guard, never mapped",
    ".": "free, or not there yet",
}
"""But those of processes."""
STYLES = {
    Style.WRITABLE: "may be written",
    Style.COPY_ON_WRITE: "copy-on-write",
    Style.SUPERVISOR: "only for the kernel",
    Style.TABLE: "page table",
    Style.CHANGED: "changed",
}
READ_ONLY = "read-only"
"""What the look of a process's page says that has no style."""
LOUD = (Style.WRITABLE, Style.COPY_ON_WRITE, Style.TABLE)
"""What a fold says beside whose pages these are."""


class Entry(NamedTuple):
    """An entry of the legend: a cell as it is shown, and what it means."""

    cell: Cell
    means: str


def described(cell: Cell, name_of: Callable[[int], str]) -> str:
    """Return what a page is that is not free: `of cow (1), may be written`."""
    whose = f"of {name_of(cell.pid)}" if cell.pid else GLYPHS.get(cell.glyph, "in use")
    return ", ".join([whose, *(STYLES[style] for style in LOUD if style in cell.style)])


def glyph_entries(cells: Iterable[Cell], name_of: Callable[[int], str]) -> list[Entry]:
    """Return an entry for each glyph that occurs, those of processes first."""
    found = {cell.glyph: Cell(cell.glyph, pid=cell.pid) for cell in cells if cell.glyph.strip()}
    ours = sorted((each for each in found.values() if each.pid), key=lambda each: each.pid)
    others = [Entry(found[glyph], means) for glyph, means in GLYPHS.items() if glyph in found]
    return [*(Entry(each, name_of(each.pid)) for each in ours), *others]


def style_entries(cells: Iterable[Cell]) -> list[Entry]:
    """Return an entry for each style that occurs, in the look of nobody's page."""
    occur = {style for cell in cells for style in Style if style in cell.style and cell.glyph != "."}
    return [Entry(Cell("x", style), means) for style, means in STYLES.items() if style in occur]


def plain_entries(cells: Iterable[Cell]) -> list[Entry]:
    """Return the entry for pages of processes that have no style, where there are any."""
    is_plain = any(cell.pid and not cell.style & ~Style.CHANGED for cell in cells)
    return [Entry(Cell("x"), READ_ONLY)] * is_plain
