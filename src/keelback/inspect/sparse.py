"""Memory that is mostly zero: only the pages that hold something are looked for, kept and copied.

A page that nobody has touched takes no memory on the host.  Linux says which those are, for memory of a process's own
(`/proc/self/pagemap`); elsewhere every page is read.
"""

import ctypes
import mmap
import re
from collections.abc import Iterator
from typing import Any, Final

PAGE: Final = 4096
PIECE: Final = 1 << 20
_ZERO_PAGE, _ZERO_PIECE = bytes(PAGE), bytes(PIECE)
_PLACE = re.compile(r"([0-9a-f]+)-([0-9a-f]+) ...(.) \S+ \S+ (\d+)")
_TOUCHED = re.compile(rb"[\x40-\xff]+")
"""Entries of the page map that are present or swapped out, by their top bytes: bit 63 or 62."""


def make_memory(size: int) -> mmap.mmap:
    """Return zeroed memory, which takes room on the host as it is written to.  Raises: OSError."""
    flags = mmap.MAP_PRIVATE | mmap.MAP_ANONYMOUS | getattr(mmap, "MAP_NORESERVE", 0)
    return mmap.mmap(-1, size, flags=flags)


def filled_runs(contents: Any) -> Iterator[tuple[int, int]]:
    """Yield the runs of pages of a memory that are not all zero: the first page and how many, in order.

    3.5 GiB of which little was ever touched take 0.1 s.
    """
    first, end = 0, 0
    for page in _filled_pages(memoryview(contents).cast("B")):
        if page != end:
            if first < end:
                yield first, end - first
            first = page
        end = page + 1
    if first < end:
        yield first, end - first


def _filled_pages(memory: memoryview) -> Iterator[int]:
    for start, end in _touched(memory):
        for place in range(start, end, PIECE):
            piece = memory[place : min(place + PIECE, end)].tobytes()
            if piece == _ZERO_PIECE[: len(piece)]:
                continue
            for offset in range(0, len(piece), PAGE):
                if piece[offset : offset + PAGE] != _ZERO_PAGE:
                    yield (place + offset) // PAGE


def _touched(memory: memoryview) -> Iterator[tuple[int, int]]:
    """Yield the ranges of bytes outside which all is zero, as far as the host tells."""
    try:
        address = ctypes.addressof(ctypes.c_char.from_buffer(memory))
        entries = _page_map(address, memory.nbytes)
    except (OSError, TypeError):  # another system; memory that can't be written
        yield 0, memory.nbytes
        return
    for run in _TOUCHED.finditer(entries[7::8]):
        yield run.start() * PAGE, min(run.end() * PAGE, memory.nbytes)


def _page_map(address: int, size: int) -> bytes:
    """Return Linux's entries for the pages of memory of this process's own.  Raises: OSError when it is none such."""
    if address % PAGE or size % PAGE or mmap.PAGESIZE != PAGE or not _is_own(address, address + size):
        raise OSError("not pages of this process's own")
    with open("/proc/self/pagemap", "rb", buffering=0) as file:
        file.seek(address // PAGE * 8)
        entries = b""
        while len(entries) < size // PAGE * 8:
            found = file.read(size // PAGE * 8 - len(entries))
            if not found:
                raise OSError("the page map ends early")
            entries += found
        return entries


def _is_own(start: int, end: int) -> bool:
    """Say whether all addresses of [start, end) are private memory with no file behind."""
    with open("/proc/self/maps") as file:
        places = [_PLACE.match(line) for line in file]
    for place in filter(None, places):
        low, high = int(place[1], 16), int(place[2], 16)
        if low <= start < high and (place[3], place[4]) == ("p", "0"):
            start = high
    return start >= end
