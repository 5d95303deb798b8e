"""The way to where a thread is: its calls, by the registers in its trap frame and the stack in its memory."""

import struct
from collections.abc import Iterator, Mapping
from typing import Any

from keelback.inspect.symbols import OwnElf, lines_of
from keelback.inspect.traps import Registers
from keelback.inspect.unwind import callers
from keelback.inspect.walk import PAGE_SHIFT, USER, Walker

PAGE = 1 << PAGE_SHIFT
MOST_PAGES = 16
MOST_LINES = 8
WORD = struct.Struct("<I")


class Stack:
    """A copy of the first pages of a stack, from its pointer on, as far as they are there."""

    def __init__(self, walker: Walker, contents: Any, directory: int, pointer: int) -> None:
        start = pointer & -PAGE
        self._pages: Mapping[int, bytes] = {
            each.page: bytes(contents[each.frame << PAGE_SHIFT : (each.frame + 1) << PAGE_SHIFT])
            for each in walker.pages(directory << PAGE_SHIFT, start, start + MOST_PAGES * PAGE, USER)
        }

    def word_at(self, address: int) -> int | None:
        """Return the word at an address, None where the copy has none."""
        page = self._pages.get(address & -PAGE)
        place = address % PAGE
        return None if page is None or place > PAGE - WORD.size else int(WORD.unpack_from(page, place)[0])


def way_of(elf: bytes, frame: Registers, stack: Stack) -> tuple[str, ...]:
    """Return the lines that led to where a trap frame is, innermost first, to `main`: `triangle.c:20 in main`.

    It is empty where the program's file has no debug data, and cut where it is long.
    """
    lines = []
    for line in _lines(elf, frame, stack):
        lines.append(line)
        if line.endswith(" in main"):
            break
    more = len(lines) - MOST_LINES
    return (*lines[: MOST_LINES - 1], f"… {more + 1} more", lines[-1]) if more > 1 else tuple(lines)


def _lines(elf: bytes, frame: Registers, stack: Stack) -> Iterator[str]:
    registers = frame.by_number()
    here = lines_of(elf, registers[8])
    if here and here[0].endswith(" in main"):
        return
    yield from here[1:]
    if not here:  # a call of what is no code: its stack has where it came from
        registers[8] = (stack.word_at(registers[4]) or 1) - 1
        registers[4] += WORD.size
        yield from lines_of(elf, registers[8])
    if not isinstance(elf, OwnElf):
        return
    for address in callers(elf, registers, stack.word_at):
        yield from lines_of(elf, address - 1)
