"""The runtime of programs in Kernel Python: system calls, printing, the argument.

A program is a `Program` whose `main` gets the address of its argument string and returns its exit status.  Its state
lies in static structs.  Compiled, it is a program like those in C; in CPython its system calls go to a `Kernel`.
"""

from typing import Protocol

from keelback.lang import (
    Array,
    Component,
    Ram,
    Region,
    Struct,
    TextSink,
    i32,
    inline,
    native,
    u8,
    u32,
    view,
    word,
)

LONGEST_LINE = 128
NEW_LINE = 10
PAGE_SIZE = 4096
LONGEST_ARGUMENT = 256
CALL = '__asm__ volatile("int $0x80" : "=a"(result) : '
LOST = ' : "ecx", "edx", "cc", "memory"); return result;'
FIRST_ERROR = 0xFFFF_FF01
"""Results from here on are errors: -255 to -1."""

ANY_CHILD = 0xFFFF_FFFF
EXITED, FAULTED, KILLED = 1, 2, 3
NO_ACCESS, CAN_READ, CAN_WRITE = 0, 1, 2
SPARSE = 4
"""With the permissions of `map`: take no promise, so that the first touch of a page may find no memory left."""


class Kernel(Protocol):
    """What serves the system calls of a program that runs in CPython."""

    def getpid(self) -> int:
        """Return the program's process id."""
        ...

    def give_way(self) -> int:
        """Let others run."""
        ...

    def puts(self, text: bytes) -> int:
        """Write text."""
        ...

    def sleep(self, ticks: int) -> int:
        """Wait."""
        ...

    def fork(self) -> int:
        """Make a child."""
        ...

    def detach(self) -> int:
        """Let the program be nobody's child."""
        ...

    def exec(self, name: bytes, argument: bytes) -> int:
        """Run another program instead."""
        ...

    def spawn(self, name: bytes, argument: bytes) -> int:
        """Start a program as a child."""
        ...

    def wait(self, child: int, ending: "Ending") -> int:
        """Wait for a child's end."""
        ...

    def kill(self, process: int) -> int:
        """End a process."""
        ...

    def page_alloc(self, address: int) -> int:
        """Let a page be new."""
        ...

    def map(self, address: int, length: int, permissions: int) -> int:
        """Map zeros."""
        ...

    def unmap(self, address: int, length: int) -> int:
        """Free pages."""
        ...

    def protect(self, address: int, length: int, permissions: int) -> int:
        """Change what is allowed."""
        ...

    def frame_counts(self, counts: "FrameCounts") -> int:
        """Count page frames."""
        ...

    def malloc_pages(self, count: int) -> int:
        """Take new pages."""
        ...

    def free_pages(self, address: int, count: int) -> int:
        """Give pages back."""
        ...

    def exit(self, status: int) -> int:
        """End the program."""
        ...

    def load_library(self, name: bytes) -> int:
        """Map a library."""
        ...

    def unload_library(self, address: int) -> int:
        """Unmap a library."""
        ...


class Line(Struct):
    """A line that is not finished yet."""

    text: Array[u8] = inline(LONGEST_LINE)  # first, so that one address stands for both
    count: u32


class ArgumentText(Struct):
    """The argument, as it lies at the top of the stack: zero-terminated."""

    text: Array[u8] = inline(LONGEST_ARGUMENT)


class Ending(Struct):
    """How a child ended."""

    how: u32  # EXITED, FAULTED or KILLED
    status: i32  # what it exited with; the vector of its fault; who killed it


class FrameCounts(Struct):
    """How many page frames there are, and who owns those in use."""

    kernel_free: u32
    kernel_total: u32
    user_free: u32
    user_total: u32
    processes: u32
    kernel: u32
    tables: u32
    libraries: u32
    zero: u32
    console: u32
    shared: u32
    reserved: u32
    kernel_promised: u32  # neither free nor in use: pages that are there may still need them
    user_promised: u32


