"""Stack frames inside gdb: from a function of compiled code to its caller, and which registers are still the caller's.

    ebp + 4 ┌ return address
    ebp     ├ the caller's ebp            push %ebp; mov %esp,%ebp
            ├ ebx, edi or esi, as pushed  push … at the function's start
            ┴

gdb's own way takes every register that a function did not push for unchanged.  But a call may change eax, ecx and edx,
so what a caller had in these is lost: gdb then shows `<optimized out>` for it, and no leftovers.
"""

from typing import Any, NamedTuple

import gdb  # type: ignore[import-untyped]
from gdb.unwinder import Unwinder, register_unwinder  # type: ignore[import-untyped]

PROLOGUE = b"\x55\x89\xe5"
PUSHES = {0x53: "ebx", 0x56: "esi", 0x57: "edi"}
KEPT = ("ebx", "esi", "edi")
"""Registers that a function gives back as they were."""


class FrameId(NamedTuple):
    """What tells a stack frame from others: its stack's address behind the return address, and its function's."""

    sp: Any
    pc: Any


class KernelFrames(Unwinder):  # type: ignore[misc]
    """Finds the caller of a function of the kernel's."""

    def __init__(self) -> None:
        super().__init__("keelback")

    def __call__(self, frame: Any) -> Any:
        """Return where the caller's registers are, None where gdb itself has to find out."""
        start = start_of_function(int(frame.read_register("eip")))
        if start is None:
            return None
        memory = gdb.selected_inferior()
        code = bytes(memory.read_memory(start, len(PROLOGUE) + len(PUSHES)))
        if not code.startswith(PROLOGUE) or int(frame.read_register("eip")) < start + len(PROLOGUE):
            return None
        pushed = pushed_by(code[len(PROLOGUE) :])
        word = gdb.lookup_type("unsigned int")
        ebp = int(frame.read_register("ebp"))
        if int(frame.read_register("eip")) < start + len(PROLOGUE) + len(pushed):
            return None
        found = frame.create_unwind_info(FrameId(gdb.Value(ebp + 8).cast(word), gdb.Value(start).cast(word)))
        found.add_saved_register("esp", gdb.Value(ebp + 8).cast(word))
        for name, address in (("eip", ebp + 4), ("ebp", ebp)):
            found.add_saved_register(name, value_at(address, frame.read_register(name).type))
        for name in KEPT:
            value = frame.read_register(name)
            if name in pushed:
                value = value_at(ebp - 4 * (pushed.index(name) + 1), value.type)
            found.add_saved_register(name, value)
        return found


def start_of_function(address: int) -> int | None:
    """Return where the function around an address starts, None where no function of the kernel's Python is."""
    block = gdb.block_for_pc(address)
    while block is not None and (block.function is None or block.superblock is None or not block.superblock.is_static):
        block = block.superblock
    return int(block.start) if block is not None else None


def pushed_by(code: bytes) -> list[str]:
    """Return the registers that code pushes first."""
    pushed = []
    for byte in code:
        if byte not in PUSHES:
            break
        pushed.append(PUSHES[byte])
    return pushed


def value_at(address: int, kind: Any) -> Any:
    """Return the value of a type at an address."""
    return gdb.Value(address).cast(kind.pointer()).dereference()


def use() -> None:
    """Register the finder of callers with gdb."""
    register_unwinder(None, KernelFrames(), replace=True)
