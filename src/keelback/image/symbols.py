"""The symbols of an object file: which it defines for others, which it wants of others, what its main takes.

The objects of the runtime and the C library are linked into each program, so what is in them is read once.
"""

from __future__ import annotations

import functools
from io import BytesIO
from typing import Any, Final, NamedTuple

_INFO: Final = {32: 12, 64: 4}
"""Where st_info is in a symbol, by the bits of a word: Elf32_Sym, Elf64_Sym."""
_WEAK: Final = 2  # STB_WEAK
_MOST_OBJECTS: Final = 1024
"""Object files of which it is kept what is in them: those of the runtime, the C library and programs for both CPUs."""


class Global(NamedTuple):
    """A name that an object file defines for others, or leaves to them."""

    name: str
    defined: bool
    weak: bool
    place: int  # of its st_info, in bytes from the file's start


def defined_in(compiled: bytes) -> set[str]:
    """Return the names that an object file defines for others."""
    return {symbol.name for symbol in _globals(compiled) if symbol.defined}


def weak_in(compiled: bytes) -> set[str]:
    """Return those of these names that another object file may define instead."""
    return {symbol.name for symbol in _globals(compiled) if symbol.defined and symbol.weak}


def undefined_in(compiled: bytes) -> set[str]:
    """Return the names that an object file leaves to others."""
    return {symbol.name for symbol in _globals(compiled) if not symbol.defined}


def thread_locals_in(compiled: bytes) -> list[str]:
    """Return the names of the thread-local variables that an object file has or uses, in the order of its symbols."""
    symbols = _read(compiled).get_section_by_name(".symtab").iter_symbols()
    return [symbol.name for symbol in symbols if symbol["st_info"]["type"] == "STT_TLS" and symbol.name]


def with_weak_names(compiled: bytes) -> bytes:
    """Return an object file whose names give way to those that a program has for its own functions.

    Those that start with _ are no program's to have.
    """
    made = bytearray(compiled)
    for symbol in _globals(compiled):
        if symbol.defined and not symbol.weak and not symbol.name.startswith("_"):
            made[symbol.place] = _WEAK << 4 | made[symbol.place] & 0xF
    return bytes(made)


@functools.lru_cache(_MOST_OBJECTS)
def takes_words(compiled: bytes) -> bool:
    """Say whether an object file has a `main` whose first parameter is a number: argc."""
    if "main" not in defined_in(compiled):
        return False
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


@functools.lru_cache(_MOST_OBJECTS)
def _globals(compiled: bytes) -> tuple[Global, ...]:
    elf = _read(compiled)
    table = elf.get_section_by_name(".symtab")
    first, size = table["sh_offset"] + _INFO[elf.elfclass], table["sh_entsize"]
    return tuple(
        Global(each.name, each["st_shndx"] != "SHN_UNDEF", each["st_info"]["bind"] == "STB_WEAK", first + number * size)
        for number, each in enumerate(table.iter_symbols())
        if each.name and each["st_info"]["bind"] != "STB_LOCAL"
    )


def _read(compiled: bytes) -> Any:
    # Imported here, because that takes longer than all cache hits together.
    from elftools.elf.elffile import ELFFile

    return ELFFile(BytesIO(compiled))
