"""The serial line as what text comes in by: how it is set up and asked; a driver program does the rest.

The console sends text by the same line, polled, and keeps doing so (`console.py`).

Source: PC16550D data sheet, section 8 (registers).
"""

from keelback.kernel.devices.console import Console, Sink
from keelback.kernel.x86.vectors import FIRST_DEVICE, SERIAL
from keelback.lang import Component, u8

SCRATCH = 7
DATA_READY = 0x01
KEEP_FIFO = 0x01
"""A FIFO that asks for an interrupt at each byte, and keeps what is in it."""
WIRED = 0x0B
"""Ready to receive, and the interrupt leads to the controller."""


class SerialLine(Component):
    """The first serial port as a device that interrupts by line 4 at each byte that comes.

    Its registers are the eight of a UART, port 0x3f8 and those behind it.  A driver reads any of them but writes only
    register 0, which sends a byte: how the line is set up is the kernel's, whose console uses it.
    """

    def __init__(self, console: Console) -> None:
        self.cpu = console.cpu
        self.console = console
        self.line = SERIAL - FIRST_DEVICE
        self.port = console.port
        self.readable = 0xFF
        self.writable = 1 << 0
        self.silence = "keelback: there is no serial line: nothing keeps what is written to it\n"

    def start(self) -> bool:
        """Make each byte that comes ask for an interrupt, also those that wait already; say whether there is a line."""
        if not (self._keeps(0x5A) and self._keeps(0xA5)):
            return False
        if self.console.state.sink == Sink.SCREEN:
            self.console.start_line()
        self.cpu.out8(self.port + 2, KEEP_FIFO)
        self.cpu.out8(self.port + 4, WIRED)
        self.cpu.out8(self.port + 1, 1)
        return True

    def stop(self) -> None:
        """Ask for no interrupt any more."""
        self.cpu.out8(self.port + 1, 0)

    def asks(self) -> bool:
        """Say whether there is something to read."""
        return self.cpu.in8(self.port + 5) & DATA_READY != 0

    def _keeps(self, value: u8) -> bool:
        """Say whether there is a register that keeps a value."""
        self.cpu.out8(self.port + SCRATCH, value)
        return self.cpu.in8(self.port + SCRATCH) == value
