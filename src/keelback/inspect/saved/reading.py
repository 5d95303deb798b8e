"""Reading a machine from a file that anybody may have written."""

from collections.abc import Sequence
from pathlib import Path
from typing import Any

from keelback.inspect.kept import BadKeptFile, Body, opened
from keelback.inspect.moment import Moment, Stands
from keelback.inspect.records_digest import records_digest
from keelback.inspect.saved.form import KIND, RUN, Facts
from keelback.inspect.sparse import PAGE, PIECE, make_memory
from keelback.kernel.layout import PUBLISHED, Layout

MOST_MEMORY = 1 << 40
"""Bytes of memory that a QEMU may have, however little of it a layout uses."""


def read_moment(path: Path, own: Sequence[Layout] = ()) -> Moment:
    """Return the machine that a file keeps; `own` are layouts of the user's that it may have beside ours.

    Raises: BadKeptFile; OSError when it can't be read.
    """
    with opened(path, KIND) as (said, body):
        facts = Facts(**said)
        layout = _layout(path, facts, own)
        contents = _memory(path, facts)
        console = body.take(facts.console)
        _fill(path, contents, body)
    return Moment(layout, contents, facts.machine, Stands(facts.stands), facts.time, facts.traps, console)


def _layout(path: Path, facts: Facts, own: Sequence[Layout]) -> Layout:
    """Return the layout that a header names, if the records of our build lie as its own did."""
    known = {(each.name, each.paging.name): each for each in (*PUBLISHED, *own)}
    layout = known.get((facts.layout, facts.paging))
    if layout is None:
        name = f"{facts.layout} with {facts.paging} page tables"
        raise BadKeptFile(path, f"it is of the layout {name}, which we do not know; one of yours is named by --layout")
    if facts.records != records_digest(layout):
        why = f"it was saved by another build ({facts.build}), whose kernel's records lie otherwise than ours"
        raise BadKeptFile(path, f"{why}; save it with this one")
    if not layout.records_end <= facts.memory <= MOST_MEMORY or facts.memory % PAGE:
        why = f"its header says {facts.memory:,} bytes of memory; in the {layout.name} layout a machine has"
        raise BadKeptFile(path, f"{why} {layout.records_end:,} to {MOST_MEMORY:,}, whole pages")
    return layout


def _memory(path: Path, facts: Facts) -> Any:
    try:
        return make_memory(facts.memory)
    except (OSError, MemoryError):
        why = f"its machine has {facts.memory >> 20:,} MiB of memory, more than there is for this process"
        raise BadKeptFile(path, f"{why}: see `ulimit -v`") from None


def _fill(path: Path, contents: Any, body: Body) -> None:
    """Fill zeroed memory with the pages that a body has."""
    before, end = 0, len(contents) // PAGE
    while True:
        first, count = RUN.unpack(body.take(RUN.size))
        if count == 0:
            break
        if not before <= first < first + count <= end:
            why = f"its pages [{first:#x}, {first + count:#x}) are out of order, or not in its memory"
            raise BadKeptFile(path, why)
        before = first + count
        for place in range(first * PAGE, before * PAGE, PIECE):
            contents[place : min(place + PIECE, before * PAGE)] = body.take(min(PIECE, before * PAGE - place))
    body.check_end()
