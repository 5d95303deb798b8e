"""The bound of the build cache: what nobody has used for long goes, and what is more than fits, the oldest first.

1. An entry's time is that of its last use, as far as a day.
2. Whoever keeps a build tidies up, at most once a day; a mark in the cache says when.
3. An entry may go while another process reads it: that one has it open, or builds it again.
"""

import time
from collections.abc import Iterator
from contextlib import suppress
from os import utime
from pathlib import Path
from typing import Final, NamedTuple

MOST_BYTES: Final = 1 << 30
MOST_SECONDS: Final = 30 * 24 * 3600
DAY: Final = 24 * 3600
MARK: Final = "tidied"
LOCKS: Final = "locks"
"""The folder of empty files that builds are locked by; what a killed process leaves goes with what is old."""


class Kept(NamedTuple):
    """A file of the cache: when it was last used, its size, and where it is."""

    used: float
    size: int
    path: Path


def note_use(path: Path) -> None:
    """Note that an entry is used, once a day."""
    with suppress(OSError):
        if time.time() - path.stat().st_mtime > DAY:
            utime(path)


def tidy(cache: Path, *, most_bytes: int = MOST_BYTES, most_seconds: float = MOST_SECONDS) -> None:
    """Remove what is too old or too much, unless that was done within a day."""
    mark = cache / MARK
    with suppress(OSError):
        if mark.exists() and time.time() - mark.stat().st_mtime < DAY:
            return
        mark.touch()
        remove_surplus(cache, most_bytes=most_bytes, most_seconds=most_seconds)


def remove_surplus(cache: Path, *, most_bytes: int, most_seconds: float) -> None:
    """Remove what was last used so long ago, and then what is more than so many bytes, the oldest first."""
    now, size = time.time(), 0
    for each in sorted(kept_in(cache), reverse=True):
        size += each.size
        if size > most_bytes or now - each.used > most_seconds:
            with suppress(OSError):
                each.path.unlink()
                if each.path.parent != cache:
                    each.path.parent.rmdir()


def kept_in(cache: Path) -> Iterator[Kept]:
    """Yield the builds of a cache, the C that compiled Kernel Python became, and the locks of builds."""
    for path in (*cache.glob("[0-9a-f]" * 64), *cache.glob("compiled/*/*.c"), *cache.glob(f"{LOCKS}/*")):
        with suppress(OSError):
            facts = path.stat()
            yield Kept(facts.st_mtime, facts.st_size, path)
