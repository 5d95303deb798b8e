"""What became of a page fault, found from the page's entry and region before and after the kernel served it."""

from dataclasses import dataclass

from keelback.inspect.events import Action
from keelback.inspect.lens import walker_of
from keelback.inspect.records import holder, regions_of
from keelback.inspect.walk import PAGE_SHIFT, USER, WRITABLE, Translation
from keelback.kernel.kernel import Kernel
from keelback.kernel.memory.regions import RegionKind
from keelback.kernel.processes.processes import Access, Process, ProcessState, Reason
from keelback.kernel.processes.threads import Thread
from keelback.kernel.x86.paging import AS_LOADED


@dataclass(frozen=True)
class Faulted:
    """A page as a fault found it: its translation, and what its region is for and allows."""

    address: int
    access: Access
    forbidden: bool
    before: Translation | None
    kind: RegionKind
    permissions: int


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
        frame = thread.frame
        access = Access.WRITE if frame.writing else Access.FETCH if frame.fetches(address) else Access.READ
        region = holder(regions_of(self._kernel, process.space), address)
        kind, permissions = (region.kind, region.permissions) if region else (RegionKind.NONE, 0)
        return Faulted(address, access, frame.forbidden, self._translation(process, address), kind, permissions)

    def end(self, process: Process, faulted: Faulted) -> Served:
        """Return what the kernel has done about it."""
        if process.state != ProcessState.ALIVE:
            gone = process.state == ProcessState.FREE
            return Served(Action.KILLED, reason=self._reason(faulted) if gone else process.fault.reason)
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
        if before is not None and before.frame != zero:
            return Action.TAKEN_OVER if after.frame == before.frame else Action.COPIED
        if after.flags & AS_LOADED:
            return Action.LOADED
        if self._kernel.memory.frames.table[after.frame].references > 1:
            return Action.SHARED
        return Action.STACK_GROWN if faulted.kind == RegionKind.STACK and before is None else Action.ZEROS

    def _reason(self, faulted: Faulted) -> Reason:
        """Return why a process died whose record is gone: nobody could wait for it."""
        layout = self._kernel.layout
        if faulted.permissions & (WRITABLE if faulted.access is Access.WRITE else USER):
            return Reason.OUT_OF_MEMORY
        if faulted.forbidden or faulted.kind not in (RegionKind.NONE, RegionKind.MALLOC):
            return Reason.PROTECTED
        in_guard = layout.guard_pages > 0 and layout.stack_guard <= faulted.address < layout.stack_bottom
        return Reason.STACK_OVERFLOW if in_guard else Reason.NOT_MAPPED
