"""Processes: the table, and how one begins and ends.

                      ┌─ exit, kill, fault ──> ZOMBIE ── the parent waits ──> FREE
    FREE ──> ALIVE ──┤
                      └─ without a parent that could wait ─────────────────> FREE

1. A process's id is its index in the table; index 0 is the kernel's and never used.  Outside layouts that ask for the
   lowest, ids go round, so that one that is known from before names nobody for a while.
2. An ALIVE process has an address space and a thread; a ZOMBIE has neither, only how it ended.
3. A process's children are a list: `first_child`, then `next_sibling`.
4. The parent of a process is alive, or it is the kernel, which keeps zombies for the record, or nobody.
5. `release` accepts a process that is built in part, so that one call undoes any prefix of `create`.
"""

from enum import IntEnum

from keelback.kernel.errors import NoChild, NoProcessSlot, NoSuchProcess, NotPermitted, OutOfMemory
from keelback.kernel.layout import Layout
from keelback.kernel.loading.libraries import Libraries, MappedLibraries
from keelback.kernel.memory.regions import Space
from keelback.kernel.processes.scheduler import Scheduler
from keelback.kernel.processes.threads import Thread, ThreadState
from keelback.lang import Array, Component, Ref, Region, Struct, i16, i32, inline, u8, u32, word

NAME_SIZE = 32

# Parents that are no process.
BY_KERNEL = 0
NOBODY = -1


class ProcessState(IntEnum):
    """What a process is."""

    FREE = 0
    ALIVE = 1
    ZOMBIE = 2


class Ending(IntEnum):
    """How a process ended."""

    NOT_YET = 0
    EXITED = 1
    FAULTED = 2
    KILLED = 3


class Access(IntEnum):
    """What an instruction was doing when it faulted."""

    NONE = 0
    READ = 1
    WRITE = 2
    FETCH = 3


class Reason(IntEnum):
    """Why a fault could not be served, where its vector does not say it."""

    NONE = 0
    NOT_MAPPED = 1
    PROTECTED = 2
    STACK_OVERFLOW = 3
    OUT_OF_MEMORY = 4
    VIRTUAL_8086 = 5


class FaultRecord(Struct):
    """Why a process died of a fault; all zero means that it did not."""

    vector: u32
    error: u32  # the CPU's error code
    address: word  # of a page fault
    instruction: word
    access: Access  # of a page fault
    reason: Reason


class Process(Struct):
    """One process; all zero means free."""

    pid: i16
    parent: i16  # its process id; BY_KERNEL or NOBODY
    state: ProcessState
    ending: Ending
    exit_status: i32  # what it exited with; the process that killed it
    thread: Ref[Thread]
    first_child: "Ref[Process]"
    next_sibling: "Ref[Process]"
    fault: FaultRecord
    space: Space
    libraries: MappedLibraries
    name: Array[u8] = inline(NAME_SIZE)  # zero-padded


class ProcessCounts(Struct):
    """How many processes there are, and which are known by their numbers; 0: none."""

    alive: u32
    last: i16  # to start, of all that ever did
    highest: i16  # that was ever given
    first: i16  # to start, which nobody may kill; none any more when it has ended


