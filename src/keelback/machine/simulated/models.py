"""The CPUs that the simulated PC can have, as models of the emulator's, and what differs by their registers' width.

None has an instruction whose result differs from run to run (`rdrand`, `rdseed`, `rdtscp`).
"""

from dataclasses import dataclass
from typing import Literal

from unicorn import UC_MODE_32, UC_MODE_64
from unicorn import x86_const as x86

from keelback.machine.simulated import gates

PREFIXES = bytes.fromhex("2e36263e64656667f2f3")
REX_PREFIXES = bytes(range(0x40, 0x50))


@dataclass(frozen=True)
class Width:
    """What differs by the width of a CPU's registers."""

    mode: int
    """The mode that the emulator is made for."""
    cell: Literal["I", "Q"]
    """A register, as `memoryview.cast` has it."""
    size: int
    """The bytes of a register."""
    general: tuple[str, ...]
    """The general registers, without the letter for their width, as they lie in memory after `pushal`, and then those
    that only a wide CPU has."""
    last: int
    """The last address."""
    gate_size: int
    """The bytes of an entry of the interrupt descriptor table."""
    gate_kinds: frozenset[int]
    """The kinds of gates that lead into the kernel."""
    prefixes: bytes
    """What may stand before an opcode."""

    def is_canonical(self, address: int) -> bool:
        """Say whether an address is one that page tables can map: all above its bit 47 repeats it, on a wide CPU."""
        return self.size == 4 or (address + (1 << 47)) & self.last < 1 << 48


NARROW = Width(
    UC_MODE_32,
    "I",
    4,
    ("di", "si", "bp", "sp", "bx", "dx", "cx", "ax"),
    0xFFFF_FFFF,
    8,
    gates.OF_32_BITS,
    PREFIXES,
)
WIDE = Width(
    UC_MODE_64,
    "Q",
    8,
    (*NARROW.general, *(f"r{number}" for number in range(8, 16))),
    0xFFFF_FFFF_FFFF_FFFF,
    16,
    gates.OF_64_BITS,
    PREFIXES + REX_PREFIXES,
)


SYSENTER_CS, SYSENTER_ESP, SYSENTER_EIP = 0x174, 0x175, 0x176
EFER, STAR, LSTAR, FLAG_MASK = 0xC000_0080, 0xC000_0081, 0xC000_0082, 0xC000_0084
CALLS_ENABLED, LONG_MODE_ENABLED, LONG_MODE, NO_EXECUTE_ENABLED = 1 << 0, 1 << 8, 1 << 10, 1 << 11
"""The bits of EFER: `syscall`, long mode when paging is on, that it is on, no-execute pages."""


@dataclass(frozen=True)
class Model:
    """A CPU model."""

    name: str
    width: Width
    number: int
    """The emulator's, for the model."""
    msrs: tuple[int, ...] = ()
    """The model-specific registers that it has of those that decide how user mode runs and enters ring 0."""


SYSENTER = SYSENTER_CS, SYSENTER_ESP, SYSENTER_EIP
PENTIUM_III = Model("Pentium III", NARROW, x86.UC_CPU_X86_PENTIUM3, SYSENTER)
"""A 32-bit CPU with PAE, without no-execute pages."""
CORE_DUO = Model("Core Duo", NARROW, x86.UC_CPU_X86_COREDUO, (*SYSENTER, EFER))
"""A 32-bit CPU with PAE and no-execute pages."""
CORE_2_DUO = Model("Core 2 Duo", WIDE, x86.UC_CPU_X86_CORE2DUO, (EFER, STAR, LSTAR, FLAG_MASK))
"""A 64-bit CPU, which starts with 32 bits."""

USUAL = {"i386": PENTIUM_III, "PAE": CORE_DUO, "x86-64": CORE_2_DUO}
"""The CPU that a machine has unless told, by the name of the paging scheme that its kernel uses."""
