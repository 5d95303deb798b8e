"""Looking at a machine's RAM at defined points of a run, whichever machine it is.

    boot ── the kernel is up: at_booted ── programs start: at_begun ──┬─> trap: before_trap ── served: after_trap ──┐
                                                                      └─────────────────────────────────────────────┘

1. At each point the machine stands still and the kernel's state is whole; before a trap its frame is in RAM too.
2. Looking changes nothing: on the simulated PC it takes no time, on QEMU at most `EVENTS` a stop.
3. An observer may take itself off its list, and those behind it are called all the same.

The simulated PC stops there by itself, in both lives; QEMU stops at breakpoints.
"""

from collections.abc import Callable
from enum import Enum
from typing import Any, Protocol

from keelback.kernel.layout import Layout

Observer = Callable[[], None]
CALL = 5
"""Bytes of the kernel's call at the end of its entry code, before `leave`: there a trap's frame is in RAM."""


class Outcome(Enum):
    """How a run of the machine ended."""

    RUNNING = "still running"
    POWERED_OFF = "powered off"
    HALTED = "halted with nothing to wait for"
    REFUSED = "the kernel could not start"
    RESET = "the machine reset itself"
    STOPPED = "the machine was stopped"


class Machine(Protocol):
    """A machine with a kernel; ready for `boot`, then for `run`, which both raise Panic."""

    layout: Layout
    console: bytearray
    outcome: Outcome

    @property
    def contents(self) -> Any:
        """Return RAM, a writable buffer of bytes from physical address 0."""

    def boot(self) -> None:
        """Run to where the kernel has started its programs."""

    def run(self) -> Outcome:
        """Run to the machine's end; return how it ended."""


class Observed(Machine, Protocol):
    """A machine that can be looked at as it runs."""

    traps: int
    at_booted: list[Observer]
    before_trap: list[Observer]
    after_trap: list[Observer]

    @property
    def time(self) -> int:
        """Return virtual time, in instructions."""

    def step(self) -> None:
        """Run to the next trap, let the kernel serve it, and call the observers; or find that the machine has ended."""

    def fault_address(self) -> int:
        """Return the address of the last page fault, where the machine stands before a trap."""


def _nothing() -> None:
    """Look at nothing."""


def observe(
    machine: Observed, *, at_booted: Observer = _nothing, at_begun: Observer = _nothing, after_trap: Observer = _nothing
) -> Outcome:
    """Run a machine from boot to its end, with one observer at each point; return how it ended.

    Raises: Panic when the kernel is wrong; QemuError; what an observer raises.
    """
    machine.at_booted.append(at_booted)
    machine.after_trap.append(after_trap)
    machine.boot()
    if machine.outcome is Outcome.RUNNING:
        at_begun()
    return machine.run()
