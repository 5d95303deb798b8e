"""Who is who: a glyph for every process, and its name."""

from functools import cached_property

from keelback.inspect.snapshot import Snapshot

DIGITS = "123456789"
CAPITALS = "ABDEFGHIJMNOPQTUVWXYZ"
"""Those that stand for nothing else: K, R, C, S and L do."""
SMALL = "abcdefhijkmnpqrstuvwxyz"
"""No g, a guard, and neither l nor o, which look like digits."""
GLYPHS = DIGITS + CAPITALS + SMALL
TOO_MANY = "+"
"""Stands for every process that there is no glyph left for."""


class Owners:
    """The processes of a snapshot, each with a glyph of its own: its id where that is a digit, else a letter."""

    def __init__(self, snapshot: Snapshot) -> None:
        self._snapshot = snapshot

    @cached_property
    def glyphs(self) -> dict[int, str]:
        """Return the glyph of each process by its id; one keeps its glyph as long as no other one's is in the way."""
        found: dict[int, str] = {}
        taken: set[str] = set()
        for pid in sorted(self._snapshot.processes):
            first = (pid - 1) % len(GLYPHS)
            wanted = (GLYPHS[first:] + GLYPHS[:first]) if len(taken) < len(GLYPHS) else TOO_MANY
            found[pid] = next((each for each in wanted if each not in taken), TOO_MANY)
            taken.add(found[pid])
        return found

    def glyph(self, pid: int) -> str:
        """Return the glyph of a process."""
        return self.glyphs.get(pid, TOO_MANY)

    def name(self, pid: int) -> str:
        """Return the name and id of a process: `cow (1)`."""
        return self._snapshot.name_of(pid)
