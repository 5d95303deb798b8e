"""Machine code of a linked ELF file: its instructions by address, and which function each belongs to."""

from bisect import bisect_right
from collections.abc import Iterator
from io import BytesIO
from typing import Final, NamedTuple

from keelback.inspect.assembly import Symbol

_AT_ONCE: Final = 256
"""Bytes that are decoded together."""


class Instruction(NamedTuple):
    """An instruction: its bytes, and its text as capstone has it."""

    size: int
    name: str
    operands: str


class Code:
    """The section .text; `word` is how many bytes a register has."""

    def __init__(self, elf: bytes) -> None:
        # Imported here: who has a kernel that is kept needs neither.
        from capstone import CS_ARCH_X86, CS_MODE_32, CS_MODE_64, Cs
        from elftools.elf.elffile import ELFFile

        file = ELFFile(BytesIO(elf))
        text = file.get_section_by_name(".text")
        self.start: int = text["sh_addr"]
        self.bytes: bytes = text.data()
        self.word: int = file.elfclass // 8
        symbols = [*file.get_section_by_name(".symtab").iter_symbols()]
        self.functions = sorted(
            Symbol(each["st_value"], each["st_value"] + each["st_size"], each.name)
            for each in symbols
            if each["st_info"]["type"] == "STT_FUNC"
        )
        self.labels: dict[str, int] = {each.name: each["st_value"] for each in symbols}
        """Where functions start, and places of the entry code."""
        self._decoder = Cs(CS_ARCH_X86, CS_MODE_32 if file.elfclass == 32 else CS_MODE_64)
        self._decoded: dict[int, Instruction] = {}

    def instruction(self, address: int) -> Instruction | None:
        """Return the instruction at an address, None where there is none."""
        if address not in self._decoded:
            code = self.bytes[max(address - self.start, 0) : address - self.start + _AT_ONCE]
            for place, *instruction in self._decoder.disasm_lite(code, address):
                if place in self._decoded:
                    break
                self._decoded[place] = Instruction(*instruction)
        return self._decoded.get(address)

    def function(self, address: int) -> Symbol | None:
        """Return the function that an address lies in, None in entry code and data."""
        index = bisect_right(self.functions, address, key=lambda each: each.start) - 1
        return self.functions[index] if index >= 0 and address < self.functions[index].end else None

    def name(self, address: int) -> str:
        """Return the name of the function around an address."""
        function = self.function(address)
        return function.name if function is not None else "entry code"

    def calls_in(self, function: Symbol) -> Iterator[int]:
        """Yield where a function calls others, whether a way leads there or not."""
        at = function.start
        while at < function.end and (instruction := self.instruction(at)) is not None:
            if instruction.name == "call":
                yield at
            at += instruction.size

    def table(self, address: int, function: Symbol) -> Iterator[int]:
        """Yield the targets in a function's table of jumps at an address.

        It ends with the first word that is no place of the function.  What can't be jumped to has the function's end.
        """
        while function.start < (target := self.word_at(address)) <= function.end:
            if target < function.end:
                yield target
            address += self.word

    def word_at(self, address: int) -> int:
        """Return the word at an address; 0 where none is."""
        place = address - self.start
        return int.from_bytes(self.bytes[place : place + self.word], "little") if place >= 0 else 0

    def is_narrowed(self, address: int) -> bool:
        """Say whether an instruction works on 16 bits."""
        return self.bytes[address - self.start] == 0x66
