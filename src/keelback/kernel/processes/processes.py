"""Processes: the table, and how one begins and is freed.

                      ┌─ exit, kill, fault ──> ZOMBIE ── the parent waits ──> FREE
    FREE ──> ALIVE ──┤
                      └─ without a parent that could wait ─────────────────> FREE

1. A process's id is its index in the table; index 0 is the kernel's and never used.  Outside layouts that ask for the
   lowest, ids go round, so that one that is known from before names nobody for a while.
2. An ALIVE process has an address space and a thread that has not ended; a ZOMBIE has neither, only how it ended.
3. A process's children are in two queues: those that are alive, and those that ended, first the one that did first.
4. The parent of a process is alive, or it is the kernel, which keeps zombies for the record, or nobody.
5. `release` accepts a process that is built in part, so that one call undoes any prefix of `create`.
"""

from enum import IntEnum

from keelback.abi.errors import NoProcessSlot, NoSuchThread, OutOfMemory
from keelback.abi.parts import Part
from keelback.kernel.loading.libraries import Libraries, MappedLibraries
from keelback.kernel.memory.space_records import Space
from keelback.kernel.memory.virtual_memory import VirtualMemory
from keelback.kernel.processes.holdings import Handles
from keelback.kernel.processes.queues import Link, Queue, Queues
from keelback.kernel.processes.scheduler import Scheduler
from keelback.kernel.processes.slots import FreeSlots
from keelback.kernel.processes.threads import Thread
from keelback.lang import Array, Component, Region, Struct, Table, TextEnum, i16, i32, inline, texts, u8, u16, u32, word

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


class Access(TextEnum):
    """What an instruction was doing when it faulted."""

    NONE = 0, "use of"
    READ = 1, "read of"
    WRITE = 2, "write to"
    FETCH = 3, "fetch from"


class Reason(TextEnum):
    """Why a fault could not be served, where its vector does not say it."""

    NONE = 0, ""
    NOT_MAPPED = 1, "not mapped"
    PROTECTED = 2, "protected"
    STACK_OVERFLOW = 3, "the stack is at its limit"
    OUT_OF_MEMORY = 4, "no memory is left"
    VIRTUAL_8086 = 5, "it entered virtual-8086 mode"
    NOT_EXECUTABLE = 6, "not executable"


ACCESSES = texts(Access)
REASONS = texts(Reason)


class FaultRecord(Struct):
    """Why a process died of a fault; all zero means that it did not."""

    vector: u32
    error: u32  # the CPU's error code
    address: word  # of a page fault
    instruction: word
    access: Access  # of a page fault
    reason: Reason
    thread: u16  # whose it was, where the process had others; else 0


class Process(Struct):
    """One process; all zero means free."""

    pid: i16
    parent: i16  # its process id; BY_KERNEL or NOBODY
    state: ProcessState
    ending: Ending
    serial: u32  # no other process has had it, but for one 2^32 before
    exit_status: i32  # what it exited with; the process that killed it
    threads: Queue  # that have not ended
    ended: Queue  # threads that have, and that nobody has joined
    children: Queue  # that are alive
    zombies: Queue  # children that have ended, in the order in which they did
    siblings: Link  # in one of those two of its parent's
    runners: Link  # among those that run the same member of the payload
    program: u32  # the slot of that member in the index, plus 1
    fault: FaultRecord
    space: Space
    libraries: MappedLibraries
    name: Array[u8] = inline(NAME_SIZE)  # zero-padded


class ProcessCounts(Struct):
    """How many processes there are, and which are known by their numbers; 0: none."""

    alive: u32
    last: i16  # to start, of all that ever did
    serial: u32  # of the last that was made
    first: i16  # to start, which nobody may kill; none any more when it has ended


