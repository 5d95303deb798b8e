"""The runtime of programs in Kernel Python: system calls, printing, the argument.

A program is a `Program` whose `main` gets the address of its argument string and returns its exit status.  Its state
lies in static structs.  Compiled, it is a program like those in C; in CPython its system calls go to a `Kernel`.
"""

from typing import Protocol

from keelback.lang import (
    Array,
    Component,
    HostObject,
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
LONGEST_ARGUMENT = 256
CALL = '__asm__ volatile("int $0x80" : "=a"(result) : '


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


class Line(Struct):
    """A line that is not finished yet."""

    text: Array[u8] = inline(LONGEST_LINE)  # first, so that one address stands for both
    count: u32


class ArgumentText(Struct):
    """The argument, as it lies at the top of the stack: zero-terminated."""

    text: Array[u8] = inline(LONGEST_ARGUMENT)


class System(Component):
    """The system calls, by the numbers of docs/syscalls.md."""

    def __init__(self, kernel: Kernel | None) -> None:
        self.kernel = kernel

    @native(f'u32 result; {CALL}"0"(1) : "ecx", "edx", "cc", "memory"); return result;')
    def getpid(self) -> u32:
        """Return the process id of the program."""
        return served(self.kernel).getpid()

    @native(f'u32 result; {CALL}"0"(2) : "ecx", "edx", "cc", "memory"); return result;')
    def give_way(self) -> u32:
        """Let the other ready processes run first."""
        return served(self.kernel).give_way()

    @native(f'u32 result; {CALL}"0"(4), "b"(line), "S"(count) : "ecx", "edx", "cc", "memory"); return result;')
    def puts(self, line: Line, count: u32) -> u32:
        """Write the start of a line to the console; return how many bytes were written, or an error."""
        return served(self.kernel).puts(bytes(line.text)[:count])

    @native(f'u32 result; {CALL}"0"(5), "b"(ticks) : "ecx", "edx", "cc", "memory"); return result;')
    def sleep(self, ticks: u32) -> u32:
        """Wait for a number of timer ticks."""
        return served(self.kernel).sleep(ticks)


def served(kernel: Kernel | None) -> Kernel:
    """Return the kernel of a program that runs in CPython.  Raises: TypeError when it has none."""
    if kernel is None:
        raise TypeError("this program is only compiled: it has no kernel to call")
    return kernel


class Output(TextSink):
    """Text to the console, a line a system call, so that the lines of processes do not mix."""

    def __init__(self, records: Region, system: System) -> None:
        self.system = system
        self.line = records.struct(Line)

    def put(self, byte: u8) -> None:
        """Add a byte to the line; the end of a line, or of the room for one, writes it."""
        line = self.line
        line.text[line.count] = byte
        line.count += 1
        if byte == NEW_LINE or line.count == LONGEST_LINE:
            self.flush()

    def flush(self) -> None:
        """Write what there is of a line."""
        self.system.puts(self.line, self.line.count)
        self.line.count = 0


class Program(Component):
    """A program; a subclass says what it does in `main`."""

    def __init__(self, ram: Ram, records: Region, kernel: Kernel | None) -> None:
        self.ram = ram
        self.system = System(kernel)
        self.output = Output(records, self.system)

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


class PythonKernel(HostObject):
    """A kernel for unit tests: it keeps what is written and counts the other calls."""

    def __init__(self) -> None:
        self.written = bytearray()
        self.yields = 0
        self.slept = 0

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


RECORDS, RECORDS_END = 0x1000, 0x10000
ARGUMENT = RECORDS_END


def make_program(program: type[Program], kernel: Kernel | None = None, argument: str = "") -> tuple[Program, Ram]:
    """Return a program and the RAM of its state; the argument lies at `ARGUMENT`.

    Without a kernel it can only be compiled.  Raises: ValueError when the argument is too long.
    """
    if len(argument) >= LONGEST_ARGUMENT:
        raise ValueError(f"an argument has at most {LONGEST_ARGUMENT - 1} characters")
    ram = Ram(ARGUMENT + LONGEST_ARGUMENT)
    made = program(ram, Region(ram, RECORDS, RECORDS_END), kernel)
    ram.bytes[ARGUMENT : ARGUMENT + len(argument)] = argument.encode("ascii")
    return made, ram
