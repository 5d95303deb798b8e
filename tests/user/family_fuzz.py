"""Families of processes that do as chance has it, with little memory, on each kernel: family_fuzz.py SECONDS [SEED].

`families.c` knows what must be and says so.  Here memory, invariants and, of one of four, both lives are compared.
"""

import random
import sys
from collections import Counter
from functools import cache
from pathlib import Path

sys.path.insert(0, str(Path(__file__).parents[1]))

from campaigns import seeds
from keelback.fuzz.trying import SOURCE
from keelback.image.c_options import OURS
from keelback.image.libraries import build_library
from keelback.image.programs import build_program
from keelback.image.toolchain import TARGETS
from keelback.inspect.invariants import check
from keelback.inspect.lens import look
from keelback.kernel.layout import Layout
from keelback.kernel.processes.processes import Ending
from keelback.machine.compare import compare
from keelback.machine.observed import Outcome
from keelback.machine.simulated.pc import SimulatedPc
from keelback.user import LIBRARIES, RUNTIME
from kernel.driven import LIVES, make_machine
from support import MIB, programs_of
from user.fork_campaign import memory_of
from variants import VARIANTS, in_turn, name_of

MEMORY = {
    "microkernel": (13 * MIB // 4, 7 * MIB // 2, 4 * MIB, 6 * MIB),
    "usermode": (9 * MIB, 37 * MIB // 4, 10 * MIB, 12 * MIB),
}
MORE = {"i386": 0, "PAE": MIB // 2, "x86-64": MIB}
"""What wider entries, and programs, take more of it."""
COMPARED = 4
"""One family of so many, of each kernel's, is run in both lives."""


@cache
def families(layout: Layout) -> bytes:
    target = TARGETS[layout.paging.word_bits]
    return build_program(SOURCE, runtime=RUNTIME, image_base=layout.image_base, options=OURS, target=target)


@cache
def libcount(layout: Layout) -> bytes:
    return build_library(
        LIBRARIES / "libcount.c", runtime=RUNTIME, options=OURS, target=TARGETS[layout.paging.word_bits]
    )


def machine(life: str, layout: Layout, memory: int, *lines: str) -> SimulatedPc:
    programs = {"families": families(layout), "hello": programs_of(layout)["hello"], "libcount": libcount(layout)}
    return make_machine(*lines, life=life, layout=layout, memory=memory, check=False, programs=programs)


def run_family(layout: Layout, seed: int, *lives: str) -> int:
    """Run the family of a seed, in one life or side by side in two, and check what is left; return how many traps."""
    memory = random.Random(seed).choice(MEMORY[layout.name]) + MORE[layout.paging.name]
    line = f"families {seed} 2 0"
    pc, *others = (machine(life, layout, memory, line) for life in lives)
    none = machine(lives[0], layout, memory)
    none.boot()
    if others:
        report = compare(pc, *others)
        assert report.difference is None, f"seed {seed}: {report.difference}"
    else:
        pc.boot()
        pc.run()
    assert pc.outcome is Outcome.POWERED_OFF and b"WRONG" not in pc.console, f"seed {seed}: {pc.console.decode()}"
    lens = look(pc.layout, pc.ram.contents)
    first = lens.processes.table[1]
    assert (first.ending, first.exit_status) == (Ending.EXITED, 0), f"seed {seed}: {pc.console.decode()}"
    assert memory_of(lens) == memory_of(look(layout, none.ram.contents)), f"seed {seed}: memory is not free again"
    check(lens)
    return pc.traps


def main() -> None:
    """Run one family after the other until the time is up."""
    traps: Counter[str] = Counter()

    def tell() -> str:
        return "traps of families: " + ", ".join(f"{name} {count:,}" for name, count in traps.items())

    for number in seeds(tell):
        layout = in_turn(number)
        compared = number // len(VARIANTS) % COMPARED == 0
        traps[name_of(layout)] += run_family(layout, number, *(LIVES if compared else LIVES[1:]))


if __name__ == "__main__":
    main()
