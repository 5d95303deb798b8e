"""Task states: where a CPU finds the stacks of ring 0.

Source: Intel SDM volume 3, sections 7.2.1 (32-bit task state), 7.3 (what a task switch saves) and 7.7 (64-bit).
"""

from keelback.lang import Array, Struct, at, inline, on_64_bits, u16, u32, u64, word


class SysenterStack(Struct):
    """What `sysenter` starts on, right below a task state, until entry code takes the thread's stack from there.

    It has room for a debug trap of a program's single step, two registers, and a non-maskable interrupt.
    """

    words: Array[u32] = inline(11)


@on_64_bits(SysenterStack)
class SysenterStack64(Struct):
    """Nothing that is used in long mode, where `syscall` changes no stack."""

    words: Array[u32] = inline(1)


class TaskState(Struct):
    """A task-state segment: the kernel's stack for traps; registers of a task that another has interrupted.

    Those without a name here are the CPU's and entry code's alone.
    """

    link: u32  # the selector of the task that this one interrupted
    esp0: u32  # where a trap from user mode starts to push: the end of the thread's trap frame
    ss0: u32
    cr3: u32 = at(0x1C)  # loaded and never saved
    eip: u32
    eflags: u32
    ebx: u32 = at(0x34)
    esp: u32
    es: u32 = at(0x48)
    cs: u32
    ss: u32
    ds: u32
    io_bitmap: u16 = at(0x66)  # beyond the limit: every port is forbidden to user mode

    def set_trap_stack(self, end: word) -> None:
        """Set the address that the frames of traps from user mode end at."""
        self.esp0 = end

    def trap_stack(self) -> word:
        """Return the address that the frames of traps from user mode end at."""
        return self.esp0


@on_64_bits(TaskState)
class TaskState64(Struct):
    """A task-state segment of long mode: stacks alone."""

    rsp0: u64 = at(0x04)  # where a trap from user mode starts to push: the end of the thread's trap frame
    user_stack: u64 = at(0x14)  # rsp2, which no gate uses: entry code keeps there what `syscall` leaves in rsp
    interrupt_stacks: Array[u64] = inline(7, at=0x24)  # that gates may name by their numbers, from 1
    io_bitmap: u16 = at(0x66)  # beyond the limit: every port is forbidden to user mode

    def set_trap_stack(self, end: word) -> None:
        """Set the address that the frames of traps from user mode end at, a multiple of 16."""
        self.rsp0 = end

    def trap_stack(self) -> word:
        """Return the address that the frames of traps from user mode end at."""
        return self.rsp0
