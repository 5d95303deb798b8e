"""The scheduler: round-robin among the ready threads of a CPU, its idle thread when there is none.

1. At most one thread of a CPU is RUNNING: its current one.
2. Every READY thread is in its CPU's queue, every WAITING one in the queue of what it waits for, and no other in any.
3. Every SLEEPING thread has a deadline, and a WAITING one may; whoever has one is in the queue of its tick too.
4. Whoever wakes a thread takes it out of both queues, and has finished its call: a thread never makes one twice.
5. The call of a WAITING thread whose deadline comes first ends with TimedOut.
"""

from keelback.abi.errors import TimedOut
from keelback.abi.parts import Part
from keelback.kernel.devices.timer import Timer
from keelback.kernel.layout import Layout
from keelback.kernel.memory.spaces import AddressSpaces
from keelback.kernel.processes.queues import Queue
from keelback.kernel.processes.threads import Thread, Threads, ThreadState
from keelback.kernel.processes.wait_queues import CPUS, WaitQueues
from keelback.kernel.x86.segments import USER_DATA, Segments
from keelback.kernel.x86.task_state import SysenterStack, TaskState
from keelback.kernel.x86.trap_frame import TrapFrame
from keelback.lang import (
    Array,
    Component,
    Cpu,
    Region,
    Struct,
    i32,
    inline,
    layout_of,
    native,
    rare,
    u8,
    u16,
    u32,
    u64,
    view,
    word,
)

TICKS = 256
"""Deadlines this far from each other are in one queue, which each tick looks through."""
MOST_TICKS = 0x7FFF_FFFF
"""The most that a thread sleeps or waits."""


class CpuState(Struct):
    """What one CPU is doing."""

    current: u32  # the number of the thread whose frame a trap saved, or that runs next
    directory: u32  # the frame of that of the address space in use
    left_stack: word  # the end of the stack of a thread that has ended: freed by the next trap; 0: none
    number: u8  # of its queue of ready threads
    sysenter_stack: SysenterStack  # right below the task state
    task: TaskState


class Deadlines(Struct):
    """Who waits no longer than until a tick, in the order in which they came, by the tick modulo `TICKS`."""

    queues: Array[Queue] = inline(TICKS)
    count: u32  # of threads that have a deadline