def failed(result: u32) -> bool:
    """Say whether a system call's result is an error."""
    return result >= FIRST_ERROR


class System(Component):
    """The system calls, by the numbers of docs/syscalls.md.

    What there is of a line is written before the caller becomes two, or another program, or ends: it is said once.
    """

    def __init__(self, records: Region, kernel: Kernel | None) -> None:
        self.kernel = kernel
        self.line = records.struct(Line)

    def flush(self) -> None:
        """Write what there is of a line."""
        if self.line.count > 0:
            self.puts(self.line, self.line.count)
            self.line.count = 0

    @native(f'u32 result; {CALL}"0"(1){LOST}')
    def getpid(self) -> u32:
        """Return the process id of the program."""
        return served(self.kernel).getpid()

    @native(f'u32 result; {CALL}"0"(2){LOST}')
    def give_way(self) -> u32:
        """Let the other ready processes run first."""
        return served(self.kernel).give_way()

    @native(f'u32 result; {CALL}"0"(4), "b"(line), "S"(count){LOST}')
    def puts(self, line: Line, count: u32) -> u32:
        """Write the start of a line to the console; return how many bytes were written, or an error."""
        return served(self.kernel).puts(bytes(line.text)[:count])

    @native(f'u32 result; {CALL}"0"(5), "b"(ticks){LOST}')
    def sleep(self, ticks: u32) -> u32:
        """Wait for a number of timer ticks."""
        return served(self.kernel).sleep(ticks)

    def fork(self) -> u32:
        """Make a child that is as the caller; return its id, 0 in the child, or an error."""
        self.flush()
        return self._fork()

    @native(f'u32 result; {CALL}"0"(6){LOST}')
    def _fork(self) -> u32:
        return served(self.kernel).fork()

    @native(f'u32 result; {CALL}"0"(7){LOST}')
    def detach(self) -> u32:
        """Let the caller be nobody's child."""
        return served(self.kernel).detach()

    def exec(self, name: ArgumentText, argument: ArgumentText) -> u32:
        """Run another program of the payload instead of this one; return only if that failed."""
        self.flush()
        return self._exec(name, argument)

    @native(f'u32 result; {CALL}"0"(8), "b"(name), "S"(argument){LOST}')
    def _exec(self, name: ArgumentText, argument: ArgumentText) -> u32:
        return served(self.kernel).exec(bytes(name.text), bytes(argument.text))

    def spawn(self, name: ArgumentText, argument: ArgumentText) -> u32:
        """Start a program of the payload as a child; return its id, or an error."""
        self.flush()
        return self._spawn(name, argument)

    @native(f'u32 result; {CALL}"0"(9), "b"(name), "S"(argument){LOST}')
    def _spawn(self, name: ArgumentText, argument: ArgumentText) -> u32:
        return served(self.kernel).spawn(bytes(name.text), bytes(argument.text))

    @native(f'u32 result; {CALL}"0"(10), "b"(child), "S"(ending){LOST}')
    def wait(self, child: u32, ending: Ending) -> u32:
        """Wait until a child has ended, or any; return its id, or an error."""
        return served(self.kernel).wait(child, ending)

    @native(f'u32 result; {CALL}"0"(11), "b"(process){LOST}')
    def kill(self, process: u32) -> u32:
        """End a process; return 0 or an error."""
        return served(self.kernel).kill(process)

    @native(f'u32 result; {CALL}"0"(12), "b"(address){LOST}')
    def page_alloc(self, address: word) -> u32:
        """Let a page be new, zero and writable; return 0 or an error."""
        return served(self.kernel).page_alloc(address)

    @native(f'u32 result; {CALL}"0"(13), "b"(address), "S"(length), "D"(permissions){LOST}')
    def map(self, address: word, length: u32, permissions: u32) -> u32:
        """Map zeros at an address, or where there is room (0); return the address, or an error."""
        return served(self.kernel).map(address, length, permissions)

    @native(f'u32 result; {CALL}"0"(14), "b"(address), "S"(length){LOST}')
    def unmap(self, address: word, length: u32) -> u32:
        """Free the pages of a range; return 0 or an error."""
        return served(self.kernel).unmap(address, length)

    @native(f'u32 result; {CALL}"0"(15), "b"(address), "S"(length), "D"(permissions){LOST}')
    def protect(self, address: word, length: u32, permissions: u32) -> u32:
        """Give the pages of a range other permissions; return 0 or an error."""
        return served(self.kernel).protect(address, length, permissions)

    @native(f'u32 result; {CALL}"0"(16), "b"(counts){LOST}')
    def frame_counts(self, counts: FrameCounts) -> u32:
        """Count page frames; return 0 or an error."""
        return served(self.kernel).frame_counts(counts)

    @native(f'u32 result; {CALL}"0"(17), "b"(count){LOST}')
    def malloc_pages(self, count: u32) -> u32:
        """Take new pages of zeros in a row; return the address of the first, or an error."""
        return served(self.kernel).malloc_pages(count)

    @native(f'u32 result; {CALL}"0"(18), "b"(address), "S"(count){LOST}')
    def free_pages(self, address: word, count: u32) -> u32:
        """Give pages back that `malloc_pages` took; return 0 or an error."""
        return served(self.kernel).free_pages(address, count)

    def exit(self, status: u32) -> u32:
        """End the program."""
        self.flush()
        return self._exit(status)

    @native(f'u32 result; {CALL}"0"(3), "b"(status){LOST}')
    def _exit(self, status: u32) -> u32:
        return served(self.kernel).exit(status)

    @native(f'u32 result; {CALL}"0"(19), "b"(name){LOST}')
    def load_library(self, name: ArgumentText) -> u32:
        """Map a library of the payload; return the address of its link page, or an error."""
        return served(self.kernel).load_library(bytes(name.text))

    @native(f'u32 result; {CALL}"0"(20), "b"(address){LOST}')
    def unload_library(self, address: word) -> u32:
        """Unmap a library by the address of its link page; return 0 or an error."""
        return served(self.kernel).unload_library(address)


