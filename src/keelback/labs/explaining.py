"""A wrong event, told: what both kernels did, both memories side by side, and the student's lines that were run."""

from collections.abc import Callable, Collection, Iterable
from contextlib import suppress
from dataclasses import replace
from io import StringIO
from typing import Any, NamedTuple

from rich.console import Console
from unicorn import UC_HOOK_BLOCK

from keelback.image.linked import make_symbols
from keelback.inspect.snapshot import Snapshot
from keelback.inspect.symbols import OwnElf, sources_within
from keelback.labs.hints import watch_command
from keelback.labs.lab import Lab, Trial
from keelback.labs.lockstep import LONGEST_TRAP, Lockstep, Wrong
from keelback.labs.machines import Machines
from keelback.labs.observed import changes
from keelback.labs.result import Reason
from keelback.lang import Panic
from keelback.view.changes import Changes
from keelback.view.scene import scene_of
from keelback.view.svg import CELLS_OF_TWO as ROW
from keelback.view.svg import picture_of_two
from keelback.view.text import TextView

WIDTH = 100
TITLE = "Memory after the event"
MOST_SHOWN = 2
"""Processes whose memory is drawn as text."""
ENOUGH = 200_000
"""Instructions of a kernel that does not come back, to know where it is."""


class Explainer:
    """Explains what a student's kernel did wrongly; `files` are the names of the student's files."""

    def __init__(self, lab: Lab, right: Machines, other: Machines, files: Collection[str]) -> None:
        self.lab = lab
        self.right = right
        self.other = other
        self.files = files

    def reason(self, trial: Trial, wrong: Wrong) -> Reason:
        """Return the reason that a wrong event of a trial is."""
        run = self._run_before(trial, wrong)
        lines = self._lines(run, trial, wrong)
        drawn = self._drawn(run, wrong)
        return Reason(
            kind=wrong.kind,
            trial=", ".join(trial.programs),
            trap=wrong.trap,
            event=_event(trial, wrong),
            right=wrong.right,
            found=self._placed(wrong),
            said=wrong.said,
            rule=wrong.rule,
            lines=tuple(dict.fromkeys(lines)),
            maps=drawn and drawn.texts,
            picture=drawn.picture if drawn is not None else "",
            command=watch_command(
                self.lab,
                self.files,
                trial,
                seed=self.right.seed,
                trap=wrong.trap,
                failed=wrong.failed,
                starts=wrong.trap > 0 or _comes_up(run, wrong),
            ),
        )

    def _run_before(self, trial: Trial, wrong: Wrong) -> Lockstep:
        """Return both machines as they stood before the wrong event."""
        fail = (trial.fail[0], wrong.failed) if trial.fail and wrong.failed else None
        run = Lockstep(self.right.make(trial), self.other.make(trial), frames=self.lab.frames, events=trial.events)
        if wrong.kind == "hang" and wrong.trap == 0:
            return run
        with suppress(Panic):
            if run.boot() is None:
                run.rewind(fail)
                run.run(trial.time, wrong.trap - 1)
        return run

    # The student's lines.

    def _lines(self, run: Lockstep, trial: Trial, wrong: Wrong) -> list[str]:
        """Return the lines of the submission that serve the event, in the order in which they are first run."""
        if way := [f"{file}:{line}" for file, line, _ in wrong.places if file in self.files]:
            return way
        pc = run.other.pc if wrong.trap > 0 else self.other.make(trial)
        pc.ring0.most_instructions = ENOUGH if wrong.kind == "hang" else LONGEST_TRAP
        blocks: dict[int, int] = {}
        text = range(self.lab.layout.kernel_start, self.lab.layout.places)
        hook = pc.processor.engine.uc.hook_add(UC_HOOK_BLOCK, _noting(blocks, text))
        pc.processor.engine.uc.ctl_flush_tb()
        with suppress(Panic):
            (pc.step if wrong.trap > 0 else pc.boot)()
        pc.processor.engine.uc.hook_del(hook)
        return [*self._places(blocks.items())]

    def _placed(self, wrong: Wrong) -> str:
        """Return what the student's kernel did; of one that loops in the submission, the line that it was at."""
        said, at, address = wrong.other.rpartition("in ring 0 at ")
        if wrong.kind != "hang" or not at:
            return wrong.other
        places = [*self._places([(int(address, 16), 1)])]
        return f"{said}at {places[-1]}" if places else wrong.other

    def _places(self, blocks: Iterable[tuple[int, int]]) -> Iterable[str]:
        """Yield the lines of the submission in some blocks of code: where each starts and how long it is."""
        symbols = OwnElf(make_symbols(self.lab.layout, self.other.kernel))
        for start, size in blocks:
            for places in sources_within(symbols, start, start + size):
                for place in places:
                    name = place.file.rpartition("/")[2]
                    if name in self.files and place.line:
                        yield f"{name}:{place.line}"

    # Memory.

    def _drawn(self, run: Lockstep, wrong: Wrong) -> "Drawn | None":
        """Return memory as it should be after the event, and as it is, with marks; None where no cell differs."""
        if wrong.kind == "hang":
            return None
        for side in run.sides:
            if side.pc.traps < wrong.trap:
                with suppress(Panic):
                    side.pc.step()
        try:
            marked = changes(*run.observed(), _frames_that_differ(run))
            if not marked.frames and not any(pages for _, pages in marked.pages):
                return None
            return _drawn(run.right.snapshot, run.other.snapshot, marked)
        except Panic:  # tables that lead nowhere
            return None


