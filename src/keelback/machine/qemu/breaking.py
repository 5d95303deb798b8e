"""Control-C or SIGTERM during a run of a machine on QEMU: the machine stops where the kernel has served its trap.

A kernel that does not come to that within GRACE seconds stops where it is, and its line is told.
"""

import time
from collections.abc import Iterator
from contextlib import contextmanager
from types import FrameType
from typing import NoReturn

from keelback.errors import Interrupted
from keelback.inspect.lens import look
from keelback.inspect.methods import place_of_address
from keelback.kernel.layout import Layout
from keelback.machine.breaking import GRACE, taking_signals
from keelback.machine.qemu.cpu_place import place_in
from keelback.machine.qemu.qemu import Qemu
from keelback.machine.qemu.qmp import QemuError

MOMENT = 0.001
"""Seconds that the machine first runs on where it was stopped within the kernel; each time it is half as long again."""


@contextmanager
def breakable(machine: Qemu, layout: Layout) -> Iterator[None]:
    """Make control-C and SIGTERM end the run of a machine on QEMU.  Raises: Interrupted."""
    with taking_signals(_interrupt):
        try:
            yield
        except Interrupted as asked:
            raise Interrupted(_stopped_at(machine, layout), asked.number) from None


def _interrupt(number: int, _frame: FrameType | None) -> NoReturn:
    raise Interrupted("", number)


def _stopped_at(machine: Qemu, layout: Layout) -> str:
    """Stop the machine; return where the kernel is, empty if it has finished what it was at."""
    last, moment = time.monotonic() + GRACE, MOMENT
    try:
        machine.command("stop")
        while (address := _address_in_kernel(machine)) and time.monotonic() < last:
            machine.command("cont")
            time.sleep(moment)
            moment *= 1.5
            machine.command("stop")
    except (QemuError, OSError):  # it has ended meanwhile
        return ""
    return place_of_address(look(layout, machine.ram), machine.ram, address) if address else ""


def _address_in_kernel(machine: Qemu) -> int:
    """Return which instruction of the kernel is next; 0: a program runs, the CPU sleeps, or QEMU does not say."""
    place = place_in(machine.monitor("info registers"))
    return place.address if place.runs_kernel else 0
