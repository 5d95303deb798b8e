"""Threads: what the CPU resumes, and the records that hold it.

                 make_ready          choose
    FREE ──> READY ────────> (queue) ───────> RUNNING ──> READY      yield, end of the time slice
                 ^                               │
                 ├──────── SLEEPING <────────────┤                   sleep, woken by the timer
                 └──────── WAITING <─────────────┘                   wait, woken by a child's end
    any ──> FREE                                                     exit, kill, fault

A trap from user mode pushes its frame at the end of `Thread.frame`, where the task state's esp0 points; the entry
code then takes its stack from `kernel_stack`, the word behind the frame.  Until then, and again while a frame is
restored, the stack pointer is in the frame: below each there is room for a non-maskable interrupt.
"""

from enum import IntEnum

from keelback.kernel.x86.segments import EFLAGS_FIXED, KERNEL_CODE, KERNEL_DATA, USER_CODE, USER_DATA
from keelback.lang import Array, Ref, Struct, address_of, i16, inline, size_of, u32, u64, word

EFLAGS_INTERRUPTS = 1 << 9
FROM_VIRTUAL_8086 = 1 << 8
"""Marks a vector that came in virtual-8086 mode: such a frame is never restored."""


INTERRUPT_WORDS = 4
"""Room below each trap frame for what a non-maskable interrupt of ring 0 pushes, three words."""


class ThreadState(IntEnum):
    """What a thread is doing."""

    FREE = 0
    READY = 1
    RUNNING = 2
    SLEEPING = 3
    WAITING = 4  # in no list; made ready, it makes its system call again


class TrapFrame(Struct):
    """The registers of an interrupted thread, in the order in which entry code and CPU push them."""

    edi: u32
    esi: u32
    ebp: u32
    unused: u32  # the esp that `pushal` stores and `popal` skips
    ebx: u32
    edx: u32
    ecx: u32
    eax: u32
    vector: u32  # of the trap; with the mark FROM_VIRTUAL_8086 if there
    error: u32  # 0 where the CPU pushes none
    eip: u32
    cs: u32
    eflags: u32
    esp: u32  # this and ss only when the trap came from user mode
    ss: u32

    def start_user(self, entry: word, stack: word) -> None:
        """Make this the frame of a thread that starts at `entry` in user mode; other registers are 0."""
        self._clear()
        self.eip = entry
        self.cs = USER_CODE
        self.eflags = EFLAGS_FIXED | EFLAGS_INTERRUPTS
        self.esp = stack
        self.ss = USER_DATA

    def start_idle(self, entry: word) -> None:
        """Make this the frame of the idle thread, in ring 0."""
        self._clear()
        self.eip = entry
        self.cs = KERNEL_CODE
        self.eflags = EFLAGS_FIXED
        self.ss = KERNEL_DATA

    def copy(self, other: "TrapFrame") -> None:
        """Be as another frame."""
        self.edi = other.edi
        self.esi = other.esi
        self.ebp = other.ebp
        self.unused = other.unused
        self.ebx = other.ebx
        self.edx = other.edx
        self.ecx = other.ecx
        self.eax = other.eax
        self.vector = other.vector
        self.error = other.error
        self.eip = other.eip
        self.cs = other.cs
        self.eflags = other.eflags
        self.esp = other.esp
        self.ss = other.ss

    def _clear(self) -> None:
        self.edi = 0
        self.esi = 0
        self.ebp = 0
        self.unused = 0
        self.ebx = 0
        self.edx = 0
        self.ecx = 0
        self.eax = 0
        self.vector = 0
        self.error = 0


class Thread(Struct):
    """One thread; all zero means free."""

    frame: TrapFrame  # first, so that one address stands for both
    kernel_stack: word  # the first address after the thread's kernel stack
    wake_tick: u64  # when a sleeping thread wakes
    next: "Ref[Thread]"  # in the queue that holds it
    pid: i16  # its process; 0 for the idle thread
    state: ThreadState
    interrupt_room: Array[u32] = inline(INTERRUPT_WORDS)  # for one that comes while the next frame is the stack

    def trap_stack(self) -> word:
        """Return where a trap from user mode starts to push."""
        return address_of(self.frame) + size_of(TrapFrame)
