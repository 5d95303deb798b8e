"""Draws on the console: coloured boxes and text, by ANSI escape sequences.

Rows count from 1 to 25 and columns from 1 to 80, as in the sequences.
Source: ECMA-48, fifth edition (CUP, ED, SGR).
"""

from keelback.abi.records import ArgumentText
from keelback.lang import Region, Struct, u8, u32
from keelback.user.calls import Kernel
from keelback.user.library import Library

ROWS, COLUMNS = 25, 80
COLOURS = 8
BAD_ARGUMENT = 0xFFFF_FFFD
ESCAPE, MOVE, STYLE = 27, 72, 109
SPACE, CORNER, HORIZONTAL, VERTICAL = 32, 43, 45, 124


class Pen(Struct):
    """What is drawn with; all zero is no colour of its own."""

    calls: u32  # so far, of all exports but `calls`
    foreground: u32  # SGR code, 0 for the console's own
    background: u32


class Gfx(Library):
    """Every shape and row is one system call, so those of different processes do not mix."""

    name = "libgfx"
    image_size = 6_563

    def __init__(self, records: Region, kernel: Kernel | None) -> None:
        super().__init__(records, kernel)
        self.pen = records.struct(Pen)

    def calls(self) -> u32:
        """Return how often this process has had something drawn."""
        return self.pen.calls

    def clear(self) -> u32:
        """Blank the screen; return 0."""
        self._count()
        self.output.put(ESCAPE)
        self.output.write("[2J")
        self.output.flush()
        return 0

    def colour(self, foreground: u32, background: u32) -> u32:
        """Draw in two of the colours 0 to 7 from now on; return 0, or -3 where one is none."""
        self._count()
        if foreground >= COLOURS or background >= COLOURS:
            return BAD_ARGUMENT
        self.pen.foreground = 30 + foreground
        self.pen.background = 40 + background
        return 0

    def box(self, row: u32, column: u32, height: u32, width: u32) -> u32:
        """Draw a frame with nothing in it; return 0, or -3 where it does not fit the screen."""
        self._count()
        if not self._fits(row, ROWS, height) or not self._fits(column, COLUMNS, width):
            return BAD_ARGUMENT
        for index in range(height):
            edge = index == 0 or index == height - 1
            self._begin(row + index, column)
            self._row(width, CORNER if edge else VERTICAL, HORIZONTAL if edge else SPACE)
            self._end()
        return 0

    def text(self, row: u32, column: u32, text: ArgumentText) -> u32:
        """Write zero-terminated text up to the end of a row; return 0, or -3 where no text can begin."""
        self._count()
        if not self._fits(row, ROWS, 1) or not self._fits(column, COLUMNS, 1):
            return BAD_ARGUMENT
        self._begin(row, column)
        for index in range(COLUMNS + 1 - column):
            if text.text[index] == 0:
                break
            self.output.put(self._shown(text.text[index]))
        self._end()
        return 0

    def _count(self) -> None:
        self.pen.calls = (self.pen.calls + 1) & 0xFFFF_FFFF

    def _fits(self, start: u32, limit: u32, length: u32) -> bool:
        return 0 < start <= limit and 0 < length <= limit + 1 - start

    def _shown(self, byte: u8) -> u8:
        """Return a character that moves nothing: a space for what is no printable ASCII."""
        return byte if 32 <= byte < 127 else SPACE

    def _begin(self, row: u32, column: u32) -> None:
        self._sequence(row, column, MOVE)
        if self.pen.foreground != 0:
            self._sequence(self.pen.foreground, self.pen.background, STYLE)

    def _sequence(self, first: u32, second: u32, final: u8) -> None:
        self.output.put(ESCAPE)
        self.output.write(f"[{first};{second}")
        self.output.put(final)

    def _row(self, width: u32, end: u8, middle: u8) -> None:
        for index in range(width):
            self.output.put(end if index == 0 or index == width - 1 else middle)

    def _end(self) -> None:
        """Give the console its colours back, and write all at once."""
        if self.pen.foreground != 0:
            self.output.put(ESCAPE)
            self.output.write("[0m")
        self.output.flush()


LIBRARY = Gfx
