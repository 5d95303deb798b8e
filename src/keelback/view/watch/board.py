"""The maps as lines of a screen, and which page is where on it.

0x08048000  1122S0......  image         a row; a spot is a page of a process, or a frame of physical memory
            ^ column of the row's first cell
"""

from collections.abc import Iterator
from typing import NamedTuple

from rich.style import Style as Look
from rich.text import Text

from keelback.view.cells import PAGE, Fold, Line, Map, Row, Spot
from keelback.view.colours import colour_of
from keelback.view.scene import Scene
from keelback.view.text import GREY, GROUP, NAME_ROOM, TextView, cells_in

BESIDE = 4
"""Columns of a line for `0x`, or `⋮`, and blanks."""


class BoardLine(NamedTuple):
    """A line: what is printed, whose it is, and the row or fold that it shows, None for a title or nothing."""

    text: Text
    pid: int
    shows: Line | None = None


class Widths(NamedTuple):
    """How many cells a row has where a board is so many columns wide: of frames, and of pages, beside names."""

    frames: int
    pages: int

    @classmethod
    def of(cls, columns: int, digits: int) -> "Widths":
        """Return powers of two, 8 at least, that leave room for addresses."""
        room = columns - digits - BESIDE
        return cls(cells_in(room), cells_in(room - NAME_ROOM))


class Board:
    """The lines of a scene, so wide; cells stand in groups where there is room for blanks."""

    def __init__(self, scene: Scene, view: TextView, columns: int) -> None:
        self.scene = scene
        self._view = view
        self._first = scene.digits + BESIDE
        widths, room = Widths.of(columns, scene.digits), columns - self._first
        self._frame_group = _group_in(widths.frames, room)
        self._page_group = _group_in(widths.pages, room - NAME_ROOM)
        self._names = self.column(widths.pages, 1) + 1
        self.lines = [line for shown in scene.maps for line in self._map(shown)]

    # Lines.

    def _map(self, shown: Map) -> Iterator[BoardLine]:
        yield BoardLine(
            Text(shown.title, Look(bold=True, color=colour_of(shown.pid) if shown.pid else None)), shown.pid
        )
        for line in shown.lines:
            yield BoardLine(self._row(line, shown.pid) if isinstance(line, Row) else self._fold(line), shown.pid, line)
        yield BoardLine(Text(), shown.pid)

    def _row(self, row: Row, pid: int) -> Text:
        line = Text().append(f"{self.scene.address(row.start)}  ", GREY)
        for index, cell in enumerate(row.cells):
            line.append(" " * (self.column(index, pid) - len(line)))
            line.append(cell.glyph, self._view.look(cell))
        return self._named(line, row.name)

    def _fold(self, fold: Fold) -> Text:
        line = Text().append(
            f"⋮ {self.scene.address(fold.start)}–{self.scene.address(fold.end - 1)}  {fold.said}", GREY
        )
        return self._named(line, fold.name)

    def _named(self, line: Text, name: str) -> Text:
        return line.append(" " * max(self._names - len(line), 2)).append(name, Look.null()) if name else line

    # Places.

    def column(self, index: int, pid: int) -> int:
        """Return the column of a cell in a row of a process's, or (0) of physical memory."""
        return self._first + index + index // (self._page_group if pid else self._frame_group)

    def spot_at(self, column: int, line: int) -> Spot | None:
        """Return the page at a place, of a row the nearest one, of a fold the first; None where no line shows any."""
        if not 0 <= line < len(self.lines) or (shows := self.lines[line].shows) is None:
            return None
        pid = self.lines[line].pid
        if isinstance(shows, Fold):
            return Spot(pid, shows.start)
        index = min(range(len(shows.cells)), key=lambda each: abs(self.column(each, pid) - column))
        return Spot(pid, shows.address(index))

    def place_of(self, spot: Spot) -> tuple[int, int] | None:
        """Return column and line of a page, None where no line has it."""
        for number, line in enumerate(self.lines):
            shows = line.shows
            if line.pid == spot.pid and shows is not None and shows.start <= spot.address < shows.end:
                is_row = isinstance(shows, Row)
                return (self.column((spot.address - shows.start) // PAGE, spot.pid) if is_row else 0), number
        return None

    def nearest(self, spot: Spot) -> Spot:
        """Return a page that is shown: this one, else the next of its process, else the first of all."""
        if self.place_of(spot) is not None:
            return spot
        spots = [found for number in range(len(self.lines)) if (found := self.spot_at(0, number)) is not None]
        later = [each for each in spots if each.pid == spot.pid and each.address > spot.address]
        return later[0] if later else next((each for each in spots if each.pid == spot.pid), spots[0])

    def beside(self, spot: Spot, by: int) -> Spot:
        """Return the page so many cells on in its row, in the row before or behind it where that one ends."""
        _, number = self.place_of(spot) or (0, 0)
        shows = self.lines[number].shows
        if isinstance(shows, Row) and shows.start <= spot.address + by * PAGE < shows.end:
            return spot._replace(address=spot.address + by * PAGE)
        return self.along(spot, by, 0 if by > 0 else 1 << 16)

    def along(self, spot: Spot, by: int, column: int) -> Spot:
        """Return the page so many lines down, up where that is negative, that is nearest to a column."""
        _, number = self.place_of(spot) or (0, 0)
        ahead = range(number + 1, len(self.lines)) if by > 0 else range(number - 1, -1, -1)
        spots = [found for each in ahead if (found := self.spot_at(column, each)) is not None]
        return spots[min(abs(by), len(spots)) - 1] if spots else spot


def _group_in(width: int, room: int) -> int:
    """Return after how many cells there is room for a blank."""
    return GROUP if width + (width - 1) // GROUP <= room else width + 1