class Processes(Component):
    """The process table, and who runs which member of the payload, by its slot in the index."""

    def __init__(
        self,
        records: Region,
        virtual_memory: VirtualMemory,
        libraries: Libraries | None,
        scheduler: Scheduler,
        handles: Handles | None,
    ) -> None:
        self.layout = layout = virtual_memory.layout
        self.awaited = Part.WAITING in layout.parts
        self.libraries = libraries
        self.handles = handles
        self.virtual_memory = virtual_memory
        self.spaces = virtual_memory.spaces
        self.frames = virtual_memory.frames
        self.scheduler = scheduler
        self.threads = scheduler.threads
        self.table = records.array(Process, layout.processes)
        self.free_slots = FreeSlots(records, layout.processes)
        self.families = Queues(self._siblings)
        self.runners = Queues(self._runners)
        self.running: Table[Queue] = records.table(Queue)
        self.counts = records.struct(ProcessCounts)

    def create(self, parent: i16) -> Process:
        """Return a new process with an empty address space and a thread that does not run yet.

        Where parents can't wait, it is nobody's child.
        Raises: NoProcessSlot, NoThreadSlot or OutOfMemory; nothing has changed.
        """
        number: u32 = self.free_slots.after(0 if self.layout.lowest_number else self.counts.last)
        if number == 0:
            raise NoProcessSlot
        self.threads.check_slot()
        self.free_slots.remove(number)
        process = self.table[number]
        process.pid = number
        self.counts.serial = self.counts.serial + 1 & 0xFFFF_FFFF
        process.serial = self.counts.serial
        process.state = ProcessState.ALIVE
        self.counts.alive += 1
        if self.handles is not None:
            self.handles.begin(process.pid)
        try:
            process.space.directory = self.spaces.create(process.pid)
            process.space.owner = process.pid
            self.threads.create(process.pid, process.threads)
        except OutOfMemory:
            self.discard(process)
            raise
        process.parent = parent if self.awaited or parent == BY_KERNEL else NOBODY
        if self.awaited and parent > 0:
            self.families.push(self.table[parent].children, process.pid)
        return process

    def start(self, process: Process) -> None:
        """Make a process that is complete ready to run, and known by its number."""
        if self.counts.last == 0:
            self.counts.first = process.pid
        self.counts.last = process.pid
        thread = self.threads.first(process.threads)
        self.threads.note_start(thread)
        self.scheduler.make_ready(thread)

    def fork(self, caller: Thread) -> Process:
        """Return a child that is as the process of a thread that made the call, which gets 0; it does not run yet.

        Raises: NoProcessSlot, NoThreadSlot or OutOfMemory; nothing has changed.
        """
        parent = self.of(caller)
        child = self.create(parent.pid)
        try:
            if self.handles is not None:
                self.handles.inherit(child.pid, parent.pid)
            self.virtual_memory.duplicate(parent.space, child.space)
        except OutOfMemory:
            self.discard(child)
            raise
        if self.libraries is not None:
            self.libraries.inherit(child.libraries, parent.libraries)
        self.join_runners(child, parent.program - 1)
        child.name.copy_from(0, parent.name, 0, NAME_SIZE)
        frame = self.threads.first(child.threads).frame
        frame.copy_from(caller.frame)
        frame.set_result(0)
        return child

    def release(self, process: Process) -> None:
        """Free all that a process has, as far as it was built; its record stays, and says how it ended."""
        while process.threads.first != 0:
            self.end_thread(process, self.threads.first(process.threads))
        self.forget_ended(process)
        if process.space.directory != 0:
            self.scheduler.replace_space(process.space.directory, self.spaces.kernel.directory)
            self.virtual_memory.release(process.space)
            if self.libraries is not None:
                self.libraries.drop_all(process.libraries)
        if self.handles is not None:
            self.handles.release(process.pid)
        self.leave_runners(process)
        self.counts.alive -= 1

    def end_thread(self, process: Process, thread: Thread) -> None:
        """Free a thread of a process, wherever it waits.

        The stack that the kernel runs on is freed by the next trap, before it does anything.
        """
        self.scheduler.remove(thread)
        self.leave_stack(thread)
        self._release_thread(thread, process.threads)

    def _release_thread(self, thread: Thread, threads: Queue) -> None:
        """Free a thread's record; who waits to join it, which others do by handles, is told that there is none."""
        if self.scheduler.wait_queues.joined > 0:
            self.scheduler.refuse_all(self.scheduler.wait_queues.of_joiners(thread.number), NoSuchThread.number)
        self.threads.release(thread, threads)

    def leave_stack(self, thread: Thread) -> None:
        """Free the kernel stack of a thread that ends; the next trap does where the kernel runs on it."""
        cpu = self.scheduler.cpus[thread.cpu]
        if cpu.current == thread.number and not self.layout.one_stack:
            cpu.left_stack = thread.kernel_stack
        else:
            self.threads.stacks.release(thread.kernel_stack)
        thread.kernel_stack = 0

    def end_others(self, thread: Thread) -> None:
        """Free the other threads of a thread's process, and what is left of those that have ended."""
        process = self.of(thread)
        number = process.threads.first
        while number != 0:
            other = self.threads.table[number]
            number = other.siblings.next
            if other is not thread:
                self.end_thread(process, other)
        self.forget_ended(process)

    def forget_ended(self, process: Process) -> None:
        """Free what is left of the threads of a process that have ended."""
        while process.ended.first != 0:
            self.threads.release(self.threads.first(process.ended), process.ended)

    def discard(self, process: Process) -> None:
        """Undo the last `create`: free a process that never ran, its record and serial number too."""
        self.remove_child(process)
        self.release(process)
        self.free(process)
        self.counts.serial = self.counts.serial + 0xFFFF_FFFF & 0xFFFF_FFFF

    def free(self, process: Process) -> None:
        """Free the record of a process that has nothing any more and is nobody's child."""
        self.free_slots.add(process.pid)
        process.pid = 0
        process.parent = 0
        process.state = ProcessState.FREE
        process.ending = Ending.NOT_YET
        process.exit_status = 0
        process.serial = 0
        process.fault.clear()
        process.name.clear()

    def reap(self, zombie: Process) -> None:
        """Free the record of a child that has ended."""
        self.remove_child(zombie)
        self.free(zombie)

    def join_runners(self, process: Process, member: u32) -> None:
        """Note that a process runs a member of the payload, by its slot."""
        process.program = member + 1
        self.runners.push(self.running[member], process.pid)

    def leave_runners(self, process: Process) -> None:
        """Note that a process runs no program any more, if it did."""
        if process.program != 0:
            self.runners.remove(self.running[process.program - 1], process.pid)
            process.program = 0

    def remove_child(self, child: Process) -> None:
        """Take a process out of its parent's queue, if it has a parent."""
        if self.awaited and child.parent > 0:
            parent = self.table[child.parent]
            queue = parent.zombies if child.state == ProcessState.ZOMBIE else parent.children
            self.families.remove(queue, child.pid)

    def descends(self, process: Process, ancestor: i16) -> bool:
        """Say whether a process is another, or descends from it; who has no parent descends from the first."""
        number: i16 = process.pid
        while number > 0:
            if number == ancestor:
                return True
            number = self.table[number].parent
        return ancestor == self.counts.first

    def of(self, thread: Thread) -> Process:
        """Return the process of a thread that is not the idle one."""
        assert thread.pid != 0, "the idle thread has no process"
        return self.table[thread.pid]

    def _siblings(self, number: u16) -> Link:
        return self.table[number].siblings

    def _runners(self, number: u16) -> Link:
        return self.table[number].runners
