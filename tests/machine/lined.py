"""Machines whose kernel has `line_part.py`, so that a program can serve a line."""

import sys
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import replace
from functools import cache
from pathlib import Path

from keelback.abi.calls import OWN_CALLS
from keelback.cli.options import KernelChoice
from keelback.cli.own_parts import chosen_layout
from keelback.image.images import make_image
from keelback.image.payload import make_payload
from keelback.image.programs import build_program
from keelback.image.toolchain import TARGETS
from keelback.inspect.methods import SOURCES
from keelback.kernel.calls.system_calls import SystemCalls
from keelback.kernel.calls.traps import Traps
from keelback.kernel.layout import MICROKERNEL, MICROKERNEL_64, Layout
from keelback.lang.replacing import REPLACED
from keelback.machine.simulated.compiled import CompiledPc
from keelback.machine.simulated.interpreted import InterpretedPc
from keelback.user import RUNTIME
from kernel.quick import compiled_quickly
from support import MIB, payload_programs

PART = Path(__file__).with_name("line_part.py")
MODULE = "keelback.kernel.with.line_part"
DRIVER = Path(__file__).with_name("driver.c")
LINED, LINED_64 = (replace(each, name="lined", number=99) for each in (MICROKERNEL, MICROKERNEL_64))
"""Layouts of kernels with the part: one that is compiled with it is taken for no other's."""
MEMORY = 8 * MIB
SERIAL, KEYBOARD = "driver 4", "driver 1"
"""The lines of etc/init that start a driver of each line."""


@contextmanager
def part_in_place() -> Iterator[None]:
    """Put the part in place, for as long as this lasts."""
    before = {owner: dict(vars(owner)) for owner in (SystemCalls, Traps)}
    replaced, calls = len(REPLACED), len(OWN_CALLS)
    chosen_layout(KernelChoice(parts=(str(PART),)))
    try:
        yield
    finally:
        for owner, names in before.items():
            for name in {*vars(owner)} - {*names}:
                delattr(owner, name)
            for name, each in names.items():
                if vars(owner)[name] is not each:
                    setattr(owner, name, each)
        del REPLACED[replaced:], OWN_CALLS[calls:], SOURCES[PART.name]
        for each in vars(sys.modules.pop(MODULE)).values():
            if isinstance(each, type) and each.__module__ == MODULE:
                each.__module__ = __name__  # whoever asks for all records of the kernel's modules does not find these


@cache
def image_of(layout: Layout, life: str, lines: tuple[str, ...]) -> bytes:
    """Return an image whose kernel starts lines of etc/init; the part is in place."""
    target = TARGETS[layout.paging.word_bits]
    driver = build_program(DRIVER, runtime=RUNTIME, image_base=layout.image_base, target=target)
    programs = {**payload_programs(layout.image_base, target), "driver": driver}
    payload = make_payload({"etc/init": "".join(line + "\n" for line in lines).encode(), **programs})
    return make_image(layout, payload, *((compiled_quickly(layout),) if life == "compiled" else ()))


def machine(life: str, *lines: str, layout: Layout = LINED, **options: object):
    """Return a machine of a life that starts lines of etc/init; the part is in place."""
    kind = CompiledPc if life == "compiled" else InterpretedPc
    return kind(layout, image_of(layout, life, lines), memory=MEMORY, **options)


def ran(pc):
    """Run a machine to its end; return it."""
    pc.boot()
    pc.run()
    return pc


def rows(pc) -> list[list[int]]:
    """Return what the driver told, in rows."""
    text = bytes(pc.console).decode("ascii").splitlines()
    return [[int(each, 16) for each in row.split()] for row in text if row.startswith("0x")]
