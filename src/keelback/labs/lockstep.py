"""The right kernel and a student's, trap by trap: the first event that the student's serves wrongly.

    boot ── both ──┬─> step ── both: the same event? the same memory, as far as it counts? invariants? ──┐
                   └──────────────────────────────────────────────────────────────────────────────────────┘

While all RAM that counts is equal, byte for byte, nothing else needs to be looked at.
"""

from collections.abc import Callable
from dataclasses import dataclass, replace
from typing import Any

from keelback.inspect.events import Event, PageFault, TrapBegun, TrapEnded
from keelback.inspect.invariants import InvariantBroken, check
from keelback.inspect.lens import look
from keelback.inspect.snapshot import Snapshot
from keelback.labs.description import MOST_FAILURES
from keelback.labs.lab import Trial
from keelback.labs.observed import Observed, differences, observe
from keelback.lang import Panic, text_of
from keelback.machine.compare import Comparison
from keelback.machine.events import listen
from keelback.machine.observed import Outcome
from keelback.machine.simulated.compiled import CompiledPc
from keelback.machine.simulated.failing import FailingAllocation

LONGEST_TRAP = 5_000_000
"""Instructions that a kernel may take from a trap to its end."""


@dataclass(frozen=True)
class Wrong:
    """The first wrong event of a run: `trap` is its number, 0 before the first; `pid` and `program` whose it was.

    `kind` is `panic`, `hang`, `event`, `memory`, `invariant`, `console` or `end`.  `right` and `other` say what both
    kernels did; `said` has more sentences, `rule` an invariant.  `failed` is which allocation was made to fail, 0:
    none.  `places` are lines of the way to a panic, `file:line in function`, the innermost first.
    """

    kind: str
    trap: int
    pid: int
    program: str
    right: str
    other: str
    said: tuple[str, ...] = ()
    rule: str = ""
    failed: int = 0
    places: tuple[tuple[str, int, str], ...] = ()


class Side:
    """One of both machines, and the events of its last trap."""

    def __init__(self, pc: CompiledPc) -> None:
        self.pc = pc
        pc.ring0.most_instructions = LONGEST_TRAP
        self.lens = look(pc.layout, pc.ram.bytes)
        self.events: list[Event] = []
        self.begun: Event | None = None
        listen(pc, self.lens, self._take)

    def _take(self, event: Event) -> None:
        if isinstance(event, TrapBegun):
            self.begun = event
            self.events.clear()
        elif not isinstance(event, TrapEnded):
            self.events.append(event)

    def keep(self) -> None:
        """Keep the machine as it is now, at a trap boundary."""
        self._kept = bytes(self.pc.ram.bytes), [each.kept() for each in self.pc.parts()], len(self.pc.console)

    def put_back(self) -> None:
        """Make the machine what it was when it was kept."""
        memory, parts, console = self._kept
        self.pc.failing = None
        self.pc.ram.bytes[:] = memory
        for part, values in zip(self.pc.parts(), parts, strict=True):
            part.put_back(values)
        del self.pc.console[console:]
        self.pc.processor.forget_all()
        self.events.clear()
        self.begun = None

    @property
    def snapshot(self) -> Snapshot:
        """Return what is in RAM now."""
        return Snapshot(self.lens)

    def said(self) -> str:
        """Return the events of the last trap in words."""
        return "; ".join(map(str, self.events)) or "nothing"


