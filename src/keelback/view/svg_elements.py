"""Elements of a picture: cells, words and lines as SVG, coloured by classes, so that light and dark are one picture."""

from collections.abc import Iterator, Sequence
from html import escape
from itertools import groupby
from typing import NamedTuple

from keelback.view.cells import Cell, Style
from keelback.view.colours import DARK, OKABE_ITO, Ground

MONO = "ui-monospace,'DejaVu Sans Mono',Menlo,Consolas,monospace"
SANS = "system-ui,'DejaVu Sans',Helvetica,Arial,sans-serif"
QUIET = "KRCg"
ON_BLOCK = ("#14171a",) * 5 + ("#ffffff", "#14171a")
"""What is read on each of the seven colours."""


class Place(NamedTuple):
    """Where something stands, in units of the picture."""

    x: float
    y: float


class Size(NamedTuple):
    """How large a cell is."""

    width: float
    height: float

    @property
    def font(self) -> float:
        """Return the size of its glyph."""
        return round(min(self.width * 1.35, self.height * 0.8), 1)


def text(at: Place, said: str, kind: str = "ink", size: float = 12, more: str = "") -> str:
    """Return a text of words or, where `kind` has `mono`, of signs of one width; its base line is at a place."""
    attributes = f' class="{kind}" font-size="{_number(size)}"{" " + more if more else ""}'
    return f'<text x="{_number(at.x)}" y="{_number(at.y)}"{attributes}>{escape(said)}</text>'


def cells(at: Place, row: Sequence[Cell], size: Size, letters: Sequence[str]) -> Iterator[str]:
    """Yield a row of cells whose upper left corner is at a place; `letters` are those of page tables by their level."""
    index = 0
    for cell, group in groupby(row):
        count = len(list(group))
        yield from _run(Place(at.x + index * size.width, at.y), cell, count, size, letters)
        index += count


def ring(at: Place, size: Size, kind: str = "ring") -> str:
    """Return a ring around the cell at a place."""
    corner = f'x="{_number(at.x - 1.5)}" y="{_number(at.y - 1.5)}"'
    return (
        f'<rect {corner} width="{_number(size.width + 2)}" height="{_number(size.height + 2)}" rx="3" class="{kind}"/>'
    )


def _run(at: Place, cell: Cell, count: int, size: Size, letters: Sequence[str]) -> Iterator[str]:
    if cell.glyph == " ":
        return
    width, colour = count * size.width, cell.pid % len(OKABE_ITO)
    box = f'x="{_number(at.x)}" y="{_number(at.y)}" width="{_number(width - 0.6)}" height="{_number(size.height - 1)}"'
    if Style.TABLE in cell.style:
        yield f'<rect {box} class="table"/>'
    elif Style.WRITABLE in cell.style:
        yield f'<rect {box} class="b{colour if cell.pid else "n"}"/>'
    elif Style.COPY_ON_WRITE in cell.style:
        below = at.y + size.height - 2.6
        line = f'x="{_number(at.x)}" y="{_number(below)}" width="{_number(width - 0.6)}" height="1.6"'
        yield f'<rect {line} class="{f"o{colour}" if cell.pid else "ink"}"/>'
    centres = " ".join(_number(at.x + (index + 0.47) * size.width) for index in range(count))
    base = _number(at.y + size.height * 0.74)
    glyph = "·" if cell.glyph == "." else escape(cell.glyph)
    kind = _kind(cell, colour)
    yield f'<text x="{centres}" y="{base}" font-size="{size.font}" class="cell {kind}">{glyph * count}</text>'
    if cell.level:
        corners = " ".join(_number(at.x + (index + 0.86) * size.width) for index in range(count))
        yield (
            f'<text x="{corners}" y="{_number(at.y + size.height * 0.36)}" font-size="{_number(size.font * 0.55)}" '
            f'class="cell level">{letters[cell.level - 1] * count}</text>'
        )


def _kind(cell: Cell, colour: int) -> str:
    """Return the class of a cell's glyph."""
    bold = " bold" if Style.CHANGED in cell.style else ""
    if Style.TABLE in cell.style:
        return (f"t{colour}" if cell.pid else "tn") + bold
    if Style.WRITABLE in cell.style:
        return (f"w{colour}" if cell.pid else "paperink") + bold
    if cell.glyph == "." or (cell.glyph in QUIET and Style.SUPERVISOR in cell.style):
        return "faint" + bold
    return (f"o{colour}" if cell.pid else "ink") + (" dim" if Style.SUPERVISOR in cell.style else "") + bold


FIXED = (
    f".cell,.mono{{font-family:{MONO}}}",
    ".cell{text-anchor:middle}",
    ".bold{font-weight:bold}",
    ".dim{opacity:.6}",
    ".ring,.link{fill:none}",
    ".ring{stroke-width:2}",
    ".link{stroke-width:1.4;opacity:.75}",
    ".level,.tn{fill:#d5d8db}",
    *(f".b{number}{{fill:{colour}}}" for number, colour in enumerate(OKABE_ITO)),
    *(f".w{number}{{fill:{colour}}}" for number, colour in enumerate(ON_BLOCK)),
    *(f".t{number}{{fill:{colour}}}" for number, colour in enumerate(DARK.owners)),
)


def style_sheet(ground: Ground, at_night: Ground | None = None) -> str:
    """Return the classes for a ground, and for another one that is used where people prefer darkness."""
    dark = f"@media(prefers-color-scheme:dark){{{''.join(_of(at_night))}}}" if at_night else ""
    return f"<style>text{{font-family:{SANS}}}{''.join([*FIXED, *_of(ground)])}{dark}</style>"


def _of(ground: Ground) -> list[str]:
    return [
        f".paper,.paperink{{fill:{ground.paper}}}",
        f".ink,.bn{{fill:{ground.ink}}}",
        f".quiet{{fill:{ground.quiet}}}",
        f".faint{{fill:{ground.faint}}}",
        f".table{{fill:{ground.table}}}",
        f".panel{{fill:{ground.panel}}}",
        f".ring,.link{{stroke:{ground.ring}}}",
        *(f".o{number}{{fill:{colour}}}" for number, colour in enumerate(ground.owners)),
    ]


def _number(value: float) -> str:
    return f"{value:.1f}".removesuffix(".0")
