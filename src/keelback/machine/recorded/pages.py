"""The pages of RAM at chosen moments of a run, of which only those that changed are kept, compressed.

    moment        0       500      1000     1500
    page 3        a ───────────────> b ───────────>      kept twice: at 0 and at 1000
    page 4        a ──────> b ─────────────> c ────>      kept three times

1. What a page held at a moment is what was kept of it last, at that moment or before; nothing: zeros.
2. `copy` is what RAM held at the moment `copied`.
3. A run repeats: moments behind the one that RAM was put back to stay right.
"""

import mmap
import zlib
from bisect import bisect_right, insort
from collections.abc import Iterator
from typing import Any

from keelback.inspect.memory_pair import PAGE, MemoryPair

FAST = 1
"""How hard to compress: what is kept is kept for the length of a session."""
START = -1
"""The moment before all others, when RAM was zero."""
ZEROS = bytes(PAGE)


class Pages:
    """The pages of a RAM buffer at moments, which are numbers; `size` counts the bytes that are kept."""

    def __init__(self, contents: Any) -> None:
        self.contents = memoryview(contents).cast("B")
        self.size = 0
        self.copied = self._last = START
        self._copy = mmap.mmap(-1, len(self.contents), flags=mmap.MAP_PRIVATE | mmap.MAP_ANONYMOUS)
        self.copy = memoryview(self._copy)
        self._pair = MemoryPair(contents, self._copy)
        self._moments: dict[int, list[int]] = {}
        """When each page was kept, the earliest first."""
        self._kept: dict[tuple[int, int], bytes] = {}
        """What was kept, by page and moment."""
        self._changed: dict[int, list[int]] = {}
        """The pages that were kept at each moment."""

    def take(self, moment: int) -> None:
        """Keep what RAM holds now, at a moment behind all that are kept: of later ones it would change what they hold.

        Raises: ValueError when it is not.
        """
        if moment <= self._last:
            raise ValueError(f"moment {moment} is not behind {self._last}, the last that is kept")
        self._last = moment
        for page in self._to_ask_about(moment):
            content = self.contents[page * PAGE : page * PAGE + PAGE].tobytes()
            if content != self.content(page, moment):
                self._keep(page, moment, content)
            self.copy[page * PAGE : page * PAGE + PAGE] = content
        self.copied = moment

    def put_back(self, moment: int) -> None:
        """Give RAM what it held at a moment that is kept."""
        for page in self._to_ask_about(moment):
            place = slice(page * PAGE, page * PAGE + PAGE)
            self.contents[place] = self.copy[place] = self.content(page, moment)
        self.copied = moment

    def pass_by(self, moment: int) -> None:
        """Take note that RAM holds what is kept of a moment."""
        for page in self._kept_between(self.copied, moment):
            self.copy[page * PAGE : page * PAGE + PAGE] = self.content(page, moment)
        self.copied = moment

    def forget(self, moment: int, after: int) -> None:
        """Keep a moment no more that is not `copied`; `after` is the next that is kept."""
        for page in self._changed.pop(moment, ()):
            moments = self._moments[page]
            index = moments.index(moment)
            if index + 1 < len(moments) and moments[index + 1] == after:
                del moments[index]
                self.size -= len(self._kept.pop((page, moment)))
            else:
                self._move(page, index, after)

    def cut(self, moment: int) -> None:
        """Forget all moments behind one, which RAM comes from: they are of another run."""
        for later in [each for each in self._changed if each > moment]:
            for page in self._changed.pop(later):
                self._moments[page].remove(later)
                self.size -= len(self._kept.pop((page, later)))
        self._last = min(self._last, moment)

    def content(self, page: int, moment: int) -> bytes:
        """Return what a page held at a moment."""
        moments = self._moments.get(page, [])
        index = bisect_right(moments, moment)
        return zlib.decompress(self._kept[page, moments[index - 1]]) if index else ZEROS

    def read(self, start: int, end: int, moment: int) -> bytes:
        """Return what [start, end) held at a moment."""
        pages = range(start // PAGE, -(-end // PAGE))
        whole = b"".join(self.content(page, moment) for page in pages)
        return whole[start % PAGE : start % PAGE + end - start]

    def _keep(self, page: int, moment: int, content: bytes) -> None:
        packed = zlib.compress(content, FAST)
        self._kept[page, moment] = packed
        self.size += len(packed)
        insort(self._moments.setdefault(page, []), moment)
        self._changed.setdefault(moment, []).append(page)

    def _move(self, page: int, index: int, after: int) -> None:
        """Keep what is kept of a page for a later moment instead."""
        moments = self._moments[page]
        self._kept[page, after] = self._kept.pop((page, moments[index]))
        self._changed.setdefault(after, []).append(page)
        moments[index] = after

    def _to_ask_about(self, moment: int) -> set[int]:
        """Return the pages that may differ between now, what was copied, and a moment."""
        return {*self._kept_between(*sorted((self.copied, moment))), *self._differing()}

    def _kept_between(self, first: int, last: int) -> set[int]:
        """Return the pages that were kept behind one moment and up to another."""
        return {page for at, pages in self._changed.items() if first < at <= last for page in pages}

    def _differing(self) -> Iterator[int]:
        """Return the pages in which RAM is not as the copy, lowest first."""
        return (start // PAGE for start, _ in self._pair.differing(0, len(self.contents)))
