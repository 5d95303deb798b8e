"""The console: a serial line, the screen, and a log in RAM that survives the machine.

Source: PC16550D data sheet, section 8 (registers).
"""

from enum import IntEnum

from keelback.kernel.devices.screen import Screen
from keelback.lang import Array, Cpu, Region, Struct, TextSink, inline, u8, u16, u32

LOG_SIZE = 16384
LINE_STATUS_EMPTY = 0x20
POLLS_AT_START = 100_000
"""How often the line is asked at first, when it has nothing to send: a tenth of a second on a PC."""
POLLS = 1 << 22
"""How often it is asked for each byte later: seconds, since who reads may rest."""


class Sink(IntEnum):
    """Where the console's text goes; all zero is everywhere."""

    BOTH = 0
    SERIAL = 1
    SCREEN = 2


class Log(Struct):
    """The last `LOG_SIZE` bytes that were written; all zero means none."""

    written: u32  # bytes ever written, modulo 2^32; the next goes to written % LOG_SIZE
    text: Array[u8] = inline(LOG_SIZE)


class ConsoleState(Struct):
    """Where text goes; all zero is everywhere."""

    sink: Sink
    lost: bool  # the line took nothing any more
    told: bool  # and that was said


class Console(TextSink):
    """Text to the first serial port, 115,200 baud, 8 bits, no parity, to the screen, and to the log."""

    def __init__(self, records: Region, cpu: Cpu) -> None:
        self.cpu = cpu
        self.port = 0x3F8
        self.screen = Screen(records, cpu)
        self.state = records.struct(ConsoleState)
        self.log = records.struct(Log)

    def start(self, sink: Sink) -> None:
        """Set up what text is to go to, the line without interrupts: output is polled.

        A line that does not say that it is free is left alone, and the screen says so.
        """
        self.state.sink = sink
        if sink != Sink.SERIAL:
            self.screen.start()
        if sink != Sink.SCREEN:
            self.start_line()
            if not self._is_free(POLLS_AT_START):
                self._leave_line()
                self.tell()

    def start_line(self) -> None:
        """Set up the line; what waits in it, either way, is lost."""
        data: u16 = self.port
        self.cpu.out8(data + 1, 0)
        self.cpu.out8(data + 3, 0x80)  # the divisor is where data was
        self.cpu.out8(data, 1)
        self.cpu.out8(data + 1, 0)
        self.cpu.out8(data + 3, 3)
        self.cpu.out8(data + 2, 0xC7)

    def put(self, byte: u8) -> None:
        """Write one byte, when the line takes it."""
        log = self.log
        written = log.written
        log.text[written % LOG_SIZE] = byte
        log.written = (written + 1) & 0xFFFF_FFFF
        if self.state.sink != Sink.SERIAL:
            self.screen.put(byte)
        if self.state.sink != Sink.SCREEN:
            if self._is_free(POLLS):
                self.cpu.out8(self.port, byte)
            else:
                self._leave_line()

    def _is_free(self, polls: u32) -> bool:
        """Wait until the line takes a byte, but no longer than a number of polls; say whether it does."""
        for _ in range(polls):
            if self.cpu.in8(self.port + 5) & LINE_STATUS_EMPTY:
                return True
        return False

    def _leave_line(self) -> None:
        """Send text to the screen alone from now on."""
        if self.state.sink == Sink.SERIAL:
            self.screen.start()
        self.state.sink = Sink.SCREEN
        self.state.lost = True

    def tell(self) -> None:
        """Say once that the line was left, if it was."""
        if self.state.lost and not self.state.told:
            self.state.told = True
            self.write("keelback: the serial line takes no text; it goes to the screen alone\n")

    def write_bytes(self, text: Array[u8], count: u32) -> None:
        """Write the first `count` bytes of an array."""
        for index in range(count):
            self.put(text[index])

    def write_name(self, text: Array[u8]) -> None:
        """Write an array up to its first zero byte; what is not printable ASCII becomes `?`."""
        for index in range(len(text)):
            if text[index] == 0:
                return
            self.put_printable(text[index])
