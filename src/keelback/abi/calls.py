"""The system calls: all that kernel, stubs, header, docs, trace and tests know of each.

A call is `int $0x80` with its number in eax and its arguments in ebx, esi, edi, ebp and edx; its result comes back in
eax, where -1 to -255 is an error.  On x86-64 these are rax, rbx, rsi, rdi, rbp and rdx, and `syscall` is the same call.
A call that carries a message has results in the registers of its arguments, too.  A new call is a line here, a method
of `SystemCalls` or of what serves its part, and a test of it.
"""

from dataclasses import dataclass

from keelback.abi.errors import (
    BadAddress,
    BadArgument,
    BadHandle,
    Closed,
    NoChild,
    NoEndpointSlot,
    NoObjectSlot,
    NoProcessSlot,
    NoReply,
    NoRoom,
    NoSuchLibrary,
    NoSuchProcess,
    NoSuchProgram,
    NoSuchThread,
    NotALibrary,
    NotExecutable,
    NoThreadSlot,
    NotPermitted,
    OutOfMemory,
    TimedOut,
    TooLarge,
    TooManyHandles,
    TooManyLibraries,
    TooManyRegions,
)
from keelback.abi.parts import Part
from keelback.abi.records import Ending, FrameCounts, ProcessFacts, Uptime
from keelback.lang import KernelError, Struct

NEVER = "does not return"
REGISTERS = ("ebx", "esi", "edi", "ebp", "edx")
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
HANDLE = Form("uint32_t ", "u32")
HANDLES = Form("const uint32_t *", "HandleList")
HANDLE_RIGHTS = Form("enum right ", "u32")
WORD = Form("uintptr_t ", "word")


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
    copies: bool = False
    """The caller becomes two: a stub first takes what its threads share, so that both find it whole."""
    part: Part | None = None
    """The part of the kernel that serves it, where a layout may leave that out."""
    sends: bool = False
    """It sends a message, whose words are in registers …"""
    receives: bool = False
    """… or receives one: a stub takes a record of words, and another, with `_message` in its name, a whole message."""

    @property
    def never(self) -> bool:
        """Say whether it never returns."""
        return self.result == NEVER and not self.errors

    @property
    def carries(self) -> bool:
        """Say whether it carries a message."""
        return self.sends or self.receives

    @property
    def gives_address(self) -> bool:
        """Say whether its result is an address, and so as wide as a register."""
        return self.c_result == "void *"

    @property
    def python(self) -> str:
        """Return what it is called in Python."""
        return self.method or self.name


MESSAGE_WORDS: dict[str, Form | type[Struct]] = {"first": WORD, "second": WORD, "third": WORD}
MESSAGE: dict[str, Form | type[Struct]] = {"handle": HANDLE, **MESSAGE_WORDS}
"""What carries a message: the handle that it goes through, and three words.

The address of a record of what it has besides is in edx, where the handle is marked by WITH_RECORD.
"""

ANSWERS = (BadAddress, OutOfMemory)
"""What a call that writes its answer to the caller's memory may say."""
PROGRAMS = (BadAddress, BadArgument, OutOfMemory, NoSuchProgram, NotExecutable)
RANGES = (BadAddress, BadArgument, TooManyRegions)
SENDING = (
    BadAddress,
    BadArgument,
    OutOfMemory,
    TooManyRegions,
    NotPermitted,
    TimedOut,
    BadHandle,
    Closed,
    TooLarge,
)
RECEIVING = (
    BadAddress,
    BadArgument,
    OutOfMemory,
    TooManyRegions,
    NotPermitted,
    NoRoom,
    TimedOut,
    BadHandle,
    Closed,
    TooManyHandles,
    TooLarge,
)
"""What sending and receiving may say."""

