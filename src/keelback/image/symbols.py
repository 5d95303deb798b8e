"""The symbols of an object file: which it defines for others, which it wants of others, what its main takes."""

from __future__ import annotations

from collections.abc import Iterator
from io import BytesIO
from typing import Any, Final

_INFO: Final = {32: 12, 64: 4}
"""Where st_info is in a symbol, by the bits of a word: Elf32_Sym, Elf64_Sym."""
_WEAK: Final = 2  # STB_WEAK


def defined_in(compiled: bytes) -> set[str]:
    """Return the names that an object file defines for others."""
    return {symbol.name for symbol in _globals(compiled) if symbol["st_shndx"] != "SHN_UNDEF"}


def weak_in(compiled: bytes) -> set[str]:
    """Return those of these names that another object file may define instead."""
    return {symbol.name for symbol in _globals(compiled) if symbol["st_info"]["bind"] == "STB_WEAK"} & defined_in(
        compiled
    )


def undefined_in(compiled: bytes) -> set[str]:
    """Return the names that an object file leaves to others."""
    return {symbol.name for symbol in _globals(compiled) if symbol["st_shndx"] == "SHN_UNDEF"}


def with_weak_names(compiled: bytes) -> bytes:
    """Return an object file whose names give way to those that a program has for its own functions.

    Those that start with _ are no program's to have.
    """
    made, elf = bytearray(compiled), _read(compiled)
    table = elf.get_section_by_name(".symtab")
    for number, symbol in enumerate(table.iter_symbols()):
        theirs = symbol["st_shndx"] == "SHN_UNDEF" or symbol.name.startswith("_")
        if symbol["st_info"]["bind"] == "STB_GLOBAL" and not theirs:
            place = table["sh_offset"] + number * table["sh_entsize"] + _INFO[elf.elfclass]
            made[place] = _WEAK << 4 | made[place] & 0xF
    return bytes(made)


def takes_words(compiled: bytes) -> bool:
    """Say whether an object file has a `main` whose first parameter is a number: argc."""
    for unit in _read(compiled).get_dwarf_info().iter_CUs():
        for entry in unit.get_top_DIE().iter_children():
            if entry.tag == "DW_TAG_subprogram" and _name(entry) == b"main":
                parameters = [each for each in entry.iter_children() if each.tag == "DW_TAG_formal_parameter"]
                return bool(parameters) and _type(parameters[0]).tag == "DW_TAG_base_type"
    return False


def _name(entry: Any) -> bytes:
    return entry.attributes["DW_AT_name"].value if "DW_AT_name" in entry.attributes else b""


def _type(entry: Any) -> Any:
    """Return the type of a parameter, behind names and qualifiers."""
    while "DW_AT_type" in entry.attributes and entry.tag not in ("DW_TAG_pointer_type", "DW_TAG_base_type"):
        entry = entry.get_DIE_from_attribute("DW_AT_type")
    return entry


def _globals(compiled: bytes) -> Iterator[Any]:
    for symbol in _read(compiled).get_section_by_name(".symtab").iter_symbols():
        if symbol.name and symbol["st_info"]["bind"] != "STB_LOCAL":
            yield symbol


def _read(compiled: bytes) -> Any:
    # Imported here, because that takes longer than all cache hits together.
    from elftools.elf.elffile import ELFFile

    return ELFFile(BytesIO(compiled))
