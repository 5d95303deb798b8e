"""Families of processes that do as chance has it, on little memory: family_fuzz.py SECONDS [SEED].

`families.c` knows what must be and says so.  Here memory, invariants and, of one of four, both lives are compared.
"""

import random
import sys
import time
from pathlib import Path

sys.path.insert(0, str(Path(__file__).parents[1]))

from keelback.image.c_options import OURS
from keelback.image.programs import build_program
from keelback.inspect.invariants import check
from keelback.inspect.lens import look
from keelback.kernel.layout import MICROKERNEL, USERMODE, Layout
from keelback.kernel.processes.processes import Ending
from keelback.machine.compare import compare
from keelback.machine.observed import Outcome
from keelback.machine.simulated.pc import SimulatedPc
from keelback.user import RUNTIME
from kernel.driven import LIVES, make_machine
from libraries import our_libraries
from support import MIB, payload_programs
from user.fork_campaign import memory_of

SOURCE = Path(__file__).with_name("families.c")
MEMORY = {MICROKERNEL: (3 * MIB, 7 * MIB // 2, 4 * MIB, 6 * MIB), USERMODE: (9 * MIB, 10 * MIB, 12 * MIB)}
COMPARED = 4


def machine(life: str, layout: Layout, memory: int, *lines: str) -> SimulatedPc:
    families = build_program(SOURCE, runtime=RUNTIME, image_base=layout.image_base, options=OURS)
    programs = {"families": families, "hello": payload_programs(layout.image_base)["hello"]}
    programs["libcount"] = our_libraries()["libcount"]
    return make_machine(*lines, life=life, layout=layout, memory=memory, check=False, programs=programs)


def run_family(seed: int, *lives: str) -> int:
    """Run the family of a seed, in one life or side by side in two, and check what is left; return how many traps."""
    draw = random.Random(seed)
    layout = draw.choice([MICROKERNEL, USERMODE])
    memory = draw.choice(MEMORY[layout])
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
    seconds = float(sys.argv[1])
    first = int(sys.argv[2]) if len(sys.argv) > 2 else random.randrange(1_000_000)
    end, number, traps = time.monotonic() + seconds, first, 0
    while time.monotonic() < end:
        traps += run_family(number, *(LIVES if number % COMPARED == 0 else LIVES[1:]))
        number += 1
    print(f"seeds {first} to {number - 1}: {traps:,} traps of families, all as it must be")


if __name__ == "__main__":
    main()
