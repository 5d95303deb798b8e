"""What happens on a machine, as typed events: what trace, story and viewer show.

    TrapBegun ── the kernel serves it ── one of SystemCall, Fault, PageFault, Interrupt ── Returned? ── TrapEnded

`Returned` comes where the thread that runs next had waited in a call: that call has its result now.
"""

from dataclasses import dataclass
from enum import Enum
from typing import NamedTuple

from keelback.kernel.processes.processes import ACCESSES, REASONS, Access, Reason
from keelback.kernel.x86.vectors import KEYBOARD, SERIAL, TIMER, VECTOR_NAMES, named
from keelback.lang import KernelError


@dataclass(frozen=True)
class Event:
    """What happened to a thread: its number, its process's id (0: the idle thread's) and program, in virtual time."""

    time: int
    pid: int
    program: str
    thread: int


@dataclass(frozen=True)
class TrapBegun(Event):
    """A trap whose frame is in RAM; the kernel has not served it."""

    vector: int
    instruction: int


@dataclass(frozen=True)
class TrapEnded(Event):
    """A trap that the kernel has served."""


class Argument(NamedTuple):
    """An argument of a call, and the text that it leads to where it leads to one; `is_cut` when that goes on."""

    value: int
    is_address: bool = False
    text: bytes | None = None
    is_cut: bool = False

    def __str__(self) -> str:
        if self.text is None:
            return f"{self.value:#x}" if self.is_address else str(self.value)
        quoted = self.text.decode("latin-1").encode("unicode_escape").decode().replace('"', '\\"')
        return f'"{quoted}"' + "…" * self.is_cut


class Result(NamedTuple):
    """What a call returned: a value, or an error."""

    value: int
    error: type[KernelError] | None = None
    is_address: bool = False

    def __str__(self) -> str:
        if self.error is not None:
            return f"{self.error.number}: {self.error.sentence}"
        return f"{self.value:#x}" if self.is_address else str(self.value)


@dataclass(frozen=True)
class SystemCall(Event):
    """A system call; without a result it waits, or does not return where it `is_over`."""

    number: int
    name: str
    arguments: dict[str, Argument]
    result: Result | None = None
    is_over: bool = False

    def __str__(self) -> str:
        said = f"{self.name}({', '.join(map(str, self.arguments.values()))})"
        return f"{said} = {self.result}" if self.result else said if self.is_over else f"{said} waits"


@dataclass(frozen=True)
class Returned(Event):
    """A system call that had waited, and returns now."""

    name: str
    result: Result

    def __str__(self) -> str:
        return f"{self.name} returns {self.result}"


DEVICES = {TIMER: "timer", KEYBOARD: "keyboard", SERIAL: "serial line"}
"""What interrupts, by vectors."""


@dataclass(frozen=True)
class Interrupt(Event):
    """An interrupt from outside the CPU."""

    vector: int

    def __str__(self) -> str:
        return DEVICES.get(self.vector) or f"interrupt {self.vector}"


@dataclass(frozen=True)
class Fault(Event):
    """An exception that its process died of."""

    vector: int
    instruction: int
    error: int
    reason: Reason = Reason.NONE

    def __str__(self) -> str:
        because = f", {REASONS[self.reason]}" if self.reason else ""
        return f"{VECTOR_NAMES[named(self.vector)]} at {self.instruction:#010x}{because}: killed"


class Action(Enum):
    """What the kernel did about a page fault."""

    ZERO_PAGE = "shows the frame of zeros"
    ZEROS = "a new frame of zeros"
    STACK_GROWN = "a new frame of zeros: the stack has grown"
    COPIED = "a copy"
    TAKEN_OVER = "taken over: nobody else has it any more"
    OPENED = "may be written again: it is a memory object's, the same for all"
    SHARED = "shared"
    LOADED = "loaded"
    NOTHING = "mapped already"
    KILLED = "killed"


@dataclass(frozen=True)
class PageFault(Event):
    """A page fault, and what was done: the page shows `frame` now, and showed `before`; None: it was not mapped."""

    instruction: int
    address: int
    access: Access
    action: Action
    frame: int | None = None
    before: int | None = None
    reason: Reason = Reason.NONE

    def __str__(self) -> str:
        what = f"page fault at {self.instruction:#010x}: {ACCESSES[self.access]} {self.address:#010x}"
        if self.action is Action.KILLED:
            return f"{what}, {REASONS[self.reason]}: killed"
        of = f" of {self.before:#x}" if self.action is Action.COPIED and self.before is not None else ""
        return f"{what} → frame {self.frame or 0:#x}, {self.action.value}{of}"
