"""`keelback frames`: whose the page frames of a machine are, runs of one kind folded, and all of single ones."""

from collections.abc import Iterator
from dataclasses import dataclass
from itertools import groupby
from typing import Any

from rich.console import Console
from rich.text import Text

from keelback.cli.json_output import print_json
from keelback.cli.options import Target
from keelback.cli.statuses import WELL
from keelback.cli.tables import make_table, print_table
from keelback.cli.targets import looked_at, title_of
from keelback.errors import UserError
from keelback.inspect.snapshot import Snapshot
from keelback.inspect.snapshot.frames import Frame
from keelback.kernel.memory.frames import OWNER_BITS, PINNED, Role
from keelback.view.page_tale import tale_of_frame

SINGLE = (Role.DATA, Role.TABLE)
"""Roles that do not say all: neighbours of one owner may be for several things."""


@dataclass(frozen=True)
class FrameRun:
    """The frames [start, end), which are for one thing; `references` is None where they differ."""

    start: int
    end: int
    frame: Frame
    use: str
    references: int | None

    @property
    def counted(self) -> str:
        """Return how often each is referred to."""
        return {None: "several", PINNED: "pinned", 0: ""}.get(self.references, str(self.references))

    def facts(self) -> dict[str, Any]:
        """Return it as plain values."""
        return {
            "first": self.start,
            "count": self.end - self.start,
            "use": self.use,
            "role": self.frame.role,
            "owner": self.frame.owner,
            "references": self.references,
        }


def show_frames(numbers: list[int], target: Target, *, as_json: bool) -> int:
    """Print the frames of a machine, or all of some; return the exit status.  Raises: UserError; as `looked_at`."""
    with looked_at(target) as moment:
        snapshot = moment.snapshot()
        if numbers:
            _tell(snapshot, numbers, as_json)
            return WELL
        runs = [each for each in runs_of(snapshot) if target.stop.pid in (None, each.frame.owner)]
        if as_json:
            print_json({"frames": len(snapshot.frames), "runs": [each.facts() for each in runs]})
            return WELL
        console = Console(highlight=False, soft_wrap=True)
        console.print(Text(title_of(moment, snapshot), "bold"))
        console.print()
        _print(console, runs)
    return WELL


def _print(console: Console, runs: list[FrameRun]) -> None:
    table = make_table()
    table.add_column("frames", no_wrap=True)
    table.add_column("", justify="right", no_wrap=True)
    table.add_column("what")
    table.add_column("refs", justify="right")
    for each in runs:
        place = f"{each.start:#x}" if each.end == each.start + 1 else f"{each.start:#x}–{each.end - 1:#x}"
        table.add_row(place, f"{each.end - each.start:,}", each.use, each.counted)
    print_table(console, table)


def _tell(snapshot: Snapshot, numbers: list[int], as_json: bool) -> None:
    try:
        tales = [tale_of_frame(snapshot, each) for each in numbers]
    except IndexError as error:
        raise UserError(str(error)) from None
    if as_json:
        print_json([{"frame": number, **tale.as_values()} for number, tale in zip(numbers, tales, strict=True)])
        return
    for tale in tales:
        for line in tale.lines():
            print(line)


def runs_of(snapshot: Snapshot) -> Iterator[FrameRun]:
    """Yield all frames in runs that are for one thing; a million that are free take 0.1 s."""
    frames, start = snapshot.frames, 0
    for use, group in groupby(frames.uses()):
        end = start + sum(1 for _ in group)
        yield from (
            _single(frames[start], snapshot, end)
            if use >> OWNER_BITS in SINGLE and use
            else _whole(snapshot, start, end)
        )
        start = end


def _whole(snapshot: Snapshot, start: int, end: int) -> Iterator[FrameRun]:
    first = snapshot.frames[start]
    counts = set(snapshot.frames.references(start, end))
    yield FrameRun(start, end, first, first.use, counts.pop() if len(counts) == 1 else None)


def _single(first: Frame, snapshot: Snapshot, end: int) -> Iterator[FrameRun]:
    """Yield runs of frames that one by one may be for several things."""
    frames = (snapshot.frames[number] for number in range(first.number, end))
    for (use, references), group in groupby(frames, lambda each: (each.use, each.references)):
        found = [*group]
        yield FrameRun(found[0].number, found[-1].number + 1, found[0], use, references)
