"""Threads, as the kernel's records have them."""

from keelback.inspect.endings import DOING
from keelback.kernel.processes.threads import Thread as ThreadRecord


class Thread:
    """One thread of a process."""

    def __init__(self, record: ThreadRecord, instruction: int) -> None:
        self.record = record
        self.number = record.number
        self.state = record.state
        self.instruction = instruction
        """Where it goes on."""

    def __repr__(self) -> str:
        doing = DOING.get(self.state, self.state.name.lower())
        return f"<thread {self.number}: {doing}, at {self.instruction:#010x}>"
