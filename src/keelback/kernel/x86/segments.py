"""Segments: flat code and data for both rings, and the task states: the kernel's own, and that of double faults.

Source: Intel SDM volume 3, sections 3.4.5 (descriptors), 2.4.2 (LDTR), 7.3 (what a task switch saves and loads).
"""

from keelback.kernel.layout import Layout
from keelback.kernel.x86.task_state import TaskState
from keelback.lang import Array, Component, Cpu, Region, Struct, address_of, inline, on_64_bits, size_of, u16, u32, word

KERNEL_CODE = 0x08
KERNEL_DATA = 0x10
USER_CODE = 0x18 | 3
USER_DATA = 0x20 | 3
TASK = 0x28
DOUBLE_FAULT_TASK = 0x30
THREAD = 0x40 | 3
"""Tells programs two things, in either mode: its limit, which `lsl` reads, is the id of the thread that runs, and it is
readable, as `verr` says, just if a fast instruction makes system calls."""

EFLAGS_FIXED = 1 << 1

# Access bytes, with the accessed bit that the CPU would set.
ACCESSES = ((KERNEL_CODE, 0x9B), (KERNEL_DATA, 0x93), (USER_CODE, 0xFB), (USER_DATA, 0xF3))
ACCESS_TASK = 0x89
ACCESS_THREAD = 0xF1  # data of ring 3, read-only
ACCESS_WITHOUT_FAST_CALLS = 0xF9  # code of ring 3, not readable: all of it lies in page 0
FLAT = 0xC  # 4 KiB units, 32-bit


class Descriptor(Struct):
    """One segment descriptor; all zero is the null descriptor."""

    low: u32
    high: u32


class DescriptorTable(Struct):
    """The global descriptor table."""

    entries: Array[Descriptor] = inline(9)


@on_64_bits(DescriptorTable)
class DescriptorTable64(Struct):
    """The global descriptor table of long mode, in which a task state's descriptor is two."""

    entries: Array[Descriptor] = inline(9)


class Segments(Component):
    """The descriptor table, and the task state of double faults."""

    def __init__(self, records: Region, layout: Layout, cpu: Cpu) -> None:
        self.cpu = cpu
        self.double_fault_stack = layout.double_fault_stack
        self.table = records.struct(DescriptorTable)
        self.double_fault = records.struct(TaskState)

    def start(self, task: TaskState, handler: word) -> None:
        """Fill in all, a CPU's task state too, and use them, with the entry code for double faults; there is no LDT."""
        for selector, access in ACCESSES:
            self._set(selector, 0, 0xF_FFFF, access, FLAT)
        self._set(TASK, address_of(task), size_of(task) - 1, ACCESS_TASK, 0)
        self._set(THREAD, 0, 0, ACCESS_THREAD, 0)
        self._set(DOUBLE_FAULT_TASK, address_of(self.double_fault), size_of(self.double_fault) - 1, ACCESS_TASK, 0)
        task.ss0 = KERNEL_DATA
        task.io_bitmap = size_of(task)
        self._fill_double_fault(task, handler)
        self.cpu.load_gdt(address_of(self.table), size_of(self.table) - 1, KERNEL_CODE, KERNEL_DATA)
        self.cpu.load_ldt(0)
        self.cpu.load_task_register(TASK)

    def tell_no_fast_calls(self) -> None:
        """Tell programs that they have no faster way to make calls than `int`."""
        self._set(THREAD, 0, 0, ACCESS_WITHOUT_FAST_CALLS, 0)

    def show_thread(self, number: u16) -> None:
        """Show programs the id of the thread that is to run."""
        self.table.entries[THREAD // 8].low = number

    def use_tables(self, directory: word) -> None:
        """Serve double faults with the page directory at a physical address."""
        self.double_fault.cr3 = directory

    def _fill_double_fault(self, task: TaskState, handler: word) -> None:
        state = self.double_fault
        state.eip = handler
        state.eflags = EFLAGS_FIXED
        state.ebx = address_of(task)  # where the handler finds what was interrupted
        state.esp = self.double_fault_stack
        state.cs = KERNEL_CODE
        state.ds = KERNEL_DATA
        state.es = KERNEL_DATA
        state.ss = KERNEL_DATA

    def _set(self, selector: u16, base: u32, limit: u32, access: u32, flags: u32) -> None:
        entry = self.table.entries[selector // 8]
        entry.low = limit & 0xFFFF | (base & 0xFFFF) << 16
        entry.high = base >> 16 & 0xFF | access << 8 | limit >> 16 << 16 | flags << 20 | base >> 24 << 24
