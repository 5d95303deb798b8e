"""Two memories of one size, of which only what differs is looked at: the C library compares the rest."""

import ctypes
from collections.abc import Iterator
from typing import Any, Final

PAGE: Final = 4096
CHUNK: Final = 16 * PAGE
"""So many bytes are compared at once: most are equal."""

_memcmp = ctypes.CDLL(None).memcmp
_memcmp.argtypes = (ctypes.c_void_p, ctypes.c_void_p, ctypes.c_size_t)


class MemoryPair:
    """Two writable buffers, which can't be resized or closed as long as this is there."""

    def __init__(self, one: Any, other: Any) -> None:
        self._buffers = [(ctypes.c_char * memoryview(each).nbytes).from_buffer(each) for each in (one, other)]
        self._one, self._other = map(ctypes.addressof, self._buffers)

    def differs(self, start: int, end: int) -> bool:
        """Say whether any of the bytes [start, end) differ."""
        return bool(_memcmp(self._one + start, self._other + start, end - start))

    def differing(self, start: int, end: int) -> Iterator[tuple[int, int]]:
        """Yield the parts of [start, end) in which bytes differ, lowest first, none across the end of a page."""
        for first, last in _cut(start, end, CHUNK):
            if self.differs(first, last):
                yield from (each for each in _cut(first, last, PAGE) if self.differs(*each))


def _cut(start: int, end: int, size: int) -> Iterator[tuple[int, int]]:
    """Yield [start, end) in parts that end at multiples of a size."""
    for place in range(start - start % size, end, size):
        yield max(place, start), min(place + size, end)
