"""How processes ended, read from the process table and told in words."""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass

from keelback.inspect.symbols import place_in
from keelback.kernel.kernel import Kernel
from keelback.kernel.processes.processes import ACCESSES, REASONS, Ending, FaultRecord, Process, ProcessState
from keelback.kernel.processes.threads import ThreadState
from keelback.kernel.x86.vectors import VECTOR_NAMES, Vector, named
from keelback.lang import text_of

DOING = {
    ThreadState.READY: "ready to run",
    ThreadState.RUNNING: "running",
    ThreadState.SLEEPING: "asleep",
    ThreadState.WAITING: "waiting for a child",
}
"""What a thread does, by its state."""


@dataclass(frozen=True)
class ProcessEnding:
    """One process: `well` when it exited with status 0; `how` says the rest, `place` where it was at last.

    `way` are the lines that led there, the innermost first, where they are known.
    """

    pid: int
    name: str
    well: bool
    how: str
    place: str = ""
    way: tuple[str, ...] = ()


def endings(kernel: Kernel, programs: Mapping[str, bytes]) -> Iterator[ProcessEnding]:
    """Yield every process of the table, in order of ids; `programs` are the ELF files by name, for symbols."""
    for process in kernel.processes.table:
        if process.state != ProcessState.FREE:
            yield ending_of(process, kernel, programs)


def ending_of(process: Process, kernel: Kernel, programs: Mapping[str, bytes]) -> ProcessEnding:
    """Return how a process of the table ended, or what it was doing, and where."""
    name = text_of(process.name)
    if process.ending == Ending.FAULTED:
        place = place_in(programs.get(name, b""), process.fault.instruction)
        return ProcessEnding(process.pid, name, False, "killed: " + fault_in_words(process.fault), place)
    if process.ending == Ending.EXITED:
        return ProcessEnding(process.pid, name, process.exit_status == 0, f"exited with status {process.exit_status}")
    if process.ending == Ending.KILLED:
        return ProcessEnding(process.pid, name, False, f"killed by process {process.exit_status}")
    thread = kernel.threads.first(process.threads)
    place = place_in(programs.get(name, b""), thread.frame.eip)
    doing = DOING.get(thread.state, "lost by the scheduler")
    return ProcessEnding(process.pid, name, False, f"had not ended: {doing}", place)


def fault_in_words(fault: FaultRecord) -> str:
    """Return what a fault record says."""
    what = VECTOR_NAMES[named(fault.vector)]
    if fault.vector == Vector.PAGE_FAULT:
        return f"{what}, {ACCESSES[fault.access]} {fault.address:#010x}, {REASONS[fault.reason]}"
    if fault.reason:
        return f"{what}, {REASONS[fault.reason]}"
    return f"{what}, error code {fault.error:#x}" if fault.error else what
