"""`keelback check`: a strict run with all invariants, the compiler's verdict and both lives, in one answer.

    strict run ──┬──> both lives, if both are well
    compiler ────┘

Strict mode is installed before this is imported.
"""

import json
import sys
from collections.abc import Sequence
from contextlib import redirect_stdout
from dataclasses import asdict, dataclass
from typing import Any

from keelback.cli.checks import Checks
from keelback.cli.debug_files import WithDebugData
from keelback.cli.machines import check_start, make_compiled, make_interpreted
from keelback.cli.options import KernelChoice
from keelback.cli.own_parts import chosen_layout
from keelback.cli.programs import select
from keelback.cli.running import stoppable
from keelback.cli.sources import our_programs
from keelback.cli.statuses import BADLY, KERNEL_WRONG, WELL
from keelback.cli.streams import escaped
from keelback.compiler.errors import CompileError
from keelback.image.kernels import compiled
from keelback.inspect.endings import endings
from keelback.inspect.invariants import InvariantBroken
from keelback.inspect.lens import look
from keelback.lang import Panic, text_of
from keelback.machine.compare import compare
from keelback.machine.observed import Outcome


@dataclass(frozen=True)
class Verdict:
    """What one way to check a kernel found; `well` is None where it was not tried."""

    name: str
    well: bool | None
    said: str
    details: str = ""


NOT_COMPARED = Verdict("both lives", None, "not compared")


def check_kernel(words: Sequence[str], *, choice: KernelChoice, memory: int, as_json: bool) -> int:
    """Check the kernel of a choice with the programs that the words name; print the answer, return the exit status.

    Without words, with all programs of the payload.  Raises: UserError.
    """
    with redirect_stdout(sys.stderr):  # what a user's part prints is no part of the answer
        check = _Check(words, choice, memory)
        run, compiler = check.run_strictly(), check.compile()
        verdicts = (run, compiler, check.compare_lives() if run.well and compiler.well else NOT_COMPARED)
    is_well = all(verdict.well for verdict in verdicts)
    if as_json:
        answer = {"well": is_well, "verdicts": [*map(asdict, verdicts)], "programs": check.programs}
        print(json.dumps(answer, indent=2))
    else:
        _print(verdicts, check.programs)
    if not is_well:
        return KERNEL_WRONG
    return WELL if all(each["well"] for each in check.programs) else BADLY


def _print(verdicts: Sequence[Verdict], programs: Sequence[dict[str, Any]]) -> None:
    for verdict in verdicts:
        print(f"{verdict.name:<12}{escaped(verdict.said)}")
        for line in verdict.details.splitlines():
            print(f"{'':<12}{escaped(line)}")
    for each in programs:
        if not each["well"]:
            print(f"{'program':<12}{each['pid']} ({escaped(each['program'])}) {each['ended']}")


class _Check:
    """One check; `programs` is how each process of the strict run ended."""

    def __init__(self, words: Sequence[str], choice: KernelChoice, memory: int) -> None:
        self.layout = chosen_layout(choice)
        self.memory = memory
        self.selection = select(words or [*our_programs()], self.layout)
        self.payload = self.selection.payload()
        self.programs: list[dict[str, Any]] = []

    def run_strictly(self) -> Verdict:
        """Run the programs in the interpreted life with all that can be checked.  Raises: UserError."""
        pc = make_interpreted(self.layout, self.payload, memory=self.memory, check=True)
        lens = look(self.layout, pc.contents)
        checks = Checks(pc, lens)
        try:
            with stoppable(pc):
                pc.boot()
                pc.run()
            check_start(pc)
            checks.check()
        except Panic as panic:
            record = lens.panics.record
            made = [record.places[number] for number in range(record.depth)]
            places = "\n".join(f"at {text_of(each.file)}:{each.line} in {text_of(each.function)}" for each in made)
            return Verdict("strict run", False, f"kernel panic after {pc.traps:,} traps: {panic}", places)
        except InvariantBroken as broken:
            return Verdict("strict run", False, f"an invariant is broken after {pc.traps:,} traps: {broken}")
        for each in endings(lens, WithDebugData(self.selection.files)):
            self.programs.append({"pid": each.pid, "program": each.name, "ended": each.how, "well": each.well})
        if pc.outcome is Outcome.HALTED:
            return Verdict("strict run", False, "the machine halted: nothing could wake the processes that are left")
        return Verdict("strict run", True, f"{pc.traps:,} traps; every invariant held, {checks.times:,} times")

    def compile(self) -> Verdict:
        """Compile the kernel.  Raises: UserError."""
        try:
            compiled(self.layout)
        except CompileError as refused:
            return Verdict("compiler", False, f"refused: {refused.said}", refused.details)
        return Verdict("compiler", True, "took all of it")

    def compare_lives(self) -> Verdict:
        """Run both lives side by side.  Raises: UserError."""
        lives = (
            make_interpreted(self.layout, self.payload, memory=self.memory),
            make_compiled(self.layout, self.payload, memory=self.memory),
        )
        try:
            with stoppable(*lives):
                report = compare(*lives)
        except Panic as panic:
            return Verdict("both lives", False, f"kernel panic after {lives[1].traps:,} traps: {panic}")
        if report.difference is not None:
            return Verdict("both lives", False, f"different after {report.traps:,} traps: {report.difference}")
        return Verdict("both lives", True, f"equal: {report.traps:,} traps, {report.bytes:,} bytes compared")