class Lockstep:
    """Runs both machines, neither of which is booted.

    `frames` is whether it matters which frames pages are in, `events` whether events alone count.
    """

    def __init__(self, right: CompiledPc, other: CompiledPc, *, frames: bool, events: bool = False) -> None:
        self.sides = self.right, self.other = Side(right), Side(other)
        self.frames = frames
        self.events = events
        self._comparison = Comparison(right, other)

    def boot(self) -> Wrong | None:
        """Start both kernels and their programs; return the first wrong event."""
        wrong = self._both("the boot", CompiledPc.bring_up) or self._both("the start of programs", CompiledPc.begin)
        for side in self.sides:
            side.keep()
        return wrong

    def rewind(self, fail: tuple[str, int] | None) -> None:
        """Go back to where the programs start; `fail` is a call and the allocation of its first that fails."""
        for side in self.sides:
            side.put_back()
            side.pc.failing = None if fail is None else FailingAllocation(side.lens, *fail)

    @property
    def failed(self) -> int:
        """Return which allocation was made to fail, 0: none."""
        failing = self.right.pc.failing
        return failing.count if failing is not None and failing.was_reached else 0

    def run(self, time: int, until: int | None = None) -> Wrong | None:
        """Run to the end, a virtual time or a trap; return the first wrong event, None where all were right."""
        wrong: Wrong | None = None
        while wrong is None and self._goes_on(time, until):
            wrong = self._both("", CompiledPc.step)
        return wrong

    def _goes_on(self, time: int, until: int | None) -> bool:
        pc = self.right.pc
        return pc.outcome is Outcome.RUNNING and pc.time < time and (until is None or pc.traps < until)

    # One step.

    def _both(self, what: str, step: Callable[[CompiledPc], None]) -> Wrong | None:
        step(self.right.pc)
        panic = _panic_of(lambda: step(self.other.pc))
        if panic is not None:
            return self._panicked(what, panic)
        return None if self._comparison.is_equal() else self._compared(what)

    def _wrong(self, kind: str, right: str, other: str, **more: Any) -> Wrong:
        begun = self.other.begun
        pid, program = (begun.pid, begun.program) if begun is not None else (0, "")
        return Wrong(kind, self.other.pc.traps, pid, program, right, other, failed=self.failed, **more)

    def _panicked(self, what: str, panic: Panic) -> Wrong:
        record = self.other.lens.panics.record
        places = tuple(_place(record.places[number]) for number in range(record.depth))
        kind = "hang" if "did not end within" in panic.message else "panic"
        said = tuple(f"at {file}:{line} in {function}" for file, line, function in places[:1])
        return self._wrong(kind, what or self.right.said(), panic.message, said=said, places=places)

    def _compared(self, what: str) -> Wrong | None:
        """Compare what counts."""
        right, other = self.right, self.other
        events = [[self._counted(each) for each in side.events] for side in self.sides]
        if events[0] != events[1]:
            return self._wrong("event", right.said(), other.said(), said=tuple(self._memory()))
        both = what or right.said(), what or other.said()
        if not self.events and (said := self._memory()):
            return self._wrong("memory", *both, said=tuple(said))
        if right.pc.console != other.pc.console:
            return self._wrong("console", _last_line(right.pc.console), _last_line(other.pc.console))
        try:
            if not self.events:
                check(other.lens)
        except InvariantBroken as broken:
            return self._wrong("invariant", *both, said=(broken.finding,), rule=broken.sentence)
        if (right.pc.outcome, right.pc.time) != (other.pc.outcome, other.pc.time):
            return self._wrong("end", right.pc.outcome.value, other.pc.outcome.value)
        return None

    def _counted(self, event: Event) -> Event:
        """Return an event without what does not count."""
        if isinstance(event, PageFault) and not self.frames:
            return replace(event, frame=None, before=None)
        return event

    def observed(self) -> tuple[Observed, Observed]:
        """Return what counts of both memories.  Raises: Panic when page tables lead nowhere."""
        one, other = (observe(side.snapshot, frames=self.frames) for side in self.sides)
        return one, other

    def _memory(self) -> list[str]:
        try:
            right, other = self.observed()
        except Panic as panic:
            return [f"page tables lead nowhere: {panic.message}"]
        return differences(right, other, self.names())

    def names(self) -> dict[int, str]:
        """Return what processes are called, `fork (2)`."""
        return {
            pid: f"{each.name or 'process'} ({pid})"
            for side in self.sides
            for pid, each in side.snapshot.processes.items()
        }


def _panic_of(step: Callable[[], None]) -> Panic | None:
    try:
        step()
    except Panic as panic:
        return panic
    return None


def _place(place: Any) -> tuple[str, int, str]:
    return text_of(place.file), int(place.line), text_of(place.function)


def _last_line(console: bytearray) -> str:
    return bytes(console).decode(errors="backslashreplace").rstrip("\n").rpartition("\n")[2]


class NothingFails(Exception):
    """A trial is to let an allocation of a call fail, and the right kernel makes none such."""


def first_wrong(run: Lockstep, trial: Trial) -> Wrong | None:
    """Return the first wrong event of a trial, None where there is none.  Raises: NothingFails."""
    wrong = run.boot()
    if wrong is not None or trial.fail is None:
        return wrong or run.run(trial.time)
    call, first = trial.fail
    for count in range(first, MOST_FAILURES):
        run.rewind((call, count))
        wrong = run.run(trial.time)
        if wrong is None and count == first and not run.failed:
            raise NothingFails(f"the lab's trial is wrong: the right kernel makes no allocation {first} for {call}")
        if wrong is not None or not run.failed:
            return wrong
    return None
