"""A scene as text: for a terminal with colours and styles, for a file with a line of marks below each row.

    0x08048000  1122S0......  image      on a terminal the style says what the program may do
                  wwcc                   elsewhere marks do: w may be written, c copy-on-write …
                  ^^                     and what has changed

The library rich finds out what a terminal can: 24 bits of colour, 256 colours, 16, or none (`NO_COLOR`).
"""

from collections.abc import Callable, Iterator
from functools import cache

from rich.console import Console
from rich.style import Style as Look
from rich.text import Text

from keelback.inspect.snapshot import Snapshot
from keelback.view.cells import WIDTH, Cell, Fold, Map, Row, Style
from keelback.view.changes import UNCHANGED, Changes
from keelback.view.colours import colour_of
from keelback.view.scene import Scene, digits_of, scene_of
from keelback.view.words import Entry, glyph_entries, style_entries

GROUP = 16
GREY, FAINT, TABLE_GROUND = "#8a8a8a", "#6c6c6c", "#3a3a3a"
MARKS = {Style.WRITABLE: "w", Style.COPY_ON_WRITE: "c", Style.SUPERVISOR: "s", Style.CHANGED: "^"}
QUIET = ".KRCg"
"""Glyphs of what is never a program's, which need no mark for that."""
NAME_ROOM = 18
"""Columns for the name of what a row is in."""


