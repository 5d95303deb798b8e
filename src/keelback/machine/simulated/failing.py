"""An allocation that fails: the n-th of those that serve the first call of a name; none before it, none after."""

from typing import ClassVar

from keelback.inspect.call_decoding import call_of
from keelback.inspect.traps import TrapFrames
from keelback.kernel.kernel import Kernel
from keelback.kernel.x86.vectors import SYSTEM_CALL
from keelback.machine.simulated.kept import Kept


class FailingAllocation(Kept):
    """A part of a machine that lets the kernel's allocation number `count` fail, from 1 on, in the first `call`.

    `kernel` reads the machine's RAM.  `was_reached` says whether the call made so many allocations.
    """

    KEPT: ClassVar[tuple[str, ...]] = ("is_armed", "is_over", "was_reached")

    def __init__(self, kernel: Kernel, call: str, count: int) -> None:
        self.kernel = kernel
        self.call = call
        self.count = count
        self.is_armed = False
        self.is_over = False
        self.was_reached = False

    def before_trap(self) -> None:
        """See whether the trap whose frame is in RAM is the first of the call."""
        if not self.is_over and self._called() == self.call:
            self.is_armed = True
            self.kernel.memory.frames.injection.countdown = self.count

    def after_trap(self) -> None:
        """Let no allocation fail that serves another trap."""
        if self.is_armed and not self.is_over:
            self.is_over = True
            self.was_reached = self.kernel.memory.frames.injection.countdown == 0
            self.kernel.memory.frames.injection.countdown = 0

    def _called(self) -> str:
        """Return the name of the call that the machine stands before, "" at another trap."""
        frames = TrapFrames(self.kernel)
        registers = frames.of(frames.current())
        call = call_of(registers.number) if registers.vector == SYSTEM_CALL else None
        return call.name if call is not None else ""
