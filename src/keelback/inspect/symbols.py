"""Addresses in programs, by function and instruction.

Files come from anybody, so they are read in one pass, never further than they reach: what a header says is a wish.

Source: System V ABI, chapter 4 (sections and symbols); i386 and AMD64 supplements.
"""

import struct
from bisect import bisect_left, bisect_right
from collections.abc import Iterator
from functools import lru_cache
from typing import NamedTuple

from keelback.inspect.source_places import SourcePlace, source_places

LONGEST_INSTRUCTION = 15
LONGEST_NAME = 200
CLANGS_OWN = "__clang_trap_msg$"
"""How functions are called that clang makes up, to say why it put in an instruction that traps."""
ZIGS_OWN = "__func_"
"""What zig puts behind the name of a function that it makes for some types, and a number after it."""
LOAD, SYMBOL_TABLE, OBJECT, FUNCTION = 1, 2, 1, 2
GLOBAL = 1


class Form(NamedTuple):
    """How the tables of a file lie in it, for a machine with so many bits to a word."""

    word_bits: int
    tables: struct.Struct
    """A header: where program and section headers start, how many there are."""
    segment: struct.Struct
    in_segment: tuple[int, ...]
    """Which numbers of it are kind, offset, start and size."""
    section: struct.Struct
    symbol: struct.Struct
    in_symbol: tuple[int, ...]
    """Which numbers of it are name, start, size and info."""


FORM_32 = Form(
    32, struct.Struct("<28xII8xH2xH2x"), struct.Struct("<8I"), (0, 1, 2, 4),
    struct.Struct("<10I"), struct.Struct("<3IBBH"), (0, 1, 2, 3),
)  # fmt: skip
FORM_64 = Form(
    64, struct.Struct("<32xQQ8xH2xH2x"), struct.Struct("<2I6Q"), (0, 2, 3, 5),
    struct.Struct("<2I4Q2I2Q"), struct.Struct("<IBBHQQ"), (0, 4, 5, 1),
)  # fmt: skip
IS_64 = 2
"""What the fifth byte of a file says that is for 64 bits."""


def form_of(elf: bytes | memoryview) -> Form | None:
    """Return the form of a file, None of one that is too short to have a header."""
    form = FORM_64 if elf[4:5] == bytes([IS_64]) else FORM_32
    return form if len(elf) >= form.tables.size else None


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
    if (form := form_of(elf)) is None:
        return found
    code = code_at(elf, address - base)
    said = f": {instruction}" if (instruction := _disassembled(code, address, form.word_bits)) else ""
    if lines:
        return f"{lines[0]}, {found}{said}"
    function = _function(elf, address - base)
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


def sources_within(elf: OwnElf, start: int, end: int) -> Iterator[list[SourcePlace]]:
    """Yield what `sources_of` returns for each stretch of code that is one line's, between two addresses, in order."""
    places = _source_places(elf)
    first = bisect_right(places, start, key=lambda each: each[0])
    last = bisect_left(places, end, key=lambda each: each[0])
    for address in (start, *(each[0] for each in places[first:last])):
        yield sources_of(elf, address)


@lru_cache(8)
def _source_places(elf: OwnElf) -> list[tuple[int, SourcePlace | None]]:
    return source_places(elf, made_up=".none")


def segments_of(elf: bytes | memoryview, form: Form) -> Iterator[tuple[int, ...]]:
    """Yield kind, offset, start and size, in the file, of each of a file's segments."""
    start, _, count, _ = form.tables.unpack_from(elf)
    for record in _records(form.segment, elf, start, form.segment.size * count):
        yield tuple(record[number] for number in form.in_segment)


def _records(form: struct.Struct, elf: bytes | memoryview, start: int, size: int) -> Iterator[tuple[int, ...]]:
    """Yield the records of a table, as far as the file goes."""
    table = elf[start : start + size]
    return form.iter_unpack(table[: len(table) // form.size * form.size])


def code_at(elf: bytes, address: int) -> bytes:
    """Return the bytes of the instruction at an address of a program's file, and some that follow."""
    form = form_of(elf)
    for kind, offset, start, size in segments_of(elf, form) if form else ():
        if kind == LOAD and start <= address < start + size:
            position = address - start
            return elf[offset + position : offset + min(position + LONGEST_INSTRUCTION, size)]
    return b""


def _function(elf: bytes, address: int) -> str:
    """Return the function that an address lies in, by the file's first table of symbols, and where in it."""
    starts = (
        (start, name, names)
        for (name, start, size, info), names in _symbols(elf)
        if info & 15 == FUNCTION and start <= address < start + max(size, 1)
    )
    start, name, names = max(starts, default=(0, 0, ()))
    text = _text(elf, names, name) if names else ""
    return f"{text}+{address - start:#x}" if text else ""


def variables_of(elf: bytes) -> dict[str, int]:
    """Return the addresses of a file's variables by name; of two that are called alike, of the one that all see."""
    found: dict[str, int] = {}
    for symbol, names in _symbols(elf):
        name, start, _, info = symbol
        text = _text(elf, names, name)
        if info & 15 == OBJECT and start and text and (text not in found or info >> 4 == GLOBAL):
            found[text] = start
    return found


def _symbols(elf: bytes) -> Iterator[tuple[tuple[int, ...], tuple[int, ...]]]:
    """Yield the symbols of a file's first table, each with the section that its name is in."""
    form = form_of(elf)
    if form is None:
        return
    _, place, _, count = form.tables.unpack_from(elf)
    sections = list(_records(form.section, elf, place, form.section.size * count))
    tables = [each for each in sections if each[1] == SYMBOL_TABLE and each[6] < len(sections)]
    for _, _, _, _, offset, size, names, *_ in tables[:1]:
        for symbol in _records(form.symbol, elf, offset, size):
            yield tuple(symbol[number] for number in form.in_symbol), sections[names]


def _text(elf: bytes, names: tuple[int, ...], place: int) -> str:
    """Return a name of a table of names; one that is too long is cut."""
    start, size = names[4], names[5]
    text = elf[start + place : start + min(place + LONGEST_NAME, size)]
    return text.partition(b"\0")[0].decode(errors="replace")


def _disassembled(code: bytes, address: int, word_bits: int) -> str:
    # Imported here: only a program that was killed needs it.
    from capstone import CS_ARCH_X86, CS_MODE_32, CS_MODE_64, Cs

    for instruction in Cs(CS_ARCH_X86, CS_MODE_32 if word_bits == 32 else CS_MODE_64).disasm(code, address, 1):
        return f"{instruction.mnemonic} {instruction.op_str}".strip()
    return ""
