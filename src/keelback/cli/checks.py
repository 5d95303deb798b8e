"""All invariants during a run: after each of the first traps, then after some, and at the end."""

from keelback.inspect.invariants import check
from keelback.kernel.kernel import Kernel
from keelback.machine.simulated.pc import SimulatedPc

FIRST_TRAPS, EVERY = 1000, 64
SMALL = 4 << 20
"""A machine with no more memory than this is checked after every trap."""


class Checks:
    """Checks a machine as it runs, from its next trap on; `times` counts how often."""

    def __init__(self, pc: SimulatedPc, lens: Kernel) -> None:
        """Start.  The machine's `run` then raises InvariantBroken."""
        self.pc = pc
        self.lens = lens
        self.times = 0
        pc.after_trap.append(self._check_some)

    def check(self) -> None:
        """Check now.  Raises: InvariantBroken."""
        check(self.lens)
        self.times += 1

    def _check_some(self) -> None:
        if self.pc.ram.size <= SMALL or self.pc.traps <= FIRST_TRAPS or self.pc.traps % EVERY == 0:
            self.check()