DRIVING = (BadArgument, NotPermitted, BadHandle)
"""What the calls may say that drive a device."""

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
        6, "fork", {}, "the child's id; 0 in the child", (OutOfMemory, NoProcessSlot, NoThreadSlot),
        "Make a child that is as the caller; return its id, 0 in the child, or an error.",
        c="sys_fork_child", leaves=True, copies=True,
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
        9, "spawn", {"name": TEXT, "argument": TEXT}, "the child's id", (*PROGRAMS, NoProcessSlot, NoThreadSlot),
        "Start a program of the payload as a child; return its id, or an error.", leaves=True, part=Part.STARTING,
    ),
    Call(
        10, "wait", {"id": NUMBER, "ending": Ending}, "the id of the child that ended", (*ANSWERS, NoChild),
        "Wait until a child has ended, or any; return its id, or an error.  The ending may be 0.",
        part=Part.WAITING,
    ),
    Call(
        11, "kill", {"id": NUMBER}, "0", (NoSuchProcess, NotPermitted),
        "End the caller, or a process that descends from it.",
    ),
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
    Call(
        22, "thread_create", {"entry": ADDRESS, "stack": ADDRESS, "argument": ADDRESS}, "the thread's id",
        (BadAddress, OutOfMemory, NoThreadSlot),
        "Start a thread at an address, on the stack that ends at another, with an argument in eax; return its id.",
        part=Part.THREADS,
    ),
    Call(
        23, "thread_exit", {"value": ADDRESS}, NEVER, (), "End the calling thread; the process, if it is the last.",
        leaves=True, part=Part.THREADS,
    ),
    Call(
        24, "thread_join", {"id": NUMBER, "value": ADDRESS, "ticks": COUNT}, "the id of the thread that ended",
        (*ANSWERS, BadArgument, NoSuchThread, TimedOut),
        "Wait until a thread has ended, for a number of ticks or (0) for ever.  The address for its value may be 0.",
        part=Part.THREADS,
    ),
    Call(
        25, "thread_detach", {"id": NUMBER}, "0", (NoSuchThread,),
        "Detach a thread: nobody can join it, and it leaves nothing behind.", part=Part.THREADS,
    ),
    Call(26, "thread_self", {}, "the caller's thread id", (), "Return the thread id of the caller.", part=Part.THREADS),
    Call(
        27, "wait_on", {"address": ADDRESS, "value": COUNT, "ticks": COUNT}, "0; 1 if the value is another already",
        (BadAddress, BadArgument, TimedOut),
        "Wait until the word at an address, if it has a value, is said to have changed; for ticks or (0) for ever.",
        part=Part.THREADS,
    ),
    Call(
        28, "wake", {"address": ADDRESS, "count": COUNT}, "how many were woken", (BadAddress, BadArgument),
        "Wake so many of those that wait on the word at an address.", part=Part.THREADS,
    ),
    Call(
        40, "endpoint_create", {"most": SIZE}, "a handle with all rights",
        (BadArgument, OutOfMemory, TooManyHandles, NoEndpointSlot),
        "Make an endpoint, for messages of so many bytes at most, 0: of words; return a handle to it, or an error.",
        part=Part.MESSAGES,
    ),
    Call(
        41, "endpoint_destroy", {"handle": HANDLE}, "0", (NotPermitted, BadHandle, Closed),
        "Close an endpoint for all: whoever waits there, or for a reply, is told so.", part=Part.MESSAGES,
    ),
    Call(
        42, "mint", {"handle": HANDLE, "rights": HANDLE_RIGHTS, "badge": WORD}, "the new handle",
        (BadArgument, OutOfMemory, NotPermitted, BadHandle, TooManyHandles),
        "Make another handle to the same, with some of its rights and a badge, 0: its own; return it, or an error.",
        part=Part.MESSAGES,
    ),
    Call(
        43, "drop", {"handle": HANDLE}, "0", (BadHandle,),
        "Give a handle back; who waits for what it alone could do is told so.", part=Part.MESSAGES,
    ),
    Call(
        44, "send", MESSAGE, "0, when it was received", SENDING,
        "Send a message, and wait until it is received.", part=Part.MESSAGES, sends=True,
    ),
    Call(
        45, "call", MESSAGE, "0, when the reply came",
        (*SENDING, NoRoom, NoReply, TooManyHandles),
        "Send a message, and wait for the reply.", c="sys_call_endpoint", part=Part.MESSAGES, sends=True, receives=True,
    ),
    Call(
        46, "receive", {"handle": HANDLE}, "what came", RECEIVING,
        "Wait for a message; return the handle to reply to, 0 where no reply is awaited, or an error.",
        part=Part.MESSAGES, receives=True,
    ),
    Call(
        47, "reply", MESSAGE, "0, 1 when nobody took it",
        (BadAddress, BadArgument, OutOfMemory, TooManyRegions, NotPermitted, BadHandle),
        "Reply to a call; return 1 when nobody waits for it any more.", part=Part.MESSAGES, sends=True,
    ),
    Call(
        48, "reply_receive", {"handles": HANDLE, **MESSAGE_WORDS}, "what came", RECEIVING,
        "Reply to a call, if the handle is not 0, and wait for the next message, as receive does.",
        part=Part.MESSAGES, sends=True, receives=True,
    ),
    Call(
        49, "signal", {"handle": HANDLE, "bits": WORD}, "0", (BadArgument, NotPermitted, BadHandle, Closed),
        "Set bits of an endpoint, which its next receiver takes.", part=Part.MESSAGES,
    ),
    Call(
        50, "spawn_with", {"name": TEXT, "argument": TEXT, "handles": HANDLES, "count": COUNT}, "the child's id",
        (*PROGRAMS, NoProcessSlot, NotPermitted, NoThreadSlot, BadHandle),
        "Start a program as a child that has so many handles, in order from 1 on; return its id, or an error.",
        leaves=True, part=Part.STARTING,
    ),
    Call(
        51, "process_handle", {"id": NUMBER}, "a handle",
        (OutOfMemory, NoSuchProcess, NotPermitted, TooManyHandles),
        "Make a handle to the caller, or a process that descends from it; return it, or an error.",
        part=Part.MESSAGES,
    ),
    Call(
        52, "process_kill", {"handle": HANDLE, "id": NUMBER}, "0", (NoSuchProcess, NotPermitted, BadHandle),
        "End the process of a handle, or one that descends from it.", part=Part.MESSAGES,
    ),
    Call(
        53, "process_wait", {"handle": HANDLE, "ending": Ending}, "the id of the process that ended",
        (*ANSWERS, BadArgument, NoSuchProcess, NotPermitted, BadHandle),
        "Wait until the process of a handle has ended; return its id, or an error.  The ending may be 0.",
        part=Part.WAITING,
    ),
    Call(
        54, "thread_handle", {"id": NUMBER}, "a handle", (OutOfMemory, NoSuchThread, TooManyHandles),
        "Make a handle to a thread of the caller's process; return it, or an error.", part=Part.THREADS,
    ),
    Call(
        55, "thread_wait", {"handle": HANDLE, "value": ADDRESS, "ticks": COUNT}, "the id of the thread that ended",
        (*ANSWERS, BadArgument, NotPermitted, TimedOut, NoSuchThread, BadHandle),
        "Wait until the thread of a handle has ended, as `thread_join` does.", part=Part.THREADS,
    ),
    Call(
        56, "thread_end", {"handle": HANDLE, "value": ADDRESS}, "0", (NotPermitted, NoSuchThread, BadHandle),
        "End the thread of a handle, wherever it waits, with a value; its process, if it is the last.",
        part=Part.THREADS,
    ),
    Call(
        70, "object_create", {"count": SIZE}, "a handle", (BadArgument, OutOfMemory, TooManyHandles, NoObjectSlot),
        "Make a memory object of so many pages of zeros; return a handle to it, or an error.", part=Part.MESSAGES,
    ),
    Call(
        71, "object_map", {"handle": HANDLE, "address": ADDRESS, "length": SIZE, "part": SIZE}, "the address",
        (*RANGES, OutOfMemory, NotPermitted, NoRoom, BadHandle),
        "Map a part of a memory object, from offset + rights on, at an address, or where there is room (0).",
        c_result="void *", part=Part.MESSAGES,
    ),
    Call(
        72, "object_size", {"handle": HANDLE}, "its pages", (BadHandle,),
        "Return how many pages a memory object has, or an error.", part=Part.MESSAGES,
    ),
    Call(
        73, "payload_object", {}, "a handle", (OutOfMemory, NotPermitted, TooManyHandles, NoObjectSlot),
        "Return a handle to a memory object that is the payload, to be mapped and read, or an error.",
        part=Part.MESSAGES,
    ),
    Call(
        80, "line_bind", {"handle": HANDLE, "interrupt": HANDLE}, "0, 1 where no device answers",
        (NotPermitted, BadHandle, Closed),
        "Bind a device's interrupt to a bit of an endpoint; return 1 where no device answers, or an error.",
        part=Part.MESSAGES,
    ),
    Call(
        81, "line_done", {"interrupt": HANDLE}, "0", (NotPermitted, BadHandle),
        "Allow a device to interrupt again, all of whose input was read.", part=Part.MESSAGES,
    ),
    Call(
        82, "line_read", {"interrupt": HANDLE, "place": COUNT}, "its byte", DRIVING,
        "Read a register of the device of an interrupt.", part=Part.MESSAGES,
    ),
    Call(
        83, "line_write", {"interrupt": HANDLE, "place": COUNT, "value": COUNT}, "0", DRIVING,
        "Write a byte to a register of the device of an interrupt.", part=Part.MESSAGES,
    ),
    Call(
        84, "line_unbind", {"interrupt": HANDLE}, "0", (NotPermitted, BadHandle),
        "Take an interrupt from the endpoint that it is bound to.", part=Part.MESSAGES,
    ),
    Call(
        85, "interrupt_handle", {"line": COUNT}, "a handle", (BadArgument, OutOfMemory, NotPermitted, TooManyHandles),
        "Make a handle to the interrupt of a line's device, to which there is none; return it, or an error.",
        part=Part.MESSAGES,
    ),
    Call(
        90, "process_after", {"id": COUNT, "facts": ProcessFacts}, "the id of the next process, 0 when there is none",
        ANSWERS, "Tell of the process with the lowest id above one; return its id, 0 when there is none, or an error.",
        part=Part.STARTING,
    ),
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
