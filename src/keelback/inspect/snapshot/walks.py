"""A walk told step by step: which entry each level had for an address, and what it says."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

from keelback.errors import UserError
from keelback.inspect.notebooks import InNotebooks
from keelback.inspect.walk import (
    ACCESSED,
    ALL,
    DIRTY,
    GLOBAL,
    NO_EXECUTE,
    PRESENT,
    USER,
    WRITABLE,
    Table,
    Translation,
    Walker,
)

LETTERS = {PRESENT: "P", WRITABLE: "W", USER: "U", ACCESSED: "A", DIRTY: "D", GLOBAL: "G", NO_EXECUTE: "N"}


@dataclass(frozen=True, repr=False)
class Step:
    """The entry of one level: in which table, at `place`, it has which index."""

    level: str
    place: int
    index: int
    entry: int
    leads_to: int
    """The frame of a lower table or of the page."""
    is_page: bool

    def __repr__(self) -> str:
        if not self.entry & PRESENT:
            return f"{self.level}[{self.index}] = {self.entry:#x}: not present"
        return f"{self.level}[{self.index}] = {self.entry:#x} → {'page' if self.is_page else 'table'} in frame " + (
            f"{self.leads_to:#x}, {self.flags}"
        )

    @property
    def flags(self) -> str:
        """Return its flags, a letter each, `-` for one that it has not: present, writable, user …."""
        return "".join(letter if self.entry & bit else "-" for bit, letter in LETTERS.items())


@dataclass(frozen=True, repr=False)
class Walk(InNotebooks):
    """What an address leads to: each level's entry, and the page at the end, None where it is not mapped."""

    address: int
    steps: tuple[Step, ...]
    mapping: Translation | None

    def __repr__(self) -> str:
        return "\n".join([self.title, *(f"  {step}" for step in self.steps)])

    @property
    def title(self) -> str:
        """Return the address and what it leads to: `0x0804a000: frame 0xd`."""
        return f"{self.address:#010x}: {'not mapped' if self.mapping is None else f'frame {self.mapping.frame:#x}'}"


def walk(walker: Walker, root: int, address: int) -> Walk:
    """Walk from a root, as cr3 has it, to an address.

    Raises: UserError where no CPU with these page tables has that address; Panic when a table is not in RAM.
    """
    check_address(walker, address)
    tables = walker.tables(root, address, address + 1)
    return Walk(address, tuple(_steps(walker, tables, address)), walker.walk(root, address))


def _steps(walker: Walker, tables: Iterator[Table], address: int) -> Iterator[Step]:
    for table in tables:
        level, scheme = walker.scheme.levels[table.depth], walker.scheme
        index = address >> level.shift & (1 << level.bits) - 1
        entry = int(memoryview(walker.content(table)).cast(scheme.format)[index])
        is_page = bool(entry & level.is_page)
        leads_to = (entry & (level.frames if is_page else scheme.links)) >> 12
        yield Step(level.name, table.place, index, entry, leads_to, is_page)


def check_address(walker: Walker, address: int) -> None:
    """Check that an address is one that page tables translate.  Raises: UserError."""
    sign = walker.scheme.sign
    bits = sign.bit_length() if sign else 32
    if not (0 <= address < (sign or 1 << 32) or (sign and -sign & ALL <= address <= ALL)):
        above = ", and those above are all as the highest of these" * bool(sign)
        raise UserError(f"{address:#x}: an address has {bits} bits here{above}")
