"""Code without floating point: no instruction in an object file uses the registers of FPU, MMX or SSE.

Nobody has those registers: the kernel saves none, so that a trap frame is all that a program has in the CPU, and the
first use faults.  A compiler has many ways to such an instruction; what it made of them is looked at, not the source.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from io import BytesIO
from typing import Any, Final, NamedTuple

RULE: Final = "instructions are looked at, 1"
"""What this module makes of the same object; part of the name under which one is kept."""
MARK: Final = b"\0__floating_point_faults\0"
"""What a file has that says that its instructions are to fault: `FLOATING_POINT_FAULTS` of keelback.h."""
_MNEMONICS: Final = re.compile(r"f|v?(ld|st)mxcsr|xsave|xrstor|vzero|(wait|emms)$")
_REGISTERS: Final = re.compile(r"\b(st\(\d\)|[xyz]?mm\d+)")
_CONSTANTS: Final = ("fldz", "fld1")
_EXECUTABLE: Final = 4  # SHF_EXECINSTR
_SSE_DISABLED: Final = "with SSE disabled"


WHY_NOT: Final = "which programs do not have here: no such register outlives a trap; compute with integers"


class Use(NamedTuple):
    """Where an instruction uses floating point; line 0 and no file: nobody says."""

    file: str
    line: int
    function: str
    instruction: str

    def __str__(self) -> str:
        """Say where, what, why not, and what to do."""
        where = f"{self.file}:{self.line}: " if self.line else ""
        whose = f"{self.function} needs" if self.function else "there is need of"
        return f"{where}error: {whose} floating point ({self.instruction}), {WHY_NOT}"


def explained(diagnostics: str) -> str:
    """Return what clang says for an x86-64, where it refuses some floating point itself, and why."""
    return f"{diagnostics}\nThat is floating point, {WHY_NOT}." if _SSE_DISABLED in diagnostics else diagnostics


def first_use(compiled: bytes) -> Use | None:
    """Return the first use of floating point in an object file, if it has one that it does not mean to have.

    Of several it is the first of a line; the compiler makes some up that belong to none, and loads a constant at the
    start of the function that needs it.
    """
    if MARK in compiled:
        return None
    # Imported here, because that takes longer than all cache hits together.
    from elftools.elf.elffile import ELFFile

    first = None
    for use in _uses(ELFFile(BytesIO(compiled))):
        if use.line and use.instruction not in _CONSTANTS:
            return use
        first = first if first and (first.line or not use.line) else use
    return first


def _uses(elf: Any) -> Iterator[Use]:
    for number, section in enumerate(elf.iter_sections()):
        if section["sh_type"] == "SHT_PROGBITS" and section["sh_flags"] & _EXECUTABLE:
            for offset, instruction in _instructions(section.data(), elf.elfclass):
                file, line = _line(elf, offset) if section.name == ".text" else ("", 0)
                yield Use(file, line, _function(elf, number, offset), instruction)


def _instructions(code: bytes, bits: int) -> Iterator[tuple[int, str]]:
    """Yield the offset and the text of each instruction that uses floating point."""
    from capstone import CS_ARCH_X86, CS_MODE_32, CS_MODE_64, Cs

    decoder = Cs(CS_ARCH_X86, CS_MODE_32 if bits == 32 else CS_MODE_64)
    decoder.skipdata = True
    for offset, _, mnemonic, operands in decoder.disasm_lite(code, 0):
        if _MNEMONICS.match(mnemonic) or _REGISTERS.search(operands):
            yield offset, f"{mnemonic} {operands}".strip()


def _line(elf: Any, offset: int) -> tuple[str, int]:
    """Return the file and line of an offset in .text, by the line table."""
    found = ("", 0)
    for unit in elf.get_dwarf_info().iter_CUs():
        lines = elf.get_dwarf_info().line_program_for_CU(unit)
        names = lines.header["file_entry"] if lines else []
        first = 0 if lines and lines.header["version"] >= 5 else 1
        for entry in lines.get_entries() if lines else []:
            if entry.state is not None and not entry.state.end_sequence and entry.state.address <= offset:
                found = (names[entry.state.file - first].name.decode(), entry.state.line)
    return found


def _function(elf: Any, section: int, offset: int) -> str:
    """Return the name of the function around an offset in the section of a number, empty when there is none."""
    for symbol in elf.get_section_by_name(".symtab").iter_symbols():
        inside = symbol["st_value"] <= offset < symbol["st_value"] + symbol["st_size"]
        if symbol["st_info"]["type"] == "STT_FUNC" and symbol["st_shndx"] == section and inside:
            return str(symbol.name)
    return ""
