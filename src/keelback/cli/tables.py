"""Tables without lines, for a person at a terminal and for a file."""

import os

from rich.console import Console, RenderableType
from rich.measure import Measurement
from rich.table import Table

WIDE = 200
"""Columns that a table may take where nobody has said how many there are."""


MOST = 10_000
"""More columns than any table has."""


def make_table() -> Table:
    """Return an empty table with a head in bold."""
    return Table(
        box=None, pad_edge=False, padding=(0, 2, 0, 0), header_style="bold", caption_justify="left", caption_style="dim"
    )


def fits(console: Console, table: Table) -> bool:
    """Say whether a table has room as it is printed, without a line broken."""
    wide = console.options.update(width=MOST)
    return Measurement.get(console, wide, table).maximum <= width_of(console)


def width_of(console: Console) -> int:
    """Return how many columns a table may take."""
    return console.width if console.is_terminal or "COLUMNS" in os.environ else WIDE


def print_table(console: Console, table: RenderableType) -> None:
    """Print a table as wide as the terminal at most; elsewhere its lines end where their text does."""
    if console.is_terminal:
        console.print(table)
        return
    console.width = width_of(console)  # a width that print() is given is no more than the console's
    with console.capture() as printed:
        console.print(table)
    for line in printed.get().splitlines():
        console.out(line.rstrip())