class Processes(Component):
    """The process table."""

    def __init__(self, records: Region, layout: Layout, libraries: Libraries, scheduler: Scheduler) -> None:
        self.layout = layout
        self.libraries = libraries
        self.memory = memory = libraries.memory
        self.spaces = memory.spaces
        self.frames = memory.frames
        self.scheduler = scheduler
        self.stacks = scheduler.stacks
        self.threads = scheduler.threads
        self.table = records.array(Process, layout.processes)
        self.counts = records.struct(ProcessCounts)

    # Beginning.

    def create(self, parent: i16) -> Process:
        """Return a new process with an empty address space and a thread that does not run yet.

        Raises: NoProcessSlot or OutOfMemory; nothing has changed.
        """
        process = self._free_slot()
        process.state = ProcessState.ALIVE
        self.counts.alive += 1
        try:
            process.space.directory = self.spaces.create()
            process.space.owner = process.pid
            process.thread = self._create_thread(process.pid)
        except OutOfMemory:
            self.discard(process)
            raise
        self._add_child(process, parent)
        return process

    def _free_slot(self) -> Process:
        """Return the next free slot after the last that was given, or the lowest, as the layout says."""
        count: u32 = len(self.table) - 1
        given: u32 = 0 if self.layout.lowest_number else self.counts.last
        for offset in range(count):
            pid: u32 = (given + offset) % count + 1
            process = self.table[pid]
            if process.state == ProcessState.FREE:
                process.pid = pid
                return process
        raise NoProcessSlot

    def _create_thread(self, pid: i16) -> Thread:
        """Return the thread with the index of its process: as long as each has one, that slot is free."""
        thread = self.threads[pid]
        assert thread.state == ThreadState.FREE, "a process has one thread"
        thread.kernel_stack = self.stacks.create()
        thread.pid = pid
        return thread

    def _add_child(self, process: Process, parent: i16) -> None:
        process.parent = parent
        if parent > 0:
            process.next_sibling = self.table[parent].first_child
            self.table[parent].first_child = process

    def start(self, process: Process) -> None:
        """Let a process that is complete run, and be known by its number."""
        thread = process.thread
        assert thread is not None, "a new process has a thread"
        if self.counts.last == 0:
            self.counts.first = process.pid
        self.counts.last = process.pid
        self.counts.highest = max(self.counts.highest, process.pid)
        self.scheduler.make_ready(thread)

    def fork(self, parent: Process) -> Process:
        """Return a child that is as its parent, which made the call; it does not run yet.

        Raises: NoProcessSlot or OutOfMemory; nothing has changed.
        """
        child = self.create(parent.pid)
        try:
            self.memory.duplicate(parent.space, child.space)
        except OutOfMemory:
            self.discard(child)
            raise
        self.libraries.inherit(child.libraries, parent.libraries)
        child.name.copy_from(0, parent.name, 0, NAME_SIZE)
        thread = child.thread
        caller = parent.thread
        assert thread is not None and caller is not None, "a process has a thread"
        thread.frame.copy(caller.frame)
        return child

    # Ending.

    def release(self, process: Process) -> None:
        """Free all that a process has, as far as it was built; its record stays, and says how it ended."""
        thread = process.thread
        if thread is not None:
            self.scheduler.remove(thread)
            self._release_stack(thread)
            thread.kernel_stack = 0
            thread.wake_tick = 0
            thread.pid = 0
            thread.state = ThreadState.FREE
            process.thread = None
        if process.space.directory != 0:
            self.scheduler.leave_space(process.space.directory)
            self.memory.release(process.space)
            self.libraries.drop_all(process.libraries)
        self.counts.alive -= 1

    def _release_stack(self, thread: Thread) -> None:
        if thread is self.scheduler.current():
            self.stacks.leave(thread.kernel_stack)
        else:
            self.stacks.release(thread.kernel_stack)

    def discard(self, process: Process) -> None:
        """Undo `create`: free a process that never ran, its record too."""
        self._remove_child(process)
        self.release(process)
        self._free(process)

    def _free(self, process: Process) -> None:
        """Free the record of a process that has nothing any more and is nobody's child."""
        process.pid = 0
        process.parent = 0
        process.state = ProcessState.FREE
        process.ending = Ending.NOT_YET
        process.exit_status = 0
        process.fault.vector = 0
        process.fault.error = 0
        process.fault.address = 0
        process.fault.instruction = 0
        process.fault.access = Access.NONE
        process.fault.reason = Reason.NONE
        process.name.clear()

    def exit(self, process: Process, status: i32) -> None:
        """End a process by its own wish."""
        process.exit_status = status
        self._end(process, Ending.EXITED)

    def die(self, process: Process) -> None:
        """End a process that broke a rule; its fault record says which."""
        self._end(process, Ending.FAULTED)

    def kill(self, killer: Process, pid: i32) -> None:
        """End another process, or the killer itself.

        Raises: NoSuchProcess; NotPermitted for the first process.
        """
        if not 0 < pid < len(self.table) or self.table[pid].state != ProcessState.ALIVE:
            raise NoSuchProcess
        if pid == self.counts.first:
            raise NotPermitted
        self.table[pid].exit_status = killer.pid
        self._end(self.table[pid], Ending.KILLED)

    def _end(self, process: Process, ending: Ending) -> None:
        process.ending = ending
        process.state = ProcessState.ZOMBIE
        if process.pid == self.counts.first:
            self.counts.first = 0
        self.release(process)
        self._leave_children(process)
        if process.parent == NOBODY:
            self._free(process)
        elif process.parent != BY_KERNEL:
            self.scheduler.wake_waiting(self.table[process.parent].thread)

    def _leave_children(self, process: Process) -> None:
        """Let the children of a process that ends be nobody's: zombies go, the others will when they end."""
        child = process.first_child
        process.first_child = None
        while child is not None:
            following = child.next_sibling
            child.next_sibling = None
            child.parent = NOBODY
            if child.state == ProcessState.ZOMBIE:
                self._free(child)
            child = following

    def detach(self, child: Process) -> None:
        """Let a process be nobody's child: nobody can wait for it, and its record is free when it ends."""
        if child.parent > 0:
            # A parent that waits for it, and has no other child, would wait for ever.
            self.scheduler.wake_waiting(self.table[child.parent].thread)
        self._remove_child(child)
        child.parent = NOBODY

    def _remove_child(self, child: Process) -> None:
        """Take a process out of its parent's list."""
        if child.parent <= 0:
            return
        parent = self.table[child.parent]
        before: Ref[Process] = None
        each = parent.first_child
        while each is not None and each is not child:
            before = each
            each = each.next_sibling
        if before is None:
            parent.first_child = child.next_sibling
        else:
            before.next_sibling = child.next_sibling
        child.next_sibling = None

    # Waiting.

    def find_zombie(self, parent: Process, pid: i32) -> Ref[Process]:
        """Return a child that has ended, the one of an id or any (-1); None when it has not ended yet.

        Raises: NoChild when there is no such child.
        """
        found = False
        child = parent.first_child
        while child is not None:
            if pid == -1 or child.pid == pid:
                if child.state == ProcessState.ZOMBIE:
                    return child
                found = True
            child = child.next_sibling
        if not found:
            raise NoChild
        return None

    def reap(self, zombie: Process) -> None:
        """Free the record of a child that has ended."""
        self._remove_child(zombie)
        self._free(zombie)

    def of(self, thread: Thread) -> Process:
        """Return the process of a thread that is not the idle one."""
        assert thread.pid != 0, "the idle thread has no process"
        return self.table[thread.pid]
