"""What became of a page fault, found from the page's entry and region before and after the kernel served it."""

from dataclasses import dataclass

from keelback.inspect.events import Action
from keelback.inspect.lens import walker_of
from keelback.inspect.walk import PAGE_SHIFT, USER, WRITABLE, Translation
from keelback.kernel.kernel import Kernel
from keelback.kernel.memory.space_records import RegionKind
from keelback.kernel.processes.processes import Access, Process, ProcessState, Reason
from keelback.kernel.processes.threads import Thread
from keelback.kernel.x86.paging import AS_LOADED, EXECUTE
from keelback.kernel.x86.trap_frame import TrapFrame
from keelback.lang.strict import words_of


@dataclass(frozen=True)
class Faulted:
    """A page as a fault found it: its translation, what its region is for, and why the process dies if it does."""

    address: int
    access: Access
    before: Translation | None
    kind: RegionKind
    reason: Reason


@dataclass(frozen=True)
class Served:
    """What the kernel did, and the frame that the page has then."""

    action: Action
    frame: int | None = None
    reason: Reason = Reason.NONE


class PageFaults:
    """Looks at the page of a fault before and after the kernel serves it."""

    def __init__(self, kernel: Kernel) -> None:
        self._kernel = kernel
        self._walker = walker_of(kernel)

    def begin(self, process: Process, thread: Thread, address: int) -> Faulted:
        """Return the page that a thread's trap is about, as it is now."""
        with words_of(self._kernel.layout.paging.word_bits):
            access = self._kernel.faults.access(thread.frame, address)
            region = self._kernel.regions.find(process.space, address)
            reason = self._reason(process, thread.frame, address)
        return Faulted(address, access, self._translation(process, address), region.kind, reason)

    def end(self, process: Process, faulted: Faulted) -> Served:
        """Return what the kernel has done about it."""
        if process.state != ProcessState.ALIVE:
            gone = process.state == ProcessState.FREE
            return Served(Action.KILLED, reason=faulted.reason if gone else process.fault.reason)
        after = self._translation(process, faulted.address)
        return Served(self._action(faulted, after), after.frame if after else None)

    def _translation(self, process: Process, address: int) -> Translation | None:
        found = self._walker.walk(process.space.directory << PAGE_SHIFT, address)
        return found if found and found.flags & USER else None

    def _action(self, faulted: Faulted, after: Translation | None) -> Action:
        before, zero = faulted.before, self._kernel.spaces.kernel.zero
        if after is None or after == before:
            return Action.NOTHING
        if after.frame == zero:
            return Action.ZERO_PAGE
        if before is not None and before.frame == after.frame and faulted.kind == RegionKind.SHARED:
            return Action.OPENED
        if before is not None and before.frame != zero:
            return Action.TAKEN_OVER if after.frame == before.frame else Action.COPIED
        if after.flags & AS_LOADED:
            return Action.LOADED
        if self._kernel.memory.frames.table[after.frame].references > 1:
            return Action.SHARED
        return Action.STACK_GROWN if faulted.kind == RegionKind.STACK and before is None else Action.ZEROS

    def _reason(self, process: Process, frame: TrapFrame, address: int) -> Reason:
        """Return why a process would die by a fault: nobody may do that there, or there is no memory for it.

        It is found before, by the kernel's own rule: of a process that nobody could wait for no record is left.
        """
        region = self._kernel.regions.find(process.space, address)
        comes = frame.forbidden or region.kind != RegionKind.MALLOC
        if frame.by_user and comes and region.permissions & self._needed(frame):
            return Reason.OUT_OF_MEMORY
        return self._kernel.faults.reason(process, frame, address)

    def _needed(self, frame: TrapFrame) -> int:
        """Return the permission that a region must give for an access."""
        if frame.writing:
            return WRITABLE
        return EXECUTE if frame.fetching and self._kernel.faults.can_forbid_fetches() else USER