class TextView:
    """Makes lines for a console, of cells as many a row as there is room for."""

    def __init__(self, console: Console) -> None:
        self.console = console
        self.columns = console.width
        self.has_styles = console.is_terminal and not console.is_dumb_terminal
        self.has_colours = self.has_styles and not console.no_color

    def print(
        self, snapshot: Snapshot, title: str, pids: list[int] | None = None, changes: Changes = UNCHANGED
    ) -> None:
        """Print physical memory and that of processes, then the legend; what has changed is marked."""
        self.print_scene(self.scene(snapshot, title, pids, changes))

    def print_scene(self, scene: Scene) -> None:
        """Print what a scene has, then the legend."""
        for line in self.lines(scene):
            if self.has_styles:
                self.console.print(line, soft_wrap=True)
            else:
                self.console.out(line.plain.rstrip(), highlight=False)

    def scene(
        self, snapshot: Snapshot, title: str, pids: list[int] | None = None, changes: Changes = UNCHANGED
    ) -> Scene:
        """Return the scene with rows as long as there is room for."""
        room = self.columns - digits_of(snapshot) - 6
        frames, pages = cells_in(room), cells_in(room - NAME_ROOM)
        return scene_of(snapshot, title, pids, frames_a_row=frames, pages_a_row=pages, changes=changes)

    def lines(self, scene: Scene) -> Iterator[Text]:
        """Yield the lines of a scene."""
        yield Text().append(scene.title, "bold")
        for each in scene.maps:
            yield Text()
            yield from self._map(scene, each)
        yield Text()
        yield from self._legend(scene)

    def _map(self, scene: Scene, shown: Map) -> Iterator[Text]:
        yield Text().append(shown.title, Look(bold=True, color=colour_of(shown.pid)) if shown.pid else "bold")
        width = scene.widest(shown.pid)
        room = self.columns - scene.digits - 6 - (NAME_ROOM if shown.pid else 0)
        group = GROUP if room >= width + (width - 1) // GROUP else width
        for line in shown.lines:
            if isinstance(line, Row):
                yield from self._row(scene, line, width, group)
            else:
                yield self._fold(scene, line, width + (width - 1) // group)

    def _row(self, scene: Scene, row: Row, width: int, group: int) -> Iterator[Text]:
        line = Text().append(f"  {scene.address(row.start)}  ", GREY)
        line.append(_grouped(row, group, lambda cell: Text(cell.glyph, self.look(cell))))
        yield _named(line, scene, row.name, width + (width - 1) // group)
        if not self.has_styles:
            for mark in (lambda cell: _mark(scene, cell), _change):
                marks = _grouped(row, group, lambda cell, mark=mark: Text(mark(cell)))  # type: ignore[misc]
                if marks.plain.strip():
                    yield Text(" " * (scene.digits + 6)).append(marks)

    def _fold(self, scene: Scene, fold: Fold, room: int) -> Text:
        line = Text().append(f"⋮ {scene.address(fold.start)}–{scene.address(fold.end - 1)}  {fold.said}", GREY)
        return _named(line, scene, fold.name, room)

    def look(self, cell: Cell) -> Look:
        """Return how a cell looks on this console."""
        return _in_colour(cell) if self.has_colours else _without_colour(cell)

    def _legend(self, scene: Scene) -> Iterator[Text]:
        cells = list({*scene.cells()})
        yield from self._entries(glyph_entries(cells, scene.name_of))
        styles = style_entries(cells)
        if self.has_styles:
            yield from self._entries(styles)
            return
        marks = [Entry(Cell(MARKS[each.cell.style]), each.means) for each in styles if each.cell.style in MARKS]
        levels = sorted({cell.level for cell in cells if cell.level})
        yield from self._entries(
            [*marks, *(Entry(Cell(scene.level_letter(level)), scene.levels[level - 1]) for level in levels)]
        )

    def _entries(self, entries: list[Entry]) -> Iterator[Text]:
        """Yield entries, as many a line as there is room for."""
        line = Text()
        for cell, means in entries:
            entry = Text().append(cell.glyph, self.look(cell)).append(f" {means}")
            if line and len(line) + 3 + len(entry) > self.columns:
                yield line
                line = Text()
            line = line.append("   ").append(entry) if line else entry
        if line:
            yield line


def cells_in(room: int) -> int:
    """Return how many cells a row has: a power of two, 8 at least."""
    return next((count for count in (WIDTH, WIDTH // 2, WIDTH // 4) if count <= room), WIDTH // 8)


def _grouped(row: Row, group: int, text_of: Callable[[Cell], Text]) -> Text:
    """Return the texts of a row's cells, with a blank between groups."""
    line = Text()
    for index, cell in enumerate(row.cells):
        if index and index % group == 0:
            line.append(" ")
        line.append(text_of(cell))
    return line


def _named(line: Text, scene: Scene, name: str, room: int) -> Text:
    """Add the name of what a line is in, behind the room that cells have."""
    return line.append(" " * max(scene.digits + 8 + room - len(line), 2)).append(name) if name else line


def _mark(scene: Scene, cell: Cell) -> str:
    if cell.level:
        return scene.level_letter(cell.level)
    return next((mark for style, mark in MARKS.items() if style in cell.style and _is_marked(cell, style)), " ")


def _is_marked(cell: Cell, style: Style) -> bool:
    return style is not Style.CHANGED and not (style is Style.SUPERVISOR and cell.glyph in QUIET)


def _change(cell: Cell) -> str:
    return MARKS[Style.CHANGED] if Style.CHANGED in cell.style else " "


@cache
def _in_colour(cell: Cell) -> Look:
    colour = colour_of(cell.pid) if cell.pid else FAINT if cell.glyph == "." else GREY if cell.glyph in QUIET else None
    is_table = Style.TABLE in cell.style
    look = Look(color=colour, bgcolor=TABLE_GROUND if is_table else None, bold=Style.CHANGED in cell.style or None)
    return look if is_table else look + _attributes(cell.style)


@cache
def _without_colour(cell: Cell) -> Look:
    """Return the look without colours: a page table is reversed and underlined, which nothing else is."""
    table = Look(reverse=True, underline=True) if Style.TABLE in cell.style else _attributes(cell.style)
    return table + Look(bold=Style.CHANGED in cell.style or None)


def _attributes(style: Style) -> Look:
    return Look(
        reverse=Style.WRITABLE in style or None,
        underline=Style.COPY_ON_WRITE in style or None,
        dim=Style.SUPERVISOR in style or None,
    )
