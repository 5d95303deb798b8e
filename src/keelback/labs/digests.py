"""Digests of a machine's RAM after every trap, so that two lives of one kernel can be compared from afar."""

from hashlib import blake2b

from keelback.machine.compare import Comparison
from keelback.machine.observed import Outcome
from keelback.machine.simulated.pc import SimulatedPc

SIZE = 8


class Digests:
    """Runs a machine that is not booted yet; `found` has a digest for its boot, its start, and each trap.

    A digest is of what both lives have alike: RAM as `machine/compare.py` has it, time, console and outcome.
    """

    def __init__(self, pc: SimulatedPc) -> None:
        self.pc = pc
        self.found: list[str] = []
        self._comparison = Comparison(pc, pc)

    def run(self, time: int) -> None:
        """Run to the machine's end, or to a virtual time.  Raises: Panic."""
        self.pc.bring_up()
        self._take()
        self.pc.begin()
        self._take()
        while self.pc.outcome is Outcome.RUNNING and self.pc.time < time:
            self.pc.step()
            self._take()

    def _take(self) -> None:
        contents = memoryview(self.pc.ram.bytes)
        made = blake2b(digest_size=SIZE)
        for start, end in self._comparison.compared():
            made.update(contents[start:end])
        rest = self.pc.time, self.pc.frame, len(self.pc.console), self.pc.outcome.name
        made.update(repr(rest).encode())
        self.found.append(made.hexdigest())
