"""Control-C or SIGTERM during a run of a machine on QEMU: the machine stops, and the kernel's line is told."""

import re
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from types import FrameType
from typing import NoReturn

from keelback.errors import Interrupted
from keelback.inspect.lens import look
from keelback.inspect.methods import place_of_address
from keelback.kernel.layout import Layout
from keelback.machine.breaking import taking_signals
from keelback.machine.qemu.qemu import Qemu, QemuError


@contextmanager
def breakable(machine: Qemu, layout: Layout) -> Iterator[None]:
    """Make control-C and SIGTERM end the run of a machine on QEMU.  Raises: Interrupted."""
    with taking_signals(_interrupt):
        try:
            yield
        except Interrupted as asked:
            with suppress(QemuError, OSError):
                machine.command("stop")
            raise Interrupted(_place_on_qemu(machine, layout), asked.number) from None


def _interrupt(number: int, _frame: FrameType | None) -> NoReturn:
    raise Interrupted("", number)


def _place_on_qemu(machine: Qemu, layout: Layout) -> str:
    """Return where the kernel is, empty where a program runs, the CPU sleeps, or QEMU does not say."""
    with suppress(QemuError, OSError):
        said = dict(re.findall(r"\b([A-Z]+)=([0-9a-f]+)", machine.monitor("info registers")))
        if said.get("CPL") == "0" and said.get("HLT") == "0" and "EIP" in said:
            return place_of_address(look(layout, machine.ram), machine.ram, int(said["EIP"], 16))
    return ""
