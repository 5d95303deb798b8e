"""Cells of frames: the owner's glyph by the frame table, and what programs may do by the pages that show the frame."""

from collections.abc import Iterator
from functools import cached_property, lru_cache

from keelback.inspect.snapshot import Snapshot
from keelback.inspect.snapshot.regions import Region
from keelback.inspect.snapshot.spaces import Space
from keelback.inspect.walk import WRITABLE, Translation
from keelback.kernel.memory.frames import OWNER_BITS, Role
from keelback.kernel.x86 import paging
from keelback.view.cells import FREE, FREE_OF_ZONE, KERNEL, KERNEL_TABLE, RESERVED, Cell, Style
from keelback.view.owners import Owners

GLYPHS: dict[int, str] = {Role.LIBRARY: "L", Role.ZEROS: "0", Role.CONSOLE: "C", Role.SHARED: "S", Role.OBJECT: "="}
FIXED: dict[int, Cell] = {Role.KERNEL: KERNEL, Role.STACK: KERNEL, Role.RESERVED: RESERVED}
UNKNOWN = "?"
"""Stands for a role that there is none of: RAM may be damaged."""
OWNER = (1 << OWNER_BITS) - 1


def styled(space: Space) -> Iterator[tuple[Translation, Style]]:
    """Yield every page that a space's program may use, lowest first, with what it may do there."""
    for each in space.opened:
        yield each, Style.WRITABLE if each.flags & WRITABLE else Style.PLAIN
    for each in space.user:
        if each.flags & WRITABLE:
            yield each, Style.WRITABLE
        else:
            region = space.region_of(each.page)
            yield each, _restricted(region)


def _restricted(region: Region | None) -> Style:
    """Return what a program may do with a page of a region whose entry does not let it write."""
    if region is None or not region.permissions & paging.WRITABLE:
        return Style.PLAIN
    return Style.WRITABLE if region.object else Style.COPY_ON_WRITE


class FrameCells:
    """What the cell of each frame of a snapshot is."""

    def __init__(self, snapshot: Snapshot) -> None:
        self.snapshot = snapshot
        self.owners = Owners(snapshot)
        self.zone = snapshot.kernel_zone
        self.uses = snapshot.frames.uses()
        self._cell = lru_cache(None)(self._make)

    @cached_property
    def styles(self) -> dict[int, Style]:
        """Return the most that a program may do with each frame that one can reach."""
        found: dict[int, Style] = {}
        order = (Style.PLAIN, Style.COPY_ON_WRITE, Style.WRITABLE)
        for space in self.snapshot.spaces.values():
            for page, style in styled(space):
                found[page.frame] = max(found.get(page.frame, Style.PLAIN), style, key=order.index)
        return found

    @cached_property
    def levels(self) -> dict[int, int]:
        """Return the level of each frame that is a page table which walks to user pages read."""
        count = len(self.snapshot.walker.scheme.levels)
        return {frame: count - table.depth for frame, (_, table) in self.snapshot.tables.items()}

    def of(self, frame: int) -> Cell:
        """Return the cell of a frame; what is behind the frame table is reserved."""
        if frame >= len(self.uses):
            return RESERVED
        is_of_zone = frame in self.zone
        return self._cell(self.uses[frame], self.styles.get(frame), self.levels.get(frame, 0), is_of_zone)

    def of_use(self, use: int, is_of_zone: bool) -> Cell:
        """Return the cell of a frame that no program can reach and that is none of its page tables."""
        return self._cell(use, None, 0, is_of_zone)

    def _make(self, use: int, reached: Style | None, level: int, is_of_zone: bool) -> Cell:
        role, pid = use >> OWNER_BITS, use & OWNER
        if use == 0:
            return FREE_OF_ZONE if is_of_zone else FREE
        style = Style.SUPERVISOR if reached is None else reached
        if role == Role.TABLE:
            return self._table(pid, level, style)
        if role in FIXED:
            return FIXED[role]
        glyph = self.owners.glyph(pid) if role == Role.DATA else GLYPHS.get(role, UNKNOWN)
        return Cell(glyph, style, 0 if role == Role.OBJECT else pid)

    def _table(self, pid: int, level: int, style: Style) -> Cell:
        if level:
            return Cell(self.owners.glyph(pid) if pid else "L", style | Style.TABLE, pid, level)
        return Cell(self.owners.glyph(pid), style, pid) if pid else KERNEL_TABLE
