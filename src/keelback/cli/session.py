"""One run of the simulated PC for a person: console, checks, trace and the report at the end."""

import sys
from collections.abc import Sequence
from typing import TextIO

from keelback.cli.ending import fail
from keelback.cli.machines import make_compiled, make_interpreted
from keelback.cli.programs import Selection, select
from keelback.cli.report import print_report
from keelback.cli.statuses import BADLY, KERNEL_WRONG, WELL
from keelback.cli.streams import take_terminal_back
from keelback.cli.trace import Trace
from keelback.inspect.endings import ProcessEnding, endings
from keelback.inspect.invariants import InvariantBroken, check
from keelback.inspect.lens import look
from keelback.kernel.kernel import Kernel
from keelback.kernel.layout import Layout
from keelback.lang import Panic
from keelback.machine.breaking import interruptible
from keelback.machine.observed import Outcome

CHECKED_TRAPS, CHECK_EVERY = 1000, 64
SMALL = 4 << 20
"""A machine with no more memory than this is checked after every trap."""


class Session:
    """A machine with the programs that a command names; `run` runs it once."""

    def __init__(
        self,
        words: Sequence[str],
        *,
        layout: Layout,
        memory: int,
        check: bool,
        compiled: bool = False,
        command_line: str = "",
    ) -> None:
        """Build everything.  Raises: UserError."""
        self.selection = select(words, layout, command_line=command_line)
        payload = self.selection.payload()
        if compiled:
            self.pc = make_compiled(layout, payload, memory=memory, command_line=command_line, output=_show)
        else:
            self.pc = make_interpreted(
                layout, payload, memory=memory, command_line=command_line, check=check, output=_show
            )
        self.lens = look(layout, self.pc.ram.contents)
        self.checks = check
        if check:
            self.pc.after_trap.append(self._check_some)

    def trace(self, stream: TextIO) -> None:
        """Print every trap to a stream."""
        trace = Trace(self.pc, self.lens, stream)
        self.pc.before_trap.append(trace.trapped)
        self.pc.after_trap.append(trace.served)

    def run(self) -> int:
        """Run to the end, print the report, and return the exit status."""
        sys.stdout.flush()  # the console's bytes pass by what is still held back as text
        try:
            with interruptible(self.pc):
                self.pc.boot()
                self.pc.run()
            if self.checks and self.pc.outcome is not Outcome.REFUSED:
                check(self.lens)
        except Panic as panic:
            return fail(f"kernel panic after {self._traps()}: {panic}", KERNEL_WRONG)
        except InvariantBroken as broken:
            return fail(f"an invariant is broken after {self._traps()}: {broken}", KERNEL_WRONG)
        return self._report()

    def _report(self) -> int:
        if self.pc.outcome is Outcome.REFUSED:
            return fail("the kernel could not start: give the machine more with --memory", BADLY)
        take_terminal_back(self.pc.console)
        ended = list(endings(self.lens, self.selection.files))
        print_report(self.lens, ended, counted=f"{self._traps()}, {self.pc.instructions:,} user instructions")
        if self.pc.outcome is Outcome.HALTED:
            return fail("the machine halted: nothing could wake the processes that are left", BADLY)
        return WELL if is_well(self.lens, ended, self.selection) else BADLY

    def _traps(self) -> str:
        return "1 trap" if self.pc.traps == 1 else f"{self.pc.traps:,} traps"

    def _check_some(self) -> None:
        if self.pc.ram.size <= SMALL or self.pc.traps <= CHECKED_TRAPS or self.pc.traps % CHECK_EVERY == 0:
            check(self.lens)


def _show(byte: int) -> None:
    sys.stdout.buffer.write(bytes((byte,)))  # not as text: what it means is between the program and the terminal
    if byte == ord("\n"):
        sys.stdout.flush()


def is_well(lens: Kernel, ended: Sequence[ProcessEnding], selection: Selection) -> bool:
    """Say whether all that was to be started was, and ended well."""
    wanted = 1 if lens.options.values.init_end else len(selection.lines)
    return len(ended) == wanted and all(each.well for each in ended)
