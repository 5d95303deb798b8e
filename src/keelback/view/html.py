"""HTML for notebooks: the map of a machine, the runs of a process, the tale of a page, a frame or a walk.

Styles stand at each element: where notebooks are published, nothing else of a page's style is left.
"""

from collections.abc import Iterable, Iterator, Mapping
from html import escape
from io import StringIO

from rich.console import Console
from rich.style import Style
from rich.terminal_theme import TerminalTheme

from keelback.inspect.notebooks import html_of
from keelback.inspect.snapshot import Snapshot
from keelback.inspect.snapshot.frames import Frame
from keelback.inspect.snapshot.pages import Page
from keelback.inspect.snapshot.processes import Process
from keelback.inspect.snapshot.walks import Walk
from keelback.view.colours import DARK
from keelback.view.page_tale import Tale, tale_of_frame, tale_of_page
from keelback.view.runs import COLUMNS, runs
from keelback.view.scene import digits_of, title_of
from keelback.view.text import TextView

COLUMNS_OF_TEXT = 104
"""As wide as a terminal that has room for rows of 64 frames."""


def _triplet(colour: str) -> tuple[int, int, int]:
    red, green, blue = bytes.fromhex(colour[1:])
    return red, green, blue


THEME = TerminalTheme(_triplet(DARK.paper), _triplet(DARK.ink), [_triplet(DARK.ink)] * 8)
GROUND = Style(color=DARK.ink, bgcolor=DARK.paper)
"""Said of all, or what is reversed would have ink on its own colour."""
MAP = (
    f'<pre style="background: {DARK.paper}; color: {DARK.ink}; padding: 1em; line-height: 1.25; overflow-x: auto">'
    "{code}</pre>"
)
TABLE = "border-collapse: collapse; font-family: monospace; white-space: nowrap"
ENTRY = "text-align: {}; padding-right: 1em"


def show_in_notebooks() -> None:
    """Have notebooks show what is inspected so."""
    html_of.register(Snapshot, html_of_machine)
    html_of.register(Process, html_of_process)
    html_of.register(Page, lambda page: html_of_tale(tale_of_page(page)))
    html_of.register(Frame, lambda frame: html_of_tale(tale_of_frame(frame.snapshot, frame.number)))
    html_of.register(Walk, lambda walk: html_of_tale(Tale(walk.title, [], walk.steps)))


def html_of_machine(machine: Snapshot) -> str:
    """Return the map of all memory, as terminals show it."""
    console = Console(  # not one of the notebook's, nor as this process's own terminal is
        file=StringIO(), record=True, width=COLUMNS_OF_TEXT, color_system="truecolor", highlight=False, _environ={},
        force_terminal=True, force_jupyter=False, legacy_windows=False,
    )  # fmt: skip
    view = TextView(console)
    for line in view.lines(view.scene(machine, title_of(machine))):
        line.spans = [span._replace(style=_readable(span.style)) for span in line.spans]
        line.stylize_before(GROUND)
        console.print(line, soft_wrap=True)
    return console.export_html(theme=THEME, code_format=MAP, inline_styles=True)


def _readable(look: str | Style) -> str | Style:
    """Return a look with a colour in place of dim, which browsers have not, and rich makes too dark to read."""
    return look + Style(dim=False, color=DARK.quiet) if isinstance(look, Style) and look.dim else look


def html_of_process(process: Process) -> str:
    """Return its regions, as runs of pages of which there is one thing to say."""
    rows = [run.told(digits_of(process.snapshot)) for run in runs(process)]
    return _table(repr(process)[1:-1], COLUMNS, rows)


def html_of_tale(tale: Tale) -> str:
    """Return a tale as a table without a head."""
    table = _table(tale.title, {}, tale.rows())
    return f"{table}<p>{escape(tale.letters())}</p>" if tale.letters() else table


def _table(title: str, columns: Mapping[str, str], rows: Iterable[Iterable[str]]) -> str:
    """Return a table under a title; `columns` say on which side the entries of each stand."""
    sides = [*columns.values()]
    head = "".join(f'<th style="{ENTRY.format(side)}">{escape(name)}</th>' for name, side in columns.items())
    body = "".join(f"<tr>{''.join(_entries(row, sides))}</tr>" for row in rows)
    return (
        f'<table style="{TABLE}"><caption style="text-align: left"><b>{escape(title)}</b></caption>'
        f"{f'<thead><tr>{head}</tr></thead>' if columns else ''}<tbody>{body}</tbody></table>"
    )


def _entries(row: Iterable[str], sides: list[str]) -> Iterator[str]:
    for index, each in enumerate(row):
        yield f'<td style="{ENTRY.format(sides[index] if sides else "left")}">{escape(each)}</td>'
