"""Segments of long mode: code and data for both rings in the order of `syscall`, a task state with stacks of its own.

    0x08 kernel code   0x10 kernel data   0x18 null   0x20 user data   0x28 user code   0x30 task state, two entries
    0x40 the id of the thread that runs

`syscall` takes the code of ring 0 and the data behind it; `sysret` goes to the data behind a selector, 0x18, and to the
code behind that, with ring 3's privilege in both.  There is no 32-bit code.

Source: Intel SDM volume 3, sections 3.4.5 (descriptors), 5.8.8 (fast system calls), 6.14.5 (interrupt stack table).
"""

from keelback.kernel.layout import Layout
from keelback.kernel.x86.segments import (
    ACCESS_TASK,
    ACCESS_THREAD,
    FLAT,
    KERNEL_CODE,
    KERNEL_DATA,
    THREAD,
    DescriptorTable,
    Segments,
)
from keelback.kernel.x86.task_state import TaskState, TaskState64
from keelback.kernel.x86.vectors import Vector
from keelback.lang import Array, Cpu, Region, Struct, address_of, inline, size_of, u64, view, word

BEFORE_USER = 0x18 | 3  # what `sysret` counts from
USER_DATA = 0x20 | 3
USER_CODE = 0x28 | 3
TASK = 0x30
LONG = 0xA  # 4 KiB units, 64-bit code

# Access bytes, with the accessed bit that the CPU would set.
CODE = ((KERNEL_CODE, 0x9B), (USER_CODE, 0xFB))
DATA = ((KERNEL_DATA, 0x93), (USER_DATA, 0xF3))

OWN_STACKS = ((Vector.DOUBLE_FAULT, 1), (Vector.NON_MASKABLE, 2), (Vector.DEBUG, 3), (Vector.MACHINE_CHECK, 4))
"""What comes on a stack of its own, whatever the stack pointer is, with the number of that."""


class InterruptStack(Struct):
    """A stack for one trap frame; entry code goes on elsewhere."""

    words: Array[u64] = inline(32)


class Segments64(Segments):
    """The descriptor table, and the stacks of those that have their own."""

    def __init__(self, records: Region, layout: Layout, cpu: Cpu) -> None:
        self.ram = records.ram
        self.cpu = cpu
        self.double_fault_stack = layout.double_fault_stack
        self.table = records.struct(DescriptorTable)
        self.stacks = tuple((number, records.struct(InterruptStack)) for _, number in OWN_STACKS[1:])

    def start(self, task: TaskState, handler: word) -> None:
        """Fill in all, a CPU's task state too, and use them; there is no LDT."""
        for selector, access in CODE:
            self._set(selector, 0, 0xF_FFFF, access, LONG)
        for selector, access in DATA:
            self._set(selector, 0, 0xF_FFFF, access, FLAT)
        self._set(THREAD, 0, 0, ACCESS_THREAD, 0)
        self._set(TASK, address_of(task), size_of(task) - 1, ACCESS_TASK, 0)
        self._fill(view(self.ram, TaskState64, address_of(task)))
        self.cpu.load_gdt(address_of(self.table), size_of(self.table) - 1, KERNEL_CODE, KERNEL_DATA)
        self.cpu.load_ldt(0)
        self.cpu.load_task_register(TASK)

    def _fill(self, task: TaskState64) -> None:
        task.io_bitmap = size_of(task)
        task.interrupt_stacks[0] = self.double_fault_stack
        for number, stack in self.stacks:
            task.interrupt_stacks[number - 1] = address_of(stack) + size_of(stack)

    def use_tables(self, directory: word) -> None:
        """Do nothing: a double fault keeps the page tables that are in use, all of which map the kernel."""
