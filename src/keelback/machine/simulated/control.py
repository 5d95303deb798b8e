"""What a CPU takes in its control and model-specific registers: what it would refuse, or misunderstand, is a panic.

Source: Intel SDM volume 3, sections 2.2.1 (EFER), 2.5 (control registers) and 4.4.1 (the registers of PAE paging), and
volume 2, MOV (control registers) and WRMSR.
"""

from keelback.lang import Panic
from keelback.machine.simulated.models import (
    CALLS_ENABLED,
    EFER,
    FLAG_MASK,
    LONG_MODE,
    LONG_MODE_ENABLED,
    LSTAR,
    NO_EXECUTE_ENABLED,
    STAR,
    Model,
)
from keelback.machine.simulated.offsets import cpuid

PROTECTION, PAGING, NOT_WRITE_THROUGH, CACHE_DISABLE = 1 << 0, 1 << 31, 1 << 29, 1 << 30
PAE, GLOBAL_PAGES = 1 << 5, 1 << 7
EBX, ECX, EDX = 1, 2, 3
FS_BASE, GS_BASE, KERNEL_GS_BASE = 0xC000_0100, 0xC000_0101, 0xC000_0102
FEATURES, MORE_FEATURES, EXTENDED, EXTENDED_FEATURES, ADDRESS_SIZES = 1, 7, 0x8000_0000, 0x8000_0001, 0x8000_0008
EXTENSIONS = {
    PAE: (FEATURES, EDX, 6),
    GLOBAL_PAGES: (FEATURES, EDX, 13),
    1 << 20: (MORE_FEATURES, EBX, 7),
    1 << 21: (MORE_FEATURES, EBX, 20),
    1 << 11: (MORE_FEATURES, ECX, 2),
}
"""The bits of CR4 that a kernel of ours sets: the leaf, the register and the bit of CPUID that say they are there."""
HAS_SYSENTER = 1 << 11  # FEATURES, edx
HAS_SYSCALL, HAS_NO_EXECUTE, HAS_LONG_MODE = 1 << 11, 1 << 20, 1 << 29  # EXTENDED_FEATURES, edx
EFER_BITS = {
    CALLS_ENABLED: HAS_SYSCALL,
    LONG_MODE_ENABLED: HAS_LONG_MODE,
    LONG_MODE: HAS_LONG_MODE,
    NO_EXECUTE_ENABLED: HAS_NO_EXECUTE,
}
"""The bits of EFER that a kernel of ours sets, each with the bit of CPUID that says so."""
SYSENTER = dict.fromkeys((0x174, 0x175, 0x176), (FEATURES, HAS_SYSENTER))
MSRS = SYSENTER | {
    EFER: (EXTENDED_FEATURES, HAS_SYSCALL | HAS_NO_EXECUTE | HAS_LONG_MODE),
    **dict.fromkeys((STAR, LSTAR, FLAG_MASK), (EXTENDED_FEATURES, HAS_SYSCALL)),
    **dict.fromkeys((FS_BASE, GS_BASE, KERNEL_GS_BASE), (EXTENDED_FEATURES, HAS_LONG_MODE)),
}
"""The model-specific registers that a kernel of ours sets, each with a leaf of CPUID, and the bits of its edx any of
which says that it is there."""
ADDRESSES = frozenset({LSTAR, FS_BASE, GS_BASE, KERNEL_GS_BASE})
"""Those that are addresses."""
NOT_IN_POINTERS = 1 << 1 | 1 << 2 | 0xF << 5
"""Reserved in a present entry of the page-directory-pointer table, as all bits above the CPU's addresses are."""
USUAL_ADDRESS_BITS = 36


def check_cr0(value: int, cr4: int, efer: int) -> None:
    """Check a value for CR0, with CR4 and EFER as they are.  Raises: Panic."""
    if value & PAGING and not value & PROTECTION:
        raise Panic("paging needs protected mode")
    if value & NOT_WRITE_THROUGH and not value & CACHE_DISABLE:
        raise Panic("CR0 may not have NW without CD")
    if value & PAGING and efer & LONG_MODE_ENABLED and not cr4 & PAE:
        raise Panic("long mode needs CR4.PAE")
    if efer & LONG_MODE and not value & PAGING:
        raise Panic("64-bit code can't switch paging off")


def check_cr4(model: Model, value: int, cr0: int, before: int) -> None:
    """Check a value for CR4, with CR0 as it is and what CR4 was.  Raises: Panic."""
    if cr0 & PAGING and (value ^ before) & PAE:
        raise Panic("CR4.PAE changes while paging is on")
    if value & GLOBAL_PAGES and not cr0 & PAGING:
        raise Panic("global pages come after paging")
    for number in range(32):
        if value >> number & 1 and not _has_extension(model, 1 << number):
            raise Panic(f"this CPU has no bit {number} of CR4")


def _has_extension(model: Model, bit: int) -> bool:
    leaf, register, place = EXTENSIONS.get(bit, (0, 0, 32))
    return cpuid(model, 0)[0] >= leaf > 0 and bool(cpuid(model, leaf)[register] >> place & 1)


def check_msr(model: Model, register: int, value: int) -> None:
    """Check that there is a model-specific register, and that it takes a value.  Raises: Panic."""
    leaf, bits = MSRS.get(register, (0, 0))
    if not _edx(model, leaf) & bits:
        raise Panic(f"this CPU has no model-specific register {register:#x}")
    for number in range(64) if register == EFER else ():
        if value >> number & 1 and not _edx(model, EXTENDED_FEATURES) & EFER_BITS.get(1 << number, 0):
            raise Panic(f"this CPU has no bit {number} of EFER")
    if register in ADDRESSES and not model.width.is_canonical(value):
        raise Panic(f"model-specific register {register:#x} takes addresses, and {value:#x} is none")


def check_efer(value: int, cr0: int, before: int) -> None:
    """Check a value for EFER, with CR0 as it is and what EFER was.  Raises: Panic."""
    if cr0 & PAGING and (value ^ before) & LONG_MODE_ENABLED:
        raise Panic("EFER.LME changes while paging is on")
    if (value ^ before) & LONG_MODE:
        raise Panic("EFER.LMA is the CPU's to change")


def _edx(model: Model, leaf: int) -> int:
    """Return edx of a leaf of CPUID, 0 where there is no such leaf."""
    return cpuid(model, leaf)[EDX] if cpuid(model, leaf & EXTENDED)[0] >= leaf else 0


def check_pointers(model: Model, pointers: tuple[int, ...]) -> None:
    """Check the entries that a CPU loads from the page-directory-pointer table.  Raises: Panic."""
    reserved = NOT_IN_POINTERS | -(1 << _address_bits(model))
    for number, pointer in enumerate(pointers):
        if pointer & 1 and pointer & reserved:
            raise Panic(f"page-directory pointer {number} is {pointer:#x}, which has reserved bits")


def _address_bits(model: Model) -> int:
    """Return how many bits a physical address has.  Source: Intel SDM volume 3, section 4.1.4."""
    has_sizes = cpuid(model, EXTENDED)[0] >= ADDRESS_SIZES
    return cpuid(model, ADDRESS_SIZES)[0] & 0xFF if has_sizes else USUAL_ADDRESS_BITS
