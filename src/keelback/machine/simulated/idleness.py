"""Whether an idle machine is idle for ever: nobody waits for a time, and nothing that could wake anybody comes in.

Ticks alone would go on without end; a machine where this is so is found halted instead.  The kernel's record says who
waits for a time.  A kernel that wakes by other rules has `PATIENCE` ticks for them.
"""

from typing import Any

from keelback.kernel.kernel import Kernel
from keelback.lang import address_of, size_of
from keelback.machine.simulated.kept import Kept

PATIENCE = 256
"""Ticks that nobody has run in, 2.56 seconds."""


class Idleness(Kept):
    """How many ticks a machine has been idle for, since user mode had run so many instructions."""

    KEPT = "ticks", "instructions"

    def __init__(self, kernel: Kernel, contents: Any) -> None:
        self.contents = contents
        self.start = address_of(kernel.scheduler.deadlines)
        self.end = self.start + size_of(kernel.scheduler.deadlines)
        self.ticks = 0
        self.instructions = 0

    def is_for_ever(self, instructions: int) -> bool:
        """Count a tick in which nothing runs, after so many instructions in all; say whether it is one of endless many.

        Where something may still come in, nobody asks.
        """
        if instructions != self.instructions:
            self.ticks, self.instructions = 0, instructions
        self.ticks += 1
        return self.ticks > PATIENCE and not any(self.contents[self.start : self.end])
