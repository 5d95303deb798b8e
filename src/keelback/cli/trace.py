"""The trace of `--verbose`: a line a trap, with virtual time, process, what it was and what came of it."""

from typing import TextIO

from keelback.abi.calls import REGISTERS, known_calls
from keelback.cli.streams import escaped
from keelback.kernel.kernel import Kernel
from keelback.kernel.processes.threads import Thread, ThreadState
from keelback.kernel.x86.trap_frame import FROM_VIRTUAL_8086
from keelback.kernel.x86.vectors import SYSTEM_CALL, TIMER, VECTOR_NAMES, named
from keelback.lang import KernelError, text_of
from keelback.machine.simulated.pc import SimulatedPc


class Trace:
    """Prints a machine's traps; `lens` is its kernel, only read."""

    def __init__(self, pc: SimulatedPc, lens: Kernel, stream: TextIO) -> None:
        self.pc = pc
        self.lens = lens
        self.stream = stream
        self.line = ""
        self.caller: Thread | None = None

    def trapped(self) -> None:
        """Note a trap that the kernel is about to serve."""
        thread = self.lens.scheduler.current(self.lens.first_cpu)
        frame = thread.frame
        who = "idle" if thread.pid == 0 else f"{escaped(text_of(self.lens.processes.of(thread).name))}[{thread.pid}]"
        self.caller = thread if frame.vector == SYSTEM_CALL else None
        self.line = f"{self.pc.time:>12,}  {who:<16} {self._what(thread)}"

    def served(self) -> None:
        """Print the trap that the kernel has served."""
        result = ""
        if self.caller is not None and self.caller.state == ThreadState.WAITING:
            result = " waits"
        elif self.caller is not None and self.caller.pid != 0:
            value = self.caller.frame.eax
            error = KernelError.known.get(value - (1 << 32))
            result = f" = {value}" if error is None else f" = {value - (1 << 32)}: {error.sentence}"
        print(self.line + result, file=self.stream)

    def _what(self, thread: Thread) -> str:
        frame = thread.frame
        if frame.vector == TIMER:
            return "timer"
        if frame.vector != SYSTEM_CALL:
            return f"{VECTOR_NAMES[named(frame.vector & ~FROM_VIRTUAL_8086)]} at {frame.eip:#010x}"
        number = frame.eax
        known = {call.number: (call.name, REGISTERS[: len(call.arguments)]) for call in known_calls()}
        name, taken = known.get(number, (f"system call {number}", REGISTERS))
        return f"{name}({', '.join(f'{getattr(frame, register):#x}' for register in taken)})"
