"""The work of `keelback check`, which reports each verdict as soon as it is known.

    strict run ──┬──> both lives, if nothing is wrong in both
    compiler ────┘

Reports are objects with one key: `begins`, what is being found out; `verdict`; `machine`, the processes and the console
of the strict run; `stopped`, by control-C or a time, and in which line of the kernel; `error`, what can't be done.
Strict mode is installed before this is imported.
"""

from collections.abc import Callable, Sequence
from contextlib import suppress
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import NamedTuple

from keelback.cli import facts
from keelback.cli.checks import Checks
from keelback.cli.child import Report
from keelback.cli.debug_files import WithDebugData
from keelback.cli.ending import told_of
from keelback.cli.machines import check_start, least_memory, make_compiled, make_interpreted
from keelback.cli.options import KernelChoice
from keelback.cli.own_parts import chosen_layout
from keelback.cli.programs import select
from keelback.cli.progress import shown
from keelback.cli.running import add_limit, run_to_end, stoppable
from keelback.cli.sizes import counted
from keelback.cli.sources import programs_for
from keelback.cli.starts import Starts
from keelback.compiler.errors import CompileError
from keelback.errors import Interrupted, LimitReached
from keelback.image.kernels import compiled_to_run
from keelback.inspect.family import Family
from keelback.inspect.invariants import InvariantBroken
from keelback.inspect.lens import look
from keelback.lang import Panic, text_of
from keelback.machine.compare import compare
from keelback.machine.observed import Outcome
from keelback.machine.simulated.pc import SimulatedPc

STRICT_RUN, COMPILER, BOTH_LIVES = "strict run", "compiler", "both lives"
EVERY = 16
"""Traps between two words on the terminal."""


class Asked(NamedTuple):
    """What is to be checked: programs, without any all for the layout; with how much memory, and to which time.

    None is as much memory as the layout asks for.
    """

    words: Sequence[str]
    choice: KernelChoice
    memory: int | None
    limit: int | None = None


@dataclass(frozen=True)
class Verdict:
    """What one way to check a kernel found; `well` is None where that is not known.

    `details` are more lines; `file` and `line` the place of what is wrong, where it has one.
    """

    name: str
    well: bool | None
    said: str
    details: str = ""
    file: str | None = None
    line: int | None = None


def check(asked: Asked, report: Report) -> None:
    """Check a kernel in every way, and report what is found."""
    check = None
    try:
        report({"begins": STRICT_RUN})
        check = _Check(asked, report)
        check.run_all()
    except Interrupted as stopped:
        traps = check.traps if check is not None else 0
        report({"stopped": {"place": str(stopped), "traps": traps}})
    except BaseException as error:
        line, details, status = told_of(error)
        report({"error": {"line": line, "details": details, "status": status}})


