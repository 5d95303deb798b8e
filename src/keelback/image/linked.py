"""The text of a layout's image, linked: entry code, and of a compiled kernel code and read-only data.

Who makes one machine makes others, so a process links what it links once.
"""

from functools import lru_cache
from pathlib import Path

import keelback.kernel
from keelback.image.kernel_image import CompiledKernel, build_symbols, build_text, check_room
from keelback.image.live_kernels import kernel_of
from keelback.image.toolchain import TARGETS
from keelback.kernel.boot.header import MAGIC, VERSION
from keelback.kernel.devices.power import DEBUG_EXIT, REFUSED
from keelback.kernel.layout import ENTRY_TABLES, Layout
from keelback.kernel.x86 import segments64
from keelback.kernel.x86.control import EFER
from keelback.kernel.x86.control64 import ENTRY_CR0, ENTRY_CR4, ENTRY_EFER
from keelback.kernel.x86.interrupts import FAST_CALL, STUBS
from keelback.kernel.x86.segments import KERNEL_CODE, KERNEL_DATA, USER_CODE, USER_DATA
from keelback.kernel.x86.task_state import TaskState
from keelback.kernel.x86.trap_frame import FROM_FAST_CALL, FROM_VIRTUAL_8086, TrapFrame
from keelback.kernel.x86.vectors import SYSTEM_CALL, Vector
from keelback.lang import address_of, layout_of

X86 = Path(keelback.kernel.__file__).parent / "x86"
ENTRIES = {32: X86 / "entry.S", 64: X86 / "entry64.S"}
"""The entry code, by the bits of a word."""
MOST_KERNELS = 32
"""Kernels of which it is kept what was linked of them."""


@lru_cache(MOST_KERNELS)
def text_of(layout: Layout, compiled: CompiledKernel | None) -> bytes:
    """Return the text of an image: entry code, and of a compiled kernel code and read-only data.

    Raises: ToolchainError; ImageTooLarge.
    """
    word_bits = layout.paging.word_bits
    target = TARGETS[word_bits]
    text = build_text(ENTRIES[word_bits], _defines(layout), start=layout.kernel_start, target=target, compiled=compiled)
    check_room("the kernel's text", text, layout.places - layout.kernel_start)
    return text


@lru_cache(MOST_KERNELS)
def make_symbols(layout: Layout, compiled: CompiledKernel) -> bytes:
    """Return the ELF file of a compiled kernel, as it lies in the image, for debuggers.  Raises: ToolchainError."""
    word_bits = layout.paging.word_bits
    entry, target = ENTRIES[word_bits], TARGETS[word_bits]
    return build_symbols(entry, _defines(layout), start=layout.kernel_start, target=target, compiled=compiled)


def _defines(layout: Layout) -> dict[str, int]:
    """Return the words that the entry code of a layout takes from Python."""
    return _common_defines(layout) | (_long_mode_defines(layout) if layout.paging.word_bits == 64 else _I386_DEFINES)


def _common_defines(layout: Layout) -> dict[str, int]:
    return {
        "MAGIC": MAGIC,
        "VERSION": VERSION,
        "LAYOUT": layout.number,
        "LEVELS": len(layout.paging.levels),
        "PAYLOAD": layout.records_end,
        "ENTRY_STACK": layout.records_end,
        "KERNEL_DATA": KERNEL_DATA,
        "FRAME_SIZE": layout_of(TrapFrame, layout.paging.word_bits).size,
        "FAST_CALL": FAST_CALL,
        "FROM_FAST_CALL": FROM_FAST_CALL,
        "DEBUG": Vector.DEBUG,
        "DOUBLE_FAULT": Vector.DOUBLE_FAULT,
        "FROM_VIRTUAL_8086": FROM_VIRTUAL_8086,
        "LAST_EXCEPTION": Vector.LAST_EXCEPTION,
        "MACHINE_CHECK": Vector.MACHINE_CHECK,
        "NON_MASKABLE": Vector.NON_MASKABLE,
        "RESERVED": Vector.RESERVED,
        "STRAYS": layout.text_end,
        "STUBS": STUBS,
        "SYSTEM_CALL": SYSTEM_CALL,
        "DEBUG_EXIT": DEBUG_EXIT,
        "REFUSED": REFUSED,
    }


def _frame_defines(word_bits: int, *fields: str) -> dict[str, int]:
    """Return where fields of a trap frame are."""
    frame = layout_of(TrapFrame, word_bits)
    return {f"FRAME_{name.upper()}": frame.field(name).offset for name in fields}


_I386_DEFINES = {
    "USER_CODE": USER_CODE,
    "USER_DATA": USER_DATA,
    "TRAP_STACK": layout_of(TaskState).field("esp0").offset,
    **_frame_defines(32, "vector", "error", "eip", "cs", "eflags", "esp", "ss"),
}


def _long_mode_defines(layout: Layout) -> dict[str, int]:
    kernel, _ = kernel_of(layout)
    task, task_fields = address_of(kernel.first_cpu.task), layout_of(TaskState, 64)
    return {
        "TABLES": layout.records_limit,
        "ENTRY_TABLES": ENTRY_TABLES,
        "TRAP_STACK": task + task_fields.field("rsp0").offset,
        "USER_STACK": task + task_fields.field("user_stack").offset,
        "USER_END": layout.user_end,
        "KERNEL_CODE": KERNEL_CODE,
        "USER_CODE": segments64.USER_CODE,
        "USER_DATA": segments64.USER_DATA,
        "EFER": EFER,
        "ENTRY_CR0": ENTRY_CR0,
        "ENTRY_CR4": ENTRY_CR4,
        "ENTRY_EFER": ENTRY_EFER,
        **_frame_defines(64, "vector", "error", "rsp"),
    }
