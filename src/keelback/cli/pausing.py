"""A simulated PC that stands still where a command wants to look at it: at a trap, at a text, or before an end."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import NamedTuple

from keelback.cli.machines import check_start, make_compiled, make_interpreted
from keelback.cli.options import (
    DEFAULT_KERNEL,
    DEFAULT_STOP,
    NO_LIMITS,
    NO_TYPING,
    KernelChoice,
    Limits,
    StopPoint,
    Typing,
)
from keelback.cli.own_parts import chosen_layout
from keelback.cli.programs import select
from keelback.cli.progress import RUNNING, shown
from keelback.cli.run import TOUR
from keelback.cli.running import add_limit, stoppable, within
from keelback.cli.sizes import counted
from keelback.cli.typed_input import typed_by
from keelback.cli.users_files import reading_within
from keelback.errors import LimitReached, UserError
from keelback.inspect.moment import Moment
from keelback.kernel.processes.processes import ProcessState
from keelback.lang import text_of
from keelback.machine.moments import moment_of
from keelback.machine.observed import Outcome
from keelback.machine.simulated.pc import SimulatedPc


@dataclass(frozen=True)
class Pause:
    """Which machine is to run, and where it is to stand: after so many traps, or when its console has said a text.

    With neither it stands where the first process of all is about to end, or the one that is named: while a child is
    there its parent shares pages with it, and when the parent ends it is alone.
    """

    choice: KernelChoice = DEFAULT_KERNEL
    compiled: bool = False
    memory: int = 64 << 20
    stop: StopPoint = DEFAULT_STOP
    limits: Limits = NO_LIMITS
    typing: Typing = NO_TYPING

    @property
    def pid(self) -> int | None:
        """Return the process that is named."""
        return self.stop.pid


class Paused(NamedTuple):
    """A machine that stands still: with its programs' files by name, and what is next where nobody said where."""

    machine: SimulatedPc
    files: Mapping[str, bytes]
    why: str = ""

    def moment(self) -> Moment:
        """Return it as it stands."""
        return replace(moment_of(self.machine), files=self.files, why=self.why)


class End(NamedTuple):
    """How many traps come before that in which the first process ends, and which that is."""

    traps: int
    said: str


def paused(words: Sequence[str], pause: Pause) -> Paused:
    """Return a machine that has run programs, or the tour's, to where it is to stand.

    Raises: UserError; LimitReached; Interrupted; Panic.
    """
    with reading_within(pause.limits.seconds):
        layout = chosen_layout(pause.choice)
        selection = select(words or TOUR, layout)
    make = make_compiled if pause.compiled else make_interpreted

    typed = typed_by(pause.typing)

    def machine() -> SimulatedPc:
        pc = make(layout, selection.payload(), memory=pause.memory)
        pc.input.add(*typed)
        return pc

    with shown(RUNNING), within(pause.limits.seconds):
        if pause.stop.at is None and pause.stop.until is None:
            pc, why = _run_to_first_end(machine, pause)
            return Paused(pc, selection.files, why)
        return Paused(_run(machine(), pause), selection.files)


def _run(pc: SimulatedPc, pause: Pause) -> SimulatedPc:
    at, until = pause.stop.at, pause.stop.until
    if at is not None:
        return _run_until(pc, pause, lambda: pc.traps >= at, f"--at {at}: there is no such trap")
    text = (until or "").encode()
    return _run_until(pc, pause, lambda: text in pc.console, f"--until {until!r}: the console never said that")


def _run_to_first_end(make: Callable[[], SimulatedPc], pause: Pause) -> tuple[SimulatedPc, str]:
    """Return a machine where a process is about to end, and the words for that."""
    pc = make()
    end = _first_end(pc, pause)
    if end is None:
        return pc, ""
    again = make()  # a run can be repeated exactly
    return _run_until(again, pause, lambda: again.traps >= end.traps, ""), f"just before {end.said} ends"


def _run_until(pc: SimulatedPc, pause: Pause, reached: Callable[[], bool], otherwise: str) -> SimulatedPc:
    """Run a machine to the end of the first trap at which something holds.  Raises: UserError where it never does."""
    if pause.limits.instructions is not None:
        add_limit(pc, pause.limits.instructions)
    with stoppable(pc):
        pc.boot()
        while not reached() and pc.outcome is Outcome.RUNNING:
            pc.step()
    check_start(pc)
    if not reached():
        raise UserError(f"{otherwise}; the machine ended after {counted(pc.traps, 'trap')}")
    return pc


def _first_end(pc: SimulatedPc, pause: Pause) -> End | None:
    """Run a machine until a process has ended, of all or that of `pause`; return when and which.

    None: it stands where it reached its limit, or where none of them will ever end.
    """
    found: list[str] = []
    alive: dict[int, str] = {}

    def has_ended() -> bool:
        now = _alive(pc, pause.pid)
        found.extend(f"{name} ({pid})" for pid, name in alive.items() if pid not in now)
        alive.update(now)
        return bool(found)

    try:
        _run_until(
            pc,
            pause,
            lambda: has_ended() or pc.outcome is Outcome.HALTED,
            f"there never was a process {pause.pid or 1}",
        )
    except LimitReached:
        if pause.limits.instructions is None or pc.time < pause.limits.instructions:
            raise
        return None
    return End(pc.traps - 1, found[0]) if found else None


def _alive(pc: SimulatedPc, pid: int | None) -> dict[int, str]:
    """Return the names of the processes that are alive, or of the one that is asked for, by their ids."""
    table, left = pc.kernel.processes.table, pc.kernel.processes.counts.alive
    alive: dict[int, str] = {}
    for each in range(1, pc.layout.processes):
        if len(alive) == left:
            break
        if table[each].state == ProcessState.ALIVE:
            alive[each] = text_of(table[each].name)
    return alive if pid is None else {each: name for each, name in alive.items() if each == pid}
