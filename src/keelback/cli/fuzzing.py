"""The process that tries families on a kernel: python -m keelback.cli.fuzzing, its task in JSON on standard input.

It prints a line of JSON for each family that is wrong, and one with `error` where no kernel can be made.
A process of its own, for the kernel may have a user's parts in it, and those end a process as they like.
"""

import json
import sys
from typing import Any

from keelback.cli.machines import make_compiled, make_interpreted
from keelback.cli.options import KernelChoice
from keelback.cli.own_parts import chosen_layout
from keelback.cli.programs import Selection, select
from keelback.errors import UserError
from keelback.fuzz.trying import PARTS, SOURCE, Finding, family_of, find, shrunk
from keelback.image.kernels import compiled_to_run
from keelback.kernel.layout import Layout
from keelback.machine.simulated.pc import SimulatedPc


class Machines:
    """Makes machines of a layout that start families."""

    def __init__(self, layout: Layout) -> None:
        """Build the programs, and compile the kernel.  Raises: UserError."""
        if missing := PARTS - {*layout.parts}:
            raise UserError(f"the {layout.name} layout has not what families use: {', '.join(sorted(missing))}")
        self.layout = layout
        self.files = select([f"'{SOURCE}'"], layout).files
        compiled_to_run(layout)

    def make(self, life: str, line: str, memory: int) -> SimulatedPc:
        """Return a machine, not booted, of a life, which starts a line."""
        make = make_compiled if life == "compiled" else make_interpreted
        return make(self.layout, Selection(self.files, [line]).payload(), memory=memory)


def main() -> None:
    """Do the task on standard input."""
    task = json.load(sys.stdin)
    try:
        machines = Machines(chosen_layout(KernelChoice(task["layout"], tuple(task["parts"]), task["paging"])))
        for seed in range(task["first"], task["first"] + task["count"]):
            found = find(machines.make, family_of(machines.layout, seed))
            if found is not None:
                print(json.dumps(_facts(shrunk(machines.make, found))), flush=True)
    except UserError as error:
        print(json.dumps({"error": error.said, "details": error.details}), flush=True)


def _facts(finding: Finding) -> dict[str, Any]:
    return finding._asdict() | {"family": finding.family._asdict(), "line": finding.family.line}


if __name__ == "__main__":
    main()
