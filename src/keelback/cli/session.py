"""One run of a machine for a person: console, checks, trace and the report at the end."""

import sys
from contextlib import redirect_stdout
from typing import TYPE_CHECKING, cast

from keelback.cli.commands.run import RunOptions
from keelback.cli.debug_files import WithDebugData
from keelback.cli.ending import fail, told_of
from keelback.cli.programs import Selection
from keelback.cli.running import run_to_end
from keelback.cli.sizes import counted
from keelback.cli.statuses import BADLY, KERNEL_WRONG, WELL
from keelback.cli.streams import take_terminal_back
from keelback.errors import Interrupted
from keelback.inspect.family import Family
from keelback.inspect.lens import look
from keelback.lang import Panic
from keelback.machine.observed import Machine, Observed, Outcome
from keelback.machine.simulated.pc import SimulatedPc

if TYPE_CHECKING:
    from keelback.cli.checks import Checks

FAILURES = {
    Outcome.REFUSED: ("the kernel could not start: the console says why", BADLY),
    Outcome.HALTED: ("the machine halted: nothing could wake the processes that are left", BADLY),
    Outcome.STOPPED: ("QEMU was stopped from outside", BADLY),
    Outcome.RESET: ("the machine reset itself: the kernel could not serve a fault of its own", KERNEL_WRONG),
}
NO_REPORT = (Outcome.REFUSED, Outcome.STOPPED, Outcome.RESET)


class Session:
    """A machine with the programs that a command names; `run` runs it once."""

    def __init__(self, machine: Machine, selection: Selection, options: RunOptions) -> None:
        self.machine = machine
        self.selection = selection
        self.options = options
        self.lens = look(machine.layout, machine.contents)
        self.family = Family(self.lens, machine.contents, WithDebugData(selection.files))
        self._checks: Checks | None = None
        self._broken: tuple[type[Exception], ...] = ()
        if isinstance(machine, SimulatedPc):
            self._watch_traps(machine)
        if options.trace:
            from keelback.cli.trace import trace

            trace(cast(Observed, machine), self.lens, options.trace, sys.stderr)

    def _watch_traps(self, pc: SimulatedPc) -> None:
        self.family.watch(pc)
        if self.options.check:
            # Imported here, and so everywhere else: who does not check needs no invariants.
            from keelback.cli.checks import Checks
            from keelback.inspect.invariants import InvariantBroken

            self._checks = Checks(pc, self.lens)
            self._broken = (InvariantBroken,)

    def run(self) -> int:
        """Run to the end or a limit, print the report, and return the exit status.

        Raises: Interrupted; LimitReached; QemuError.
        """
        sys.stdout.flush()  # the console's bytes pass by what is still held back as text
        stopped: Interrupted | None = None
        try:
            with redirect_stdout(sys.stderr if self.options.as_json else sys.stdout):  # what a user's part prints
                run_to_end(self.machine, **self.options.limits._asdict())
            if self._checks is not None and self.machine.outcome is not Outcome.REFUSED:
                self._checks.check()
        except Interrupted as error:
            if str(error) and isinstance(self.machine, SimulatedPc):  # the kernel has not finished what it was at
                if self.options.as_json:
                    self._print_failure(*told_of(error)[::2], error)
                raise
            stopped = error
        except Panic as panic:
            return self._fail(f"kernel panic{self._after()}: {panic}", KERNEL_WRONG, panic)
        except self._broken as broken:
            return self._fail(f"an invariant is broken{self._after()}: {broken}", KERNEL_WRONG, broken)
        try:
            return self._report(stopped)
        except Panic:  # of a kernel on QEMU that was stopped in the midst of something
            if stopped is None:
                raise
            raise stopped from None

    def _report(self, stopped: Interrupted | None) -> int:
        failure, status = FAILURES.get(self.machine.outcome, ("", WELL))
        if self.machine.outcome in NO_REPORT:
            return self._fail(failure, status)
        self.family.look()
        well = self.family.is_well(1 if self.lens.options.values.init_end else len(self.selection.lines))
        # Imported here, because that takes longer than to run a small program.
        from keelback.cli.report import print_facts, print_report

        if self.options.as_json:
            print_facts(
                self.lens,
                self.family,
                self.machine,
                told_of(stopped)[2] if stopped is not None else BADLY if failure or not well else WELL,
            )
        else:
            take_terminal_back(self.machine.console)
            print_report(self.lens, self.family, counted=self._counts())
        if stopped is not None:
            raise stopped
        return fail(failure, status) if failure else WELL if well else BADLY

    def _fail(self, line: str, status: int, cause: BaseException | None = None) -> int:
        if self.options.as_json:
            self._print_failure(line, status, cause)
        return fail(line, status)

    def _print_failure(self, line: str, status: int, cause: BaseException | None) -> None:
        from keelback.cli.report import print_failure

        print_failure(line, self.machine, status, cause)

    def _counts(self) -> str:
        pc = self.machine
        return (
            f"{counted(pc.traps, 'trap')}, {pc.instructions:,} user instructions" if isinstance(pc, SimulatedPc) else ""
        )

    def _after(self) -> str:
        return f" after {counted(self.machine.traps, 'trap')}" if isinstance(self.machine, SimulatedPc) else ""
