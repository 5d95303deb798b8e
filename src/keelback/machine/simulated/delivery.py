"""How the CPU delivers a trap to the kernel: by the gate, onto the stack, as tables in RAM say.

1. Where a trap goes and what it pushes is read from the tables that the processor's own registers name.
2. A fault while a trap is delivered is delivered instead, or as a double fault; a third one is a panic of the host's,
   since hardware would reset (`task_switch.py`).

What a gate and a stack are differs by mode: `protected_mode.py`, `long_mode.py`.

Source: Intel SDM volume 3, sections 6.11 (gates) and 6.12.1 (what a handler finds).
"""

from abc import ABC, abstractmethod

from keelback.lang import Panic
from keelback.machine.simulated import gates
from keelback.machine.simulated.engine import NO_EXCEPTION
from keelback.machine.simulated.kept import Kept
from keelback.machine.simulated.processor import Processor
from keelback.machine.simulated.ring0_memory import DeliveryFault
from keelback.machine.simulated.saved_state import INTERRUPTS, VIRTUAL_8086
from keelback.machine.simulated.system_registers import NO_TIME_STAMP
from keelback.machine.simulated.task_switch import DOUBLE_FAULT, EXTERNAL, NOT_PRESENT, PROTECTION, is_double

TRAP_FLAG, NESTED_TASK = 1 << 8, 1 << 14
LOST_ON_ENTRY = TRAP_FLAG | NESTED_TASK | 1 << 16 | VIRTUAL_8086  # and resume
CALL, STEPPED_CALL = 256, 257
"""Stand for the vector of a fast call, which has none, where a delivery tells what was the last, and of one after which
a single step trapped at once."""


class Delivery(Kept, ABC):
    """Delivers traps of a processor to the kernel in its ring 0; `entered` is the last, and whether it was in VM86."""

    KEPT = "entered", "_cr4"

    def __init__(self, processor: Processor) -> None:
        self.processor = processor
        self.memory = processor.ring0_memory
        self.entered = (0, False)
        self._cr4 = 0

    def note_kernel(self) -> None:
        """Notice what the kernel changed, and hide from it that user mode has no time stamps."""
        kernel = self.processor.clean
        self._cr4 = kernel.cr4
        kernel.cr4 |= NO_TIME_STAMP
        self.memory.note_tables(kernel)

    def deliver(self, vector: int, error: int) -> None:
        """Enter the kernel by the gate of a vector, or of the fault that this leads to, and stand at its first line.

        Raises: Panic where hardware would reset.
        """
        try:
            self._enter_by_gate(vector, error)
        except DeliveryFault as fault:
            if fault.address is not None:
                self.processor.state.cr2 = fault.address
            if vector == DOUBLE_FAULT:
                raise Panic(f"the processor resets, for it can't deliver a double fault: {fault}") from None
            if is_double(vector, fault.vector):
                self.deliver(DOUBLE_FAULT, 0)
            else:
                self.deliver(fault.vector, fault.error)

    @abstractmethod
    def enter_by_call(self) -> None:
        """Enter the kernel after a `syscall` or `sysenter`, which the instruction pointer stands behind."""

    def _enter_by_gate(self, vector: int, error: int) -> None:
        """Enter the kernel by the gate of a vector.  Raises: DeliveryFault."""
        gate = self.memory.gate(vector)
        kind = gate[1] & gates.KIND
        external = EXTERNAL if gate[1] & gates.FOR_USERS != gates.FOR_USERS else 0  # only an `int` has another
        known = kind in self.memory.width.gate_kinds
        if not known or not gate[1] & gates.PRESENT:
            why = f"vector {vector} has no gate into the kernel: {gate[1]:08x} {gate[0]:08x}"
            raise DeliveryFault(NOT_PRESENT if known else PROTECTION, 8 * vector + 2 + external, why)
        self._enter(vector, error, gate, external)

    @abstractmethod
    def _enter(self, vector: int, error: int, gate: tuple[int, ...], external: int) -> None:
        """Enter the kernel by a gate that is present.  Raises: DeliveryFault."""

    def _stand_at(self, address: int, stack: int, kind: int) -> None:
        """Stand in ring 0 where a gate leads, with the flags that its kind leaves."""
        state = self.processor.state
        state.flags &= ~(LOST_ON_ENTRY | INTERRUPTS if kind == gates.INTERRUPT else LOST_ON_ENTRY)
        state.sp = stack
        state.ip = address
        self._be_in_ring0()

    def _be_in_ring0(self) -> None:
        state, kernel = self.processor.state, self.processor.clean
        state.mode = kernel.mode
        state.cr4 = self._cr4
        state.in_flight = NO_EXCEPTION
        state.segments[:] = kernel.segments
