"""What a CPU takes in its control and model-specific registers: what it would refuse, or misunderstand, is a panic.

Source: Intel SDM volume 3, section 2.5 (control registers), and volume 2, MOV (control registers) and WRMSR.
"""

from keelback.lang import Panic
from keelback.machine.simulated.offsets import cpuid

PROTECTION, PAGING, NOT_WRITE_THROUGH, CACHE_DISABLE = 1 << 0, 1 << 31, 1 << 29, 1 << 30
THREE_LEVELS, GLOBAL_PAGES = 1 << 5, 1 << 7
EBX, ECX, EDX = 1, 2, 3
EXTENSIONS = {GLOBAL_PAGES: (1, EDX, 13), 1 << 20: (7, EBX, 7), 1 << 21: (7, EBX, 20), 1 << 11: (7, ECX, 2)}
"""The bits of CR4 that a kernel of ours sets: the leaf, the register and the bit of CPUID that say they are there."""
SYSENTER = frozenset({0x174, 0x175, 0x176})
EFER = 0xC000_0080
HAS_SYSENTER, HAS_EFER = 1 << 11, 1 << 11 | 1 << 20 | 1 << 29


def check_cr0(value: int, cr4: int) -> None:
    """Check a value for CR0, with CR4 as it is.  Raises: Panic."""
    if value & PAGING and not value & PROTECTION:
        raise Panic("paging needs protected mode")
    if value & NOT_WRITE_THROUGH and not value & CACHE_DISABLE:
        raise Panic("CR0 may not have NW without CD")
    if value & PAGING and cr4 & THREE_LEVELS:
        raise Panic("paging is switched on with CR4.PAE left set: the page tables have two levels")


def check_cr4(value: int, cr0: int, before: int) -> None:
    """Check a value for CR4, with CR0 as it is and what CR4 was.  Raises: Panic."""
    if cr0 & PAGING and (value ^ before) & THREE_LEVELS:
        raise Panic("CR4.PAE changes while paging is on")
    if value & GLOBAL_PAGES and not cr0 & PAGING:
        raise Panic("global pages come after paging")
    for number in range(32):
        if value >> number & 1 and not _has_extension(1 << number):
            raise Panic(f"this CPU has no bit {number} of CR4")


def _has_extension(bit: int) -> bool:
    leaf, register, place = EXTENSIONS.get(bit, (0, 0, 32))
    return cpuid(0)[0] >= leaf > 0 and bool(cpuid(leaf)[register] >> place & 1)


def check_msr(register: int) -> None:
    """Check that there is a model-specific register.  Raises: Panic."""
    has_efer = cpuid(0x8000_0000)[0] > 0x8000_0000 and cpuid(0x8000_0001)[EDX] & HAS_EFER
    if not (register in SYSENTER and cpuid(1)[EDX] & HAS_SYSENTER) and not (register == EFER and has_efer):
        raise Panic(f"this CPU has no model-specific register {register:#x}")
