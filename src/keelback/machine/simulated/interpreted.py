"""The simulated PC, interpreted life: the kernel runs in this Python and reaches the hardware through its machine.

1. A trap writes what the CPU and the entry code would, where they would.
2. With `check`, every access of the kernel's is translated by the kernel's own page tables first.
"""

import struct
from collections.abc import Callable
from contextlib import suppress

from unicorn import x86_const as x86

from keelback.kernel.kernel import Kernel, make_kernel
from keelback.lang import MISTAKES, Panic
from keelback.lang.strict import words_of
from keelback.machine.panics import record_panic
from keelback.machine.simulated.control import check_cr0, check_cr4, check_efer, check_msr, check_pointers
from keelback.machine.simulated.entry_code import EntryCode
from keelback.machine.simulated.kept import Kept
from keelback.machine.simulated.long_entry_code import LongModeEntryCode
from keelback.machine.simulated.mmu import TlbModel
from keelback.machine.simulated.models import EFER, WIDE
from keelback.machine.simulated.offsets import cpuid
from keelback.machine.simulated.pc import PAGE, SimulatedPc

PAGING = 1 << 31
DR7_FIXED = 1 << 10


class InterpretedPc(SimulatedPc):
    """A simulated PC whose kernel is interpreted; it is the hardware of that kernel."""

    KEPT = "_gdt", "_paging"

    def _make_kernel(self) -> Kernel:
        self.tlb = TlbModel(self.processor.walker)
        self._gdt = 0
        self._paging = False
        kind = LongModeEntryCode if self.processor.state.width is WIDE else EntryCode
        self.entry_code = kind(self.layout, self.ram, self.processor)
        return make_kernel(self.layout, self.ram, self)

    def parts(self) -> list[Kept]:
        """Return what keeps state between traps."""
        return [*super().parts(), self.tlb, self.entry_code.delivery]

    def _bring_up_kernel(self) -> bool:
        return bool(self._in_kernel(self._start_and_boot))

    def _start_and_boot(self) -> bool:
        """Do what the entry code does, which changes stacks in between."""
        if not self.entry_code.start(self.parameters) or self.kernel.start(self.parameters) == 0:
            return False
        vector = self._waiting_interrupt()
        if vector is not None:
            self._count_by_gate(vector)
        return self.kernel.boot()

    def _count_by_gate(self, vector: int) -> None:
        """Count an interrupt that comes while the kernel starts, if its gate leads to the stub that counts."""
        if not self.entry_code.only_counts(vector):
            raise Panic(f"vector {vector} came while the kernel started, and is not only counted")
        self.entry_code.add_non_maskable()

    def _begin_programs(self) -> int:
        return self._in_kernel(self.kernel.begin)

    def _count_non_maskable(self) -> None:
        self.entry_code.count_non_maskable()

    def _serve_trap(self) -> int:
        return self._in_kernel(self.kernel.trap)

    def _in_kernel(self, entry: Callable[[], int]) -> int:
        try:
            with words_of(self.ram.word_bits):
                return entry()
        except MISTAKES as error:
            panic = Panic.of(error)
            self._report(panic, error)
            raise panic from error
        except Panic as panic:
            self._report(panic, panic)
            raise

    def _report(self, panic: Panic, error: BaseException) -> None:
        """Leave the panic in RAM and on the console, as compiled code does; what is broken may keep it from that."""
        with suppress(Panic, *MISTAKES):
            record_panic(self.kernel, panic, error.__traceback__)
            self.kernel.panics.report()

    def _leave_kernel(self) -> None:
        """Check that user mode finds no stale translation."""
        if self.ram.strict and self._paging:
            self.tlb.before_user_mode()

    def _write_frame(self, vector: int, error: int) -> None:
        """Write the trap frame as the CPU and the entry code do."""
        frame = self.entry_code.write_frame(vector, error)
        if self.ram.strict:
            self.tlb.after_user_mode()
            self.tlb.use(self.entry_code.stack_of(frame) - 1)  # where entry code pushes first

    # The hardware that the kernel's Cpu reaches (see `keelback.lang.cpu.Hardware`).

    def in8(self, port: int) -> int:
        """Read one byte from a port."""
        return self.ports.read(port)

    def out8(self, port: int, value: int) -> None:
        """Write one byte to a port."""
        self.ports.write(port, value)

    def out32(self, port: int, value: int) -> None:
        """Write four bytes to a port."""
        self.ports.write(port, value)

    def write_cr0(self, value: int) -> None:
        """Set control register 0; with paging on, strict RAM asks the page tables."""
        cr4, efer = self.processor.system.read_control(x86.UC_X86_REG_CR4), self.processor.clean.msr(EFER)
        check_cr0(value, cr4, efer)
        self.processor.system.write_control(x86.UC_X86_REG_CR0, value)
        self._paging = bool(value & PAGING)
        self._walk_as_told()
        if self._paging and self.ram.strict:
            self.ram.touch = self._touch

    def read_cr2(self) -> int:
        """Return the address of the last page fault."""
        return self.processor.state.cr2

    def read_cr3(self) -> int:
        """Return the page directory in use."""
        return self.processor.system.read_control(x86.UC_X86_REG_CR3)

    def write_cr3(self, value: int) -> None:
        """Switch to a page directory."""
        self.processor.system.write_control(x86.UC_X86_REG_CR3, value)
        self.tlb.load_directory(value)
        self._walk_as_told()

    def write_cr4(self, value: int) -> None:
        """Set control register 4."""
        cr0, before = (self.processor.system.read_control(each) for each in (x86.UC_X86_REG_CR0, x86.UC_X86_REG_CR4))
        check_cr4(self.processor.engine.model, value, cr0, before)
        self.processor.system.write_control(x86.UC_X86_REG_CR4, value)
        self._walk_as_told()

    def _walk_as_told(self) -> None:
        """Walk as the control registers say, and load the pointers of PAE.  Raises: Panic when the CPU would refuse."""
        self.tlb.walker = self.processor.walker
        if self._paging:
            check_pointers(self.processor.engine.model, self.tlb.load_pointers())

    def invalidate_page(self, address: int) -> None:
        """Drop the translation of a page; the emulator, which has no such call, drops all that are not global."""
        self.tlb.invalidate_page(address)
        self.processor.system.write_control(x86.UC_X86_REG_CR3, self.tlb.directory)

    def load_gdt(self, base: int, limit: int, code: int, data: int) -> None:
        """Use a descriptor table."""
        self._gdt = base
        self.processor.system.load_gdt(base, limit, code, data)

    def load_idt(self, base: int, limit: int) -> None:
        """Use an interrupt descriptor table."""
        self.processor.system.load_idt(base, limit)

    def load_task_register(self, selector: int) -> None:
        """Use a task-state segment, and mark its descriptor busy as the CPU does."""
        low, high, top = struct.unpack_from("<3I", self.ram.bytes, self._gdt + selector)
        base = low >> 16 | (high & 0xFF) << 16 | high >> 24 << 24
        if self.processor.state.width is WIDE:
            base |= top << 32
        struct.pack_into("<I", self.ram.bytes, self._gdt + selector + 4, high | 0x200)
        self.processor.system.load_task_register(selector, base, low & 0xFFFF)

    def load_ldt(self, selector: int) -> None:
        """Use no local descriptor table, which is all that can be done with the selector 0."""
        if selector != 0:
            raise Panic(f"selector {selector:#x} is of no local descriptor table")
        self.processor.system.load_ldt(0, 0)

    def drop_selectors(self) -> None:
        """Make the selectors of data null."""
        self.processor.clean.drop_data_segments()

    def load_spare_selectors(self, selector: int) -> None:
        """Load fs and gs; entry code has loaded ds with the same selector, unless no program has run yet."""
        self.processor.clean.load_spare_segments()

    def write_dr7(self, value: int) -> None:
        """Set debug register 7, one bit of which is fixed."""
        self.processor.system.write_control(x86.UC_X86_REG_DR7, value | DR7_FIXED)

    def write_msr(self, register: int, value: int) -> None:
        """Set a model-specific register."""
        check_msr(self.processor.engine.model, register, value)
        if register == EFER:
            cr0 = self.processor.system.read_control(x86.UC_X86_REG_CR0)
            check_efer(value, cr0, self.processor.clean.msr(EFER))
        self.processor.system.write_msr(register, value)

    def cpuid(self, leaf: int, register: int) -> int:
        """Return what CPUID says of a leaf in one register of the emulated processor."""
        return cpuid(self.processor.engine.model, leaf)[register]

    def read_back(self, address: int, pattern: int) -> int:
        """Return what a word has after a pattern was written to it: ones where there is no RAM."""
        return pattern if 0 <= address <= self.ram.size - 4 else 0xFFFF_FFFF

    def window_opened(self, address: int) -> None:
        """Forget the code of the frame that a window shows: the kernel may write to it."""
        self.processor.forget_code(address, PAGE)

    def _touch(self, address: int, physical: int, size: int) -> None:
        """Panic where the MMU would fault or lead elsewhere."""
        self.ram.inside(address, physical, size)
        end = address + size
        while address < end:
            if self.tlb.use(address).frame != physical >> 12:
                page, place = address & -PAGE, physical & -PAGE
                raise Panic(f"the kernel used page {page:#010x}, which is not mapped to {place:#x}")
            left = PAGE - address % PAGE
            address, physical = address + left, physical + left
