"""The screen: the text mode that a PC starts in, 80 columns by 25 rows.

    0xb8000 ┬ row 0:   character, attribute, character, attribute, … 80 times
            ┼ row 1
            ┴ …        the page holds 25 rows; the last 96 bytes of it show nothing

Source: IBM VGA technical reference (text modes, CRT controller registers).
"""

from keelback.lang import Array, Component, Cpu, Region, Struct, inline, u8, u16, u32, view

SCREEN = 0xB8000
COLUMNS = 80
ROWS = 25
GREY_ON_BLACK = 0x0700
BLANK = GREY_ON_BLACK | 32
NEW_LINE = 10
CARRIAGE_RETURN = 13

CONTROLLER = 0x3D4
CURSOR_START = 0x0A
CURSOR_OFF = 0x20


class ScreenMemory(Struct):
    """What the adapter shows: a character in the low byte of each cell, its colours in the high one."""

    cells: Array[u16] = inline(COLUMNS * ROWS)


class ScreenState(Struct):
    """Where the next character goes; all zero is the upper left corner."""

    row: u32
    column: u32


class Screen(Component):
    """A screen that text scrolls up on."""

    def __init__(self, records: Region, cpu: Cpu) -> None:
        self.cpu = cpu
        self.state = records.struct(ScreenState)
        self.cells = view(records.ram, ScreenMemory, SCREEN).cells

    def start(self) -> None:
        """Clear the screen and hide the cursor, which does not follow the text."""
        self.cells.fill(0, COLUMNS * ROWS, BLANK)
        self.cpu.out8(CONTROLLER, CURSOR_START)
        self.cpu.out8(CONTROLLER + 1, CURSOR_OFF)

    def put(self, byte: u8) -> None:
        """Show one character of code page 437, or start a row: a new one, or the same from its left end again."""
        state = self.state
        if byte == CARRIAGE_RETURN:
            state.column = 0
            return
        if byte == NEW_LINE or state.column == COLUMNS:
            self._next_row()
        if byte != NEW_LINE:
            self.cells[state.row * COLUMNS + state.column] = GREY_ON_BLACK | byte
            state.column += 1

    def _next_row(self) -> None:
        self.state.column = 0
        if self.state.row < ROWS - 1:
            self.state.row += 1
            return
        self.cells.copy_from(0, self.cells, COLUMNS, COLUMNS * (ROWS - 1))
        self.cells.fill(COLUMNS * (ROWS - 1), COLUMNS, BLANK)
