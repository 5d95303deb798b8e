"""Segments: flat code and data for both rings, and the task state that names the kernel's stack pointer.

Source: Intel SDM volume 3, sections 3.4.5 (descriptors), 2.4.2 (LDTR) and 7.2.1 (task-state segment).
"""

from keelback.lang import Array, Component, Cpu, Region, Struct, address_of, inline, size_of, u16, u32

KERNEL_CODE = 0x08
KERNEL_DATA = 0x10
USER_CODE = 0x18 | 3
USER_DATA = 0x20 | 3
TASK = 0x28

# Access bytes, with the accessed bit that the CPU would set.
ACCESS_KERNEL_CODE = 0x9B
ACCESS_KERNEL_DATA = 0x93
ACCESS_USER_CODE = 0xFB
ACCESS_USER_DATA = 0xF3
ACCESS_TASK = 0x89
FLAT = 0xC  # 4 KiB units, 32-bit


class Descriptor(Struct):
    """One segment descriptor; all zero is the null descriptor."""

    low: u32
    high: u32


class DescriptorTable(Struct):
    """The global descriptor table."""

    entries: Array[Descriptor] = inline(6)


class TaskState(Struct):
    """The task-state segment: only ring 0's stack and the place of the I/O bitmap are used."""

    link: u32
    esp0: u32  # where a trap from user mode starts to push: the end of the thread's trap frame
    ss0: u32
    unused: Array[u32] = inline(22)
    trace: u16
    io_bitmap: u16  # beyond the limit: every port is forbidden to user mode


class Segments(Component):
    """The descriptor table and the task state."""

    def __init__(self, records: Region, cpu: Cpu) -> None:
        self.cpu = cpu
        self.table = records.struct(DescriptorTable)
        self.task = records.struct(TaskState)

    def start(self) -> None:
        """Fill both in and use them; there is no local descriptor table."""
        self._set(KERNEL_CODE, 0, 0xF_FFFF, ACCESS_KERNEL_CODE, FLAT)
        self._set(KERNEL_DATA, 0, 0xF_FFFF, ACCESS_KERNEL_DATA, FLAT)
        self._set(USER_CODE, 0, 0xF_FFFF, ACCESS_USER_CODE, FLAT)
        self._set(USER_DATA, 0, 0xF_FFFF, ACCESS_USER_DATA, FLAT)
        self._set(TASK, address_of(self.task), size_of(TaskState) - 1, ACCESS_TASK, 0)
        self.task.ss0 = KERNEL_DATA
        self.task.io_bitmap = size_of(TaskState)
        self.cpu.load_gdt(address_of(self.table), size_of(DescriptorTable) - 1, KERNEL_CODE, KERNEL_DATA)
        self.cpu.load_ldt(0)
        self.cpu.load_task_register(TASK)

    def _set(self, selector: u16, base: u32, limit: u32, access: u32, flags: u32) -> None:
        entry = self.table.entries[selector // 8]
        entry.low = limit & 0xFFFF | (base & 0xFFFF) << 16
        entry.high = base >> 16 & 0xFF | access << 8 | limit >> 16 << 16 | flags << 20 | base >> 24 << 24
