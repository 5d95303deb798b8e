"""The way to a place in a program: from its registers and its stack, by the call frame information of its debug data.

Source: DWARF version 4, section 6.4 (call frame information); System V ABI, i386 and AMD64 supplements (numbers of
registers).
"""

from bisect import bisect_right
from collections.abc import Callable, Iterator
from functools import lru_cache
from io import BytesIO
from typing import Any, Final, NamedTuple

MOST_FRAMES = 10_000


class Numbers(NamedTuple):
    """DWARF's numbers of registers: the pointers, where a function returns to, and what it gives back as it was."""

    stack: int
    frame: int
    returned: int
    kept: tuple[int, ...]
    highest: int
    """The highest number that a register holds."""


NUMBERS: Final = {
    32: Numbers(4, 5, 8, (3, 5, 6, 7), 0xFFFF_FFFF),  # ebx, ebp, esi, edi
    64: Numbers(7, 6, 16, (3, 6, 12, 13, 14, 15), 0xFFFF_FFFF_FFFF_FFFF),  # rbx, rbp, r12 to r15
}
"""By the bits of a word."""


def callers(
    row_of: Callable[[int], dict[Any, Any] | None],
    registers: dict[int, int],
    word_at: Callable[[int], int | None],
    numbers: Numbers,
) -> Iterator[int]:
    """Yield the address that each function on the way returns to, the innermost first.

    `row_of` finds an instruction's row of call frame information; `registers` has where it is, the stack pointer and
    those that functions keep, by their numbers; `word_at` reads the stack, None where it is not there.  What the debug
    data does not tell, or the stack no longer has, ends it.
    """
    values, seen = dict(registers), 0
    at = values[numbers.returned]
    while seen < MOST_FRAMES and (row := row_of(at)) is not None:
        base = values.get(row["cfa"].reg)
        if base is None:
            return
        frame = base + row["cfa"].offset & numbers.highest
        for number in (numbers.returned, *numbers.kept):
            if number in row:
                value = word_at(frame + row[number].arg & numbers.highest) if row[number].type == "OFFSET" else None
                if value is None:
                    return
                values[number] = value
        values[numbers.stack] = frame
        returned = values[numbers.returned]
        if returned == 0:
            return
        yield returned
        at, seen = returned - 1, seen + 1  # the call, which may be a function's last instruction


def row_of(elf: bytes, address: int) -> dict[Any, Any] | None:
    """Return the row of call frame information for an instruction of an ELF file, None where there is none."""
    return _frames(elf).row_of(address)


@lru_cache(8)
def _frames(elf: bytes) -> "_Frames":
    return _Frames(elf)


class _Frames:
    """The rows of call frame information, by the code that they are for."""

    def __init__(self, elf: bytes) -> None:
        from elftools.dwarf.callframe import FDE
        from elftools.elf.elffile import ELFFile

        dwarf = ELFFile(BytesIO(elf)).get_dwarf_info()
        entries = dwarf.CFI_entries() if dwarf.has_CFI() else []
        self._entries = sorted(
            ((each["initial_location"], each["address_range"], each) for each in entries if isinstance(each, FDE)),
            key=lambda each: each[0],
        )
        self._starts = [start for start, _, _ in self._entries]

    def row_of(self, address: int) -> dict[Any, Any] | None:
        """Return the row of an instruction, None where there is none."""
        index = bisect_right(self._starts, address) - 1
        if index < 0 or address >= self._starts[index] + self._entries[index][1]:
            return None
        found = None
        for row in self._entries[index][2].get_decoded().table:
            if row["pc"] > address:
                break
            found = row
        return found
