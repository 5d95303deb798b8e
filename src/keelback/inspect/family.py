"""Every process that a run has had, as a tree: those whose records are gone too, where the machine was watched.

A record goes when its parent is told how the child ended, or at its end where nobody could be told.  `note_trap` and
`look`, before and after every trap, see it go, and why.  Where only the end of a run is looked at, the tree has the
processes that the kernel still has.
"""

from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field, replace
from typing import Any, Protocol

from keelback.abi.calls import CALLS
from keelback.inspect.backtrace import Stack, shortened, way_of, way_to_panic
from keelback.inspect.endings import Kind, ProcessEnding, SeenFault, ending_of, exited, faulted, killed
from keelback.inspect.lens import walker_of
from keelback.inspect.loaded_code import Code, code_of
from keelback.inspect.page_faults import PageFaults
from keelback.inspect.symbols import in_words
from keelback.inspect.traps import AnyRegisters, Registers, TrapFrames
from keelback.kernel.kernel import Kernel
from keelback.kernel.processes.processes import BY_KERNEL, Process, ProcessCounts, ProcessState, Reason
from keelback.kernel.processes.threads import Thread
from keelback.kernel.x86.trap_frame import FROM_VIRTUAL_8086, signed
from keelback.kernel.x86.vectors import SYSTEM_CALL, Vector
from keelback.lang import address_of, layout_of, size_of, text_of

EXIT, THREAD_EXIT, KILL, EXEC = (
    next(call.number for call in CALLS if call.name == name) for name in ("exit", "thread_exit", "kill", "exec")
)
UNMISSED = "detach"
"""The call that `sys_fork` makes for the child, which is nobody's anyway where nobody can wait for it."""
BY_ABORT = 134
"""The status of the first process, which nothing may kill, when it aborts."""
RUN = 32
"""Records that are compared at once."""
MOST_KEPT = 1000
"""Of more processes, those that ended well and have no children are only counted."""


@dataclass
class Member:
    """One process: its `ending` where it has ended; `told` when its parent was told of that, by `wait`."""

    pid: int
    name: str
    parent: "Member | None"
    by_kernel: bool = False
    ending: ProcessEnding | None = None
    told: bool = False
    children: list["Member"] = field(default_factory=list)


class Watched(Protocol):
    """A machine that calls its observers before and after each trap."""

    before_trap: list[Callable[[], None]]
    after_trap: list[Callable[[], None]]

    def fault_address(self) -> int:
        """Return the address of the last page fault."""


def _changed(now: bytes, before: bytes, size: int) -> Iterator[int]:
    """Yield the numbers of the records of a table that have changed, but for 0; there are long runs that have not."""
    run = RUN * size
    for start in range(0, len(now), run):
        if now[start : start + run] != before[start : start + run]:
            for place in range(start or size, min(start + run, len(now)), size):
                if now[place : place + size] != before[place : place + size]:
                    yield place // size


