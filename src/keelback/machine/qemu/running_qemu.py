"""QEMU as a machine that is run from boot to its end, and looked at then."""

from collections.abc import Callable, Sequence
from typing import Any

from keelback.image.image_reader import read_image_file
from keelback.inspect.lens import look
from keelback.machine.observed import Outcome
from keelback.machine.panics import panic_of
from keelback.machine.qemu.qemu import BY_INSTRUCTIONS, BY_INSTRUCTIONS_AWAITING, CPU, Qemu, Verdict
from keelback.machine.qemu.typing import Typist

OUTCOMES = {
    Verdict.DONE: Outcome.POWERED_OFF,
    Verdict.REFUSED: Outcome.REFUSED,
    Verdict.RESET: Outcome.RESET,
    Verdict.STOPPED: Outcome.STOPPED,
}


class RunningQemu(Qemu):
    """QEMU with a kernel image file; a context, as every QEMU is."""

    def __init__(
        self,
        image: bytes,
        *,
        memory: int,
        cpu: str = CPU,
        command_line: str = "",
        arguments: Sequence[str] = (),
        output: Callable[[bytes], None] = lambda data: None,
        typist: Typist | None = None,
    ) -> None:
        """Start QEMU; it stands before its first instruction.  Raises: BadImageFile; QemuError."""
        kernel = read_image_file(image)
        self.layout, self.header = kernel.layout, kernel.header
        self.outcome = Outcome.RUNNING
        awaits = typist is not None and typist.live is not None
        all_arguments = ("-S", *(BY_INSTRUCTIONS_AWAITING if awaits else BY_INSTRUCTIONS), *arguments)
        super().__init__(
            image,
            memory=memory,
            cpu=cpu,
            command_line=command_line,
            arguments=all_arguments,
            output=output,
            typist=typist,
        )

    @property
    def contents(self) -> Any:
        """Return RAM, as far as it lies below 4 GiB."""
        return self.ram

    def boot(self) -> None:
        """Start the machine, which runs on.  Raises: QemuError."""
        self.command("cont")

    def run(self) -> Outcome:
        """Run to the machine's end.  Raises: Panic when the kernel is wrong; QemuError."""
        if self.outcome is Outcome.RUNNING:
            self._end()
        return self.outcome

    def _end(self) -> None:
        """Take notice of how the machine ends.  Raises: Panic; QemuError."""
        verdict = self.wait()
        if verdict is Verdict.PANICKED:
            raise panic_of(look(self.layout, self.ram))
        self.outcome = OUTCOMES[verdict]
