"""The interval timer: 100 ticks a second.

Source: Intel 8254 data sheet, mode 2 (rate generator).
"""

from keelback.lang import Component, Cpu, Region, Struct, u32, u64

TICKS_PER_SECOND = 100
CLOCK = 1_193_182  # Hz
DIVISOR = CLOCK // TICKS_PER_SECOND
LAST_TICK = (1 << 63) - 1
RATE_GENERATOR = 0x34  # channel 0, low byte then high byte, mode 2


class Clock(Struct):
    """Time since the timer started."""

    ticks: u64


class Timer(Component):
    """Counts ticks."""

    def __init__(self, records: Region, cpu: Cpu) -> None:
        self.cpu = cpu
        self.clock = records.struct(Clock)

    def start(self) -> None:
        """Let the timer interrupt `TICKS_PER_SECOND` times a second."""
        self.cpu.out8(0x43, RATE_GENERATOR)
        self.cpu.out8(0x40, DIVISOR & 0xFF)
        self.cpu.out8(0x40, DIVISOR >> 8)

    def tick(self) -> None:
        """Count one tick."""
        self.clock.ticks = self.later(1)

    def later(self, ticks: u32) -> u64:
        """Return the time a number of ticks from now; time starts again after 2^63 ticks."""
        return (self.clock.ticks + ticks) & LAST_TICK
