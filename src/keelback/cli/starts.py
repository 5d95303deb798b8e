"""Programs that a kernel can't start: it says so before the first trap, and goes on without them."""

from keelback.machine.simulated.pc import SimulatedPc

_SAID = "keelback: can't start "


class Starts:
    """Hears what the kernel of a machine, which is not booted yet, says until programs run."""

    def __init__(self, machine: SimulatedPc) -> None:
        self._machine = machine
        self._heard: bytes | None = None
        machine.before_trap.append(self._hear)

    def _hear(self) -> None:
        if self._heard is None:
            self._heard = bytes(self._machine.console)

    def failed(self) -> list[str]:
        """Return the kernel's line for each program that could not start."""
        self._hear()
        lines = (self._heard or b"").decode(errors="replace").splitlines()
        return [line.partition(": ")[2] for line in lines if line.startswith(_SAID)]
