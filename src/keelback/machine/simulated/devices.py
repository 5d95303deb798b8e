"""The devices of the simulated PC, as far as a kernel can tell: interrupt controllers, timer, power, and all ports.

Those that something comes in by are `serial.py` and `keyboard.py`.

Sources: Intel 8259A and 8254 data sheets; QEMU's isa-debug-exit.
"""

from collections.abc import Callable
from zlib import crc32

from keelback.machine.simulated.kept import Kept

OPEN_BUS = 0xFF
MODE = 0x0E  # in a control word of the timer


class Device(Kept):
    """Something behind ports; `first` is its lowest port and `count` how many it has."""

    first: int
    count: int

    def read(self, offset: int) -> int:
        """Return one byte from the port at an offset from the first."""
        return OPEN_BUS

    def write(self, offset: int, value: int) -> None:
        """Take a value that was written to the port at an offset from the first."""


class InterruptController(Device):
    """An 8259A: eight lines, the lowest first, each of which asks where it rises.

    `levels` are those that are up.  `is_connected` says whether the CPU's local APIC lets it interrupt; `when_asked` is
    called when somebody reads the requests that wait.
    """

    KEPT = (
        *("vector", "mask", "requested", "in_service", "words_left"),
        *("shows_in_service", "vector_comes", "is_connected", "levels"),
    )
    count = 2
    INITIALISE, READ_COMMAND, READ_REGISTER, END, SPECIFIC = 0x10, 0x08, 0x02, 0x20, 0x40
    SINGLE, FOURTH_WORD = 0x02, 0x01

    def __init__(self, first: int) -> None:
        self.first = first
        self.vector = 0
        self.mask = 0xFF
        self.requested = 0
        self.in_service = 0
        self.words_left = 0
        self.shows_in_service = False
        self.vector_comes = False
        self.is_connected = True
        self.levels = 0
        self.when_asked: Callable[[], None] = lambda: None

    def read(self, offset: int) -> int:
        """Return the mask, or the requests that wait, or those in service, as was asked for last."""
        if offset:
            return self.mask
        if self.shows_in_service:
            return self.in_service
        self.when_asked()
        return self.requested

    def write(self, offset: int, value: int) -> None:
        """Take a command word: initialisation, end of interrupt or the mask."""
        if offset == 0 and value & self.INITIALISE:
            self.requested = self.in_service = self.mask = 0
            self.words_left = 1 + (not value & self.SINGLE) + (value & self.FOURTH_WORD)
            self.vector_comes = True
            self.shows_in_service = False
        elif offset == 0 and value & self.READ_COMMAND:
            if value & self.READ_REGISTER:
                self.shows_in_service = bool(value & 1)
        elif offset == 0 and value & self.END:
            ended = 1 << (value & 7) if value & self.SPECIFIC else self.in_service & -self.in_service
            self.in_service &= ~ended
        elif offset == 1 and self.words_left:
            self.vector = value & 0xF8 if self.vector_comes else self.vector
            self.vector_comes = False
            self.words_left -= 1
        elif offset == 1:
            self.mask = value

    def raise_line(self, line: int) -> None:
        """Request an interrupt."""
        self.requested |= 1 << line

    def set_level(self, line: int, is_up: bool) -> None:
        """Let a line rise, which requests an interrupt, or fall, which takes back a request that still waits."""
        if not is_up:
            self.levels &= ~(1 << line)
            self.requested &= ~(1 << line)
        elif not self.levels >> line & 1:
            self.levels |= 1 << line
            self.raise_line(line)

    def pending(self) -> int | None:
        """Return the line that would interrupt now, None when none would."""
        waiting = self.requested & ~self.mask
        if not waiting:
            return None
        line = (waiting & -waiting).bit_length() - 1
        return line if self.accepts(line) else None

    def accepts(self, line: int) -> bool:
        """Say whether a request of a line would interrupt: not masked, and none as urgent is being served."""
        as_urgent = (2 << line) - 1
        return self.is_connected and not self.mask >> line & 1 and not self.in_service & as_urgent

    def acknowledge(self, line: int) -> int:
        """Give the CPU the interrupt of a line; return its vector."""
        self.requested &= ~(1 << line)
        self.in_service |= 1 << line
        return self.vector + line


class IntervalTimer(Device):
    """An 8254, channel 0 as a rate generator, driven by virtual time, or counting down once.

    Virtual time is counted in user instructions, `rate` of them a second; `due` is when the next tick comes.  While the
    kernel starts, no virtual time passes: one shot takes a clock each time that somebody asks whether it is over.
    `is_dead` says that it never counts.  With a `seed`, ticks come at times that it decides, none later than a period
    after the one before.
    """

    KEPT = "low", "period", "due", "is_once", "left", "is_dead"
    first, count = 0x40, 4
    CONTROL = 3
    CHANNEL, ACCESS = 0xC0, 0x30  # in a control word; no access is the latch command
    CLOCK = 1_193_182

    def __init__(self, rate: int, now: Callable[[], int]) -> None:
        self.rate = rate
        self.now = now
        self.low: int | None = None
        self.period = 0
        self.due: int | None = None
        self.is_once = False
        self.left = 0
        self.is_dead = False
        self.seed: int | None = None

    def asked(self) -> bool:
        """Count one clock of the one shot; say whether it was the last."""
        self.left -= self.left > 0 and not self.is_dead
        return self.is_once and self.left == 0

    def write(self, offset: int, value: int) -> None:
        """Take a control word, or one half of the divisor; the timer starts with the second."""
        if offset == self.CONTROL and value & self.CHANNEL == 0 and value & self.ACCESS:
            self.low, self.due, self.is_once, self.left = None, None, value & MODE == 0, 0
        elif offset == 0 and self.low is None:
            self.low = value
        elif offset == 0 and self.low is not None:
            self._start(self.low | value << 8 or 0x1_0000)
            self.low = None

    def _start(self, divisor: int) -> None:
        if self.is_once:
            self.left = divisor
        elif not self.is_dead:
            self.period = max(1, divisor * self.rate // self.CLOCK)
            self.due = self._after(self.now())

    def tick(self) -> None:
        """Move the next tick on."""
        if self.due is not None:
            self.due = self._after(self.due)

    def _after(self, time: int) -> int:
        """Return when the tick comes that follows one at some time."""
        if self.seed is None:
            return time + self.period
        return time + 1 + crc32(f"{self.seed} {time}".encode()) % self.period


class DebugExit(Device):
    """The port that ends an emulator; `status` is what was written, None before."""

    KEPT = ("status",)
    first, count = 0xF4, 4

    def __init__(self) -> None:
        self.status: int | None = None

    def write(self, offset: int, value: int) -> None:
        """End the machine."""
        self.status = value


class PortBus:
    """All ports; where there is no device, reading gives ones and writing does nothing."""

    def __init__(self, *devices: Device) -> None:
        self.devices = devices
        self.ports = {each.first + offset: (each, offset) for each in devices for offset in range(each.count)}

    def read(self, port: int) -> int:
        """Read one byte."""
        device, offset = self.ports.get(port, (None, 0))
        return OPEN_BUS if device is None else device.read(offset)

    def write(self, port: int, value: int) -> None:
        """Write a value."""
        device, offset = self.ports.get(port, (None, 0))
        if device is not None:
            device.write(offset, value)