class _Check:
    """One check; `traps` is how many the machine that runs now has had."""

    def __init__(self, asked: Asked, report: Report) -> None:
        self.report = report
        self.limit = asked.limit
        self.traps = 0
        self.layout = chosen_layout(asked.choice)
        self.memory = asked.memory or least_memory(self.layout)
        self.selection = select(asked.words or programs_for(self.layout), self.layout)
        self.payload = self.selection.payload()

    def run_all(self) -> None:
        """Find all verdicts.  Raises: UserError; Interrupted."""
        found = [self._find(STRICT_RUN, self.run_strictly), self._find(COMPILER, self.compile)]
        if all(each.well is not False for each in found):
            self._find(BOTH_LIVES, self.compare_lives)
        else:
            self.report({"verdict": asdict(Verdict(BOTH_LIVES, None, "not compared"))})

    def _find(self, name: str, find: Callable[[], Verdict]) -> Verdict:
        self.report({"begins": name})
        self.traps = 0
        with shown(name):
            verdict = find()
        self.report({"verdict": asdict(verdict)})
        return verdict

    def run_strictly(self) -> Verdict:
        """Run the programs in the interpreted life with all that can be checked.  Raises: UserError; Interrupted."""
        pc = make_interpreted(self.layout, self.payload, memory=self.memory, check=True)
        lens = look(self.layout, pc.contents)
        family = Family(lens, pc.contents, WithDebugData(self.selection.files))
        family.watch(pc)
        self.starts = Starts(pc)
        checks = Checks(pc, lens)
        self._watch(pc, STRICT_RUN)
        try:
            run_to_end(pc, instructions=self.limit)
            check_start(pc)
            checks.check()
        except Panic as panic:
            record = lens.panics.record
            made = [record.places[number] for number in range(record.depth)]
            places = "\n".join(f"at {text_of(each.file)}:{each.line} in {text_of(each.function)}" for each in made)
            return _panicked(STRICT_RUN, pc, panic, places)
        except InvariantBroken as broken:
            return Verdict(STRICT_RUN, False, f"an invariant is broken after {counted(pc.traps, 'trap')}: {broken}")
        except LimitReached as reached:
            return Verdict(STRICT_RUN, None, f"stopped after {reached.limit}, {counted(pc.traps, 'trap')}")
        finally:
            with suppress(Panic):  # of a kernel that was left in the midst of something
                self._tell_machine(pc, family)
        if pc.outcome is Outcome.HALTED:
            return Verdict(STRICT_RUN, False, "the machine halted: nothing could wake the processes that are left")
        return Verdict(STRICT_RUN, True, f"{counted(pc.traps, 'trap')}; every invariant held, {checks.times:,} times")

    def _watch(self, pc: SimulatedPc, name: str) -> None:
        """Count the traps of a machine, and say them on the terminal."""
        from keelback.cli.progress import doing

        def count() -> None:
            self.traps = pc.traps
            if pc.traps % EVERY == 0:
                doing(f"{name}, {counted(pc.traps, 'trap')}")

        pc.after_trap.append(count)

    def _tell_machine(self, pc: SimulatedPc, family: Family) -> None:
        family.look()
        well = family.is_well(len(self.selection.lines))
        console = bytes(pc.console).decode(errors="backslashreplace")
        processes, failed = [*facts.processes(family)], self.starts.failed()
        self.report({"machine": {"well": well, "processes": processes, "not_started": failed, "console": console}})

    def compile(self) -> Verdict:
        """Compile the kernel.  Raises: UserError; Interrupted."""
        try:
            compiled_to_run(self.layout)
        except CompileError as refused:
            found = facts.mistake(refused.said, refused.details, 0)
            said = f"refused: {refused.said}"
            return Verdict(COMPILER, False, said, refused.details, found["file"], found["line"])
        return Verdict(COMPILER, True, "took all of it")

    def compare_lives(self) -> Verdict:
        """Run both lives side by side.  Raises: UserError; Interrupted."""
        lives = (
            make_interpreted(self.layout, self.payload, memory=self.memory),
            make_compiled(self.layout, self.payload, memory=self.memory),
        )
        self._watch(lives[1], BOTH_LIVES)
        if self.limit is not None:
            add_limit(lives[0], self.limit)
        try:
            with stoppable(*lives):
                report = compare(*lives)
        except Panic as panic:
            return _panicked(BOTH_LIVES, lives[1], panic)
        except LimitReached as reached:
            return Verdict(BOTH_LIVES, None, f"equal, stopped after {reached.limit}, {counted(lives[1].traps, 'trap')}")
        if report.difference is not None:
            return Verdict(BOTH_LIVES, False, f"different after {counted(report.traps, 'trap')}: {report.difference}")
        return Verdict(BOTH_LIVES, True, f"equal: {counted(report.traps, 'trap')}, {report.bytes:,} bytes compared")


def _panicked(name: str, pc: SimulatedPc, panic: Panic, places: str = "") -> Verdict:
    said = f"kernel panic after {counted(pc.traps, 'trap')}: {panic}"
    return Verdict(name, False, said, places, Path(panic.file).name, panic.line)
