"""The system calls: all that kernel, stubs, header, docs, trace and tests know of each.

A call is `int $0x80` with its number in eax and its arguments in ebx, esi, edi and ebp; its result comes back in eax,
where -1 to -255 is an error.  On x86-64 these are rax, rbx, rsi, rdi and rbp, and `syscall` is the same call.  A new
call is a line here, a method of `SystemCalls`, and a test of it.
"""

from dataclasses import dataclass

from keelback.abi.errors import (
    BadAddress,
    BadArgument,
    NoChild,
    NoProcessSlot,
    NoRoom,
    NoSuchLibrary,
    NoSuchProcess,
    NoSuchProgram,
    NotALibrary,
    NotExecutable,
    NotPermitted,
    OutOfMemory,
    TooManyLibraries,
    TooManyRegions,
)
from keelback.abi.parts import Part
from keelback.abi.records import Ending, FrameCounts, Uptime
from keelback.lang import KernelError, Struct

NEVER = "does not return"
REGISTERS = ("ebx", "esi", "edi", "ebp")
"""Where the arguments are."""


@dataclass(frozen=True)
class Form:
    """How C and Kernel Python declare an argument."""

    c: str
    python: str


NUMBER = Form("int32_t ", "u32")  # a register holds it with its sign
COUNT = Form("uint32_t ", "u32")
SIZE = Form("size_t ", "word")  # bytes, or pages
ADDRESS = Form("void *", "word")
BYTES = Form("const char *", "Line")
TEXT = Form("const char *", "ArgumentText")  # ends with a zero
RIGHTS = Form("enum permission ", "u32")


@dataclass(frozen=True)
class Call:
    """One system call."""

    number: int
    name: str
    arguments: dict[str, Form | type[Struct]]
    """By name; a record is where the kernel writes it."""
    result: str
    errors: tuple[type[KernelError], ...]
    sentence: str
    method: str = ""
    """What it is called in Python, where that is not its name."""
    c: str = ""
    """What its stub in C is called, where that is not `sys_` and its name, which courses know as something else."""
    c_result: str = "int32_t "
    """An address is `void *` there; all other results have 32 bits."""
    leaves: bool = False
    """The caller becomes two, another program, or ends: a stub first writes what is left of a line."""
    part: Part | None = None
    """The part of the kernel that serves it, where a layout may leave that out."""

    @property
    def never(self) -> bool:
        """Say whether it never returns."""
        return self.result == NEVER and not self.errors

    @property
    def gives_address(self) -> bool:
        """Say whether its result is an address, and so as wide as a register."""
        return self.c_result == "void *"

    @property
    def python(self) -> str:
        """Return what it is called in Python."""
        return self.method or self.name


ANSWERS = (BadAddress, OutOfMemory)
"""What a call that writes its answer to the caller's memory may say."""
PROGRAMS = (BadAddress, BadArgument, OutOfMemory, NoSuchProgram, NotExecutable)
RANGES = (BadAddress, BadArgument, TooManyRegions)

