"""Tables without lines, for a person at a terminal and for a file."""

import os

from rich.console import Console, RenderableType
from rich.table import Table

WIDE = 200
"""Columns that a table may take where nobody has said how many there are."""


def make_table() -> Table:
    """Return an empty table with a head in bold."""
    return Table(box=None, pad_edge=False, padding=(0, 2, 0, 0), header_style="bold")


def print_table(console: Console, table: RenderableType) -> None:
    """Print a table as wide as the terminal at most; elsewhere its lines end where their text does."""
    if console.is_terminal:
        console.print(table)
        return
    with console.capture() as printed:
        console.print(table, width=None if "COLUMNS" in os.environ else WIDE)
    for line in printed.get().splitlines():
        console.out(line.rstrip())
