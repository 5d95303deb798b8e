"""Programs in Kernel Python as they run in CPython, for their own tests: a stand-in for the kernel, and RAM."""

from collections.abc import Callable
from typing import Any

from keelback.abi.errors import (
    BadAddress,
    BadArgument,
    NoChild,
    NoRoom,
    NoSuchLibrary,
    NoSuchProcess,
    NoSuchProgram,
    NotPermitted,
    OutOfMemory,
    UnknownCall,
)
from keelback.abi.records import LONGEST_ARGUMENT, ArgumentText, Ending, FrameCounts
from keelback.lang import HostObject, KernelError, Ram, Region
from keelback.user.calls import Kernel
from keelback.user.line import Line
from keelback.user.system import PAGE_SIZE, Program

MALLOC, MALLOC_END = 0x8_2000, 0x18_2000
"""The pages of the RAM that a program in CPython may take."""


class Exited(Exception):
    """A program in CPython ended itself; `status` says with what."""

    def __init__(self, status: int) -> None:
        self.status = status
        super().__init__(f"the program exited with status {status}")


class PythonKernel(HostObject):
    """A kernel for unit tests: it keeps what is written and counts turns and ticks.

    It has one process, no payload and no memory to give but some malloc pages of the program's RAM, and says so by the
    errors of docs/syscalls.md.
    """

    def __init__(self) -> None:
        self.written = bytearray()
        self.yields = 0
        self.slept = 0
        self.taken: set[int] = set()
        self.ram: Ram | None = None

    def serve(self, call: str, *arguments: Any) -> int:
        """Serve a call by its name; it has none but those below."""
        try:
            method: Callable[..., int] | None = getattr(self, call, None)
            if method is None:
                raise UnknownCall
            return method(*arguments)
        except KernelError as error:
            return error.number & 0xFFFF_FFFF

    def getpid(self) -> int:
        """Return 1."""
        return 1

    def give_way(self) -> int:
        """Count."""
        self.yields += 1
        return 0

    def puts(self, line: Line, count: int) -> int:
        """Keep the text."""
        self.written += bytes(line.text)[:count]
        return count

    def sleep(self, ticks: int) -> int:
        """Count."""
        self.slept += ticks
        return 0

    def fork(self) -> int:
        """Refuse: there is no second CPython to be the child.  Raises: NotImplementedError."""
        raise NotImplementedError("a program can't fork in CPython: run it compiled")

    def detach(self) -> int:
        """Do nothing: there is no parent."""
        return 0

    def exec(self, name: ArgumentText, argument: ArgumentText) -> int:
        """Find no such program."""
        raise NoSuchProgram

    def spawn(self, name: ArgumentText, argument: ArgumentText) -> int:
        """Find no such program."""
        raise NoSuchProgram

    def wait(self, child: int, ending: Ending) -> int:
        """Find no child."""
        raise NoChild

    def kill(self, process: int) -> int:
        """Find no such process, or that the first may not be killed."""
        raise NotPermitted if process == 1 else NoSuchProcess

    def page_alloc(self, address: int) -> int:
        """Say that no memory is left."""
        raise OutOfMemory

    def map(self, address: int, length: int, permissions: int) -> int:
        """Say that there is no room."""
        raise NoRoom

    def unmap(self, address: int, length: int) -> int:
        """Find nothing mapped."""
        raise BadAddress

    def protect(self, address: int, length: int, permissions: int) -> int:
        """Find nothing mapped."""
        raise BadAddress

    def frame_counts(self, counts: FrameCounts) -> int:
        """Count nothing."""
        return 0

    def malloc_pages(self, count: int) -> int:
        """Take the lowest pages that are free in a row, and clear them."""
        if self.ram is None:
            raise OutOfMemory
        for start in range(MALLOC, MALLOC_END - count * PAGE_SIZE + 1, PAGE_SIZE):
            pages = range(start, start + count * PAGE_SIZE, PAGE_SIZE)
            if count > 0 and not self.taken & {*pages}:
                self.taken |= {*pages}
                self.ram.bytes[start : start + count * PAGE_SIZE] = bytes(count * PAGE_SIZE)
                return start
        raise OutOfMemory

    def free_pages(self, address: int, count: int) -> int:
        """Free pages, if all of them are taken."""
        pages = {*range(address, address + count * PAGE_SIZE, PAGE_SIZE)}
        if not pages or not pages <= self.taken:
            raise BadAddress
        self.taken -= pages
        return 0

    def exit(self, status: int) -> int:
        """End the program.  Raises: Exited."""
        raise Exited(status)

    def load_library(self, name: ArgumentText) -> int:
        """Find no such library."""
        raise NoSuchLibrary

    def unload_library(self, address: int) -> int:
        """Find no library there."""
        raise BadArgument


RECORDS, RECORDS_END = 0x1000, 0x80000
ARGUMENT = RECORDS_END


def run_program(program: type[Program], argument: str = "") -> tuple[int, str]:
    """Run a program in CPython to its end; return its exit status and what it has written.

    Raises: ValueError when the argument is too long; Panic where compiled code would end itself; NotImplementedError
    where it forks.
    """
    kernel = PythonKernel()
    made, _ = make_program(program, kernel, argument)
    try:
        status = made.main(ARGUMENT)
        made.output.flush()
    except Exited as exited:
        status = exited.status
    return status, kernel.written.decode(errors="replace")


def make_program(
    program: type[Program], kernel: Kernel | None = None, argument: str = "", *, word_bits: int = 32
) -> tuple[Program, Ram]:
    """Return a program and the RAM of its state; the argument lies at `ARGUMENT`.

    Without a kernel it can only be compiled.  Raises: ValueError when the argument is too long.
    """
    if len(argument) >= LONGEST_ARGUMENT:
        raise ValueError(f"an argument has at most {LONGEST_ARGUMENT - 1} characters")
    ram = Ram(MALLOC_END + PAGE_SIZE, word_bits=word_bits)
    if isinstance(kernel, PythonKernel):
        kernel.ram = ram
    made = program(ram, Region(ram, RECORDS, RECORDS_END), kernel)
    ram.bytes[ARGUMENT : ARGUMENT + len(argument)] = argument.encode("ascii")
    return made, ram
