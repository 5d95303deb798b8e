"""Addresses in programs, by function and instruction.

Files come from anybody, so they are read in one pass, never further than they reach: what a header says is a wish.

Source: System V ABI, chapter 4 (sections and symbols); i386 supplement.
"""

import struct
from bisect import bisect_right
from collections.abc import Iterator
from functools import lru_cache

from keelback.inspect.source_places import SourcePlace, source_places

LONGEST_INSTRUCTION = 15
LONGEST_NAME = 200
HEADER, TABLES = 52, struct.Struct("<28xII8xH2xH2x")  # where program and section headers start; how many there are
SEGMENT, SECTION, SYMBOL = struct.Struct("<8I"), struct.Struct("<10I"), struct.Struct("<3IBBH")
CLANGS_OWN = "__clang_trap_msg$"
"""How functions are called that clang makes up, to say why it put in an instruction that traps."""
ZIGS_OWN = "__func_"
"""What zig puts behind the name of a function that it makes for some types, and a number after it."""
LOAD, SYMBOL_TABLE, FUNCTION = 1, 2, 2


class OwnElf(bytes):
    """An ELF file that we have linked ourselves, whose debug data can be trusted; of others only symbols are read."""


def place_in(elf: bytes, address: int, base: int = 0) -> str:
    """Return what lies at an address of a program's file: `null.c:9 in main, 0x08048013: mov eax, dword ptr [0]`.

    `base` is where the file's address 0 is.
    Without debug data in the file it is `0x08048013 in main+0x13: …`, without a symbol the address alone; there is no
    instruction where none can be decoded.
    """
    lines = lines_of(elf, address - base)
    found = f"{address:#010x}"
    if len(elf) < HEADER:
        return found
    code = code_at(elf, address - base)
    said = f": {instruction}" if (instruction := _disassembled(code, address)) else ""
    if lines:
        return f"{lines[0]}, {found}{said}"
    function = _function(elf, list(_table(elf, SECTION)), address - base)
    return f"{found} in {function}{said}" if function else f"{found}{said}"


def lines_of(elf: bytes, address: int) -> list[str]:
    """Return the line of an address, then those at which its function was inlined: `null.c:9 in main`.

    It is empty where the file has no debug data for it.
    """
    return [in_words(each) for each in sources_of(elf, address)]


def in_words(place: SourcePlace) -> str:
    """Return a source place as reports have it: `null.c:9 in main`."""
    return f"{place.file}{f':{place.line}' if place.line else ''} in {place.function}"


def sources_of(elf: bytes, address: int) -> list[SourcePlace]:
    """Return the source place of an address, then those at which its function was inlined; none without debug data."""
    if not isinstance(elf, OwnElf) or not code_at(elf, address):
        return []  # the debug data of functions that were left out says that they lie at 0
    places = _source_places(elf)
    index = bisect_right(places, address, key=lambda each: each[0]) - 1
    place = places[index][1] if index >= 0 else None
    found = []
    while place is not None:
        if place.file and not place.function.startswith(CLANGS_OWN):
            name = place.function.partition(ZIGS_OWN)[0] if place.file.endswith(".zig") else place.function
            found.append(place._replace(file=place.file.removeprefix("./"), function=name))
        place = place.caller
    return found


@lru_cache(8)
def _source_places(elf: OwnElf) -> list[tuple[int, SourcePlace | None]]:
    return source_places(elf, made_up=".none")


def _table(elf: bytes, form: struct.Struct) -> Iterator[tuple[int, ...]]:
    """Yield the records of the file's table of segments or of sections."""
    segments, sections, segment_count, section_count = TABLES.unpack_from(elf)
    start, count = (segments, segment_count) if form is SEGMENT else (sections, section_count)
    return _records(form, elf, start, form.size * count)


def _records(form: struct.Struct, elf: bytes, start: int, size: int) -> Iterator[tuple[int, ...]]:
    """Yield the records of a table, as far as the file goes."""
    table = elf[start : start + size]
    return form.iter_unpack(table[: len(table) // form.size * form.size])


def code_at(elf: bytes, address: int) -> bytes:
    """Return the bytes of the instruction at an address of a program's file, and some that follow."""
    return _code(elf, _table(elf, SEGMENT), address)


def _code(elf: bytes, segments: Iterator[tuple[int, ...]], address: int) -> bytes:
    """Return the bytes of the instruction at an address, and some that follow."""
    for kind, offset, start, _, size, *_ in segments:
        if kind == LOAD and start <= address < start + size:
            position = address - start
            return elf[offset + position : offset + min(position + LONGEST_INSTRUCTION, size)]
    return b""


def _function(elf: bytes, sections: list[tuple[int, ...]], address: int) -> str:
    """Return the function that an address lies in, by the file's first table of symbols, and where in it."""
    for _, kind, _, _, offset, size, names, *_ in sections:
        if kind == SYMBOL_TABLE and names < len(sections):
            symbols = _records(SYMBOL, elf, offset, size)
            start, name = max(_starts(symbols, address), default=(0, 0))
            text = _text(elf, sections[names], name)
            return f"{text}+{address - start:#x}" if text else ""
    return ""


def _starts(symbols: Iterator[tuple[int, ...]], address: int) -> Iterator[tuple[int, int]]:
    """Yield each function that an address lies in: where it starts, and where its name does."""
    for name, start, size, info, *_ in symbols:
        if info & 15 == FUNCTION and start <= address < start + max(size, 1):
            yield start, name


def _text(elf: bytes, names: tuple[int, ...], place: int) -> str:
    """Return a name of a table of names; one that is too long is cut."""
    start, size = names[4], names[5]
    text = elf[start + place : start + min(place + LONGEST_NAME, size)]
    return text.partition(b"\0")[0].decode(errors="replace")


def _disassembled(code: bytes, address: int) -> str:
    # Imported here: only a program that was killed needs it.
    from capstone import CS_ARCH_X86, CS_MODE_32, Cs

    for instruction in Cs(CS_ARCH_X86, CS_MODE_32).disasm(code, address, 1):
        return f"{instruction.mnemonic} {instruction.op_str}".strip()
    return ""
