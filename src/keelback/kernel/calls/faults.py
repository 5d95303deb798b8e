"""Faults of programs: what the CPU reported, decoded into a record and a line on the console.

Source: Intel SDM volume 3, section 6.15 (exceptions).
"""

from keelback.abi.errors import BadAddress, OutOfMemory
from keelback.kernel.devices.console import Console
from keelback.kernel.memory.space_records import MemoryRegion, RegionKind
from keelback.kernel.memory.virtual_memory import VirtualMemory
from keelback.kernel.processes.processes import ACCESSES, REASONS, Access, Process, Reason
from keelback.kernel.processes.threads import Thread
from keelback.kernel.x86.paging import USER
from keelback.kernel.x86.trap_frame import TrapFrame
from keelback.kernel.x86.vectors import VECTOR_NAMES, Vector, named
from keelback.lang import PAGE_SIZE, Component, Cpu, ProcessFault, word


class Faults(Component):
    """Decides what becomes of a program that faults."""

    def __init__(self, console: Console, cpu: Cpu, virtual_memory: VirtualMemory) -> None:
        self.console = console
        self.cpu = cpu
        self.virtual_memory = virtual_memory
        self.layout = virtual_memory.layout
        self.bits = virtual_memory.access.bits

    def take(self, process: Process, frame: TrapFrame) -> None:
        """Record the fault in a process's trap frame, which is no page fault.  Raises: ProcessFault."""
        self._record(process, frame)
        raise ProcessFault

    def take_virtual_8086(self, process: Process, frame: TrapFrame) -> None:
        """Record that a process has entered virtual-8086 mode, which some CPUs let it; no mode is its to change.

        Raises: ProcessFault.
        """
        self._record(process, frame)
        process.fault.vector = Vector.GENERAL_PROTECTION
        process.fault.error = 0
        process.fault.reason = Reason.VIRTUAL_8086
        raise ProcessFault

    def _record(self, process: Process, frame: TrapFrame) -> None:
        fault = process.fault
        fault.vector = frame.vector
        fault.error = frame.error
        fault.instruction = frame.instruction()

    def take_page_fault(self, process: Process, frame: TrapFrame) -> None:
        """Serve the page fault in a process's trap frame; one that can't be served is recorded.

        Raises: ProcessFault.
        """
        address = self.cpu.read_cr2()
        reason: Reason = Reason.NONE
        try:
            if not frame.by_user:
                # The CPU itself was kept off a user page, and would be again, for ever: QEMU's, at `iret` with SMAP.
                raise BadAddress
            if frame.writing:
                self.virtual_memory.make_writable(process.space, address)
            else:
                if self.can_forbid_fetches() and frame.fetching:
                    self.virtual_memory.check_executable(process.space, address)
                self.virtual_memory.make_readable(process.space, address)
        except BadAddress:
            reason = self.reason(process, frame, address)
        except OutOfMemory:
            reason = Reason.OUT_OF_MEMORY
        if reason != Reason.NONE:
            self._record(process, frame)
            process.fault.address = address
            process.fault.access = self.access(frame, address)
            process.fault.reason = reason
            raise ProcessFault

    def reason(self, process: Process, frame: TrapFrame, address: word) -> Reason:
        """Return why nobody may do that there."""
        region = self.virtual_memory.regions.find(process.space, address)
        kind = region.kind
        if self.can_forbid_fetches() and frame.fetching and self._can_read(region, frame):
            return Reason.NOT_EXECUTABLE
        is_guard: bool = kind != RegionKind.NONE and region.permissions == 0
        if is_guard and region.start <= frame.stack() < region.end + PAGE_SIZE:
            return Reason.STACK_OVERFLOW  # the guard below a thread's stack: memory without any rights
        if frame.forbidden or (kind != RegionKind.NONE and kind != RegionKind.MALLOC):
            return Reason.PROTECTED
        layout = self.layout
        if layout.guard_pages > 0 and layout.stack_guard <= address < layout.stack_bottom:
            return Reason.STACK_OVERFLOW
        return Reason.NOT_MAPPED

    def _can_read(self, region: MemoryRegion, frame: TrapFrame) -> bool:
        """Say whether a page of a region that faulted may be read; a malloc page that is not there may not."""
        return region.permissions & USER != 0 and (frame.forbidden or region.kind != RegionKind.MALLOC)

    def can_forbid_fetches(self) -> bool:
        """Say whether a page can be one that is not executable; the CPU then says of each fault if it was a fetch."""
        return self.layout.paging.no_execute and self.bits.no_execute != 0

    def access(self, frame: TrapFrame, address: word) -> Access:
        """Return what the instruction did."""
        if frame.writing:
            return Access.WRITE
        if self.can_forbid_fetches():
            return Access.FETCH if frame.fetching else Access.READ
        return Access.FETCH if frame.fetches(address) else Access.READ

    def report(self, process: Process, thread: Thread) -> None:
        """Write one line that says why a process died, and whose fault it was where it has several threads."""
        fault = process.fault
        if process.threads.first != process.threads.last or process.ended.first != 0:
            fault.thread = thread.number
        self.console.write(f"keelback: process {process.pid} (")
        self.console.write_name(process.name)
        self.console.write(")")
        if fault.thread != 0:
            self.console.write(f", thread {fault.thread},")
        self.console.write(" killed: ")
        self.console.write(VECTOR_NAMES[named(fault.vector)])
        if fault.vector == Vector.PAGE_FAULT:
            self.console.write(": ")
            self.console.write(ACCESSES[fault.access])
            self.console.write(f" {fault.address:#010x}, ")
            self.console.write(REASONS[fault.reason])
        elif fault.reason != Reason.NONE:
            self.console.write(": ")
            self.console.write(REASONS[fault.reason])
        elif fault.error != 0:
            self.console.write(f", error code {fault.error:#x}")
        self.console.write(f", instruction at {fault.instruction:#010x}\n")
