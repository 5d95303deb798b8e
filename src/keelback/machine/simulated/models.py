"""The CPUs that the simulated PC can have, as models of the emulator's.

None has an instruction whose result differs from run to run (`rdrand`, `rdseed`, `rdtscp`).
"""

from dataclasses import dataclass

from unicorn import UC_MODE_32
from unicorn import x86_const as x86


@dataclass(frozen=True)
class Model:
    """A CPU model."""

    name: str
    mode: int
    """The mode that the emulator is made for."""
    number: int
    """The emulator's, for the model."""


PENTIUM_III = Model("Pentium III", UC_MODE_32, x86.UC_CPU_X86_PENTIUM3)
"""A 32-bit CPU with PAE, without no-execute pages."""
CORE_DUO = Model("Core Duo", UC_MODE_32, x86.UC_CPU_X86_COREDUO)
"""A 32-bit CPU with PAE and no-execute pages."""
