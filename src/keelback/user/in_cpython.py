"""Programs in Kernel Python as they run in CPython, for their own tests: a stand-in for the kernel, and RAM."""

from keelback.lang import HostObject, Ram, Region
from keelback.user.system import LONGEST_ARGUMENT, PAGE_SIZE, Ending, FrameCounts, Kernel, Program

BAD_ADDRESS, BAD_ARGUMENT, OUT_OF_MEMORY, NO_SUCH_PROGRAM = 0xFFFF_FFFE, 0xFFFF_FFFD, 0xFFFF_FFFC, 0xFFFF_FFFA
NO_SUCH_PROCESS, NOT_PERMITTED, NO_CHILD, NO_ROOM = 0xFFFF_FFF7, 0xFFFF_FFF6, 0xFFFF_FFF5, 0xFFFF_FFF4
NO_SUCH_LIBRARY = 0xFFFF_FFF3


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

    def getpid(self) -> int:
        """Return 1."""
        return 1

    def give_way(self) -> int:
        """Count."""
        self.yields += 1
        return 0

    def puts(self, text: bytes) -> int:
        """Keep the text."""
        self.written += text
        return len(text)

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

    def exec(self, name: bytes, argument: bytes) -> int:
        """Find no such program."""
        return NO_SUCH_PROGRAM

    def spawn(self, name: bytes, argument: bytes) -> int:
        """Find no such program."""
        return NO_SUCH_PROGRAM

    def wait(self, child: int, ending: Ending) -> int:
        """Find no child."""
        return NO_CHILD

    def kill(self, process: int) -> int:
        """Find no such process, or that the first may not be killed."""
        return NOT_PERMITTED if process == 1 else NO_SUCH_PROCESS

    def page_alloc(self, address: int) -> int:
        """Have no memory left."""
        return OUT_OF_MEMORY

    def map(self, address: int, length: int, permissions: int) -> int:
        """Have no room."""
        return NO_ROOM

    def unmap(self, address: int, length: int) -> int:
        """Find nothing mapped."""
        return BAD_ADDRESS

    def protect(self, address: int, length: int, permissions: int) -> int:
        """Find nothing mapped."""
        return BAD_ADDRESS

    def frame_counts(self, counts: FrameCounts) -> int:
        """Count nothing."""
        return 0

    def malloc_pages(self, count: int) -> int:
        """Take the lowest pages that are free in a row, and clear them."""
        if self.ram is None:
            return OUT_OF_MEMORY
        for start in range(MALLOC, MALLOC_END - count * PAGE_SIZE + 1, PAGE_SIZE):
            pages = range(start, start + count * PAGE_SIZE, PAGE_SIZE)
            if count > 0 and not self.taken & {*pages}:
                self.taken |= {*pages}
                self.ram.bytes[start : start + count * PAGE_SIZE] = bytes(count * PAGE_SIZE)
                return start
        return OUT_OF_MEMORY

    def free_pages(self, address: int, count: int) -> int:
        """Let pages be free again, if all of them are taken."""
        pages = {*range(address, address + count * PAGE_SIZE, PAGE_SIZE)}
        if not pages or not pages <= self.taken:
            return BAD_ADDRESS
        self.taken -= pages
        return 0

    def exit(self, status: int) -> int:
        """End the program.  Raises: Exited."""
        raise Exited(status)

    def load_library(self, name: bytes) -> int:
        """Find no such library."""
        return NO_SUCH_LIBRARY

    def unload_library(self, address: int) -> int:
        """Find no library there."""
        return BAD_ARGUMENT


RECORDS, RECORDS_END = 0x1000, 0x80000
ARGUMENT = RECORDS_END


def make_program(program: type[Program], kernel: Kernel | None = None, argument: str = "") -> tuple[Program, Ram]:
    """Return a program and the RAM of its state; the argument lies at `ARGUMENT`.

    Without a kernel it can only be compiled.  Raises: ValueError when the argument is too long.
    """
    if len(argument) >= LONGEST_ARGUMENT:
        raise ValueError(f"an argument has at most {LONGEST_ARGUMENT - 1} characters")
    ram = Ram(MALLOC_END + PAGE_SIZE)
    if isinstance(kernel, PythonKernel):
        kernel.ram = ram
    made = program(ram, Region(ram, RECORDS, RECORDS_END), kernel)
    ram.bytes[ARGUMENT : ARGUMENT + len(argument)] = argument.encode("ascii")
    return made, ram
