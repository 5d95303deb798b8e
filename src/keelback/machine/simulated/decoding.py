"""Decoded instructions: what the emulator does not tell of one that faulted, by Capstone.

Imported where it is needed: few programs do what asks for it.
"""

from collections.abc import Iterator
from typing import Any

from capstone import CS_ARCH_X86, CS_MODE_32, CS_MODE_64, Cs
from capstone.x86 import X86_OP_MEM, X86_OP_REG
from capstone.x86_const import X86_GRP_SSE1, X86_GRP_SSE2, X86_GRP_SSE3, X86_GRP_SSSE3

from keelback.machine.simulated.models import WIDE
from keelback.machine.simulated.saved_state import SavedState

SSE = frozenset({X86_GRP_SSE1, X86_GRP_SSE2, X86_GRP_SSE3, X86_GRP_SSSE3})
BY_STACK = frozenset({"rsp", "rbp"})
PUSHING, POPPING = ("push", "call", "enter"), ("pop", "ret", "iret")


def decode(state: SavedState, code: bytes) -> Any:
    """Return the first instruction of the code where a processor stopped, as Capstone has it; None when it is none."""
    decoder = _decoder(state)
    decoder.detail = True
    return next(decoder.disasm(code, state.ip, 1), None)


def end_of(state: SavedState, code: bytes) -> int:
    """Return where the last whole instruction ends of the code where a processor stopped."""
    end = state.ip
    for address, size, _name, _operands in _decoder(state).disasm_lite(code, end):
        end = address + size
    return end


def _decoder(state: SavedState) -> Any:
    return Cs(CS_ARCH_X86, CS_MODE_64 if state.width is WIDE else CS_MODE_32)


def is_vector(instruction: Any) -> bool:
    """Say whether an instruction is one of SSE, or has a prefix that makes it one of the CPUs after these."""
    registers = (instruction.reg_name(each.reg) for each in instruction.operands if each.type == X86_OP_REG)
    by_group = SSE & set(instruction.groups) or instruction.mnemonic.startswith("v")
    return bool(by_group) or any(name.startswith("xmm") for name in registers)


def faulting_access(state: SavedState, instruction: Any) -> bool | None:
    """Return whether the first access of an instruction to what is no address goes by the stack's registers.

    Returns None when there is no such access.
    Source: Intel SDM volume 1, section 3.3.7.1 (canonical addresses), volume 3, section 6.15 (stack fault).
    """
    for address, size, by_stack in _accesses(state, instruction):
        if not (state.width.is_canonical(address) and state.width.is_canonical(address + size - 1 & state.width.last)):
            return by_stack
    return None


def _accesses(state: SavedState, instruction: Any) -> Iterator[tuple[int, int, bool]]:
    """Yield the accesses of a 64-bit instruction: address, bytes, whether rsp or rbp is the base; pops come first."""
    name, size = instruction.mnemonic, state.width.size
    if name == "leave":
        yield state.bp, size, True
    if name.startswith(POPPING):
        yield state.sp, size, True
    for operand in instruction.operands:
        if operand.type == X86_OP_MEM:
            base, index = (instruction.reg_name(each) or "" for each in (operand.mem.base, operand.mem.index))
            address = _value(state, instruction, base) + _value(state, instruction, index) * operand.mem.scale
            yield address + operand.mem.disp & state.width.last, operand.size, base in BY_STACK
    if name.startswith(PUSHING):
        yield state.sp - size & state.width.last, size, True


def _value(state: SavedState, instruction: Any, register: str) -> int:
    """Return the value of a register of an address; of a part of one, which makes only addresses that there are, 0."""
    if register == "rip":
        return int(instruction.address + instruction.size)
    name = register if register[1:2].isdigit() else register[1:] if register.startswith("r") else ""
    return int(getattr(state, name)) if name in state.width.general else 0
