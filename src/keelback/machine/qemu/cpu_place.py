"""Where a CPU of QEMU's is, by what its monitor says of the registers."""

import re
from dataclasses import dataclass

INTERRUPTS = 1 << 9
USER_RING = 3
UNKNOWN = -1


@dataclass(frozen=True)
class CpuPlace:
    """The next instruction of a CPU, and in which ring; a CPU that is halted waits for an interrupt."""

    address: int
    ring: int
    is_halted: bool
    takes_interrupts: bool

    @property
    def runs_kernel(self) -> bool:
        """Say whether it executes instructions in ring 0."""
        return self.ring == 0 and not self.is_halted


def place_in(said: str) -> CpuPlace:
    """Return what `info registers` says."""
    found = {name: int(value, 16) for name, value in re.findall(r"\b([A-Z0-9]+) ?=([0-9a-f]+)", said)}
    return CpuPlace(
        address=found.get("RIP", found.get("EIP", 0)),
        ring=found.get("CPL", UNKNOWN),
        is_halted=bool(found.get("HLT")),
        takes_interrupts=bool(found.get("EFL", found.get("RFL", 0)) & INTERRUPTS),
    )
