"""The CPU's control state, written whole: nothing that firmware or a loader left decides what a program may do.

    CR0    protection, paging, write protection; the FPU is nobody's, its first use traps
    CR4    PAE, where entries have two words; global pages; where the CPU has them, what keeps ring 0 off user pages and
           user mode off the tables' places
    DR7    no breakpoints
    MSRs   where `sysenter` enters the kernel; no `syscall`; no-execute pages, where scheme and CPU have them

The descriptor registers, LDTR among them, are `segments.py`'s and `interrupts.py`'s.

Source: Intel SDM volume 3, sections 2.5 (control registers), 4.1.2 (paging-mode enabling), 17.2.4 (DR7), 9.9 (order),
5.8.7 (SYSENTER); volume 4, table 2-2 (MSRs).
"""

from keelback.kernel.layout import Layout
from keelback.kernel.x86.interrupts import FAST_CALL
from keelback.kernel.x86.paging import NO_EXECUTE, WideEntry
from keelback.kernel.x86.segments import KERNEL_CODE
from keelback.lang import Component, Cpu, size_of, u32, word

CR0_PROTECTION = 1 << 0
CR0_MONITOR_FPU = 1 << 1
CR0_TASK_SWITCHED = 1 << 3
CR0_EXTENSION = 1 << 4  # fixed since the Pentium
CR0_NATIVE_ERRORS = 1 << 5
CR0_WRITE_PROTECT = 1 << 16
CR0_PAGING = 1 << 31
CR0_START = CR0_PROTECTION | CR0_MONITOR_FPU | CR0_TASK_SWITCHED | CR0_EXTENSION | CR0_NATIVE_ERRORS | CR0_WRITE_PROTECT
CR4_WIDE_ENTRIES = 1 << 5  # PAE

# CPUID: leaves, registers, bits.
EAX, EBX, ECX, EDX = 0, 1, 2, 3
FEATURES, MORE_FEATURES, EXTENDED, EXTENDED_FEATURES = 1, 7, 0x8000_0000, 0x8000_0001
LAST_EXTENDED = 0x8000_FFFF
HAS_MACHINE_REGISTERS = 1 << 5  # FEATURES, edx
HAS_SYSENTER = 1 << 11 | HAS_MACHINE_REGISTERS
HAS_NO_EXECUTE = 1 << 20  # EXTENDED_FEATURES, edx
HAS_EFER = 1 << 11 | HAS_NO_EXECUTE | 1 << 29  # there too: any of syscall, no-execute, long mode
FIRST_WITH_SYSENTER = 0x633
"""Family, model and stepping: older ones say that they have it, and have not."""

EXTENSIONS = (
    (FEATURES, EDX, 1 << 13, 1 << 7),  # global pages
    (MORE_FEATURES, ECX, 1 << 2, 1 << 11),  # UMIP: user mode can't ask where the descriptor tables lie
    (MORE_FEATURES, EBX, 1 << 7, 1 << 20),  # SMEP: ring 0 executes no user page
    (MORE_FEATURES, EBX, 1 << 20, 1 << 21),  # SMAP: ring 0 reads and writes none; AC, which would let it, is 0 here
)
"""Bits of CR4 that are set where the CPU has what they mean: leaf and register of CPUID, bit in it, bit of CR4."""

# Model-specific registers.
SYSENTER_CS, SYSENTER_ESP, SYSENTER_EIP = 0x174, 0x175, 0x176
EFER = 0xC000_0080
EFER_NO_EXECUTE = 1 << 11


class ControlState(Component):
    """Control registers, debug registers, model-specific registers."""

    def __init__(self, cpu: Cpu, layout: Layout) -> None:
        self.cpu = cpu
        self.scheme = layout.paging
        self.fast_call = layout.kernel_start + FAST_CALL
        self.wide_entries = CR4_WIDE_ENTRIES if layout.paging.entry_size == size_of(WideEntry) else 0

    def start(self, task: word) -> None:
        """Switch paging and everything else off that may be on, as the first thing that the kernel does.

        Paging goes first: while it is on, CR4 and EFER may not change at will.  CR4 then says how wide entries are.
        `sysenter` starts with the address of the CPU's task state for a stack.
        """
        self.cpu.write_cr0(CR0_START)
        self.cpu.write_cr4(self.wide_entries)
        self.cpu.write_dr7(0)
        if self.cpu.cpuid(FEATURES, EDX) & HAS_MACHINE_REGISTERS:
            self._write_machine_registers(task)

    def _write_machine_registers(self, task: word) -> None:
        """Write where `sysenter` enters the kernel, that `syscall` is a fault, and that pages may forbid fetching."""
        if self._has_sysenter():
            self.cpu.write_msr(SYSENTER_CS, KERNEL_CODE)
            self.cpu.write_msr(SYSENTER_ESP, task)
            self.cpu.write_msr(SYSENTER_EIP, self.fast_call)
        if self._extended_features() & HAS_EFER:
            self.cpu.write_msr(EFER, EFER_NO_EXECUTE if self.no_execute() else 0)

    def no_execute(self) -> u32:
        """Return the bit by which an entry of a page table forbids fetching: NO_EXECUTE; 0 where the CPU has none."""
        return NO_EXECUTE if self.scheme.no_execute and self._extended_features() & HAS_NO_EXECUTE else 0

    def has_fast_calls(self) -> bool:
        """Say whether an instruction of the CPU's makes system calls, beside `int`: here `sysenter`."""
        return self._has_sysenter()

    def _has_sysenter(self) -> bool:
        """Say whether the CPU has `sysenter`, and the MSRs that say where it enters."""
        signature: u32 = self.cpu.cpuid(FEATURES, EAX) & 0xFFF
        early = 0x600 <= signature < FIRST_WITH_SYSENTER
        return self.cpu.cpuid(FEATURES, EDX) & HAS_SYSENTER == HAS_SYSENTER and not early

    def _extended_features(self) -> u32:
        """Return edx of that leaf, 0 where there is none: a CPU without extended leaves answers with another's."""
        highest: u32 = self.cpu.cpuid(EXTENDED, EAX)
        if not EXTENDED_FEATURES <= highest <= LAST_EXTENDED:
            return 0
        return self.cpu.cpuid(EXTENDED_FEATURES, EDX)

    def start_paging(self, directory: word) -> None:
        """Switch paging on, with the root of the page tables at a physical address; CR4's extensions only then."""
        self.cpu.write_cr3(directory)
        self.cpu.write_cr0(CR0_START | CR0_PAGING)
        self.cpu.write_cr4(self.wide_entries | self._extensions())

    def _extensions(self) -> u32:
        """Return the bits of CR4 that are wanted and that the CPU has."""
        extensions: u32 = 0
        last: u32 = self.cpu.cpuid(0, EAX)
        for leaf, register, has, extension in EXTENSIONS:
            if leaf <= last and self.cpu.cpuid(leaf, register) & has:
                extensions |= extension
        return extensions
