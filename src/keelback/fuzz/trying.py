"""A family of processes that do as chance has it, tried on a kernel: what is found wrong, made as small as it gets.

    family ──┬─> compiled: no panic, every invariant, an end as it must be
             └─> in both lives: equal memory after every trap          ──> finding ── fewer turns ──> the smallest

`families.c` knows what must be of its calls and its memory, and says WRONG where that is not so.
"""

import random
from collections.abc import Callable
from pathlib import Path
from typing import Final, NamedTuple

from keelback.abi.parts import Part
from keelback.inspect.invariants import InvariantBroken, check
from keelback.inspect.lens import look
from keelback.kernel.layout import MIB, Layout
from keelback.kernel.processes.processes import Ending
from keelback.lang import Panic
from keelback.machine.compare import compare
from keelback.machine.observed import Outcome
from keelback.machine.simulated.pc import SimulatedPc

SOURCE: Final = Path(__file__).with_name("families.c")
PARTS: Final = frozenset({Part.MAPPING, Part.MALLOC, Part.LIBRARIES, Part.STARTING, Part.WAITING})
"""What of the kernel a family uses."""
ROUNDS, TURNS = 2, 60
COMPARED = 4
"""One family of so many is run in both lives."""
EVERY = 64
"""Traps from one look at all invariants to the next."""
LEAST = 13 * MIB // 4
ROOMS = 0, MIB // 4, 3 * MIB // 4, 3 * MIB
"""What a machine may have beyond the least that is enough."""
WRONG = b"WRONG: "


class Family(NamedTuple):
    """A family: what it does is decided by `seed`, how long it lives by `rounds` and `turns`; `memory` is in bytes."""

    seed: int
    memory: int
    rounds: int = ROUNDS
    turns: int = TURNS

    @property
    def line(self) -> str:
        """Return what its machine starts."""
        return f"families {self.seed} {self.rounds} 0 {self.turns}"

    @property
    def in_both_lives(self) -> bool:
        """Say whether it is run in both lives."""
        return self.seed % COMPARED == 0


class Finding(NamedTuple):
    """What is wrong in a family's run: a `kind`, `panic`, `invariant`, `program`, `end` or `lives`, and a sentence.

    `trap` is after how many traps it was seen.
    """

    family: Family
    kind: str
    trap: int
    said: str


Make = Callable[[str, str, int], SimulatedPc]
"""Makes a machine, not booted, of a life, `interpreted` or `compiled`, the line that it starts, and its memory."""


def family_of(layout: Layout, seed: int) -> Family:
    """Return the family of a seed, with a machine that has little memory."""
    wide = {4: 0, 8: MIB // 2}[layout.paging.entry_size] * layout.paging.word_bits // 32
    least = max(LEAST, layout.owned_end + MIB) + wide
    return Family(seed, least + random.Random(seed).choice(ROOMS))


def find(make: Make, family: Family, *, every: int = EVERY) -> Finding | None:
    """Run a family; return what is wrong with its run, None if nothing is.

    Invariants are looked at after each so many traps, and at the end.
    """
    found = _alone(make("compiled", family.line, family.memory), family, every)
    if found is None and family.in_both_lives:
        found = _side_by_side(make, family)
    return found


def _alone(pc: SimulatedPc, family: Family, every: int) -> Finding | None:
    lens = look(pc.layout, pc.contents)

    def look_at_all() -> None:
        if pc.traps % every == 0:
            check(lens)

    pc.after_trap.append(look_at_all)
    try:
        pc.boot()
        pc.run()
        check(lens)
    except Panic as panic:
        return Finding(family, "panic", pc.traps, str(panic))
    except InvariantBroken as broken:
        return Finding(family, "invariant", pc.traps, str(broken))
    if (at := pc.console.find(WRONG)) >= 0:
        line = bytes(pc.console[at + len(WRONG) :]).partition(b"\n")[0].decode(errors="backslashreplace")
        return Finding(family, "program", pc.traps, f"a process found wrong: {line}")
    first = lens.processes.table[1]
    if pc.outcome is not Outcome.POWERED_OFF:
        return Finding(family, "end", pc.traps, f"the machine {pc.outcome.value}")
    if (first.ending, first.exit_status) != (Ending.EXITED, 0):
        ending = Ending(first.ending).name.lower()
        return Finding(family, "end", pc.traps, f"the first process {ending}, status {first.exit_status}")
    return None


def _side_by_side(make: Make, family: Family) -> Finding | None:
    one, other = (make(life, family.line, family.memory) for life in ("interpreted", "compiled"))
    try:
        report = compare(one, other)
    except Panic as panic:
        return Finding(family, "panic", one.traps, str(panic))
    if report.difference is None:
        return None
    return Finding(family, "lives", report.traps, str(report.difference))


def shrunk(make: Make, finding: Finding) -> Finding:
    """Return what is wrong in a family with as few rounds and turns as we can make it, and the first trap of that."""
    best = finding

    def is_found(**fewer: int) -> bool:
        nonlocal best
        other = find(make, finding.family._replace(**fewer), every=1)
        best = other or best
        return other is not None

    rounds = next((each for each in range(finding.family.rounds) if is_found(rounds=each)), finding.family.rounds)
    low, high = 0, finding.family.turns
    while high - low > 1:
        middle = (low + high) // 2
        if is_found(rounds=rounds, turns=middle):
            high = middle
        else:
            low = middle
    if best is finding:
        is_found()
    return best
