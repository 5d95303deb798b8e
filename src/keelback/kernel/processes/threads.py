"""Threads: what the CPU resumes, and the records that hold it.

                 make_ready          choose
    FREE ──> READY ────────> (queue) ───────> RUNNING ──> READY      yield, end of the time slice
                 ^                               │
                 ├──────── SLEEPING <────────────┤                   sleep, woken by the timer
                 └──────── WAITING <─────────────┘                   wait, woken by who finishes its call
    any ──> FREE                                                     exit, kill, fault
    any ──> ENDED ──> FREE                                           end of a thread, which another joins

A trap from user mode pushes its frame at the end of `Thread.frame`, where the task state says; the entry
code then takes its stack from `kernel_stack`, the word behind the frame.  Until then, and again while a frame is
restored, the stack pointer is in the frame: below each there is room for a non-maskable interrupt.
"""

from enum import IntEnum

from keelback.abi.errors import NoThreadSlot
from keelback.kernel.layout import Layout
from keelback.kernel.memory.kernel_stacks import KernelStacks
from keelback.kernel.processes.queues import Link, Queue, Queues
from keelback.kernel.processes.slots import FreeSlots
from keelback.kernel.x86.trap_frame import TrapFrame
from keelback.lang import (
    Array,
    Component,
    Region,
    Struct,
    address_of,
    inline,
    on_64_bits,
    size_of,
    u8,
    u16,
    u32,
    u64,
    word,
)


class ThreadState(IntEnum):
    """What a thread is doing."""

    FREE = 0
    READY = 1  # in its CPU's queue
    RUNNING = 2
    SLEEPING = 3  # until its deadline
    WAITING = 4  # in the queue of what it waits for
    IDLE = 5  # what a CPU runs when nothing is ready
    ENDED = 6  # nobody has joined it yet; its value is in its frame, as the argument of its last call


class InterruptRoom(Struct):
    """Room below each trap frame for what a non-maskable interrupt of ring 0 pushes, three words of 32 bits.

    Of 64 bits each, so that nothing lies between this and the next frame.
    """

    words: Array[u64] = inline(2)


@on_64_bits(InterruptRoom)
class InterruptRoom64(Struct):
    """What makes the ends of all trap frames multiples of 16: in long mode that interrupt has a stack of its own."""

    words: Array[u32] = inline(8)


class Exchange(Struct):
    """What a thread has under way at an endpoint; of use while it waits there, and all zero for a free thread."""

    badge: word  # of a message that is sent: that of the handle through which it is
    awaits_reply: bool  # it is a call's
    right: u16  # of a call that waits for its reply: the number of the handle to reply …
    holder: u16  # … and the process that has it


class AwaitedWord(Struct):
    """Which word of memory a thread waits on; of use while it does."""

    place: u32  # the process, or with the mark SHARED the frame of a memory object's page
    address: word  # there


class Thread(Struct):
    """One thread; all zero but the frame means free."""

    frame: TrapFrame  # first, so that one address stands for both
    kernel_stack: word  # the first address after the thread's kernel stack
    wake_tick: u64  # its deadline, if it has one
    waits: Link  # in the queue of its CPU when it is ready, of what it waits for when it is waiting
    deadline: Link  # in the queue of what may wake at the same tick
    siblings: Link  # in one of its process's lists
    queue: u16  # the number of that queue
    number: u16  # its index in the table; 0 for a free one, too
    pid: u16  # its process; 0 for the idle thread
    state: ThreadState
    cpu: u8  # whose queue it is in when it is ready
    timed: bool  # it has a deadline
    detached: bool  # nobody can join it
    serial: u32  # no other thread that started has had it, but for one 2^32 before
    exchange: Exchange
    awaited: AwaitedWord
    room: InterruptRoom  # for one that comes while the next frame is the stack

    def trap_stack(self) -> word:
        """Return where a trap from user mode starts to push."""
        return address_of(self.frame) + size_of(self.frame) & 0xFFFF_FFFF


class ThreadCounts(Struct):
    """Which thread was the last to start; 0 when none has."""

    last: u16  # so that ids go round, and one that is known from before names nobody for a while
    serial: u32  # of the last that started


class Threads(Component):
    """The thread table: which records are free, and whose the others are.

    A thread's index says nothing about its process.  The first are the idle threads, one a CPU.
    """

    def __init__(self, records: Region, layout: Layout, stacks: KernelStacks) -> None:
        self.stacks = stacks
        self.counts = records.struct(ThreadCounts)
        self.room = records.struct(InterruptRoom)  # below the frame of the first
        self.table = records.array(Thread, layout.threads)
        self.free_slots = FreeSlots(records, layout.threads)
        self.waits = Queues(self._waits)
        self.ends = Queues(self._deadline)
        self.lists = Queues(self._siblings)

    def create_idle(self, code: word) -> None:
        """Make the idle thread, which runs code of ring 0.  Raises: OutOfMemory; nothing has changed."""
        idle = self.table[0]
        idle.kernel_stack = self.stacks.create(0)
        idle.frame.start_idle(code)
        idle.state = ThreadState.IDLE

    def check_slot(self) -> None:
        """Check that a thread can be created, as far as slots go.  Raises: NoThreadSlot."""
        if self.free_slots.bits.summary == 0:
            raise NoThreadSlot

    def create(self, pid: u16, threads: Queue) -> Thread:
        """Add a thread that does not run yet to the list of its process, where a slot is free.

        Raises: OutOfMemory; nothing has changed.
        """
        number: u32 = self.free_slots.after(self.counts.last)
        stack: word = self.stacks.create(number)
        self.free_slots.remove(number)
        thread = self.table[number]
        thread.number = number
        thread.kernel_stack = stack
        thread.pid = pid
        self.lists.push(threads, number)
        return thread

    def note_start(self, thread: Thread) -> None:
        """Note a thread that is complete as the last to start, which gets a serial number."""
        self.counts.last = thread.number
        self.counts.serial = self.counts.serial + 1 & 0xFFFF_FFFF
        thread.serial = self.counts.serial

    def end(self, thread: Thread, threads: Queue, ended: Queue) -> None:
        """Move a thread, in no queue and without a stack, to those of its process that have ended."""
        self.lists.remove(threads, thread.number)
        self.lists.push(ended, thread.number)
        thread.state = ThreadState.ENDED

    def release(self, thread: Thread, threads: Queue) -> None:
        """Free a thread that is in no queue but a list of its process, and has no stack any more."""
        self.lists.remove(threads, thread.number)
        self.free_slots.add(thread.number)
        thread.number = 0
        thread.pid = 0
        thread.serial = 0
        thread.detached = False
        thread.exchange.clear()
        thread.state = ThreadState.FREE

    def first(self, threads: Queue) -> Thread:
        """Return the thread that a process, which has one, started with."""
        return self.table[threads.first]

    def _waits(self, number: u16) -> Link:
        return self.table[number].waits

    def _deadline(self, number: u16) -> Link:
        return self.table[number].deadline

    def _siblings(self, number: u16) -> Link:
        return self.table[number].siblings