class Scheduler(Component):
    """Chooses who runs next."""

    def __init__(
        self,
        records: Region,
        layout: Layout,
        cpu: Cpu,
        segments: Segments,
        spaces: AddressSpaces,
        timer: Timer,
        threads: Threads,
    ) -> None:
        self.ram = records.ram
        self.cpu = cpu
        self.segments = segments
        self.shows_threads = Part.THREADS in layout.parts
        self.spaces = spaces
        self.identity = layout.identity
        self.timer = timer
        self.threads = threads
        self.waits = threads.waits
        self.ends = threads.ends
        self.wait_queues = WaitQueues(layout)
        self.queues = records.array(Queue, self.wait_queues.count)
        self.deadlines = records.struct(Deadlines)
        self.frame_size = layout_of(TrapFrame, layout.paging.word_bits).size
        self.in_long_mode = layout.paging.word_bits == 64
        self.cpus = records.array(CpuState, CPUS)

    def start(self, cpu: CpuState, idle_code: u32) -> None:
        """Make a CPU's idle thread current.  Raises: OutOfMemory; nothing has changed."""
        self.threads.create_idle(idle_code)
        cpu.directory = self.spaces.kernel.directory

    def current(self, cpu: CpuState) -> Thread:
        """Return the thread that the trap interrupted, or that a message made the one to run next."""
        return self.threads.table[cpu.current]

    def interrupted(self, cpu: CpuState) -> Thread:
        """Return the same, in fewer steps, by where its frame ends: its record begins with the frame."""
        return self._whose_frame(cpu.task.trap_stack())

    # The C compiler is not told where the address comes from, else it keeps the end beside it, to compare ends.
    @native('Thread *thread = (Thread *)(end - self_frame_size); __asm__("" : "+r"(thread)); return thread;')
    def _whose_frame(self, end: word) -> Thread:
        """Return the thread whose frames of traps end at an address."""
        return view(self.ram, Thread, end - self.frame_size)

    def make_ready(self, thread: Thread) -> None:
        """Put a thread that is in no queue at the end of the ready ones."""
        self._put(thread, thread.cpu, ThreadState.READY)

    def _put(self, thread: Thread, queue: u16, state: ThreadState) -> None:
        thread.state = state
        thread.queue = queue
        self.waits.push_link(self.queues[queue], thread.number, thread.waits)

    def sleep(self, thread: Thread, ticks: u32) -> None:
        """Suspend the current thread for a number of ticks, one or more."""
        thread.state = ThreadState.SLEEPING
        self.end_at(thread, ticks)

    @rare
    def end_at(self, thread: Thread, ticks: u32) -> None:
        """Note that a thread waits or sleeps for a number of ticks at most."""
        thread.timed = True
        self.deadlines.count += 1
        thread.wake_tick = self.timer.later(ticks)
        self.ends.push(self._deadlines_at(thread.wake_tick), thread.number)

    def _deadlines_at(self, tick: u64) -> Queue:
        return self.deadlines.queues[tick % TICKS]

    def wake_sleepers(self) -> None:
        """Make every thread ready whose deadline has come."""
        queue = self._deadlines_at(self.timer.clock.ticks)
        number = queue.first
        while number != 0:
            sleeper = self.threads.table[number]
            number = sleeper.deadline.next
            if sleeper.wake_tick <= self.timer.clock.ticks:
                if sleeper.state == ThreadState.WAITING:
                    self.refuse(sleeper, TimedOut.number)
                else:  # it sleeps, so it is in no other queue
                    self._leave_deadlines(sleeper, queue)
                    self.make_ready(sleeper)

    def wait(self, thread: Thread, queue: u16) -> None:
        """Suspend the current thread, in a queue, until somebody who has finished its call wakes it."""
        self._put(thread, queue, ThreadState.WAITING)

    def wake_from(self, queue: Queue, thread: Thread) -> None:
        """Make a thread ready that waits in a queue."""
        self.waits.remove_link(queue, thread.waits)
        if thread.timed:
            self._forget_deadline(thread)
        self.make_ready(thread)

    def wait_until(self, thread: Thread, queue: u16, ticks: u32) -> None:
        """Suspend the current thread, in a queue, for a number of ticks at most; with 0, as `wait` does."""
        self.wait(thread, queue)
        if ticks != 0:
            self.end_at(thread, ticks)

    def wake(self, thread: Thread) -> None:
        """Make a thread ready that waits or sleeps."""
        self.remove(thread)
        self.make_ready(thread)

    def refuse(self, thread: Thread, error: i32) -> None:
        """End the call of a thread that waits with the number of an error."""
        thread.frame.set_error(error)
        self.wake(thread)

    def refuse_all(self, queue: u16, error: i32) -> None:
        """End the calls of all threads that wait in a queue with the number of an error."""
        waiting = self.queues[queue]
        while waiting.first != 0:
            self.refuse(self.threads.table[waiting.first], error)

    def move(self, thread: Thread, queue: u16) -> None:
        """Put a thread that waits into another queue, its deadline kept."""
        self.waits.remove(self.queues[thread.queue], thread.number)
        thread.queue = queue
        self.waits.push(self.queues[queue], thread.number)

    def this_cpu(self) -> CpuState:
        """Return the CPU that serves a trap: there is one."""
        return self.cpus[0]

    def run_next(self, thread: Thread) -> None:
        """Choose a thread that waits as the one to run instead of the current one, which does not go on."""
        self.remove(thread)
        thread.state = ThreadState.RUNNING
        self._make_current(self.this_cpu(), thread)

    def wait_alone(self, thread: Thread, number: u16, queue: Queue) -> None:
        """Suspend the current thread in a queue of a number, which is empty, without a deadline."""
        thread.state = ThreadState.WAITING
        thread.queue = number
        queue.first = thread.number
        queue.last = thread.number

    def run_alone(self, thread: Thread, queue: Queue) -> None:
        """Choose a thread that waits alone in a queue, without a deadline, as `run_next` does."""
        queue.clear()
        thread.queue = 0
        thread.state = ThreadState.RUNNING
        self._make_current(self.this_cpu(), thread)

    def _make_current(self, cpu: CpuState, thread: Thread) -> None:
        """Make a thread a CPU's current one, but for its address space: the next trap is saved in its frame."""
        cpu.current = thread.number
        cpu.task.set_trap_stack(thread.trap_stack())
        if self.shows_threads:
            self.segments.show_thread(thread.number)
        # Else the return from a fast call would leave another thread's.
        if self.in_long_mode:
            self.cpu.drop_selectors()
        else:
            self.cpu.load_spare_selectors(USER_DATA)

    def remove(self, thread: Thread) -> None:
        """Take a thread out of the queues that it is in."""
        if thread.state == ThreadState.READY or thread.state == ThreadState.WAITING:
            self.waits.remove_link(self.queues[thread.queue], thread.waits)
            thread.queue = 0
        if thread.timed:
            self._forget_deadline(thread)

    @rare
    def _forget_deadline(self, thread: Thread) -> None:
        self._leave_deadlines(thread, self._deadlines_at(thread.wake_tick))

    def _leave_deadlines(self, thread: Thread, queue: Queue) -> None:
        """Take a thread that has a deadline out of the queue of its tick; it has none then."""
        self.ends.remove_link(queue, thread.deadline)
        self.deadlines.count -= 1
        thread.timed = False
        thread.wake_tick = 0

    def give_way(self, thread: Thread) -> None:
        """Put the current thread, if it still runs, behind the other ready ones."""
        if thread.state == ThreadState.RUNNING and self.queues[thread.cpu].first != 0:
            self.make_ready(thread)

    def choose(self, cpu: CpuState) -> Thread:
        """Return the thread to resume where the current one does not go on: the first ready one, or idle."""
        chosen = self._take_ready(cpu)
        self._make_current(cpu, chosen)
        return chosen

    def _take_ready(self, cpu: CpuState) -> Thread:
        queue = self.queues[cpu.number]
        if queue.first == 0:
            return self.threads.table[cpu.number]  # the idle one
        thread = self.threads.table[self.waits.pop(queue)]
        thread.state = ThreadState.RUNNING
        return thread

    def use_space(self, cpu: CpuState, directory: u32) -> None:
        """Switch to an address space, unless it is in use."""
        if cpu.directory != directory:
            if not self.identity:
                # Loading cr3 drops every translation that is not global: those of the space that is left.
                self.cpu.write_cr3(self.spaces.access.place_of_root(directory))
            cpu.directory = directory

    def replace_space(self, directory: u32, other: u32) -> None:
        """Use another address space wherever one is in use that is to be destroyed."""
        for cpu in self.cpus:
            if cpu.directory == directory:
                self.use_space(cpu, other)
