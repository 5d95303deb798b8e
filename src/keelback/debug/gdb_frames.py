"""Stack frames inside gdb: from a function of compiled code to its caller, and which registers are still the caller's.

    ebp + 4 ┌ return address
    ebp     ├ the caller's ebp            push %ebp; mov %esp,%ebp
            ├ ebx, edi or esi, as pushed  push … at the function's start
            ┴                             in long mode rbp, rsp and rbx, r12 … r15, words of 8 bytes

gdb's own way takes every register that a function did not push for unchanged.  But a call may change eax, ecx and edx,
so what a caller had in these is lost: gdb then shows `<optimized out>` for it, and no leftovers.
"""

from typing import Any, NamedTuple

import gdb  # type: ignore[import-untyped]
from gdb.unwinder import Unwinder, register_unwinder  # type: ignore[import-untyped]


class Registers(NamedTuple):
    """The registers of a CPU, as far as frames need them: `pushes` has the code by which each is pushed."""

    word: str
    size: int
    instruction: str
    stack: str
    frame: str
    prologue: bytes
    pushes: dict[bytes, str]


I386 = Registers(
    *("unsigned int", 4, "eip", "esp", "ebp", b"\x55\x89\xe5"), {b"\x53": "ebx", b"\x56": "esi", b"\x57": "edi"}
)
X86_64 = Registers(
    *("unsigned long", 8, "rip", "rsp", "rbp", b"\x55\x48\x89\xe5"),
    {b"\x53": "rbx", b"\x41\x54": "r12", b"\x41\x55": "r13", b"\x41\x56": "r14", b"\x41\x57": "r15"},
)
"""What is pushed is what a function gives back as it was."""
WIDTHS = {32: I386, 64: X86_64}


class FrameId(NamedTuple):
    """What tells a stack frame from others: its stack's address behind the return address, and its function's."""

    sp: Any
    pc: Any


class KernelFrames(Unwinder):  # type: ignore[misc]
    """Finds the caller of a function of the kernel's."""

    def __init__(self, registers: Registers) -> None:
        super().__init__("keelback")
        self.registers = registers

    def __call__(self, frame: Any) -> Any:
        """Return where the caller's registers are, None where gdb itself has to find out."""
        of = self.registers
        at = int(frame.read_register(of.instruction))
        start = start_of_function(at)
        if start is None:
            return None
        memory = gdb.selected_inferior()
        longest = len(of.prologue) + sum(map(len, of.pushes))
        code = bytes(memory.read_memory(start, longest))
        if not code.startswith(of.prologue):
            return None
        pushed = pushed_by(code[len(of.prologue) :], of.pushes)
        ends = start + len(of.prologue) + sum(len(each) for each, name in of.pushes.items() if name in pushed)
        if at < ends:
            return None
        word = gdb.lookup_type(of.word)
        base = int(frame.read_register(of.frame))
        behind = gdb.Value(base + 2 * of.size).cast(word)
        found = frame.create_unwind_info(FrameId(behind, gdb.Value(start).cast(word)))
        found.add_saved_register(of.stack, behind)
        for name, address in ((of.instruction, base + of.size), (of.frame, base)):
            found.add_saved_register(name, value_at(address, frame.read_register(name).type))
        for name in of.pushes.values():
            value = frame.read_register(name)
            if name in pushed:
                value = value_at(base - of.size * (pushed.index(name) + 1), value.type)
            found.add_saved_register(name, value)
        return found


def start_of_function(address: int) -> int | None:
    """Return where the function around an address starts, None where no function of the kernel's Python is."""
    block = gdb.block_for_pc(address)
    while block is not None and (block.function is None or block.superblock is None or not block.superblock.is_static):
        block = block.superblock
    return int(block.start) if block is not None else None


def pushed_by(code: bytes, pushes: dict[bytes, str]) -> list[str]:
    """Return the registers that code pushes first."""
    pushed: list[str] = []
    while found := [(each, name) for each, name in pushes.items() if code.startswith(each)]:
        [(each, name)] = found
        pushed.append(name)
        code = code[len(each) :]
    return pushed


def value_at(address: int, kind: Any) -> Any:
    """Return the value of a type at an address."""
    return gdb.Value(address).cast(kind.pointer()).dereference()


def use(word_bits: int) -> None:
    """Register the finder of callers with gdb, for a CPU with so many bits to a word."""
    register_unwinder(None, KernelFrames(WIDTHS[word_bits]), replace=True)
