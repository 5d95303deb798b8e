"""Power: how the machine ends when there is nothing left to do."""

from keelback.lang import Component, Cpu

DEBUG_EXIT = 0xF4
"""The port by which an emulator is told to end."""
DONE = 0


class Power(Component):
    """Ends the machine."""

    def __init__(self, cpu: Cpu) -> None:
        self.cpu = cpu

    def off(self) -> None:
        """Tell an emulator to end; a machine without that port goes on, idle."""
        self.cpu.out32(DEBUG_EXIT, DONE)
