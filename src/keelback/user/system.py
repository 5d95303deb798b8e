"""The runtime of programs in Kernel Python: system calls, printing, the argument.

A program is a `Program` whose `main` gets the address of its argument string and returns its exit status.  Its state
lies in static structs.  Compiled, it is a program like those in C; in CPython its system calls go to a `Kernel`.
"""

from keelback.abi.records import LONGEST_ARGUMENT, ArgumentText, HandleList
from keelback.abi.rights import EXECUTE, READ, WRITE
from keelback.lang import Component, Ram, Region, TextSink, i32, native, u8, u32, view, word
from keelback.user.calls import Calls, Kernel
from keelback.user.line import LONGEST_LINE, Line

PAGE_SIZE = 4096
FIRST_ERROR = 0xFFFF_FF01
"""Results whose low 32 bits are from here on are errors, -255 to -1: no page starts there, however wide an address."""
NO_ACCESS, CAN_READ, CAN_WRITE, CAN_EXECUTE = 0, READ, WRITE, EXECUTE

SHARING = 'extern __attribute__((visibility("hidden"))) void (*__sharing[])(word);'
"""What takes and leaves the line, its number 0, once there are several threads (`runtime/sharing.h`)."""


def failed(result: word) -> bool:
    """Say whether a system call's result is an error."""
    return result & 0xFFFF_FFFF >= FIRST_ERROR


class System(Calls):
    """The system calls.

    What there is of a line is written before the caller becomes two, or another program, or ends: it is said once.
    """

    def __init__(self, records: Region, kernel: Kernel | None) -> None:
        super().__init__(kernel)
        self.line = records.struct(Line)

    def flush(self) -> None:
        """Write what there is of a line."""
        if self.line.count > 0:
            self.take_line()
            self.write_pending()
            self.leave_line()

    def write_pending(self) -> None:
        """Write what there is of the line, which the caller has taken."""
        count: u32 = self.line.count
        if count > 0:
            self.line.count = 0
            self._write_line(self.line, count)

    @native(f"{SHARING} if (__sharing[0] != 0) __sharing[0](0);")
    def take_line(self) -> None:
        """Let no other thread of the process write to the line."""

    @native(f"{SHARING} if (__sharing[1] != 0) __sharing[1](0);")
    def leave_line(self) -> None:
        """Let other threads write to it."""

    @native("extern void __write_line(const void *, word); __write_line(line, count);")
    def _write_line(self, line: Line, count: u32) -> None:
        """Write a line to the program's output, or to the console if it was given none."""
        self.puts(line, count)

    def note_no_memory(self) -> None:
        """Note that a request for memory was refused, which its result says too."""

    def fork(self) -> u32:
        """Make a child that is as the caller; return its id, 0 in the child, or an error."""
        self.flush()
        taker: u32 = self._take_all()
        child: u32 = self._fork()
        self._leave_all(taker)
        return child

    @native("extern u32 __take_all(void); return __take_all();")
    def _take_all(self) -> u32:
        """Take what threads share, so that the child finds it whole; return the caller's id."""
        return 0

    @native("extern void __leave_all(u32); __leave_all(taker);")
    def _leave_all(self, taker: u32) -> None:
        """Leave it, in the child too, where the caller has another id."""

    def exec(self, name: ArgumentText, argument: ArgumentText) -> u32:
        """Run another program of the payload instead of this one; return only if that failed."""
        self.flush()
        return self._exec(name, argument)

    def spawn(self, name: ArgumentText, argument: ArgumentText) -> u32:
        """Start a program of the payload as a child; return its id, or an error."""
        self.flush()
        return self._spawn(name, argument)

    def spawn_with(self, name: ArgumentText, argument: ArgumentText, handles: HandleList, count: u32) -> u32:
        """Start a program as a child that has so many handles, in order from 1 on; return its id, or an error."""
        self.flush()
        return self._spawn_with(name, argument, handles, count)

    def exit(self, status: u32) -> u32:
        """End the program."""
        self.flush()
        return self._exit(status)


class Output(TextSink):
    """Text to the console, a line a system call, so that the lines of processes do not mix."""

    def __init__(self, system: System) -> None:
        self.system = system
        self.line = system.line

    def put(self, byte: u8) -> None:
        """Add a byte to the line; the end of a line, or of the room for one, writes it."""
        self.system.take_line()
        line = self.line
        line.text[line.count] = byte
        line.count += 1
        if byte == ord("\n") or line.count == LONGEST_LINE:
            self.system.write_pending()
        self.system.leave_line()

    def flush(self) -> None:
        """Write what there is of a line."""
        self.system.flush()

    def write_panic(self) -> None:
        """Write what a line starts with that says why the program ends itself."""
        self.write("panic: ")


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
