"""The memory management unit, on its own terms: a page walk that shares no code with the kernel's.

Source: Intel SDM volume 3, sections 4.3 (32-bit paging) and 4.10 (caching of translations).
"""

from functools import cache
from typing import NamedTuple

from keelback.lang import Panic

ENTRIES = 1024
PRESENT, WRITABLE, USER, ACCESSED, GLOBAL = 1, 2, 4, 1 << 5, 1 << 8
OPEN = PRESENT | USER


class Translation(NamedTuple):
    """What a page's two entries say together."""

    frame: int
    writable: bool
    user: bool
    is_global: bool
    accessed: bool

    def allows_as(self, other: "Translation") -> bool:
        """Say whether this and another one lead to the same frame with the same rights."""
        return self[:4] == other[:4]


class PageWalker:
    """Reads page tables out of RAM."""

    def __init__(self, memory: memoryview) -> None:
        self.words = memory.cast("I")
        self._count = len(self.words)
        self._open: dict[int, tuple[bytes, list[tuple[int, int]]]] = {}

    def entry(self, table: int, index: int) -> int:
        """Return one entry of the table at a physical address.  Raises: Panic when that is not RAM."""
        place = (table & 0xFFFF_F000) // 4 + index
        if place >= self._count:
            raise Panic(f"a page table lies at {table:#x}, where there is no RAM")
        return self.words[place]

    def walk(self, directory: int, address: int) -> Translation | None:
        """Return the translation of an address in the space of a page directory, None when it is not present."""
        upper = self.entry(directory, address >> 22)
        lower = self.entry(upper, address >> 12 & 0x3FF) if upper & PRESENT else 0
        return _both(upper, lower) if lower & PRESENT else None

    def translations(self, directory: int) -> dict[int, Translation]:
        """Return every translation of a space that user mode may use, by page number."""
        return {
            high << 10 | low: _both(upper, lower)
            for high, upper in self._for_user_mode(directory)
            for low, lower in self._for_user_mode(upper)
        }

    def _for_user_mode(self, table: int) -> list[tuple[int, int]]:
        """Return the entries of a table that are present and open to user mode, each with its index.

        What was found is kept for as long as the table's bytes are the same: most are from one trap to the next.
        """
        self.entry(table, ENTRIES - 1)  # all of it is RAM
        first = (table >> 12) * ENTRIES
        words = self.words[first : first + ENTRIES]
        content, found = self._open.get(first, (b"", []))
        if content != words.tobytes():
            found = [(index, entry) for index, entry in enumerate(words.tolist()) if entry & OPEN == OPEN]
            self._open[first] = (words.tobytes(), found)
        return found


@cache
def _both(upper: int, lower: int) -> Translation:
    """Return what two entries that are present say together."""
    both = upper & lower
    return Translation(
        lower >> 12, bool(both & WRITABLE), bool(both & USER), bool(lower & GLOBAL), bool(both & ACCESSED)
    )


class TlbModel:
    """A translation cache that keeps everything it may: what no emulator shows about missing invalidations.

    An entry stays until it is invalidated, its space is left (if it is not global) or the model is told to check: then
    an entry that the page tables no longer bear out is a panic.
    """

    def __init__(self, walker: PageWalker) -> None:
        self.walker = walker
        self.directory = 0
        self.cached: dict[int, Translation] = {}

    def load_directory(self, directory: int) -> None:
        """Do what a write to cr3 does: forget all but the global translations."""
        self.directory = directory
        self.cached = {page: entry for page, entry in self.cached.items() if entry.is_global}

    def invalidate_page(self, address: int) -> None:
        """Do what `invlpg` does: forget the translation of one page."""
        self.cached.pop(address >> 12, None)

    def use(self, address: int) -> Translation:
        """Translate an address that the kernel uses.

        Raises: Panic when it is not mapped, or when the cached translation is not what the page tables say.
        """
        page = address >> 12
        now = self.walker.walk(self.directory, address)
        cached = self.cached.get(page)
        if now is not None and now is cached:
            return now
        if cached is not None and (now is None or not cached.allows_as(now)):
            raise Panic(_stale(page, cached, now))
        if now is None:
            raise Panic(f"the kernel used {address:#010x}, which is mapped nowhere")
        self.cached[page] = now
        return now

    def after_user_mode(self) -> None:
        """Cache what the CPU may have cached: every user translation whose accessed bit is set."""
        for page, translation in self.walker.translations(self.directory).items():
            if translation.accessed:
                self.cached.setdefault(page, translation)

    def before_user_mode(self) -> None:
        """Check that user mode finds no stale translation.  Raises: Panic naming the page."""
        for page, cached in self.cached.items():
            now = self.walker.walk(self.directory, page << 12)
            if now is not cached and (now is None or not cached.allows_as(now)):
                raise Panic(_stale(page, cached, now))


def _stale(page: int, cached: Translation, now: Translation | None) -> str:
    return (
        f"page {page << 12:#010x} was changed without invalidation: the TLB has {_text(cached)}, the table {_text(now)}"
    )


def _text(translation: Translation | None) -> str:
    if translation is None:
        return "nothing"
    rights = ("user " if translation.user else "") + ("writable" if translation.writable else "read-only")
    return f"frame {translation.frame:#x} {rights}"
