"""Page tables as two courses print them: JOS, by its `info pg`, and xv6, by its `vmprint`.

[08000-083ff]  PDE[020]     ----A--UWP              page table 0x00000000001ed000
  [08048-08049]  PTE[048-049] ----A--U-P 00002 00003  ..32: pte 0x00000000001ee027 pa 0x00000000001ee000
                                                      .. ..72: pte 0x0000000000002025 pa 0x0000000000002000
"""

from collections.abc import Iterator
from itertools import groupby
from typing import NamedTuple

from keelback.inspect.walk import PAGE_SHIFT, PRESENT, Table, Walker
from keelback.view.as_qemu import LETTERS as QEMUS

SHORT = {"page table": "PTE", "page directory": "PDE", "page-directory pointers": "PDPTE", "page map level 4": "PML4E"}
LETTERS = (*((bit, "S" if letter == "P" else letter) for bit, letter in QEMUS), (PRESENT, "P"))
MOST_FRAMES = 6
HEAD = "VPN range     Entry         Flags        Physical page"


class Entry(NamedTuple):
    """A present entry of a table: where it stands, what it leads to, and the table that it leads to, if any."""

    number: int
    entry: int
    base: int
    frame: int
    lower: Table | None


def entries(walker: Walker, table: Table) -> list[Entry]:
    """Return the present entries of a table, lowest first.  Raises: Panic when the table is not in RAM."""
    level, scheme = walker.scheme.levels[table.depth], walker.scheme
    found = []
    for index, entry in walker.present(table):
        lower = walker.lower(table, index, entry)
        frame = (entry & (level.frames if lower is None else scheme.links)) >> PAGE_SHIFT
        found.append(Entry(index, entry, walker.base_of(table, index), frame, lower))
    return found


def vmprint(walker: Walker, root: int) -> Iterator[str]:
    """Yield the tables of a root as xv6's course has them, each entry below that which leads to its table."""
    top = next(walker.tables(root))
    yield f"page table {top.place:#018x}"
    yield from _tree(walker, top)


def _tree(walker: Walker, table: Table) -> Iterator[str]:
    depth = " ".join([".."] * (table.depth + 1))
    for each in entries(walker, table):
        yield f"{depth}{each.number}: pte {each.entry:#018x} pa {each.frame << PAGE_SHIFT:#018x}"
        if each.lower is not None:
            yield from _tree(walker, each.lower)


def info_pg(walker: Walker, root: int) -> Iterator[str]:
    """Yield the tables of a root as JOS's course has them: neighbours with the same flags are one line."""
    yield HEAD
    yield from _ranges(walker, next(walker.tables(root)))


def _ranges(walker: Walker, table: Table) -> Iterator[str]:
    level = walker.scheme.levels[table.depth]
    digits = 5 if walker.scheme.levels[0].shift < 32 else 9
    numbered = enumerate(entries(walker, table))
    for _, group in groupby(numbered, key=lambda each: (each[0] - each[1].number, _flags(each[1]), _is_alone(each[1]))):
        run = [each for _, each in group]
        first, last = run[0], run[-1]
        start, end = first.base >> PAGE_SHIFT, (last.base + (1 << level.shift) - 1) >> PAGE_SHIFT
        indexes = f"{first.number:03x}" + (f"-{last.number:03x}" if last is not first else "")
        entry = f"{SHORT[level.name]}[{indexes}]"
        line = f"{'  ' * table.depth}[{start:0{digits}x}-{end:0{digits}x}]  {entry:<12} {_flags(first)}"
        yield f"{line} {_frames(run)}".rstrip()
        if first.lower is not None:
            yield from _ranges(walker, first.lower)


def _is_alone(entry: Entry) -> int:
    """Return what keeps entries that lead to tables apart, 0 for those of pages."""
    return entry.base + 1 if entry.lower is not None else 0


def _flags(entry: Entry) -> str:
    return "".join(letter if entry.entry & bit else "-" for bit, letter in LETTERS)


def _frames(run: list[Entry]) -> str:
    """Return the frames of a run of pages, the first of many."""
    if run[0].lower is not None:
        return ""
    shown = [f"{each.frame:05x}" for each in run[:MOST_FRAMES]]
    return " ".join([*shown, *([".."] if len(run) > MOST_FRAMES else [])])