CALLS = (
    Call(1, "getpid", {}, "the caller's process id", (), "Return the process id of the caller."),
    Call(
        2, "yield", {}, "0, after the other ready processes have run", (),
        "Run every other process that is ready before the caller goes on.", method="give_way",
    ),
    Call(3, "exit", {"status": NUMBER}, NEVER, (), "End the calling process.", leaves=True),
    Call(
        4, "puts", {"address": BYTES, "length": SIZE}, "the length", (BadAddress, BadArgument),
        "Write bytes to the console at once; return how many, or an error.",
    ),
    Call(
        5, "sleep", {"ticks": COUNT}, "0, after that many ticks of 10 ms", (BadArgument,),
        "Wait for a number of timer ticks.",
    ),
    Call(
        6, "fork", {}, "the child's id; 0 in the child", (OutOfMemory, NoProcessSlot),
        "Make a child that is as the caller; return its id, 0 in the child, or an error.",
        c="sys_fork_child", leaves=True,
    ),
    Call(
        7, "detach", {}, "0; the caller is nobody's child", (), "Detach the caller from its parent.", part=Part.WAITING,
    ),
    Call(
        8, "exec", {"name": TEXT, "argument": TEXT}, NEVER, PROGRAMS,
        "Run another program of the payload instead of this one; return only if that failed.", leaves=True,
        part=Part.STARTING,
    ),
    Call(
        9, "spawn", {"name": TEXT, "argument": TEXT}, "the child's id", (*PROGRAMS, NoProcessSlot),
        "Start a program of the payload as a child; return its id, or an error.", leaves=True, part=Part.STARTING,
    ),
    Call(
        10, "wait", {"id": NUMBER, "ending": Ending}, "the id of the child that ended", (*ANSWERS, NoChild),
        "Wait until a child has ended, or any; return its id, or an error.  The ending may be 0.",
        part=Part.WAITING,
    ),
    Call(11, "kill", {"id": NUMBER}, "0", (NoSuchProcess, NotPermitted), "End a process."),
    Call(
        12, "page_alloc", {"address": ADDRESS}, "0", (*RANGES, OutOfMemory),
        "Put a new page, zero and writable, at an address; what was there is freed.", c="sys_new_page",
    ),
    Call(
        13, "map", {"address": ADDRESS, "length": SIZE, "permissions": RIGHTS}, "the address",
        (*RANGES, OutOfMemory, NoRoom),
        "Map zeros at an address, or where there is room (0); return the address, or an error.",
        c_result="void *", part=Part.MAPPING,
    ),
    Call(
        14, "unmap", {"address": ADDRESS, "length": SIZE}, "0", (*RANGES, OutOfMemory), "Free the pages of a range.",
        part=Part.MAPPING,
    ),
    Call(
        15, "protect", {"address": ADDRESS, "length": SIZE, "permissions": RIGHTS}, "0", (*RANGES, OutOfMemory),
        "Give the pages of a range other permissions.", part=Part.MAPPING,
    ),
    Call(16, "frame_counts", {"counts": FrameCounts}, "0", ANSWERS, "Count page frames."),
    Call(
        17, "malloc_pages", {"count": SIZE}, "the address", (BadArgument, OutOfMemory, TooManyRegions, NoRoom),
        "Take new pages of zeros in a row; return the address of the first, or an error.",
        c_result="void *", part=Part.MALLOC,
    ),
    Call(
        18, "free_pages", {"address": ADDRESS, "count": SIZE}, "0", (BadAddress, BadArgument),
        "Give pages back that `malloc_pages` took.", part=Part.MALLOC,
    ),
    Call(
        19, "load_library", {"name": TEXT}, "the address of its link page",
        (
            BadAddress, BadArgument, OutOfMemory, TooManyRegions, NoRoom, NoSuchLibrary, NotALibrary, TooManyLibraries,
        ),
        "Map a library of the payload; return the address of its link page (`library.h`), or an error.",
        c_result="void *", part=Part.LIBRARIES,
    ),
    Call(
        20, "unload_library", {"address": ADDRESS}, "0", (BadArgument, OutOfMemory, TooManyRegions),
        "Unmap the library whose link page is at an address.", part=Part.LIBRARIES,
    ),
    Call(21, "uptime", {"uptime": Uptime}, "0", ANSWERS, "Tell how long the kernel has run."),
)  # fmt: skip

OWN_CALLS: list[Call] = []
"""Calls that a user's own part of the kernel adds; each has a number behind ours."""


def known_calls() -> tuple[Call, ...]:
    """Return the calls of the kernel, own ones after ours."""
    return (*CALLS, *OWN_CALLS)


def methods_by_number(parts: tuple[Part, ...]) -> list[str]:
    """Return the methods, by the numbers of their calls, of a kernel that has some parts.

    It is `unknown` for 0, for a call of another part, and where own numbers leave gaps.
    """
    methods = {call.number: call.python for call in known_calls() if call.part is None or call.part in parts}
    return [methods.get(number, "unknown") for number in range(max(methods) + 1)]
