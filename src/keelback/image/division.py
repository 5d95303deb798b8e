"""Division by zero that the compiler sees keeps its effect: the CPU's divide error, at the place of the division.

To an optimiser such a division has no meaning, so that it may leave it out.  `DIVISION_FLAGS` let clang put a test in
front of each, and behind it `ud1l 3(%eax), %eax`, which would be an invalid opcode; that becomes `aam $0`: divide by 0.
Source: Intel SDM volume 2, AAM (#DE if an immediate value of 0 is used); LLVM, `llvm.ubsantrap`.
"""

from __future__ import annotations

from collections.abc import Iterator
from io import BytesIO
from typing import Any, Final

DIVISION_FLAGS: Final = (
    "-fsanitize=integer-divide-by-zero",
    "-fsanitize-trap=integer-divide-by-zero",
    "-fno-sanitize-merge=integer-divide-by-zero",  # each at its own place
)
RULE: Final = "divisions are divisions, 1"
"""What this module makes of the same object; part of the name under which one is kept."""
_TRAP: Final = bytes.fromhex("0fb94003")
_DIVIDE_ERROR: Final = bytes.fromhex("d4009090")  # aam $0; nop; nop
_EXECUTABLE: Final = 4  # SHF_EXECINSTR


def with_divide_errors(compiled: bytes) -> bytes:
    """Return an object file for an i386 with clang's trap for a division by zero made the CPU's divide error."""
    if _TRAP not in compiled:
        return compiled
    # Imported here, because that takes longer than all cache hits together.
    from capstone import CS_ARCH_X86, CS_MODE_32, Cs
    from elftools.elf.elffile import ELFFile

    made = bytearray(compiled)
    decoder = Cs(CS_ARCH_X86, CS_MODE_32)
    decoder.skipdata = True
    for section in ELFFile(BytesIO(compiled)).iter_sections("SHT_PROGBITS"):
        if section["sh_flags"] & _EXECUTABLE:
            for offset in _traps(decoder, section.data()):
                start = section["sh_offset"] + offset
                made[start : start + len(_TRAP)] = _DIVIDE_ERROR
    return bytes(made)


def _traps(decoder: Any, code: bytes) -> Iterator[int]:
    """Yield where the instruction is that clang traps with, which the decoder takes for two bytes only."""
    start = 0
    while start < len(code):
        for offset, size, _, _ in decoder.disasm_lite(code[start:], start):
            if code.startswith(_TRAP, offset):
                yield offset
                start = offset + len(_TRAP)
                break
            start = offset + size
