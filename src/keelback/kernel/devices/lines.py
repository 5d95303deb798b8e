"""Lines: the devices whose interrupts programs serve.  The kernel masks, counts and lets through, and reads no input.

    CLOSED ──open──> OPEN ──take: an interrupt──> ASKING ──done──> OPEN, or ASKING again if there is more
      ^               │                             │
      └─────close─────┴─────────────close───────────┘

1. A line lets interrupts through while it is OPEN, and at no other time.
2. So a driver is told once, however much comes, until it says that it is done.
3. What comes meanwhile is not lost: `done` asks the device, and tells the driver once more if it has something.

A driver may be told of nothing: what it was told of may have been read by then.

What `traps` and a driver's calls do with it:

    take(vector)                 an interrupt of an open line: true, and the driver of `line_of(vector)` is to be told
    bind(line, driver)           when a driver binds, which is a number other than 0: open(line), and note who it is
    leave(driver)                when it goes: close(line) of all that are its
    done(line)                   the driver has read all there is: true if it is to be told again at once
    read(line, register)         one byte from a register of the line's device …
    write(line, register, byte)  … and to one; registers are counted from the device's first port
"""

from enum import IntEnum

from keelback.abi.errors import BadArgument
from keelback.kernel.devices.console import Console
from keelback.kernel.devices.keyboard import Keyboard
from keelback.kernel.devices.serial_line import SerialLine
from keelback.kernel.x86.interrupts import Interrupts
from keelback.kernel.x86.vectors import FIRST_DEVICE
from keelback.lang import Array, Component, Region, Struct, inline, u8, u16, u32, word

LINES = 8
"""Lines of the main interrupt controller; no other has a device here."""
REGISTERS = 8


class Phase(IntEnum):
    """What a line is doing."""

    CLOSED = 0
    OPEN = 1
    ASKING = 2


class Line(Struct):
    """A line; all zero is closed, and nobody's."""

    phase: Phase
    driver: u16  # whom `bind` named; 0: nobody
    handles: u32  # that name its interrupt
    told: u32  # how often its driver was told, modulo 2^32, since the line was opened


class LineTable(Struct):
    """All lines of the controller, by their numbers; those without a device stay closed."""

    lines: Array[Line] = inline(LINES)


class Lines(Component):
    """The keyboard's line and the serial port's."""

    def __init__(self, records: Region, interrupts: Interrupts, console: Console) -> None:
        self.cpu = console.cpu
        self.interrupts = interrupts
        self.console = console
        self.table = records.struct(LineTable)
        self.devices = (Keyboard(self.cpu), SerialLine(console))

    def line_of(self, vector: u32) -> u8:
        """Return the line of a device's vector."""
        return vector - FIRST_DEVICE

    def check(self, line: word) -> u32:
        """Return the number of a line, which has a device.  Raises: BadArgument where none has it."""
        for device in self.devices:
            if device.line == line:
                return device.line
        raise BadArgument

    def add_handle(self, line: u32) -> None:
        """Note that one more handle names a line's interrupt."""
        self.table.lines[line].handles += 1

    def drop_handle(self, line: u32) -> bool:
        """Note that one handle less names it; say whether none does."""
        self.table.lines[line].handles -= 1
        return self.table.lines[line].handles == 0

    def has_handle(self, line: u32) -> bool:
        """Say whether a handle names a line's interrupt."""
        return self.table.lines[line].handles != 0

    def driver_of(self, line: u32) -> u16:
        """Return whom a line is bound to, 0: nobody."""
        return self.table.lines[line].driver

    def bind(self, line: u32, driver: u16) -> bool:
        """Open a line, which is closed, for a driver; say whether the device answers.  Raises: as `open`."""
        answers = self.open(line)
        if answers:
            self.table.lines[line].driver = driver
        return answers

    def leave(self, driver: u16) -> u32:
        """Close all lines of a driver; return how many there were."""
        count: u32 = 0
        for device in self.devices:
            if self.table.lines[device.line].driver == driver:
                self.close(device.line)
                count += 1
        return count

    def open(self, line: u32) -> bool:
        """Set a line's device up and let it interrupt; a line that is not closed stays as it is.

        Returns whether the device answers; where it does not, the console says so and the line stays closed.
        Raises: BadArgument when no device has the line; nothing has changed.
        """
        for device in self.devices:
            if device.line == line:
                if self.table.lines[line].phase != Phase.CLOSED:
                    return True
                if not device.start():
                    self.console.write(device.silence)
                    return False
                self.table.lines[line].phase = Phase.OPEN
                self.interrupts.unmask(line)
                return True
        raise BadArgument

    def close(self, line: u32) -> None:
        """Mask a line and let its device rest; a closed one stays as it is."""
        for device in self.devices:
            if device.line == line and self.table.lines[line].phase != Phase.CLOSED:
                self.interrupts.mask(line)
                device.stop()
                self.table.lines[line].phase = Phase.CLOSED
                self.table.lines[line].driver = 0
                self.table.lines[line].told = 0

    def take(self, vector: u32) -> bool:
        """Take an interrupt: mask its line until `done`; say whether that is open, so that its driver is to be told.

        The interrupt controller is still to be told that it is served.
        """
        for device in self.devices:
            if vector == FIRST_DEVICE + device.line and self.table.lines[device.line].phase == Phase.OPEN:
                self.interrupts.mask(device.line)
                self._ask(self.table.lines[device.line])
                return True
        return False

    def done(self, line: u32) -> bool:
        """Allow a line to interrupt again whose driver was told; say whether the driver is to be told again instead.

        A line whose driver was told of nothing stays as it is.
        """
        for device in self.devices:
            if device.line == line and self.table.lines[line].phase == Phase.ASKING:
                if device.asks():
                    self._ask(self.table.lines[line])
                    return True
                self.table.lines[line].phase = Phase.OPEN
                self.interrupts.unmask(line)
        return False

    def _ask(self, line: Line) -> None:
        line.phase = Phase.ASKING
        line.told = (line.told + 1) & 0xFFFF_FFFF

    def read(self, line: u32, register: u32) -> u8:
        """Return one byte from a register of a line's device.

        Raises: BadArgument when the line has none, or the register is none that a driver may read.
        """
        for device in self.devices:
            may: bool = register < REGISTERS and device.readable >> (register & 7) & 1 != 0
            if device.line == line and may:
                return self.cpu.in8(device.port + register)
        raise BadArgument

    def write(self, line: u32, register: u32, value: u32) -> None:
        """Write one byte to a register of a line's device.

        Raises: BadArgument when the line has none, the register is none that a driver may write, or the value is no
        byte; nothing has changed.
        """
        for device in self.devices:
            may: bool = register < REGISTERS and device.writable >> (register & 7) & 1 != 0
            if device.line == line and may and value < 256:
                self.cpu.out8(device.port + register, value)
                return
        raise BadArgument
