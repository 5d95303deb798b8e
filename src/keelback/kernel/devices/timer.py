"""The interval timer: 100 ticks a second.

Source: Intel 8254 data sheet, mode 2 (rate generator).
"""

from keelback.kernel.x86.interrupts import Interrupts
from keelback.kernel.x86.vectors import TIMER
from keelback.lang import Component, Cpu, Region, Struct, TextSink, u8, u16, u32, u64

TICKS_PER_SECOND = 100
CLOCK = 1_193_182  # Hz
DIVISOR = CLOCK // TICKS_PER_SECOND
LAST_TICK = (1 << 63) - 1
RATE_GENERATOR = 0x34  # channel 0, low byte then high byte, mode 2
ONE_SHOT = 0x30  # mode 0: interrupt on terminal count
TRIAL = 4
"""Clocks of the one shot that tries whether the timer works, 4 microseconds with the one that sets it off."""
POLLS = 1_000_000
"""How often the interrupt controller is asked for that: a second on a PC, since an emulator may be kept waiting."""


class Clock(Struct):
    """Time since the timer started."""

    ticks: u64
    asks: bool  # the timer asked for an interrupt when it was tried
    reached: bool  # and that came to the CPU


class Timer(Component):
    """Counts ticks."""

    def __init__(self, records: Region, cpu: Cpu, interrupts: Interrupts) -> None:
        self.cpu = cpu
        self.interrupts = interrupts
        self.clock = records.struct(Clock)

    def hold(self) -> None:
        """Ask for no interrupt for some milliseconds: the BIOS left the timer ticking."""
        self._set(ONE_SHOT, 0)  # the longest there is

    def start(self) -> None:
        """Start the ticks, `TICKS_PER_SECOND` a second."""
        self._set(RATE_GENERATOR, DIVISOR)

    def _set(self, mode: u8, divisor: u16) -> None:
        self.cpu.out8(0x43, mode)
        self.cpu.out8(0x40, divisor & 0xFF)
        self.cpu.out8(0x40, divisor >> 8)

    def try_once(self) -> None:
        """Start one countdown, and note whether the timer asks for an interrupt; interrupts are off."""
        self._set(ONE_SHOT, TRIAL)
        for _ in range(POLLS):
            if self.interrupts.is_requested(TIMER):
                self.clock.asks = True
                return

    def tick(self) -> None:
        """Count one tick."""
        self.clock.ticks = self.later(1)

    def later(self, ticks: u32) -> u64:
        """Return the time a number of ticks from now; time starts again after 2^63 ticks."""
        return (self.clock.ticks + ticks) & LAST_TICK

    def report(self, console: TextSink) -> None:
        """Say that no tick will come, if so: nobody who sleeps wakes then, and no turn ends before it is given up."""
        if not self.clock.asks:
            console.write(
                "keelback: no tick comes: the timer never asks for an interrupt; nobody who sleeps will wake\n"
            )
        elif not self.clock.reached:
            console.write("keelback: no tick comes: the timer's interrupt does not reach the CPU, ")
            console.write("whose local APIC may mask it; nobody who sleeps will wake\n")
