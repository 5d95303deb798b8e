"""A simulated PC that stands still where a command wants to look at it: at a trap, at a text, or before an end."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass

from keelback.cli.machines import check_start, make_compiled, make_interpreted
from keelback.cli.options import DEFAULT_KERNEL, DEFAULT_STOP, NO_LIMITS, KernelChoice, Limits, StopPoint
from keelback.cli.own_parts import chosen_layout
from keelback.cli.programs import select
from keelback.cli.run import TOUR
from keelback.cli.running import add_limit, stoppable, within
from keelback.cli.sizes import counted
from keelback.cli.users_files import reading_within
from keelback.errors import LimitReached, UserError
from keelback.kernel.processes.processes import ProcessState
from keelback.machine.observed import Outcome
from keelback.machine.simulated.pc import SimulatedPc


@dataclass(frozen=True)
class Pause:
    """Which machine is to run, and where it is to stand: after so many traps, or when its console has said a text.

    With neither it stands where the first of some processes is about to end: of the one named, else of the programs.
    """

    choice: KernelChoice = DEFAULT_KERNEL
    compiled: bool = False
    memory: int = 64 << 20
    stop: StopPoint = DEFAULT_STOP
    limits: Limits = NO_LIMITS

    @property
    def pid(self) -> int | None:
        """Return the process that is named."""
        return self.stop.pid


def paused(words: Sequence[str], pause: Pause) -> SimulatedPc:
    """Return a machine that has run programs, or the tour's, to where it is to stand.

    Raises: UserError; LimitReached; Interrupted; Panic.
    """
    with reading_within(pause.limits.seconds):
        layout = chosen_layout(pause.choice)
        selection = select(words or TOUR, layout)
    make = make_compiled if pause.compiled else make_interpreted

    def machine() -> SimulatedPc:
        return make(layout, selection.payload(), memory=pause.memory)

    pids = [pause.pid] if pause.pid is not None else [*range(1, len(selection.lines) + 1)]
    with within(pause.limits.seconds):
        return _run(machine, pause, pids)


def _run(make: Callable[[], SimulatedPc], pause: Pause, pids: list[int]) -> SimulatedPc:
    pc, at, until = make(), pause.stop.at, pause.stop.until
    if at is not None:
        return _run_until(pc, pause, lambda: pc.traps >= at, f"--at {at}: there is no such trap")
    if until is not None:
        text = until.encode()
        return _run_until(pc, pause, lambda: text in pc.console, f"--until {until!r}: the console never said that")
    before = _traps_before_end(pc, pause, pids)
    again = make()  # a run can be repeated exactly
    return pc if before is None else _run_until(again, pause, lambda: again.traps >= before, "")


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


def _traps_before_end(pc: SimulatedPc, pause: Pause, pids: list[int]) -> int | None:
    """Run a machine until one of some processes has ended; return how many traps came before that one.

    None: it stands where it reached its limit, or where none of them will ever end.
    """
    table, seen = pc.kernel.processes.table, set[int]()
    known = [pid for pid in pids if pid < pc.layout.processes]

    def has_ended() -> bool:
        alive = {pid for pid in known if table[pid].state == ProcessState.ALIVE}
        seen.update(alive)
        return bool(seen - alive)

    try:
        _run_until(
            pc, pause, lambda: has_ended() or pc.outcome is Outcome.HALTED, f"there never was a process {pids[0]}"
        )
    except LimitReached:
        if pause.limits.instructions is None or pc.time < pause.limits.instructions:
            raise
        return None
    return None if pc.outcome is Outcome.HALTED and not has_ended() else pc.traps - 1
