"""Power: how the machine ends, and the verdict on its run.

An emulator with a debug-exit port ends when a verdict is written to it; other machines stay halted.
"""

from keelback.lang import Component, Cpu, u32

DEBUG_EXIT = 0xF4
"""The port by which an emulator is told to end."""

# The verdicts.
DONE = 0
PANICKED = 1
REFUSED = 2


class Power(Component):
    """Ends the machine."""

    def __init__(self, cpu: Cpu) -> None:
        self.cpu = cpu

    def off(self, verdict: u32) -> None:
        """Tell an emulator to end, with a verdict; a machine without that port goes on, idle."""
        self.cpu.out32(DEBUG_EXIT, verdict)
