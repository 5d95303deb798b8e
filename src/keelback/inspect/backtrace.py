"""The way to where a thread is: its calls, by the registers in its trap frame and the stack in its memory."""

import re
import struct
from collections.abc import Iterator, Mapping
from itertools import dropwhile
from typing import Any

from keelback.inspect.loaded_code import Code
from keelback.inspect.source_places import SourcePlace
from keelback.inspect.symbols import in_words
from keelback.inspect.traps import AnyRegisters
from keelback.inspect.unwind import NUMBERS, callers
from keelback.inspect.walk import PAGE_SHIFT, USER, Walker

PAGE = 1 << PAGE_SHIFT
MOST_PAGES = 16
MOST_LINES = 8
WORDS = {32: struct.Struct("<I"), 64: struct.Struct("<Q")}
CALLS = {
    # push ebp; mov ebp, edx; int 0x80, or verr …; jne …; mov ecx, esp; mov edx, …; sysenter; …; int 0x80; pop ebp
    32: re.compile(rb"\x55\x89\xd5(\xcd\x80\x5d|\x0f\x00\x25....\x75)", re.DOTALL),
    64: re.compile(rb"\x55\x48\x89\xd5\x0f\x05\x5d"),  # push rbp; mov rbp, rdx; syscall; pop rbp
}
IN_CALL = {
    32: {1: False, **dict.fromkeys((3, 5, 10, 12, 14, 19, 26, 28), True)},
    64: {1: False, 4: True, 6: True},
}
"""How far into a system call of `keelback.h`, which borrows ebp, its stack has ebp, and whether that is another yet."""
PANICS = ("print.c sys_panic", "print.c __fail", "malloc.py heap_refuse", "abort.c abort", "assert.c __assert_fail")
"""Functions of the runtime that end a program because it is wrong."""


class Stack:
    """A copy of the first pages of a stack, from its pointer on, as far as they are there."""

    def __init__(self, walker: Walker, contents: Any, directory: int, pointer: int, word_bits: int = 32) -> None:
        start = pointer & -PAGE
        self._end = start + MOST_PAGES * PAGE
        self.is_longer = False
        """Whether a word was asked for that lies behind what was copied."""
        self.word_bits, self._word = word_bits, WORDS[word_bits]
        self._pages: Mapping[int, bytes] = {
            each.page: bytes(contents[each.frame << PAGE_SHIFT : (each.frame + 1) << PAGE_SHIFT])
            for each in walker.pages(directory << PAGE_SHIFT, start, start + MOST_PAGES * PAGE, USER)
        }

    def word_at(self, address: int) -> int | None:
        """Return the word at an address, None where the copy has none."""
        self.is_longer |= address >= self._end
        page = self._pages.get(address & -PAGE)
        place = address % PAGE
        return None if page is None or place > PAGE - self._word.size else int(self._word.unpack_from(page, place)[0])


def way_of(code: Code, frame: AnyRegisters, stack: Stack) -> tuple[str, ...]:
    """Return the lines that led to where a trap frame is, innermost first, to `main`: `triangle.c:20 in main`.

    It is empty where the program's file has no debug data, and cut where it is long.
    """
    is_known = bool(code.sources_of(frame.place))
    return shortened([*_to_main(code, frame, stack)][is_known:], stack)


def shortened(places: list[SourcePlace], stack: Stack) -> tuple[str, ...]:
    """Return the lines of a way, cut where it is long; of one that was not followed to its end, the first alone."""
    lines = [in_words(each) for each in places]
    more = len(lines) - MOST_LINES
    if stack.is_longer and more > 1:
        return (*lines[: MOST_LINES - 1], f"… at least {more + 1} more")
    return (*lines[: MOST_LINES - 1], f"… {more + 1} more", lines[-1]) if more > 1 else tuple(lines)


def way_to_panic(code: Code, frame: AnyRegisters, stack: Stack) -> list[SourcePlace]:
    """Return the lines that led to where a program noticed that it is wrong, innermost first, without the runtime's.

    It is empty where no function of the runtime has ended it, or nobody knows.
    """
    places = [*_to_main(code, frame, stack)]
    found = [number for number, each in enumerate(places) if f"{each.file} {each.function}" in PANICS]
    if not found:
        return []
    last = places[found[-1]].file
    return [*dropwhile(lambda each: each.file == last or each.function == "panic", places[found[-1] :])]


def _to_main(code: Code, frame: AnyRegisters, stack: Stack) -> Iterator[SourcePlace]:
    for each in _places(code, frame, stack):
        yield each
        if each.function == "main":
            return


def _places(code: Code, frame: AnyRegisters, stack: Stack) -> Iterator[SourcePlace]:
    """Yield the lines that a frame's instruction is of, and those that led there."""
    registers, bits = frame.by_number(), stack.word_bits
    numbers = NUMBERS[bits]
    pointer, base, place, *_ = numbers
    for into, has_borrowed in IN_CALL[bits].items():
        if CALLS[bits].match(code.bytes_at(frame.instruction - into)):
            kept = stack.word_at(registers[pointer])
            registers[base] = kept if has_borrowed and kept is not None else registers[base]
            registers[pointer] += bits // 8
    registers[place] = frame.place
    if not code.bytes_at(registers[place]):  # a call of what is no code: its stack has where it came from
        registers[place] = (stack.word_at(registers[pointer]) or 1) - 1
        registers[pointer] += bits // 8
    yield from code.sources_of(registers[place])
    for address in callers(code.row_of, registers, stack.word_at, numbers):
        yield from code.sources_of(address - 1)
