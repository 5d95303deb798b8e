"""Sessions of the shell on the simulated PC: what is typed, and what the console says then."""

import re
from functools import cache

from keelback.cli.options import SHELL
from keelback.cli.programs import select
from keelback.image.images import make_image
from keelback.image.kernels import compiled
from keelback.kernel.layout import MICROKERNEL
from keelback.machine.input_log import Device, Typed
from keelback.machine.observed import Outcome
from keelback.machine.scan_codes import scan_codes
from keelback.machine.simulated.compiled import CompiledPc
from keelback.machine.simulated.interpreted import InterpretedPc
from support import MIB

LIVES = {"interpreted": InterpretedPc, "compiled": CompiledPc}
PROGRAMS = ("hello", "hello.py", "null", "ping", "pong", "primes", "sleeper")


@cache
def image(life, layout=MICROKERNEL, programs=PROGRAMS):
    payload = select((SHELL, *programs), layout).payload()
    return make_image(layout, payload, *((compiled(layout),) if life == "compiled" else ()))


def machine(life, *typed, layout=MICROKERNEL, programs=PROGRAMS):
    """Return a machine, not booted, on which something will be typed; it has some programs."""
    pc = LIVES[life](layout, image(life, layout, programs), memory=8 * MIB)
    pc.input.add(*typed)
    return pc


def session(text, life="interpreted", layout=MICROKERNEL, device=Device.SERIAL, programs=PROGRAMS):
    """Type a text that ends the shell; return what the console says behind the kernel's first line."""
    data = text.encode() if device is Device.SERIAL else scan_codes(text)
    pc = machine(life, Typed(0, device, data), layout=layout, programs=programs)
    pc.boot()
    pc.run()
    assert pc.outcome is Outcome.POWERED_OFF
    return bytes(pc.console).decode().partition("\n")[2]


def answers(text, **options):
    """Return what the console says below each line that is typed."""
    said = session("".join(f"{line}\r" for line in text), **options)
    parts = re.split(r"^% (.*)\n", said, flags=re.MULTILINE)
    assert parts[1::2] == [*text]
    return parts[2::2]
