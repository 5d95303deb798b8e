"""QEMU as a machine that can be looked at: it stops at breakpoints, where the kernel's state is whole."""

import re
from collections.abc import Callable
from functools import cached_property

from keelback.inspect.lens import look
from keelback.kernel.devices.timer import TICKS_PER_SECOND, Clock
from keelback.machine.clock import INSTRUCTIONS_PER_SECOND
from keelback.machine.observed import CALL, Observer, Outcome
from keelback.machine.qemu.gdb_remote import GdbRemote
from keelback.machine.qemu.qemu import CPU
from keelback.machine.qemu.qmp import QemuError
from keelback.machine.qemu.running_qemu import RunningQemu
from keelback.machine.qemu.typing import Typist

EVENTS = 100  # microseconds from one to the next: 100 to a tick
# fmt: off
SHORT_JUMPS = (
    "-netdev", "hubport,id=unused,hubid=0",
    "-object", f"filter-buffer,id=events,netdev=unused,interval={EVENTS}",
)
# fmt: on
"""Arguments that keep time from jumping far: a network filter with nothing to filter, whose timer has many events.

To QEMU a CPU that stops at a breakpoint is idle for a moment, and where time is the number of instructions it then
jumps to the next event of any timer.  Without this filter that would be the kernel's next tick.
"""


class ObservedQemu(RunningQemu):
    """QEMU with a kernel image file, as a machine that can be looked at; a context, as every QEMU is.

    Where `after_trap` is empty, the machine runs on undisturbed and its traps are not counted any more.
    It stops before a trap where `before_trap` has observers when it boots.
    """

    def __init__(
        self,
        image: bytes,
        *,
        memory: int,
        cpu: str = CPU,
        command_line: str = "",
        output: Callable[[bytes], None] = lambda data: None,
        typist: Typist | None = None,
    ) -> None:
        """Start QEMU; it stands before its first instruction.  Raises: BadImageFile; QemuError."""
        self.traps = 0
        self.at_booted: list[Observer] = []
        self.before_trap: list[Observer] = []
        self.after_trap: list[Observer] = []
        super().__init__(
            image,
            memory=memory,
            cpu=cpu,
            command_line=command_line,
            arguments=SHORT_JUMPS,
            output=output,
            typist=typist,
        )
        self._stops_before = False
        self._booted, self._leave = self.header["booted"], self.header["leave"]
        try:
            self._remote = GdbRemote(self.serve_gdb())
        except BaseException:
            super().close()
            raise

    def boot(self) -> None:
        """Run to where the kernel has started its programs.  Raises: Panic when it is wrong; QemuError."""
        self._remote.set_breakpoint(self._booted)
        if not self._comes_to_a_stop():
            return
        for observer in tuple(self.at_booted):
            observer()
        self._remote.remove_breakpoint(self._booted)
        self._remote.set_breakpoint(self._leave)
        self._comes_to_a_stop()
        self._stops_before = bool(self.before_trap) and self.outcome is Outcome.RUNNING
        if self._stops_before:
            self._remote.set_breakpoint(self._leave - CALL)

    def run(self) -> Outcome:
        """Run to the machine's end.  Raises: Panic when the kernel is wrong; QemuError."""
        while self.outcome is Outcome.RUNNING and self.after_trap:
            self.step()
        if self.outcome is Outcome.RUNNING:
            self._remote.remove_breakpoint(self._leave)
            if self._stops_before:
                self._remote.remove_breakpoint(self._leave - CALL)
            self._remote.detach()
            self._end()
        return self.outcome

    def step(self) -> None:
        """Run until the kernel has served the next trap.  Raises: Panic when it is wrong; QemuError."""
        if not self._remote.step():
            self._end()
            return
        if self._stops_before and not self._comes_to_a_stop():
            return
        self.traps += 1
        if self._stops_before:
            for observer in tuple(self.before_trap):
                observer()
            self._remote.step()  # the call of the kernel
        # The trap that ends the machine is served as far as that, which is all but the choice of who runs next.
        self._comes_to_a_stop()
        for observer in tuple(self.after_trap):
            observer()

    @cached_property
    def _kernel_clock(self) -> Clock:
        return look(self.layout, self.contents).timer.clock

    @property
    def time(self) -> int:
        """Return the time of the kernel's last tick, in instructions: its own clock is all that tells it."""
        return self._kernel_clock.ticks * INSTRUCTIONS_PER_SECOND // TICKS_PER_SECOND

    def fault_address(self) -> int:
        """Return the address of the last page fault.  Raises: QemuError."""
        found = re.search(r"CR2=([0-9a-f]+)", self.monitor("info registers"))
        if found is None:
            raise QemuError("QEMU's monitor does not say what CR2 is")
        return int(found[1], 16)

    def _comes_to_a_stop(self) -> bool:
        """Run the machine to the next breakpoint or to its end; say whether it stands at one."""
        stands = self._remote.go_on()
        if stands:
            self.read_console()
        else:
            self._end()
        return stands

    def _end(self) -> None:
        """Take notice that the machine has ended.  Raises: Panic; QemuError when the kernel did not end it."""
        super()._end()
        if self.outcome in (Outcome.RESET, Outcome.STOPPED):
            raise QemuError(f"QEMU ended early: {self.outcome.value}")

    def close(self) -> None:
        """End QEMU if it still runs, and remove its files; `contents` stay readable."""
        self._remote.kill()
        super().close()
