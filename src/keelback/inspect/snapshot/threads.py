"""Threads, as the kernel's records have them."""

from keelback.inspect.doings import doing
from keelback.kernel.kernel import Kernel
from keelback.kernel.processes.threads import Thread as ThreadRecord


class Thread:
    """One thread of a process."""

    def __init__(self, kernel: Kernel, record: ThreadRecord, instruction: int) -> None:
        self.record = record
        self.number = record.number
        self.state = record.state
        self.instruction = instruction
        """Where it goes on."""
        self.doing = doing(kernel, record)
        """What it does, or waits for, in words."""

    def __repr__(self) -> str:
        return f"<thread {self.number}: {self.doing}, at {self.instruction:#010x}>"
