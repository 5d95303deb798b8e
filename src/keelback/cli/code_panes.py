"""Source beside what becomes of it: two columns where the terminal is wide, one below the other where it is not."""

from collections.abc import Sequence

from rich.console import Console
from rich.syntax import Syntax
from rich.table import Table
from rich.text import Text

WIDE = 110
"""Columns of a terminal from which on two listings stand side by side."""
GAP = 3
DEEPER = 4
"""How many columns further in a line goes on that does not fit its own."""
DIM = "dim"


def highlighted(code: str, language: str) -> list[Text]:
    """Return the lines of some code, coloured as a language's are."""
    text = Syntax("", language, theme="ansi_dark").highlight(code)
    text.rstrip()
    return list(text.split("\n", allow_blank=True))


def numbered(lines: Sequence[Text], first: int) -> list[Text]:
    """Return lines with their numbers in front."""
    width = len(str(first + len(lines)))
    return [Text.assemble((f"{number:>{width}}  ", DIM), line) for number, line in enumerate(lines, first)]


def show_panes(console: Console, title: str, left: Sequence[Text], right: Sequence[Text]) -> None:
    """Print two listings under a title."""
    console.print(Text(title, "bold"), soft_wrap=True)
    if console.width < WIDE:
        for line in [*left, Text(), *right]:
            console.print(line, soft_wrap=not console.is_terminal)
    else:
        console.print(_side_by_side(console, left, right))
    console.print()


def _side_by_side(console: Console, left: Sequence[Text], right: Sequence[Text]) -> Table:
    """Return two listings as columns, each as wide as it needs to be and there is room."""
    room = console.width - GAP
    needs = [max(line.cell_len for line in lines) for lines in (left, right)]
    first = min(needs[0], max(room - needs[1], room * 2 // 5))
    table = Table(box=None, pad_edge=False, padding=0, show_header=False)
    table.add_column(width=first)
    table.add_column(width=GAP)
    table.add_column(width=min(needs[1], room - first))
    table.add_row(_folded(console, left, first), "", _folded(console, right, room - first))
    return table


def _folded(console: Console, lines: Sequence[Text], width: int) -> Text:
    """Return lines as one text; what does not fit a line goes on in the next, further in than it."""
    return Text("\n").join(part for line in lines for part in _parts(console, line, width))


def _parts(console: Console, line: Text, width: int) -> list[Text]:
    inside = len(line.plain) - len(line.plain.lstrip(" 0123456789")) + DEEPER
    if line.cell_len <= width or inside > width // 2:
        return list(line.wrap(console, width))
    first, *_ = line.wrap(console, width)
    return [first, *(Text(" " * inside) + part for part in line[len(first) :].wrap(console, width - inside))]
