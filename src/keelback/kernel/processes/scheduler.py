"""The scheduler: round-robin among the ready threads of a CPU, its idle thread when there is none.

1. At most one thread of a CPU is RUNNING: its current one.
2. Every READY thread is in its CPU's queue, every WAITING one in the queue of what it waits for, and no other in any.
3. Every SLEEPING thread has a deadline; whoever has one is in the queue of its tick too.
4. Whoever wakes a thread takes it out of both queues, and has finished its call: a thread never makes one twice.
"""

from keelback.kernel.devices.timer import Timer
from keelback.kernel.layout import Layout
from keelback.kernel.memory.spaces import AddressSpaces
from keelback.kernel.processes.queues import Queue
from keelback.kernel.processes.threads import Thread, Threads, ThreadState
from keelback.kernel.x86.task_state import TaskState
from keelback.lang import PAGE_SHIFT, Array, Component, Cpu, Ref, Region, Struct, inline, u8, u16, u32, u64, word

CPUS = 1
TICKS = 256
"""Deadlines this far from each other are in one queue, which each tick looks through."""


def waiters_of(pid: u16) -> u16:
    """Return the number of the queue of a process's threads that wait for its children."""
    return CPUS + pid


class CpuState(Struct):
    """What one CPU is doing."""

    current: Ref[Thread]  # the thread whose frame a trap saved, or the next one to run
    idle: Ref[Thread]
    directory: u32  # the frame of that of the address space in use
    left_stack: word  # the end of the stack of a thread that has ended: freed by the next trap; 0: none
    number: u8  # of its queue of ready threads
    task: TaskState


class Deadlines(Struct):
    """Who waits no longer than until a tick, in the order in which they came, by the tick modulo `TICKS`."""

    queues: Array[Queue] = inline(TICKS)


class Scheduler(Component):
    """Chooses who runs next."""

    def __init__(
        self, records: Region, layout: Layout, cpu: Cpu, spaces: AddressSpaces, timer: Timer, threads: Threads
    ) -> None:
        self.cpu = cpu
        self.spaces = spaces
        self.identity = layout.identity
        self.timer = timer
        self.threads = threads
        self.waits = threads.waits
        self.ends = threads.ends
        self.queues = records.array(Queue, CPUS + layout.processes)
        self.deadlines = records.struct(Deadlines)
        self.in_long_mode = layout.paging.word_bits == 64
        self.cpus = records.array(CpuState, CPUS)

    def start(self, cpu: CpuState, idle_code: u32) -> None:
        """Make a CPU's idle thread current.  Raises: OutOfMemory; nothing has changed."""
        idle = self.threads.create_idle(idle_code)
        cpu.idle = idle
        cpu.current = idle
        cpu.directory = self.spaces.kernel.directory

    def current(self, cpu: CpuState) -> Thread:
        """Return the thread that the trap interrupted."""
        thread = cpu.current
        assert thread is not None, "a CPU always has a current thread"
        return thread

    def make_ready(self, thread: Thread) -> None:
        """Put a thread that is in no queue at the end of the ready ones."""
        self._put(thread, thread.cpu, ThreadState.READY)

    def _put(self, thread: Thread, queue: u16, state: ThreadState) -> None:
        thread.state = state
        thread.queue = queue
        self.waits.push(self.queues[queue], thread.number)

    def sleep(self, thread: Thread, ticks: u32) -> None:
        """Suspend the current thread for a number of ticks, one or more."""
        thread.state = ThreadState.SLEEPING
        thread.timed = True
        thread.wake_tick = self.timer.later(ticks)
        self.ends.push(self._deadlines_at(thread.wake_tick), thread.number)

    def _deadlines_at(self, tick: u64) -> Queue:
        return self.deadlines.queues[tick % TICKS]

    def wake_sleepers(self) -> None:
        """Make every sleeper ready whose time has come."""
        number = self._deadlines_at(self.timer.clock.ticks).first
        while number != 0:
            sleeper = self.threads.table[number]
            number = sleeper.deadline.next
            if sleeper.wake_tick <= self.timer.clock.ticks:
                self.wake(sleeper)

    def wait(self, thread: Thread, queue: u16) -> None:
        """Suspend the current thread, in a queue, until somebody who has finished its call wakes it."""
        self._put(thread, queue, ThreadState.WAITING)

    def wake(self, thread: Thread) -> None:
        """Make a thread ready that waits or sleeps."""
        self.remove(thread)
        self.make_ready(thread)

    def remove(self, thread: Thread) -> None:
        """Take a thread out of the queues that it is in."""
        if thread.state == ThreadState.READY or thread.state == ThreadState.WAITING:
            self.waits.remove(self.queues[thread.queue], thread.number)
            thread.queue = 0
        if thread.timed:
            self.ends.remove(self._deadlines_at(thread.wake_tick), thread.number)
            thread.timed = False
            thread.wake_tick = 0

    def give_way(self, thread: Thread) -> None:
        """Put the current thread, if it still runs, behind the other ready ones."""
        if thread.state == ThreadState.RUNNING and self.queues[thread.cpu].first != 0:
            self.make_ready(thread)

    def choose(self, cpu: CpuState) -> Thread:
        """Return the thread to resume where the current one does not go on: the first that is ready, else idle."""
        chosen = self._take_ready(cpu)
        if self.in_long_mode:
            self.cpu.drop_selectors()  # else the return from `syscall` would leave another thread's
        cpu.current = chosen
        cpu.task.set_trap_stack(chosen.trap_stack())
        return chosen

    def _take_ready(self, cpu: CpuState) -> Thread:
        queue = self.queues[cpu.number]
        if queue.first == 0:
            idle = cpu.idle
            assert idle is not None, "a CPU always has an idle thread"
            return idle
        thread = self.threads.table[self.waits.pop(queue)]
        thread.state = ThreadState.RUNNING
        return thread

    def use_space(self, cpu: CpuState, directory: u32) -> None:
        """Switch to an address space, unless it is in use."""
        if cpu.directory != directory:
            if not self.identity:
                # Loading cr3 drops every translation that is not global: those of the space that is left.
                self.cpu.write_cr3(directory << PAGE_SHIFT)
            cpu.directory = directory

    def replace_space(self, directory: u32, other: u32) -> None:
        """Use another address space wherever one is in use that is to be destroyed."""
        for cpu in self.cpus:
            if cpu.directory == directory:
                self.use_space(cpu, other)
