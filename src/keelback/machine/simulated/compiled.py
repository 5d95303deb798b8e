"""The simulated PC, compiled life: the whole image runs on the emulated CPU, the kernel in ring 0.

The machine does what hardware does and nothing else: it loads the image, starts the CPU at the 32-bit entry, and
delivers traps by the tables that it finds in RAM.
"""

from keelback.kernel.devices.power import PANICKED
from keelback.kernel.kernel import Kernel, make_kernel
from keelback.kernel.x86.trap_frame import FROM_FAST_CALL
from keelback.lang import NoHardware
from keelback.machine.panics import panic_of
from keelback.machine.simulated.kept import Kept
from keelback.machine.simulated.pc import SimulatedPc
from keelback.machine.simulated.ring0 import Ring0
from keelback.machine.simulated.window_watch import WindowWatch


class CompiledPc(SimulatedPc):
    """A simulated PC that runs the image of a compiled kernel; `kernel` only reads its RAM."""

    def _make_kernel(self) -> Kernel:
        if self.ram.strict:
            raise ValueError("strict RAM watches a kernel that is interpreted")
        at = self.header
        self.ring0 = Ring0(self.processor, listen=at.listen, booted=at.booted, leave=at.leave)
        self.processor.engine.add_absent(self._claimed)
        kernel = make_kernel(self.layout, self.ram, NoHardware())
        self._windows = WindowWatch(self.processor.engine, kernel)
        return kernel

    def parts(self) -> list[Kept]:
        """Return what keeps state between traps."""
        return [*super().parts(), self.ring0, self.ring0.delivery, self._windows]

    @property
    def kernel_instructions(self) -> int:
        """Return how many instructions ring 0 ran, from entry stubs to returns, the idle loop's left out."""
        return self.ring0.instructions + self.traps + self._way_back.instructions  # 1 a trap: the jump at `leave`

    def _bring_up_kernel(self) -> bool:
        return bool(
            self._panic_if_any(self.ring0.start(self.layout.kernel_start, self.parameters, self._waiting_interrupt))
        )

    def _begin_programs(self) -> int:
        return self._panic_if_any(self.ring0.begin())

    def _write_frame(self, vector: int, error: int) -> None:
        """Push the CPU's part of the frame; where somebody looks, the entry stub pushes the rest."""
        if error & FROM_FAST_CALL:
            self.ring0.delivery.enter_by_call()
        else:
            self.ring0.delivery.deliver(vector, error)
        if self.before_trap or self.failing is not None:
            self.ring0.run_stub()

    def _count_non_maskable(self) -> None:
        self.ring0.take_non_maskable()

    def _serve_trap(self) -> int:
        frame = self._panic_if_any(self.ring0.run_kernel())
        self._windows.forget_code()
        return frame

    def _panic_if_any(self, returned: int) -> int:
        """Return what the kernel returned.  Raises: Panic when it halted because it was wrong, at the Python's line."""
        if returned == 0 and self.exit.status == PANICKED:
            raise panic_of(self.kernel)
        return returned
