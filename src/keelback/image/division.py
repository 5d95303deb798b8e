"""Division by zero that the compiler sees keeps its effect: the CPU's divide error, at the place of the division.

To an optimiser such a division has no meaning, so that it may leave it out.  `DIVISION_FLAGS` let clang put a test in
front of each, and behind it `ud1l 3(%eax), %eax`, which would be an invalid opcode; that becomes a division by 0, which
is `aam $0` on an i386.
Source: Intel SDM volume 2, AAM (#DE if an immediate value of 0 is used), DIV; LLVM, `llvm.ubsantrap`.
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
RULE: Final = "divisions are divisions, 2"
"""What this module makes of the same object; part of the name under which one is kept."""
_TRAPS: Final = {32: bytes.fromhex("0fb94003"), 64: bytes.fromhex("670fb94003")}
"""By the bits of a word."""
_DIVIDE_ERRORS: Final = {
    32: bytes.fromhex("d4009090"),  # aam $0; nop; nop
    64: bytes.fromhex("31c9f7f190"),  # xor %ecx, %ecx; div %ecx; nop
}
_EXECUTABLE: Final = 4  # SHF_EXECINSTR


def with_divide_errors(compiled: bytes) -> bytes:
    """Return an object file with clang's trap for a division by zero made the CPU's divide error."""
    if _TRAPS[32] not in compiled:
        return compiled
    # Imported here, because that takes longer than all cache hits together.
    from capstone import CS_ARCH_X86, CS_MODE_32, CS_MODE_64, Cs
    from elftools.elf.elffile import ELFFile

    made = bytearray(compiled)
    elf = ELFFile(BytesIO(compiled))
    trap, error = _TRAPS[elf.elfclass], _DIVIDE_ERRORS[elf.elfclass]
    decoder = Cs(CS_ARCH_X86, CS_MODE_32 if elf.elfclass == 32 else CS_MODE_64)
    decoder.skipdata = True
    for section in elf.iter_sections("SHT_PROGBITS"):
        if section["sh_flags"] & _EXECUTABLE:
            for offset in _traps(decoder, section.data(), trap):
                start = section["sh_offset"] + offset
                made[start : start + len(trap)] = error
    return bytes(made)


def _traps(decoder: Any, code: bytes, trap: bytes) -> Iterator[int]:
    """Yield where the instruction is that clang traps with, which the decoder takes for two bytes only."""
    start = 0
    while start < len(code):
        for offset, size, _, _ in decoder.disasm_lite(code[start:], start):
            if code.startswith(trap, offset):
                yield offset
                start = offset + len(trap)
                break
            start = offset + size
