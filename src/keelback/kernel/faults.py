"""Faults of programs: what the CPU reported, decoded into a record and a line on the console.

Source: Intel SDM volume 3, sections 6.15 (exceptions) and 4.7 (page-fault error code).
"""

from keelback.kernel.console import Console
from keelback.kernel.processes import Access, Process
from keelback.kernel.threads import TrapFrame
from keelback.lang import Component, Cpu, ProcessFault, u32

PAGE_FAULT = 14
# Bits of a page fault's error code.
PROTECTION = 1
WRITE = 2

# An instruction is at most 15 bytes long.
LONGEST_INSTRUCTION = 15

VECTOR_NAMES = (
    "division error",
    "debug trap",
    "non-maskable interrupt",
    "breakpoint",
    "overflow",
    "bound range exceeded",
    "invalid instruction",
    "no floating-point unit",
    "double fault",
    "coprocessor segment overrun",
    "invalid task state",
    "segment not present",
    "stack segment fault",
    "general protection fault",
    "page fault",
    "reserved exception",
    "floating-point error",
    "alignment check",
    "machine check",
    "vector error",
)


class Faults(Component):
    """Decides what becomes of a program that faults."""

    def __init__(self, console: Console, cpu: Cpu) -> None:
        self.console = console
        self.cpu = cpu

    def take(self, process: Process, frame: TrapFrame) -> None:
        """Record the fault in a process's trap frame.  Raises: ProcessFault always: nothing here can mend it."""
        fault = process.fault
        fault.vector = frame.vector
        fault.error = frame.error
        fault.instruction = frame.eip
        if frame.vector == PAGE_FAULT:
            fault.address = self.cpu.read_cr2()
            fault.access = self._access(fault.error, fault.address, fault.instruction)
        raise ProcessFault

    def _access(self, error: u32, address: u32, instruction: u32) -> Access:
        """Return what the instruction did: without no-execute pages, only the place tells a fetch from a read."""
        if error & WRITE:
            return Access.WRITE
        if not error & PROTECTION and instruction <= address < instruction + LONGEST_INSTRUCTION:
            return Access.FETCH
        if error & PROTECTION and address == instruction:
            return Access.FETCH
        return Access.READ

    def report(self, process: Process) -> None:
        """Write one line that says why a process died."""
        fault = process.fault
        self.console.write(f"keelback: process {process.pid} (")
        self.console.write_name(process.name)
        self.console.write(") killed: ")
        self.console.write(VECTOR_NAMES[min(fault.vector, len(VECTOR_NAMES) - 1)])
        if fault.vector == PAGE_FAULT:
            self._report_access(process)
        elif fault.error != 0:
            self.console.write(f", error code {fault.error:#x}")
        self.console.write(f", instruction at {fault.instruction:#010x}\n")

    def _report_access(self, process: Process) -> None:
        fault = process.fault
        if fault.access == Access.WRITE:
            self.console.write(": write to ")
        elif fault.access == Access.FETCH:
            self.console.write(": fetch from ")
        else:
            self.console.write(": read of ")
        self.console.write(f"{fault.address:#010x}, ")
        self.console.write("protected" if fault.error & PROTECTION else "not mapped")
