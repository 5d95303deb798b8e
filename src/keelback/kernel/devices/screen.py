"""The screen: the text mode that a PC starts in, 80 columns by 25 rows.

    0xb8000 ┬ row 0:   character, attribute, character, attribute, … 80 times
            ┼ row 1
            ┴ …        the page holds 25 rows; the last 96 bytes of it show nothing

It obeys four control sequences of those that `escapes.py` finds; what is erased becomes grey on black:

    ESC [ row ; column H    the next character goes there, counted from 1, the last at most
    ESC [ n ; n … m         0 as at the start, 1 bright, 7 reversed, 30-37 and 39 text, 40-47 and 49 behind it
    ESC [ 2 J               erase the screen
    ESC [ K                 erase the rest of the row

Source: ECMA-48, fifth edition, 8.3 (CUP, SGR, ED, EL).
IBM VGA technical reference (text modes, CRT controller registers).
"""

from keelback.kernel.devices.escapes import Act, Escapes, Stage
from keelback.lang import Array, Component, Cpu, Region, Struct, inline, u8, u16, u32, view

SCREEN = 0xB8000
COLUMNS = 80
ROWS = 25
GREY_ON_BLACK = 0x07
BRIGHT = 0x08
BLANK = GREY_ON_BLACK << 8 | ord(" ")
COLOURS = (0, 4, 2, 6, 1, 5, 3, 7)
"""The adapter's numbers of ANSI's colours: red is its lowest bit, blue is the adapter's."""

CONTROLLER = 0x3D4
CURSOR_START = 0x0A
CURSOR_OFF = 0x20


class ScreenMemory(Struct):
    """What the adapter shows: a character in the low byte of each cell, its colours in the high one."""

    cells: Array[u16] = inline(COLUMNS * ROWS)


class ScreenState(Struct):
    """Where the next character goes, and how; all zero is the upper left corner, grey on black."""

    row: u32
    column: u32
    changes: u8  # the attribute's bits that differ from GREY_ON_BLACK's
    reversed: bool


class Screen(Component):
    """A screen that text scrolls up on."""

    def __init__(self, records: Region, cpu: Cpu) -> None:
        self.cpu = cpu
        self.state = records.struct(ScreenState)
        self.escapes = Escapes(records)
        self.cells = view(records.ram, ScreenMemory, SCREEN).cells

    def start(self) -> None:
        """Clear the screen and hide the cursor, which does not follow the text."""
        self.cells.fill(0, COLUMNS * ROWS, BLANK)
        self.cpu.out8(CONTROLLER, CURSOR_START)
        self.cpu.out8(CONTROLLER + 1, CURSOR_OFF)

    def restore(self) -> None:
        """Show what follows in grey on black, whatever colours and unfinished sequence a program left."""
        self.state.changes = 0
        self.state.reversed = False
        self.escapes.sequence.stage = Stage.TEXT

    def put(self, byte: u8) -> None:
        """Take one byte: of a control sequence, or to be shown."""
        act = self.escapes.take(byte)
        if act == Act.SHOW:
            self._show(byte)
        elif act == Act.OBEY:
            self._obey(byte)

    def _show(self, byte: u8) -> None:
        """Show one character of code page 437, start a row, a new one or the same again, or go one column back."""
        state = self.state
        if byte == ord("\r"):
            state.column = 0
            return
        if byte == ord("\b"):
            state.column = max(min(state.column, COLUMNS - 1), 1) - 1  # a row that is full has the cursor in its last
            return
        if byte == ord("\n") or state.column == COLUMNS:
            self._next_row()
        if byte != ord("\n"):
            self.cells[state.row * COLUMNS + state.column] = self._attribute() << 8 | byte
            state.column += 1

    def _next_row(self) -> None:
        self.state.column = 0
        if self.state.row < ROWS - 1:
            self.state.row += 1
            return
        self.cells.copy_from(0, self.cells, COLUMNS, COLUMNS * (ROWS - 1))
        self.cells.fill(COLUMNS * (ROWS - 1), COLUMNS, BLANK)

    def _obey(self, final: u8) -> None:
        """Do what a control sequence says."""
        state, parameters = self.state, self.escapes.sequence.parameters
        if final == ord("H"):
            state.row = min(max(parameters[0], 1), ROWS) - 1
            state.column = min(max(parameters[1], 1), COLUMNS) - 1
        elif final == ord("m"):
            for index in range(self.escapes.count()):
                self._set_style(parameters[index])
        elif final == ord("J") and parameters[0] == 2:
            self.cells.fill(0, COLUMNS * ROWS, BLANK)
        elif final == ord("K") and parameters[0] == 0:
            self.cells.fill(state.row * COLUMNS + state.column, COLUMNS - state.column, BLANK)

    def _set_style(self, code: u16) -> None:
        attribute: u8 = self.state.changes ^ GREY_ON_BLACK
        if code == 0:
            attribute = GREY_ON_BLACK
            self.state.reversed = False
        elif code == 1:
            attribute |= BRIGHT
        elif code == 7:
            self.state.reversed = True
        elif 30 <= code <= 37:
            attribute = attribute & 0xF8 | COLOURS[code - 30]
        elif code == 39:
            attribute |= GREY_ON_BLACK
        elif 40 <= code <= 47:
            attribute = attribute & 0x0F | COLOURS[code - 40] << 4
        elif code == 49:
            attribute &= 0x0F
        self.state.changes = attribute ^ GREY_ON_BLACK

    def _attribute(self) -> u8:
        """Return the attribute of what is shown now: the text's colour, bright, and the colour behind it."""
        attribute: u8 = self.state.changes ^ GREY_ON_BLACK
        if self.state.reversed:
            return attribute >> 4 | attribute & BRIGHT | (attribute & 7) << 4
        return attribute
