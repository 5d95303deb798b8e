"""The scheduler: round-robin among the ready threads, the idle thread when there is none.

1. At most one thread is RUNNING: the CPU's current one.
2. Every READY thread is in the queue once; every SLEEPING one in the sleepers' list, earliest first.
3. The idle thread is in neither, and so is every WAITING one.
"""

from keelback.kernel.devices.timer import Timer
from keelback.kernel.memory.kernel_stacks import KernelStacks
from keelback.kernel.memory.spaces import AddressSpaces
from keelback.kernel.processes.threads import INTERRUPT_WORDS, Thread, ThreadState
from keelback.kernel.x86.segments import Segments
from keelback.lang import PAGE_SHIFT, Array, Component, Cpu, Ref, Region, Struct, inline, u32, u64

INT_LENGTH = 2
"""Bytes of the `int` instruction that makes a system call."""


class InterruptRoom(Struct):
    """The room below the first thread's trap frame; see `Thread.interrupt_room`."""

    words: Array[u32] = inline(INTERRUPT_WORDS)


class CpuState(Struct):
    """What one CPU is doing."""

    current: Ref[Thread]  # the thread whose frame a trap saved, or the next one to run
    idle: Ref[Thread]
    first_ready: Ref[Thread]
    last_ready: Ref[Thread]
    first_sleeper: Ref[Thread]
    space: u32  # the address space in use: its page directory's frame


class Scheduler(Component):
    """Chooses who runs next."""

    def __init__(
        self,
        records: Region,
        cpu: Cpu,
        segments: Segments,
        spaces: AddressSpaces,
        stacks: KernelStacks,
        timer: Timer,
        threads: int,
    ) -> None:
        self.cpu = cpu
        self.task = segments.task
        self.spaces = spaces
        self.stacks = stacks
        self.timer = timer
        self.room = records.struct(InterruptRoom)
        self.threads = records.array(Thread, threads)
        self.cpus = records.array(CpuState, 1)
        self.state = self.cpus[0]

    def start(self, idle_code: u32) -> None:
        """Make thread 0 the idle thread and let it be current.  Raises: OutOfMemory; nothing has changed."""
        idle = self.threads[0]
        idle.kernel_stack = self.stacks.create()
        idle.frame.start_idle(idle_code)
        idle.state = ThreadState.RUNNING
        self.state.idle = idle
        self.state.current = idle
        self.state.space = self.spaces.kernel.directory

    def current(self) -> Thread:
        """Return the thread that the trap interrupted."""
        thread = self.state.current
        assert thread is not None, "a CPU always has a current thread"
        return thread

    def make_ready(self, thread: Thread) -> None:
        """Put a thread that is in no queue at the end of the ready ones."""
        thread.state = ThreadState.READY
        thread.next = None
        last = self.state.last_ready
        if last is None:
            self.state.first_ready = thread
        else:
            last.next = thread
        self.state.last_ready = thread

    def sleep(self, thread: Thread, ticks: u32) -> None:
        """Let the current thread wait for a number of ticks; 0 waits for none."""
        thread.state = ThreadState.SLEEPING
        thread.wake_tick = self.timer.later(ticks)
        before = self._last_sleeper_until(thread.wake_tick)
        if before is None:
            thread.next = self.state.first_sleeper
            self.state.first_sleeper = thread
        else:
            thread.next = before.next
            before.next = thread

    def _last_sleeper_until(self, tick: u64) -> Ref[Thread]:
        """Return the last sleeper that wakes no later than a tick."""
        found: Ref[Thread] = None
        sleeper = self.state.first_sleeper
        while sleeper is not None and sleeper.wake_tick <= tick:
            found = sleeper
            sleeper = sleeper.next
        return found

    def wake_sleepers(self) -> None:
        """Make every sleeper ready whose time has come."""
        sleeper = self.state.first_sleeper
        while sleeper is not None and sleeper.wake_tick <= self.timer.clock.ticks:
            self.state.first_sleeper = sleeper.next
            self.make_ready(sleeper)
            sleeper = self.state.first_sleeper

    def wait(self, thread: Thread) -> None:
        """Let the current thread wait until somebody wakes it; it then makes its system call again."""
        thread.state = ThreadState.WAITING
        thread.frame.eip = (thread.frame.eip - INT_LENGTH) & 0xFFFF_FFFF

    def wake_waiting(self, thread: Ref[Thread]) -> None:
        """Make a thread ready if it waits."""
        if thread is not None and thread.state == ThreadState.WAITING:
            self.make_ready(thread)

    def remove(self, thread: Thread) -> None:
        """Take a thread that is to end out of the list that it is in, if it is in one."""
        if thread.state == ThreadState.READY:
            self._remove_ready(thread)
        elif thread.state == ThreadState.SLEEPING:
            self._remove_sleeper(thread)
        thread.next = None

    def _remove_ready(self, thread: Thread) -> None:
        state = self.state
        before: Ref[Thread] = None
        each = state.first_ready
        while each is not None and each is not thread:
            before = each
            each = each.next
        if before is None:
            state.first_ready = thread.next
        else:
            before.next = thread.next
        if state.last_ready is thread:
            state.last_ready = before

    def _remove_sleeper(self, thread: Thread) -> None:
        before: Ref[Thread] = None
        each = self.state.first_sleeper
        while each is not None and each is not thread:
            before = each
            each = each.next
        if before is None:
            self.state.first_sleeper = thread.next
        else:
            before.next = thread.next

    def give_way(self) -> None:
        """Put the current thread, if it still runs, behind the other ready ones."""
        thread = self.current()
        if thread.pid != 0 and thread.state == ThreadState.RUNNING:
            self.make_ready(thread)

    def leave_space(self, space: u32) -> None:
        """Use the kernel's own address space if a given one, which is to be destroyed, is in use."""
        if self.state.space == space:
            self._use_space(self.spaces.kernel.directory)

    def choose(self) -> Thread:
        """Return the thread to resume: the current one as long as it runs, else the first that is ready, else idle."""
        thread = self.current()
        if thread.state == ThreadState.RUNNING and (thread.pid != 0 or self.state.first_ready is None):
            return thread
        chosen = self._take_ready()
        self.state.current = chosen
        if chosen.pid != 0:
            self.task.esp0 = chosen.trap_stack()
        return chosen

    def _take_ready(self) -> Thread:
        thread = self.state.first_ready
        if thread is None:
            idle = self.state.idle
            assert idle is not None, "a CPU always has an idle thread"
            return idle
        self.state.first_ready = thread.next
        if thread.next is None:
            self.state.last_ready = None
        thread.next = None
        thread.state = ThreadState.RUNNING
        return thread

    def use_space(self, space: u32) -> None:
        """Let user addresses mean what they mean in a space."""
        if self.state.space != space:
            self._use_space(space)

    def _use_space(self, space: u32) -> None:
        # Loading cr3 drops every translation that is not global: those of the space that is left.
        self.cpu.write_cr3(space << PAGE_SHIFT)
        self.state.space = space
