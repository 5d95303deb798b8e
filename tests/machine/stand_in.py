"""A compiled machine around `stand_in.c`, whose user program a test gives as machine code."""

from functools import cache
from pathlib import Path

from keelback.image.images import make_image
from keelback.image.kernel_image import CompiledKernel
from keelback.image.toolchain import NO_WARNINGS, compile_c
from keelback.kernel.boot.header import ImageHeader
from keelback.kernel.devices.timer import DIVISOR
from keelback.kernel.layout import MICROKERNEL
from keelback.kernel.x86.trap_frame import TrapFrame
from keelback.lang import layout_of, view
from keelback.machine.simulated.compiled import CompiledPc

USER = 0x0900_0000
THREADS = MICROKERNEL.text_end
SECTIONS = {
    "records.threads": 0, "records.boot": 0x100, "records.gdt": 0x140, "records.task": 0x180, "records.idt": 0x200,
    "records.pages": 0x1000, "records.stacks": 0x4000,
}  # fmt: skip
FRAME_SIZE = layout_of(TrapFrame).size


@cache
def stand_in() -> CompiledKernel:
    source = Path(__file__).with_name("stand_in.c")
    layout = MICROKERNEL
    defines = {"USER": USER, "PAYLOAD": layout.records_end, "KERNEL_START": layout.kernel_start, "DIVISOR": DIVISOR}
    defines["IDLE"] = layout_of(ImageHeader).field("idle").offset
    sections = [(name, layout.text_end + offset) for name, offset in SECTIONS.items()]
    return CompiledKernel({"stand_in.o": compile_c(source, defines=defines, flags=NO_WARNINGS)}, sections)


def stand_in_image(code: str | bytes) -> bytes:
    program = bytes.fromhex(code) if isinstance(code, str) else code
    return make_image(MICROKERNEL, program.ljust(4096, b"\0"), stand_in())


def make_stand_in(code: str | bytes, **options) -> CompiledPc:
    """Return a machine, not booted, that runs user code (bytes or hexadecimal)."""
    return CompiledPc(MICROKERNEL, stand_in_image(code), memory=4 << 20, **options)


def frame(pc: CompiledPc, number: int = 0) -> TrapFrame:
    """Return the trap frame of the program (0) or of the idle thread (1)."""
    return view(pc.ram, TrapFrame, THREADS + number * (FRAME_SIZE + 4))


__all__ = ["frame", "make_stand_in", "stand_in", "stand_in_image"]
