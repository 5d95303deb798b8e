"""The map of physical memory: the frame table, 64 frames a row; a million frames are seen in half a second."""

from array import array
from collections.abc import Iterator

from keelback.inspect.snapshot import Snapshot
from keelback.inspect.walk import PAGE_SHIFT
from keelback.view.cells import FREE_OF_ZONE, WIDTH, Cell, Map, Row, folded
from keelback.view.frame_cells import FrameCells
from keelback.view.words import described


def physical_map(
    snapshot: Snapshot, width: int = WIDTH, changed: frozenset[int] = frozenset(), cells: FrameCells | None = None
) -> Map:
    """Return the map of all frames, so many a row; those that have changed are marked."""
    cells = cells or FrameCells(snapshot)

    def said(cell: Cell, count: int) -> str:
        if cell.glyph == ".":
            return f"{count:,} free{' of the kernel zone' if cell == FREE_OF_ZONE else ''}"
        return f"{count:,} {described(cell, snapshot.name_of)}"

    return Map(_title(snapshot), list(folded(_rows(cells, width, changed), said)))


def _title(snapshot: Snapshot) -> str:
    counts, size = snapshot.kernel.memory.frames.counts, len(snapshot.kernel.spaces.ram.contents)
    limit = snapshot.kernel.layout.physical_limit
    known = f"{size >> 20:,} MiB" if size <= limit else f"the first {limit >> 20:,} of {size >> 20:,} MiB"
    used = counts.user_total - counts.user_free
    return f"physical memory: {known}, {counts.user_total:,} user frames, {used:,} of them used"


def _rows(cells: FrameCells, width: int, changed: frozenset[int]) -> Iterator[Row]:
    """Yield the rows; where all frames of one are of use to the kernel alone, by their bytes only."""
    uses, known = cells.uses, dict[tuple[bytes, bool], tuple[Cell, ...]]()
    content = array("H", uses).tobytes()
    told = {frame // width for frame in (*cells.styles, *cells.levels, *changed)}
    for row, start in enumerate(range(0, len(uses), width)):
        frames = range(start, min(start + width, len(uses)))
        is_of_zone = start in cells.zone
        if row in told or is_of_zone != (frames[-1] in cells.zone):
            yield Row(start << PAGE_SHIFT, tuple(_told(cells, frame, changed) for frame in frames))
            continue
        key = content[2 * start : 2 * start + 2 * width], is_of_zone
        if key not in known:
            known[key] = tuple(cells.of_use(uses[frame], is_of_zone) for frame in frames)
        yield Row(start << PAGE_SHIFT, known[key])


def _told(cells: FrameCells, frame: int, changed: frozenset[int]) -> Cell:
    cell = cells.of(frame)
    return cell.changed if frame in changed else cell
