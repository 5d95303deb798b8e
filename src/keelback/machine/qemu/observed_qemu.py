"""QEMU as a machine that can be looked at: it stops at breakpoints, where the kernel's state is whole."""

from collections.abc import Callable

from keelback.machine.observed import Observer, Outcome
from keelback.machine.qemu.gdb_remote import GdbRemote
from keelback.machine.qemu.qemu import CPU, QemuError
from keelback.machine.qemu.running_qemu import RunningQemu

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
    """

    def __init__(
        self,
        image: bytes,
        *,
        memory: int,
        cpu: str = CPU,
        command_line: str = "",
        output: Callable[[bytes], None] = lambda data: None,
    ) -> None:
        """Start QEMU; it stands before its first instruction.  Raises: BadImageFile; QemuError."""
        self.traps = 0
        self.at_booted: list[Observer] = []
        self.after_trap: list[Observer] = []
        super().__init__(image, memory=memory, cpu=cpu, command_line=command_line, arguments=SHORT_JUMPS, output=output)
        self._booted, self._leave = self.header["booted"], self.header["leave"]
        try:
            self._remote = self._start_gdb_server()
        except BaseException:
            super().close()
            raise

    def _start_gdb_server(self) -> GdbRemote:
        self.monitor(f"gdbserver unix:{self.folder / 'gdb'},server=on,wait=off")
        return GdbRemote(self.connect("gdb"))

    def boot(self) -> None:
        """Run to where the kernel has started its programs.  Raises: Panic when it is wrong; QemuError."""
        self._remote.set_breakpoint(self._booted)
        if not self._comes_to_a_stop():
            return
        for observer in self.at_booted:
            observer()
        self._remote.remove_breakpoint(self._booted)
        self._remote.set_breakpoint(self._leave)
        self._comes_to_a_stop()

    def run(self) -> Outcome:
        """Run to the machine's end.  Raises: Panic when the kernel is wrong; QemuError."""
        while self.outcome is Outcome.RUNNING and self.after_trap:
            self.step()
        if self.outcome is Outcome.RUNNING:
            self._remote.remove_breakpoint(self._leave)
            self._remote.detach()
            self._end()
        return self.outcome

    def step(self) -> None:
        """Run until the kernel has served the next trap.  Raises: Panic when it is wrong; QemuError."""
        if self._remote.step():
            # The trap that ends the machine is served as far as that, which is all but the choice of who runs next.
            self.traps += 1
            self._comes_to_a_stop()
            for observer in self.after_trap:
                observer()
        else:
            self._end()

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
