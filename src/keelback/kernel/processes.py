"""Processes: the table, and how one begins and ends.

    FREE ──create──> ALIVE ──exit, fault──> ZOMBIE          all but the record is freed at once

1. A process's id is its index in the table; index 0 is the kernel's and never used.
2. An ALIVE process has an address space and a thread; a ZOMBIE has neither, only how it ended.
3. `release` accepts a process that is built in part, so that one call undoes any prefix of `create`.
"""

from enum import IntEnum

from keelback.kernel.errors import NoProcessSlot, OutOfMemory
from keelback.kernel.frames import KERNEL
from keelback.kernel.layout import Layout
from keelback.kernel.paging import page_of
from keelback.kernel.scheduler import Scheduler
from keelback.kernel.spaces import AddressSpaces
from keelback.kernel.threads import Thread, ThreadState
from keelback.lang import PAGE_SHIFT, Array, Component, Ref, Region, Struct, i16, i32, inline, u8, u32, word

NAME_SIZE = 32


class ProcessState(IntEnum):
    """What a process is."""

    FREE = 0
    ALIVE = 1
    ZOMBIE = 2


class Ending(IntEnum):
    """How a process ended."""

    NOT_YET = 0
    EXITED = 1
    KILLED = 2


class Access(IntEnum):
    """What an instruction was doing when it faulted."""

    NONE = 0
    READ = 1
    WRITE = 2
    FETCH = 3


class FaultRecord(Struct):
    """Why a process was killed; all zero means that it was not."""

    vector: u32
    error: u32  # the CPU's error code
    address: word  # of a page fault
    instruction: word
    access: Access  # of a page fault


class Process(Struct):
    """One process; all zero means free."""

    pid: i16
    parent: i16  # 0: the kernel
    state: ProcessState
    ending: Ending
    exit_status: i32
    space: u32  # its address space; 0 while it has none
    thread: Ref[Thread]
    fault: FaultRecord
    name: Array[u8] = inline(NAME_SIZE)  # zero-padded


class ProcessCounts(Struct):
    """How many processes there are."""

    alive: u32


class Processes(Component):
    """The process table."""

    def __init__(self, records: Region, layout: Layout, spaces: AddressSpaces, scheduler: Scheduler) -> None:
        self.layout = layout
        self.spaces = spaces
        self.frames = spaces.frames
        self.scheduler = scheduler
        self.threads = scheduler.threads
        self.table = records.array(Process, layout.processes)
        self.counts = records.struct(ProcessCounts)

    def create(self, parent: i16) -> Process:
        """Return a new process with an empty address space and a thread that does not run yet.

        Raises: NoProcessSlot or OutOfMemory; nothing has changed.
        """
        process = self._free_slot()
        process.state = ProcessState.ALIVE
        process.parent = parent
        self.counts.alive += 1
        try:
            process.space = self.spaces.create()
            process.thread = self._create_thread(process.pid)
        except OutOfMemory:
            self.discard(process)
            raise
        return process

    def _free_slot(self) -> Process:
        for pid in range(1, len(self.table)):
            process = self.table[pid]
            if process.state == ProcessState.FREE:
                process.pid = pid
                return process
        raise NoProcessSlot

    def _create_thread(self, pid: i16) -> Thread:
        """Return the thread with the index of its process: as long as each has one, that slot is free."""
        thread = self.threads[pid]
        assert thread.state == ThreadState.FREE, "a process has one thread"
        stack: u32 = self.frames.allocate_kernel(KERNEL)
        thread.kernel_stack = (stack + 1) << PAGE_SHIFT
        thread.pid = pid
        return thread

    def release(self, process: Process) -> None:
        """Free all that a process has, as far as it was built; its record stays, and says how it ended."""
        thread = process.thread
        if thread is not None:
            self.frames.release_kernel(page_of(thread.kernel_stack - 1) >> PAGE_SHIFT)
            thread.kernel_stack = 0
            thread.wake_tick = 0
            thread.pid = 0
            thread.state = ThreadState.FREE
            process.thread = None
        if process.space != 0:
            self.scheduler.leave_space(process.space)
            self.spaces.destroy(process.space)
            process.space = 0
        self.counts.alive -= 1

    def discard(self, process: Process) -> None:
        """Undo `create`: free a process that never ran, its record too."""
        self.release(process)
        process.pid = 0
        process.parent = 0
        process.state = ProcessState.FREE
        process.name.clear()

    def exit(self, process: Process, status: i32) -> None:
        """End a process by its own wish."""
        process.exit_status = status
        self._end(process, Ending.EXITED)

    def kill(self, process: Process) -> None:
        """End a process that broke a rule; its fault record says which."""
        self._end(process, Ending.KILLED)

    def _end(self, process: Process, ending: Ending) -> None:
        process.ending = ending
        process.state = ProcessState.ZOMBIE
        self.release(process)

    def of(self, thread: Thread) -> Process:
        """Return the process of a thread that is not the idle one."""
        assert thread.pid != 0, "the idle thread has no process"
        return self.table[thread.pid]
