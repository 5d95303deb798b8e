"""The system calls: number in eax, arguments in ebx, esi, edi, ebp, result in eax.

An error is the negative number of its class; everything from 0 up to -256 as unsigned is success.
"""

from keelback.kernel.console import Console
from keelback.kernel.errors import BadArgument, UnknownCall
from keelback.kernel.processes import Processes
from keelback.kernel.scheduler import Scheduler
from keelback.kernel.threads import Thread
from keelback.kernel.user_memory import UserMemory
from keelback.lang import Array, Component, KernelError, Region, Struct, i32, inline, u8, u32

MOST_TEXT = 4096
"""The most bytes that one `puts` writes."""
MOST_TICKS = 0x7FFF_FFFF


class TextBuffer(Struct):
    """Where text from a process waits to be written."""

    bytes: Array[u8] = inline(MOST_TEXT)


class SystemCalls(Component):
    """Serves the calls; `calls[n]` is call number n + 1, since number 0 is never valid."""

    def __init__(
        self, records: Region, console: Console, scheduler: Scheduler, processes: Processes, memory: UserMemory
    ) -> None:
        self.console = console
        self.scheduler = scheduler
        self.processes = processes
        self.memory = memory
        self.buffer = records.struct(TextBuffer)
        self.calls = (self.getpid, self.give_way, self.exit, self.puts, self.sleep)

    def serve(self, thread: Thread) -> None:
        """Serve the call in a thread's trap frame and put its result there.

        Raises: ProcessFault when the caller must die.
        """
        frame = thread.frame
        try:
            number = frame.eax
            if number == 0 or number > len(self.calls):
                raise UnknownCall
            frame.eax = self.calls[number - 1](thread)
        except KernelError as error:
            frame.eax = error.number & 0xFFFF_FFFF

    def getpid(self, thread: Thread) -> u32:
        """1. Return the caller's process id."""
        return thread.pid

    def give_way(self, thread: Thread) -> u32:
        """2. Let the other ready threads run first.  (`yield` is a word of Python's.)"""
        self.scheduler.give_way()
        return 0

    def exit(self, thread: Thread) -> u32:
        """3. End the caller with the status in ebx; does not return to it."""
        status: i32 = signed(thread.frame.ebx)
        self.processes.exit(self.processes.of(thread), status)
        return 0

    def puts(self, thread: Thread) -> u32:
        """4. Write the text at ebx, esi bytes long, to the console; return that length.

        Raises: BadArgument (more than `MOST_TEXT` bytes) or BadAddress; nothing has been written.
        """
        address = thread.frame.ebx
        count = thread.frame.esi
        if count > MOST_TEXT:
            raise BadArgument
        self.memory.copy_in(self.processes.of(thread).space, address, count, self.buffer.bytes)
        self.console.write_bytes(self.buffer.bytes, count)
        return count

    def sleep(self, thread: Thread) -> u32:
        """5. Let the caller wait for ebx ticks of the timer.

        Raises: BadArgument (more than `MOST_TICKS`).
        """
        ticks = thread.frame.ebx
        if ticks > MOST_TICKS:
            raise BadArgument
        if ticks > 0:
            self.scheduler.sleep(thread, ticks)
        return 0


def signed(value: u32) -> i32:
    """Return a register's value read as a signed number."""
    return value - 0x1_0000_0000 if value >= 0x8000_0000 else value