class Family:
    """The processes of a running machine; `roots` are those that have no parent, first the one that started first."""

    def __init__(self, kernel: Kernel, contents: Any, programs: Mapping[str, bytes]) -> None:
        """Take a kernel, only read, the RAM that it is in, and files of programs and libraries by name, for symbols."""
        self.kernel = kernel
        self.programs = programs
        self.roots: list[Member] = []
        self.uncounted = 0
        """Processes that are in the tree no more."""
        self.refused: dict[str, list[str]] = {}
        """By program, the calls that it made of parts that the layout leaves out."""
        parts = kernel.layout.parts
        left_out = [each for each in CALLS if each.part is not None and each.part not in parts]
        self._left_out = {each.number: each.name for each in left_out if each.name != UNMISSED}
        self._kept = 0
        self._present: dict[int, Member] = {}
        self._bytes = contents
        table, counts = kernel.processes.table, address_of(kernel.processes.counts)
        base, self._size = address_of(table[0]), size_of(table[0])
        self._table = slice(base, base + len(table) * self._size)
        self._counts = slice(counts, counts + size_of(ProcessCounts))
        self._state = base + layout_of(Process).field("state").offset
        self._frames = TrapFrames(kernel)
        self._trap: tuple[int, AnyRegisters] = 0, Registers()  # the process that trapped, and its frame
        self._fault: SeenFault | None = None
        self._fault_address: Callable[[], int] = int
        self._page_faults = PageFaults(kernel)
        self._stack: Stack | None = None
        self._code: Code | None = None
        self._walker = walker_of(kernel)
        self._seen = bytes(len(table) * self._size)
        self._counted = b""
        self._zombies: list[int] = []

    def watch(self, machine: Watched) -> None:
        """Miss nobody of a machine from its first trap on."""
        self._fault_address = machine.fault_address
        machine.before_trap.append(self.note_trap)
        machine.after_trap.append(self.look)

    def note_trap(self) -> None:
        """Note which process has trapped, and its frame, which a trap that ends it may spoil."""
        if not self._counted:
            self.look()  # who is there before the first trap
        number = self._frames.current()
        frame = self._frames.of(number)
        thread = self.kernel.threads.table[number]
        self._trap = thread.pid, frame
        if frame.vector == SYSTEM_CALL and frame.number in self._left_out:
            self._note_refused(thread, self._left_out[frame.number])
        self._fault = self._fault_of(thread, frame)
        may_end = frame.vector <= Vector.LAST_EXCEPTION or (frame.number in (EXIT, KILL) and frame.arguments[0] != 0)
        self._stack = self._code = None
        if may_end:
            self._stack = self._stack_of(thread, frame)
            self._code = code_of(self.kernel.processes.table[thread.pid], self.programs)

    def _note_refused(self, thread: Thread, call: str) -> None:
        calls = self.refused.setdefault(text_of(self.kernel.processes.table[thread.pid].name), [])
        if call not in calls:
            calls.append(call)

    def _fault_of(self, thread: Thread, frame: AnyRegisters) -> SeenFault | None:
        """Return the fault that a thread's trap is, if it is one, as the kernel will record it if it is the last."""
        process = self.kernel.processes.table[thread.pid]
        has_others = process.threads.first != process.threads.last or process.ended.first != 0
        at = frame.instruction, thread.number if has_others else 0
        if frame.vector & FROM_VIRTUAL_8086:
            return SeenFault(Vector.GENERAL_PROTECTION, 0, *at, reason=Reason.VIRTUAL_8086)
        if frame.vector == Vector.PAGE_FAULT:
            page = self._page_faults.begin(process, thread, self._fault_address())
            return SeenFault(frame.vector, frame.error, *at, page.address, page.access, page.reason)
        return SeenFault(frame.vector, frame.error, *at) if frame.vector <= Vector.LAST_EXCEPTION else None

    def look(self) -> None:
        """Note who has begun, ended or gone since the last look; after each trap, nobody is missed."""
        counted = bytes(self._bytes[self._counts])
        has_changed = counted != self._counted or self._trap[1].number == EXEC
        if has_changed or any(self._bytes[each] != ProcessState.ZOMBIE for each in self._zombies):
            self._counted = counted
            self._look_at_table()

    def _look_at_table(self) -> None:
        now, before = bytes(self._bytes[self._table]), self._seen
        self._seen = now
        for pid in _changed(now, before, self._size):
            self._look_at(pid)
        zombies = (pid for pid, each in self._present.items() if each.ending is not None)
        self._zombies = [self._state + pid * self._size for pid in zombies]

    def _look_at(self, pid: int) -> None:
        process, member = self.kernel.processes.table[pid], self._present.get(pid)
        if member is not None and (process.state == ProcessState.FREE or self._is_another(member)):
            self._go(self._present.pop(pid))
            member = None
        if process.state == ProcessState.FREE:
            return
        if member is None:
            member = self._begin(pid)
        member.name = text_of(process.name)
        if process.state == ProcessState.ZOMBIE:
            member.ending = self._with_way(
                ending_of(process, self.kernel, self.programs, self._code_of(member)), member
            )

    def _is_another(self, member: Member) -> bool:
        """Say whether a record that was a zombie's is a new process's."""
        return member.ending is not None and self.kernel.processes.table[member.pid].state == ProcessState.ALIVE

    def _begin(self, pid: int) -> Member:
        process = self.kernel.processes.table[pid]
        parent = self._present.get(process.parent)
        member = Member(pid, "", parent, process.parent == BY_KERNEL)
        (self.roots if parent is None else parent.children).append(member)
        self._present[pid] = member
        self._kept += 1
        return member

    def _go(self, member: Member) -> None:
        """Note that a process's record is gone, and how it ended if that is not known yet."""
        if member.ending is None:
            member.ending = self._last_words(member)
        member.told = self._is_told(member)
        if self._kept > MOST_KEPT and member.ending.well and not member.children and member.parent is not None:
            member.parent.children.remove(member)
            self._kept -= 1
            self.uncounted += 1

    def _is_told(self, member: Member) -> bool:
        """Say whether its parent has just had a process's id as the result of `wait`."""
        parent = self.kernel.processes.table[member.parent.pid] if member.parent is not None else None
        if parent is None or parent.state != ProcessState.ALIVE:
            return False
        return self._frames.of(parent.threads.first).result == member.pid

    def _last_words(self, member: Member) -> ProcessEnding:
        """Return how a process ended whose record went in the same trap, by the frame of that."""
        trapped, frame = self._trap
        if trapped != member.pid:
            return killed(member.pid, member.name, trapped)
        if frame.vector == SYSTEM_CALL and frame.number == EXIT:
            return self._with_way(exited(member.pid, member.name, signed(frame.arguments[0])), member)
        if frame.vector == SYSTEM_CALL and frame.number == THREAD_EXIT:
            return exited(member.pid, member.name, 0)
        if frame.vector == SYSTEM_CALL and frame.number == KILL:
            return self._with_way(killed(member.pid, member.name, member.pid), member)
        fault = self._fault or SeenFault(frame.vector, frame.error, frame.instruction)
        ending = faulted(member.pid, member.name, fault, self._code_of(member) or Code(b""))
        if frame.vector == SYSTEM_CALL:
            ending = replace(ending, how="killed in a system call")
        return self._with_way(ending, member)

    def _code_of(self, member: Member) -> Code | None:
        """Return the code that a process had before the last trap, where that was its own and may have ended it."""
        return self._code if self._trap[0] == member.pid else None

    def _stack_of(self, thread: Thread, frame: AnyRegisters) -> Stack:
        space = self.kernel.processes.table[thread.pid].space
        bits = self.kernel.layout.paging.word_bits
        return Stack(self._walker, self._bytes, space.directory, frame.stack, bits)

    def _with_way(self, ending: ProcessEnding, member: Member) -> ProcessEnding:
        """Add how a process came to where it died, if the last trap was what it died of: a fault, or its own panic."""
        _, frame = self._trap
        code = self._code_of(member)
        if self._stack is None or code is None:
            return ending
        if ending.kind is Kind.FAULTED:
            return replace(ending, way=way_of(code, frame, self._stack))
        found = way_to_panic(code, frame, self._stack)
        if not found:
            return ending
        how = "aborted" if ending.killer == ending.pid or ending.status == BY_ABORT else ending.how
        return replace(
            ending, how=how, place=in_words(found[0]), source=found[0], way=shortened(found[1:], self._stack)
        )

    def ending(self, member: Member) -> ProcessEnding:
        """Return how a process ended, or what it is doing."""
        process = self.kernel.processes.table[member.pid]
        if member.ending is not None:
            return member.ending
        thread = self.kernel.threads.first(process.threads)
        frame = self._frames.of(process.threads.first)
        way = way_of(code_of(process, self.programs), frame, self._stack_of(thread, frame))
        return replace(ending_of(process, self.kernel, self.programs), way=way)

    def is_well(self, started: int) -> bool:
        """Say whether the kernel has started so many processes, and all ended well of whom no parent was told."""
        members = [member for _, member in self.members()]
        begun = sum(member.by_kernel for member in members)
        return begun == started and all(member.told or self.ending(member).well for member in members)

    def members(self) -> Iterator[tuple[int, Member]]:
        """Yield every process with how many ancestors it has, each before its children."""
        waiting = [(0, member) for member in reversed(self.roots)]
        while waiting:
            depth, member = waiting.pop()
            yield depth, member
            waiting += [(depth + 1, child) for child in reversed(member.children)]
