"""How processes ended, read from the process table and told in words."""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from enum import Enum
from typing import NamedTuple

from keelback.inspect.doings import DOING, doing_of_all
from keelback.inspect.loaded_code import Code, code_of
from keelback.inspect.records import members
from keelback.inspect.source_places import SourcePlace
from keelback.inspect.traps import TrapFrames
from keelback.kernel.kernel import Kernel
from keelback.kernel.processes.processes import (
    ACCESSES,
    REASONS,
    Access,
    Ending,
    FaultRecord,
    Process,
    ProcessState,
    Reason,
)
from keelback.kernel.x86.vectors import VECTOR_NAMES, Vector, named
from keelback.lang import text_of


class Kind(Enum):
    """In which way a process ended."""

    EXITED = "exited"
    KILLED = "killed"
    FAULTED = "faulted"
    RUNNING = "running"


class Fault(NamedTuple):
    """What a process died of: a vector, and of a page fault the address and `ACCESSES`' word for what was tried."""

    vector: int
    address: int | None = None
    access: str | None = None


class SeenFault(NamedTuple):
    """A fault before the kernel has served it, with what a `FaultRecord` says where that ends the process."""

    vector: int
    error: int
    instruction: int
    thread: int = 0
    address: int = 0
    access: Access = Access.NONE
    reason: Reason = Reason.NONE


@dataclass(frozen=True)
class ProcessEnding:
    """One process: `well` when it exited with status 0; `how` says the rest, `place` where it was at last.

    `way` are the lines that led there, the innermost first, where they are known.
    `kind` to `source` say the same as values: `status` where it exited, `killer` the process that killed it.
    """

    pid: int
    name: str
    well: bool
    how: str
    place: str = ""
    way: tuple[str, ...] = ()
    kind: Kind = Kind.RUNNING
    status: int | None = None
    killer: int | None = None
    fault: Fault | None = None
    source: SourcePlace | None = None


def exited(pid: int, name: str, status: int) -> ProcessEnding:
    """Return the ending of a process that exited."""
    return ProcessEnding(pid, name, status == 0, f"exited with status {status}", kind=Kind.EXITED, status=status)


def killed(pid: int, name: str, killer: int) -> ProcessEnding:
    """Return the ending of a process that another, or itself, has killed."""
    by = "itself" if killer == pid else f"process {killer}"
    return ProcessEnding(pid, name, False, f"killed by {by}", kind=Kind.KILLED, killer=killer)


def faulted(pid: int, name: str, fault: FaultRecord | SeenFault, code: Code) -> ProcessEnding:
    """Return the ending of a process that died of a fault of its code."""
    thread = f", in thread {fault.thread}" if fault.thread else ""
    how = f"killed: {fault_in_words(fault)}{thread}"
    place, source = code.place_in(fault.instruction), source_of(code, fault.instruction)
    return ProcessEnding(pid, name, False, how, place, kind=Kind.FAULTED, fault=_fault(fault), source=source)


def source_of(code: Code, address: int) -> SourcePlace | None:
    """Return the line of source that an address belongs to, None where nobody knows."""
    return next(iter(code.sources_of(address)), None)


def endings(kernel: Kernel, programs: Mapping[str, bytes]) -> Iterator[ProcessEnding]:
    """Yield every process of the table, in order of ids; `programs` are the ELF files by name, for symbols."""
    for process in kernel.processes.table:
        if process.state != ProcessState.FREE:
            yield ending_of(process, kernel, programs)


def ending_of(
    process: Process, kernel: Kernel, programs: Mapping[str, bytes], code: Code | None = None
) -> ProcessEnding:
    """Return how a process of the table ended, or what it was doing, and where.

    `code` is what it had when it ended, which its record no longer says; without it, its program's alone.
    """
    name = text_of(process.name)
    code = code or code_of(process, programs)
    if process.ending == Ending.FAULTED:
        return faulted(process.pid, name, process.fault, code)
    if process.ending == Ending.EXITED:
        return exited(process.pid, name, process.exit_status)
    if process.ending == Ending.KILLED:
        return killed(process.pid, name, process.exit_status)
    thread = kernel.threads.first(process.threads)
    at = TrapFrames(kernel).of(thread.number).place
    all_of_it = doing_of_all(kernel, members(process.threads, kernel.threads.lists))
    how = f"had not ended: {all_of_it if thread.state in DOING else 'lost by the scheduler'}"
    return ProcessEnding(process.pid, name, False, how, code.place_in(at), source=source_of(code, at))


def _fault(record: FaultRecord | SeenFault) -> Fault:
    if record.vector != Vector.PAGE_FAULT:
        return Fault(record.vector)
    return Fault(record.vector, record.address, ACCESSES[record.access])


def fault_in_words(fault: FaultRecord | SeenFault) -> str:
    """Return what a process did that it died of."""
    what = VECTOR_NAMES[named(fault.vector)]
    if fault.vector == Vector.PAGE_FAULT:
        return f"{what}, {ACCESSES[fault.access]} {fault.address:#010x}, {REASONS[fault.reason]}"
    if fault.reason:
        return f"{what}, {REASONS[fault.reason]}"
    return f"{what}, error code {fault.error:#x}" if fault.error else what
