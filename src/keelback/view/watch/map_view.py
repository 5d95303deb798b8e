"""The maps in a terminal: lines that scroll, and a cursor on one page."""

from rich.segment import Segment
from rich.style import Style
from rich.text import Text
from textual.events import Click, Resize
from textual.geometry import Region, Size
from textual.message import Message
from textual.scroll_view import ScrollView
from textual.strip import Strip

from keelback.view.cells import Spot
from keelback.view.watch.board import Board

CURSOR = "bold black on white"


class MapView(ScrollView, can_focus=True, inherit_bindings=False):
    """Shows a board; `spot` is the page under the cursor."""

    class Moved(Message):
        """The cursor is on another page."""

    class Resized(Message):
        """The maps have another width."""

    def __init__(self) -> None:
        super().__init__(id="map")
        self.board: Board | None = None
        self.spot = Spot(0, 0)
        self._column = 0
        """Where the cursor was put, which it keeps from line to line."""
        self._width = 0

    def on_resize(self, event: Resize) -> None:
        """Tell of another width."""
        if event.size.width != self._width:
            self._width = event.size.width
            self.post_message(self.Resized())

    def show(self, board: Board) -> None:
        """Show another board; the cursor stays on its page as long as that is shown."""
        self.board = board
        self.virtual_size = Size(max((len(line.text) for line in board.lines), default=0), len(board.lines))
        self.spot = board.nearest(self.spot)
        self.refresh()

    def go_to(self, spot: Spot) -> None:
        """Put the cursor on a page, and scroll to where it is seen."""
        if self.board is None:
            return
        self.spot = self.board.nearest(spot)
        self._column, line = self.board.place_of(self.spot) or (0, 0)
        self.scroll_to_region(Region(self._column, line, 1, 1), animate=False, force=True)
        self.refresh()
        self.post_message(self.Moved())

    def move(self, across: int, along: int) -> None:
        """Move the cursor by cells and lines."""
        if self.board is None:
            return
        if across:
            self.go_to(self.board.beside(self.spot, across))
            return
        column = self._column
        self.go_to(self.board.along(self.spot, along, column))
        self._column = column

    def on_click(self, event: Click) -> None:
        """Put the cursor where somebody clicked."""
        at = event.get_content_offset(self)
        if self.board is None or at is None:
            return
        spot = self.board.spot_at(at.x + self.scroll_offset.x, at.y + self.scroll_offset.y)
        if spot is not None:
            self.go_to(spot)

    def render_line(self, y: int) -> Strip:
        """Return a line of the screen."""
        across, down = self.scroll_offset
        number = y + down
        if self.board is None or number >= len(self.board.lines):
            return Strip.blank(self.size.width, Style.null())
        text = self._marked(self.board, number)
        # Filters of the terminal, such as that of NO_COLOR, expect that every segment has a style.
        segments = [Segment(each.text, each.style or Style.null()) for each in text.render(self.app.console)]
        strip = Strip(segments, text.cell_len)
        return strip.crop_extend(across, across + self.size.width, Style.null())

    def _marked(self, board: Board, number: int) -> Text:
        """Return a line, with the cursor if that is in it."""
        line = board.lines[number]
        place = board.place_of(self.spot) if line.pid == self.spot.pid and line.shows is not None else None
        if place is None or place[1] != number:
            return line.text
        text = line.text.copy()
        text.stylize(CURSOR, place[0], place[0] + 1)
        return text
