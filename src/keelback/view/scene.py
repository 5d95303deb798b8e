"""What is shown at once: a title, physical memory and that of processes, and the words to tell them by."""

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass

from keelback.inspect.snapshot import Snapshot
from keelback.view.cells import WIDTH, Cell, Map, Row
from keelback.view.changes import UNCHANGED, Changes
from keelback.view.frame_cells import FrameCells
from keelback.view.physical import physical_map
from keelback.view.virtual import virtual_map


@dataclass(frozen=True)
class Scene:
    """Maps of one moment; `levels` are the names of page tables' levels, lowest first."""

    title: str
    maps: list[Map]
    name_of: Callable[[int], str]
    levels: tuple[str, ...]
    digits: int
    """Of an address."""

    def cells(self) -> Iterator[Cell]:
        """Yield every cell that is shown."""
        for each in self.maps:
            yield from each.cells()

    def widest(self, pid: int) -> int:
        """Return how many cells the longest row has: of all processes, or (0) of physical memory; 1 at least."""
        maps = [each for each in self.maps if bool(each.pid) == bool(pid)]
        return max((len(row.cells) for each in maps for row in each.lines if isinstance(row, Row)), default=1)

    def level_letter(self, level: int) -> str:
        """Return a letter for a level, the first of its name's last word: t page table, d page directory."""
        return self.levels[level - 1].split()[-1][0]

    def address(self, address: int) -> str:
        """Return an address with all its digits."""
        return f"{address:#0{self.digits + 2}x}"


def scene_of(
    snapshot: Snapshot,
    title: str,
    pids: Sequence[int] | None = None,
    *,
    frames_a_row: int = WIDTH,
    pages_a_row: int = WIDTH,
    changes: Changes = UNCHANGED,
) -> Scene:
    """Return physical memory, then the memory of each process that is alive, or of those named by their ids."""
    cells = FrameCells(snapshot)
    chosen = snapshot.spaces if pids is None else pids
    maps = [physical_map(snapshot, frames_a_row, changes.frames, cells)]
    maps += [virtual_map(snapshot.processes[pid], pages_a_row, changes.pages_of(pid), cells) for pid in chosen]
    levels = tuple(level.name for level in reversed(snapshot.walker.scheme.levels))
    return Scene(title, maps, snapshot.name_of, levels, digits_of(snapshot))


def digits_of(snapshot: Snapshot) -> int:
    """Return how many hexadecimal digits an address has."""
    return 8 if snapshot.kernel.layout.user_end < 1 << 32 else 12


def title_of(snapshot: Snapshot) -> str:
    """Return what is shown: programs that are alive, layout, and page tables."""
    programs = dict.fromkeys(snapshot.processes[pid].name for pid in snapshot.spaces)
    layout = snapshot.kernel.layout
    return f"{' '.join(programs) or 'no program'} · {layout.name}, {layout.paging.name}"
