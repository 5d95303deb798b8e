"""Components in Kernel Python without a kernel around them, as machine code: to be looked at, not to be started."""

from keelback.compiler import Compiled
from keelback.image.compiled import KERNEL_FLAGS, build_object
from keelback.image.kernel_image import place_records
from keelback.image.toolchain import TARGETS, build_support, link_elf
from keelback.lang.ram import Ram


def build_components(name: str, compiled: Compiled, ram: Ram) -> bytes:
    """Return the ELF file of compiled components, built as the kernel's are, with debug data; text lies behind the RAM.

    Raises: CompileError; ToolchainError.
    """
    target = TARGETS[ram.word_bits]
    own = build_object(compiled, name, KERNEL_FLAGS)
    objects = {f"{name}.o": own, "support.o": build_support(target)}
    records = "".join(place_records(*each) for each in compiled.sections)
    return link_elf(
        objects,
        f"SECTIONS {{\n    . = {ram.size:#x};\n    .text : {{ *(.text*) *(.rodata*) }}\n{records}}}\n",
        flags=("--entry=0",),
        target=target,
    )
