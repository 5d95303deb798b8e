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

from keelback.kernel.x86.trap_frame import TrapFrame
from keelback.lang import Array, Ref, Struct, address_of, i16, inline, size_of, u32, u64, word

INTERRUPT_WORDS = 4
"""Room below each trap frame for what a non-maskable interrupt of ring 0 pushes, three words."""


class ThreadState(IntEnum):
    """What a thread is doing."""

    FREE = 0
    READY = 1
    RUNNING = 2
    SLEEPING = 3
    WAITING = 4  # in no list; made ready, it makes its system call again


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