def _comes_up(run: Lockstep, wrong: Wrong) -> bool:
    """Say whether a kernel that was wrong before the first trap came so far that its memory can be shown."""
    if wrong.kind in ("panic", "hang"):
        return False
    try:
        run.observed()
    except Panic:  # tables that lead nowhere
        return False
    return True


def _noting(blocks: dict[int, int], text: range) -> Callable[..., None]:
    """Return what notes each block of the kernel's text that is run, and its size, in the order of the first time."""

    def note(_uc: Any, address: int, size: int, _data: Any) -> None:
        if address in text:
            blocks[address] = max(size, blocks.get(address, 0))

    return note


def _event(trial: Trial, wrong: Wrong) -> str:
    """Return what the event is, in words."""
    if wrong.trap == 0:
        return "the start of the kernel"
    failed = f", allocation {wrong.failed} failing" if wrong.failed else ""
    return f"trap {wrong.trap}, of {wrong.program} ({wrong.pid}){failed}"


def _frames_that_differ(run: Lockstep) -> frozenset[int]:
    """Return the frames whose records differ, where it matters which are taken."""
    if not run.frames:
        return frozenset()
    one, other = (side.snapshot.frames.uses() for side in run.sides)
    return frozenset(number for number, (a, b) in enumerate(zip(one, other, strict=True)) if a != b)


class Drawn(NamedTuple):
    """Two memories, as it should be and as it is: as texts, and as a picture of both."""

    texts: tuple[str, str]
    picture: str


def _drawn(right: Snapshot, other: Snapshot, marked: Changes) -> Drawn:
    """Draw two memories with marks."""
    texts = _map(right, "the right kernel", marked), _map(other, "yours", marked)
    scenes = [
        scene_of(snapshot, title, _shown(snapshot, marked), frames_a_row=ROW, pages_a_row=ROW, changes=marked)
        for snapshot, title in ((right, f"{TITLE} · as it should be"), (other, f"{TITLE} · as it is"))
    ]
    return Drawn(texts, picture_of_two(scenes[0], scenes[1], ringed="differs"))


def _shown(snapshot: Snapshot, marked: Changes) -> list[int]:
    """Return the processes in whose memory something differs."""
    return [pid for pid, pages in marked.pages if pages and pid in snapshot.spaces]


def _map(snapshot: Snapshot, title: str, marked: Changes) -> str:
    """Return the memory of the processes where something differs, and physical memory where frames do, as text."""
    text = StringIO()
    view = TextView(Console(file=text, width=WIDTH, no_color=True, force_terminal=False, legacy_windows=False))
    shown = _shown(snapshot, marked)
    scene = view.scene(snapshot, title, shown[:MOST_SHOWN], marked)
    view.print_scene(replace(scene, maps=[each for each in scene.maps if each.pid or marked.frames]))
    missing = sorted(pid for pid, pages in marked.pages if pages and pid not in snapshot.spaces)
    more = [f"… and {len(shown) - MOST_SHOWN} processes more\n"] if len(shown) > MOST_SHOWN else []
    return "".join([text.getvalue(), *more, *(f"process {pid} is not there\n" for pid in missing)])