def served(kernel: Kernel | None) -> Kernel:
    """Return the kernel of a program that runs in CPython.  Raises: TypeError when it has none."""
    if kernel is None:
        raise TypeError("this program is only compiled: it has no kernel to call")
    return kernel


class Output(TextSink):
    """Text to the console, a line a system call, so that the lines of processes do not mix."""

    def __init__(self, system: System) -> None:
        self.system = system
        self.line = system.line

    def put(self, byte: u8) -> None:
        """Add a byte to the line; the end of a line, or of the room for one, writes it."""
        line = self.line
        line.text[line.count] = byte
        line.count += 1
        if byte == NEW_LINE or line.count == LONGEST_LINE:
            self.flush()

    def flush(self) -> None:
        """Write what there is of a line."""
        self.system.flush()


class Program(Component):
    """A program; a subclass says what it does in `main`."""

    image_size = 0
    """Bytes of the program's image, from its first to its last; 0: as many as it takes."""

    def __init__(self, ram: Ram, records: Region, kernel: Kernel | None) -> None:
        self.ram = ram
        self.system = System(records, kernel)
        self.output = Output(self.system)

    def _start(self, argument: word) -> i32:
        """Do what the program is for, and write what it leaves of a line."""
        status = self.main(argument)
        self.output.flush()
        return status

    def main(self, argument: word) -> i32:
        """Do what the program is for; return its exit status, 0 when all is well."""
        raise NotImplementedError

    def number(self, argument: word, otherwise: u32) -> u32:
        """Return the decimal number that the argument is, another when it is empty or none below 2^32."""
        text = view(self.ram, ArgumentText, argument).text
        number: u32 = 0
        for index in range(LONGEST_ARGUMENT):
            digit = text[index]
            if digit == 0:
                return number if index > 0 else otherwise
            if not 48 <= digit <= 57 or number > 429_496_728:
                return otherwise
            number = number * 10 + (digit - 48)
        return otherwise
