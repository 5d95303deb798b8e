"""A serial port: a 16550A, whose line takes at once what is sent, and brings bytes one by one.

    bytes that come ──> FIFO, 16 bytes (1 without it) ──> register 0
                          └─ as many as its trigger, or none more for a while ─> interrupt

1. Nothing overruns it: who brings a byte asks for `room` first.
2. There is no loop-back, no break, and no error of a line.

Source: PC16550D data sheet, section 8 (registers).
"""

from collections.abc import Callable

from keelback.machine.simulated.devices import Device

DATA, ENABLED, IDENTITY, LINE_CONTROL, MODEM_CONTROL, LINE_STATUS, MODEM_STATUS = range(7)
FIFO_CONTROL = IDENTITY  # when written
DIVISOR_LATCH = 0x80
READY, EMPTY = 0x01, 0x60
THERE = 0xB0  # the other end is there, and ready

RECEIVED, SENT = 0x01, 0x02  # in ENABLED
NOTHING, HAS_SENT, HAS_RECEIVED, HAS_WAITED = 0x01, 0x02, 0x04, 0x0C  # in IDENTITY
FIFO_ON = 0xC0
LEADS_OUT = 0x08  # in MODEM_CONTROL: the interrupt leads to the controller

FIFO, CLEAR, CLEAR_SENT = 0x01, 0x02, 0x04  # in FIFO_CONTROL
TRIGGERS = 1, 4, 8, 14
DEPTH = 16
FASTEST = 115_200
BITS = 10  # of a byte on the line
PATIENCE = 4  # bytes' time, until fewer than the trigger ask for an interrupt too


def _nowhere(is_up: bool) -> None:
    """Lead to no interrupt controller."""


class Serial(Device):
    """A serial port whose line is free, unless `is_stuck`; what is sent goes to `output`.

    `interrupt` is told whether the port asks for one.  `now` is virtual time, `rate` of it a second; `due` is when what
    came has waited long enough, None where nothing waits.
    """

    KEPT = (
        *("registers", "divisor", "is_stuck", "received", "has_fifo", "trigger"),
        *("last", "has_sent", "has_waited", "due"),
    )
    first, count = 0x3F8, 8

    def __init__(
        self,
        output: Callable[[int], None],
        interrupt: Callable[[bool], None] = _nowhere,
        now: Callable[[], int] = lambda: 0,
        rate: int = FASTEST,
    ) -> None:
        self.output = output
        self.interrupt = interrupt
        self.now = now
        self.rate = rate
        self.registers = [0] * self.count
        self.divisor = 0
        self.is_stuck = False
        self.received: list[int] = []
        self.last = 0
        """What came last without the FIFO: it can be read again."""
        self.has_fifo = False
        self.trigger = TRIGGERS[0]
        self.has_sent = False
        self.has_waited = False
        self.due: int | None = None

    # The line.

    def room(self) -> int:
        """Return how many bytes the port takes now."""
        return (DEPTH if self.has_fifo else 1) - len(self.received)

    def receive(self, byte: int) -> None:
        """Take a byte that comes, for which there is room."""
        self.received.append(byte)
        self.last = self.last if self.has_fifo else byte
        self._wait_anew()

    def come(self) -> None:
        """Notice that what came has waited long enough."""
        self.due = None
        self.has_waited = True
        self._tell()

    def _wait_anew(self) -> None:
        """Set until when what is there waits for more."""
        waits = self.has_fifo and not self.has_waited and 0 < len(self.received) < self.trigger
        self.due = self.now() + PATIENCE * BITS * max(self.divisor, 1) * self.rate // FASTEST if waits else None
        self._tell()

    # The registers.

    def read(self, offset: int) -> int:
        """Return a register; the line status says whether the transmitter is empty, and whether a byte is there."""
        if offset == LINE_STATUS:
            return 0 if self.is_stuck else EMPTY | (READY if self.received else 0)
        if offset <= ENABLED and self.registers[LINE_CONTROL] & DIVISOR_LATCH:
            return self.divisor >> 8 * offset & 0xFF
        if offset == DATA:
            return self._take()
        if offset == IDENTITY:
            return self._identify()
        return THERE if offset == MODEM_STATUS else self.registers[offset]

    def _take(self) -> int:
        byte = self.received.pop(0) if self.received else 0 if self.has_fifo else self.last
        self.has_waited = False
        self._wait_anew()
        return byte

    def _identify(self) -> int:
        """Return why the port asks, and forget that it has sent if that is why."""
        why = self._why()
        if why == HAS_SENT:
            self.has_sent = False
            self._tell()
        return why | (FIFO_ON if self.has_fifo else 0)

    def _why(self) -> int:
        """Return why the port asks for an interrupt, the most urgent first."""
        enabled = self.registers[ENABLED]
        if enabled & RECEIVED and len(self.received) >= (self.trigger if self.has_fifo else 1):
            return HAS_RECEIVED
        if enabled & RECEIVED and self.has_waited:
            return HAS_WAITED
        return HAS_SENT if enabled & SENT and self.has_sent else NOTHING

    def _tell(self) -> None:
        self.interrupt(bool(self.registers[MODEM_CONTROL] & LEADS_OUT) and self._why() != NOTHING)

    def write(self, offset: int, value: int) -> None:
        """Send a byte, or set a register."""
        if offset <= ENABLED and self.registers[LINE_CONTROL] & DIVISOR_LATCH:
            kept = self.divisor & (0xFF00 if offset == 0 else 0x00FF)
            self.divisor = kept | value << 8 * offset
        elif offset == DATA:
            self.output(value)
            self._note_sent()
        elif offset == FIFO_CONTROL:
            self._control_fifo(value)
        else:
            before, self.registers[offset] = self.registers[offset], value
            if offset == ENABLED and value & SENT and not before & SENT:
                self._note_sent()
            self._tell()

    def _note_sent(self) -> None:
        """Notice that all is sent, which is news for who asked to hear of it."""
        if self.registers[ENABLED] & SENT:
            self.has_sent = False
            self._tell()
            self.has_sent = True
            self._tell()

    def _control_fifo(self, value: int) -> None:
        """Switch the FIFOs on or off, which clears both, or clear what comes or what is sent.

        While they are off, nothing else of the register counts.
        """
        changes = bool(value & FIFO) != self.has_fifo
        if changes or (value & FIFO and value & CLEAR):
            self.received.clear()
            self.has_waited = False
        if changes or (value & FIFO and value & CLEAR_SENT):
            self._note_sent()
        self.has_fifo = bool(value & FIFO)
        self.trigger = TRIGGERS[value >> 6 & 3] if self.has_fifo else self.trigger
        self._wait_anew()
