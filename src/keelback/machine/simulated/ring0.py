"""The kernel in ring 0 of the simulated PC's processor, where the compiled life runs it.

    start ──> begin ──┬─> Processor.enter(trap_return …) ──> Stop(TRAP) ──> deliver(vector, error) ──> run_kernel ──┐
                      └─────────────────────────────────────────────────────────────────────────────────────────────┘

1. The kernel runs until it has chosen whom to resume: until `leave`, the trap frame's address in eax.  Before it
   starts programs it stops once, at `booted`.
2. Its ports are the devices; an exception in it goes to the kernel itself.
"""

from collections.abc import Callable

from keelback.kernel.x86.vectors import Vector
from keelback.lang import Panic
from keelback.machine.observed import CALL
from keelback.machine.simulated.boot_loader import stand_at_entry
from keelback.machine.simulated.deliveries import delivery_of
from keelback.machine.simulated.engine import INVALID_INSTRUCTION, OK
from keelback.machine.simulated.hooks import INVALID_OPCODE
from keelback.machine.simulated.kept import Kept
from keelback.machine.simulated.processor import WITH_ERROR_CODE, Processor
from keelback.machine.simulated.system_registers import NO_TIME_STAMP
from keelback.machine.simulated.task_switch import DOUBLE_FAULT

MOST_INSTRUCTIONS = 1 << 32
MOST_EXCEPTIONS = 4
"""As many exceptions of ring 0 are delivered until one is to be served without another."""
LONGEST_STUB = 64


class Ring0(Kept):
    """Runs the kernel on a processor; `instructions` counts what it ran there.

    An element of a string instruction counts as one.
    `most_instructions` is how many it may run from its entry to where it stops.
    """

    KEPT = "instructions", "_stubs"

    def __init__(self, processor: Processor, *, listen: int, booted: int, leave: int) -> None:
        """Take the processor and the addresses where the kernel stops.

        It stops once where it first lets an interrupt in, once when it is up, and whenever it returns.
        """
        self.processor = processor
        self.engine = processor.engine
        self.state = processor.state
        self.kernel = processor.clean
        self.delivery = delivery_of(processor)
        self.listen = listen
        self.booted = booted
        self.leave = leave
        self.instructions = 0
        self.most_instructions = MOST_INSTRUCTIONS
        self._stubs: dict[tuple[int, bool], int] = {}
        self.engine.stop_at(leave)

    def start(self, address: int, parameters: int, interrupt: Callable[[], int | None] = lambda: None) -> bool:
        """Run the kernel from the 32-bit entry until it is up; return whether it is, and has not halted instead.

        `interrupt` returns the vector that the CPU takes where the kernel first lets one in.

        Raises: Panic, as `run_kernel` does.
        """
        stand_at_entry(self.processor, address, parameters)
        if not self._start_to(self.listen):
            return False
        vector = interrupt()
        if vector is not None:
            self.delivery.note_kernel()
            self._count(vector)
        return self._start_to(self.booted)

    def _start_to(self, address: int) -> bool:
        """Run on to an address that the kernel passes once; return whether it came there, and did not halt."""
        stop = self.engine.stop_at(address)
        came = self._run_to(address)
        self.engine.pass_by(stop)
        self.state.save()
        return came

    def begin(self) -> int:
        """Run the kernel that is up until it has started its programs; return what `run_kernel` does."""
        self.instructions -= 1  # the one that it stopped at was counted
        return self.run_kernel()

    def run_kernel(self) -> int:
        """Run on in ring 0 until the kernel has chosen; return the address of the trap frame, 0 when it halted.

        Raises: Panic when an exception can't be delivered, or one follows another.
        """
        if not self._run_to(self.leave):
            return 0
        self.delivery.note_kernel()
        return self.kernel.ax

    def _run_to(self, address: int) -> bool:
        """Run on in ring 0 to an address at which the engine stops; return whether it came there and did not halt.

        An exception goes to the kernel itself, which may have a gate for it.
        """
        status = self._run()
        for _ in range(MOST_EXCEPTIONS):
            if not self.engine.caught and status != INVALID_INSTRUCTION:
                break
            self._deliver_to_itself(status)
            status = self._run()
        if self.engine.caught or status != OK or self.processor.counter.value > self.most_instructions:
            raise self._mistake(status)
        return self.kernel.ip == address

    def _run(self) -> int:
        self.state.restore()
        self.processor.hooks.in_ring0 = True
        status = self.engine.run(self.state.ip, self.most_instructions)
        self.processor.hooks.in_ring0 = False
        self.kernel.save()
        self.instructions += self.processor.counter.value
        return status

    def _deliver_to_itself(self, status: int) -> None:
        """Enter the kernel by the gate of the exception that it met.  Raises: Panic when the processor resets."""
        mistake = self._mistake(status)
        vector = self.engine.caught.popitem()[1] if self.engine.caught else INVALID_OPCODE
        error = self.kernel.error if vector in WITH_ERROR_CODE else 0
        self.delivery.note_kernel()
        self.state.save()
        try:
            self.delivery.deliver(vector, error)
        except Panic as reset:
            raise Panic(f"{mistake.message}; {reset.message}") from None

    def _mistake(self, status: int) -> Panic:
        """Return the panic for a run of the kernel that ended in no way in which it may."""
        kernel = self.kernel
        place = f"in ring 0 at {kernel.ip:#010x}"
        if self.engine.caught:
            vector = next(iter(self.engine.caught.values()))
            error = kernel.error if vector in WITH_ERROR_CODE else 0
            return Panic(f"vector {vector} {place}, error {error:#x}, cr2 {kernel.cr2:#010x}")
        if status == INVALID_INSTRUCTION:
            return Panic(f"vector {INVALID_OPCODE} {place}, error 0x0, cr2 {kernel.cr2:#010x}")
        if status != OK:
            return Panic(f"the processor stopped {place}: {self.engine.strerror(status)}")
        return Panic(f"the kernel did not end within {self.most_instructions:,} instructions; it is {place}")

    # Entry stubs.

    def take_non_maskable(self) -> None:
        """Run the kernel's stub for a non-maskable interrupt, and come back to where the processor stands."""
        self._count(Vector.NON_MASKABLE)
        self.state.cr4 |= NO_TIME_STAMP

    def _count(self, vector: int) -> None:
        """Run the stub that counts non-maskable interrupts, for a vector, to its end."""
        self.delivery.deliver(vector, 0)
        stack = self.state.sp
        for _ in range(LONGEST_STUB):
            self._run_some(1)
            if self.state.sp != stack:  # `iret` has popped what the CPU pushed
                return
        raise Panic(f"the entry stub of vector {vector} does not return")

    def run_stub(self) -> None:
        """Run the entry stub alone, up to the call of the kernel: the trap frame is then in RAM."""
        entered = self.delivery.entered
        if entered[0] == DOUBLE_FAULT:
            return
        count = self._stubs.get(entered, 0)
        if count:
            self._run_some(count)
        else:
            count = self._stubs[entered] = self._step_through_stub()
        self.instructions += count

    def _step_through_stub(self) -> int:
        """Run the entry stub an instruction at a time; return how many it has."""
        for count in range(1, LONGEST_STUB):
            self._run_some(1)
            if self.state.ip == self.leave - CALL:
                return count
        raise Panic(f"the entry stub of vector {self.delivery.entered[0]} does not lead to the kernel")

    def _run_some(self, count: int) -> None:
        self.state.restore()
        self.engine.run(self.state.ip, count)
        self.state.save()
