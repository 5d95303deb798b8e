"""Machine code of functions, an instruction a line, each with the place in the source that it comes from.

Source: System V ABI, chapter 4 (symbols); `source_places.py` has the places.
"""

import re
from bisect import bisect_right
from collections.abc import Iterator, Sequence
from functools import cached_property
from io import BytesIO
from typing import NamedTuple

from keelback.inspect.source_places import SourcePlace, source_places

IN_MEMORY = re.compile(r"(?<=[\[ ])0x[0-9a-f]{4,}(?=])")
RECORD = "record."
"""What the names of static records start with, where assemblers and linkers see them."""
JUMP_OR_CALL = re.compile(r"(?:call|j\w+) (0x[0-9a-f]+)")


class Symbol(NamedTuple):
    """A function or variable: its addresses [start, end)."""

    start: int
    end: int
    name: str


class Instruction(NamedTuple):
    """An instruction: its address, its text with symbols for addresses, and its place, None where it has none."""

    address: int
    text: str
    place: SourcePlace | None


class Assembly:
    """The code of an ELF file of ours for an i386, with debug data."""

    def __init__(self, elf: bytes) -> None:
        # Imported here: only who looks at code needs it.
        from elftools.elf.elffile import ELFFile

        self.elf = elf
        self.file = ELFFile(BytesIO(elf))
        found = self.file.get_section_by_name(".symtab").iter_symbols()
        self.symbols = sorted(
            Symbol(each["st_value"], each["st_value"] + each["st_size"], each.name.removeprefix(RECORD))
            for each in found
            if each["st_size"] and each["st_info"]["type"] in ("STT_FUNC", "STT_OBJECT")
        )
        self.by_name = {each.name: each for each in self.symbols}

    @cached_property
    def places(self) -> list[tuple[int, SourcePlace | None]]:
        """Where the code of each place starts, lowest address first."""
        return source_places(self.elf)

    def instructions(self, function: str) -> list[Instruction]:
        """Return a function's instructions, none where it has no code of its own."""
        symbol = self.by_name.get(function)
        return list(self._decoded(symbol)) if symbol is not None else []

    def parts_in(self, function: str) -> dict[str, list[Instruction]]:
        """Return what a function has become of others: their instructions that come from it, by their names, sorted.

        The places of these instructions end in the function.
        """
        callers = {each[-1].function for _, place in self.places if function in names(each := chain(place))}
        return {caller: [*self._parts(caller, function)] for caller in sorted(callers - {function})}

    def _parts(self, caller: str, function: str) -> Iterator[Instruction]:
        for address, text, place in self.instructions(caller):
            places = chain(place)
            if function in names(places):
                yield Instruction(address, text, until(places, function))

    def _decoded(self, symbol: Symbol) -> Iterator[Instruction]:
        from capstone import CS_ARCH_X86, CS_MODE_32, CS_MODE_64, Cs

        decoder = Cs(CS_ARCH_X86, CS_MODE_32 if self.file.elfclass == 32 else CS_MODE_64)
        decoder.skipdata = True
        for address, _size, name, operands in decoder.disasm_lite(self._code(symbol), symbol.start):
            yield Instruction(address, self._with_names(f"{name} {operands}".strip(), symbol), self._place(address))

    def _code(self, symbol: Symbol) -> bytes:
        for segment in self.file.iter_segments("PT_LOAD"):
            start = symbol.start - segment["p_vaddr"]
            if 0 <= start < segment["p_filesz"]:
                return bytes(segment.data()[start : symbol.end - segment["p_vaddr"]])
        return b""

    def _place(self, address: int) -> SourcePlace | None:
        index = bisect_right(self.places, address, key=lambda each: each[0]) - 1
        return self.places[index][1] if index >= 0 else None

    def _with_names(self, text: str, around: Symbol) -> str:
        """Return an instruction with what lies at its addresses in memory, and at those that it goes to elsewhere."""
        target = JUMP_OR_CALL.fullmatch(text)
        if target is not None:
            address = int(target[1], 16)
            return text if around.start < address < around.end else text.replace(target[1], self._name(address))
        return IN_MEMORY.sub(lambda each: self._name(int(each[0], 16)), text)

    def _name(self, address: int) -> str:
        """Return the symbol at an address and how far behind its start that lies; the address where there is none."""
        index = bisect_right(self.symbols, address, key=lambda each: each.start) - 1
        if index < 0 or address >= self.symbols[index].end:
            return f"{address:#x}"
        offset = address - self.symbols[index].start
        return self.symbols[index].name + (f"+{offset:#x}" if offset else "")


def chain(place: SourcePlace | None) -> list[SourcePlace]:
    """Return a place and those that it was inlined at, the innermost first."""
    found = []
    while place is not None:
        found.append(place)
        place = place.caller
    return found


def names(places: Sequence[SourcePlace]) -> list[str]:
    """Return the functions of some places."""
    return [each.function for each in places]


def until(places: Sequence[SourcePlace], function: str) -> SourcePlace | None:
    """Return a chain of places, the innermost first, without what is around the outermost of a function."""
    last = max(index for index, each in enumerate(places) if each.function == function)
    found: SourcePlace | None = None
    for each in reversed(places[: last + 1]):
        found = each._replace(caller=found)
    return found
