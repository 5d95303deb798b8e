"""The system calls: a method for each line of `abi/calls.py`, which says what their arguments are.

Those of a part that a layout may leave out are in a module of that part's, `mapping_calls.py` and its like.

An error is the negative number of its class, as wide as a register; everything from 0 up to -256 as unsigned is
success.
"""

from keelback.abi import records
from keelback.abi.calls import methods_by_number
from keelback.abi.errors import BadArgument, UnknownCall
from keelback.kernel.devices.console import Console
from keelback.kernel.memory.frames import Role
from keelback.kernel.memory.user_memory import UserMemory
from keelback.kernel.processes.endings import Endings
from keelback.kernel.processes.processes import Process
from keelback.kernel.processes.scheduler import MOST_TICKS
from keelback.kernel.processes.threads import Thread
from keelback.kernel.processes.word_waits import WordWaits
from keelback.kernel.x86.trap_frame import TrapFrame, signed
from keelback.lang import (
    Array,
    Component,
    KernelError,
    Region,
    Struct,
    address_of,
    inline,
    rare,
    size_of,
    u8,
    u32,
    word,
)

MOST_TEXT = 4096
"""The most bytes that one `puts` writes."""


class TextBuffer(Struct):
    """Where bytes from or for a process wait."""

    bytes: Array[u8] = inline(MOST_TEXT)


class SystemCalls(Component):
    """Serves the calls; `calls[n]` is call number n, of which 0 is never valid."""

    def __init__(
        self,
        home: Region,
        console: Console,
        endings: Endings,
        user_memory: UserMemory,
        word_waits: WordWaits | None,
        of_parts: tuple[Component, ...],
    ) -> None:
        self.console = console
        self.word_waits = word_waits
        self.endings = endings
        self.user_memory = user_memory
        self.processes = endings.processes
        self.scheduler = endings.scheduler
        self.virtual_memory = self.processes.virtual_memory
        self.frames = self.processes.frames
        self.buffer = home.struct(TextBuffer)
        self.counts = home.struct(records.FrameCounts)
        self.time = home.struct(records.Uptime)
        methods = methods_by_number(self.processes.layout.parts)
        self.calls = tuple(getattr(self._server(method, of_parts), method) for method in methods)

    def _server(self, method: str, of_parts: tuple[Component, ...]) -> Component:
        """Return whose method serves a call: that of the part which has it, or ours."""
        return next((each for each in of_parts if method in vars(type(each))), self)

    def serve(self, thread: Thread) -> None:
        """Serve the call in a thread's trap frame and put its result there.

        Raises: ProcessFault when the caller must die.
        """
        frame = thread.frame
        try:
            number = frame.number()
            if number < len(self.calls):
                frame.set_result(self.calls[number](thread))
            else:
                self._refuse(frame)
        except KernelError as error:
            frame.set_error(error.number)

    @rare
    def _refuse(self, frame: TrapFrame) -> None:
        """Refuse a call by a number that none has: raised, the error would cost every call a step."""
        frame.set_error(UnknownCall.number)

    def getpid(self, thread: Thread) -> word:
        """Return the caller's process id."""
        return thread.pid

    def give_way(self, thread: Thread) -> word:
        """Put the caller behind the other ready threads.  (`yield` is a word of Python's.)"""
        self.scheduler.give_way(thread)
        return 0

    def exit(self, thread: Thread) -> word:
        """End the caller with a status of 32 bits; does not return to it."""
        self.endings.exit(self._caller(thread), signed(thread.frame.argument(0)))
        return 0

    def puts(self, thread: Thread) -> word:
        """Write the text at an address to the console; return its length.

        Raises: BadArgument (more than `MOST_TEXT` bytes) or BadAddress; nothing has changed.
        """
        address = thread.frame.argument(0)
        count = thread.frame.argument(1)
        if count > MOST_TEXT:
            raise BadArgument
        self.user_memory.copy_in(self._caller(thread).space, address, count, self.buffer.bytes)
        self.console.write_bytes(self.buffer.bytes, count)
        return count

    def sleep(self, thread: Thread) -> word:
        """Suspend the caller for a number of ticks of the timer.

        Raises: BadArgument (more than `MOST_TICKS`).
        """
        ticks = thread.frame.argument(0)
        if ticks > MOST_TICKS:
            raise BadArgument
        if ticks > 0:
            self.scheduler.sleep(thread, ticks)
        return 0

    # Processes.

    def fork(self, thread: Thread) -> word:
        """Make a child that is as the caller, with no thread but the calling one; return its id, and in the child 0.

        Raises: NoProcessSlot, NoThreadSlot or OutOfMemory; nothing has changed.
        """
        child = self.processes.fork(thread)
        self.processes.start(child)
        return child.pid

    def kill(self, thread: Thread) -> word:
        """End the process of an id, which may be the caller.

        Raises: NoSuchProcess; NotPermitted for the first process.
        """
        self.endings.kill(self._caller(thread), thread.frame.argument(0))
        return 0

    # Memory.

    def page_alloc(self, thread: Thread) -> word:
        """Put a new page, zero and writable, at an address; what was there is freed, and who waits on it is told so.

        Raises: BadArgument (the address starts no page), BadAddress (it is not user space), OutOfMemory or
        TooManyRegions; nothing has changed.
        """
        caller, address = self._caller(thread), thread.frame.argument(0)
        self.virtual_memory.allocate_page(caller.space, address)
        if self.word_waits is not None:
            self.word_waits.forget_page(caller, address)
        return 0

    def frame_counts(self, thread: Thread) -> word:
        """Write the counts of frames to an address; those that are promised are not free, since no call gives them.

        Raises: BadAddress or OutOfMemory.
        """
        counts, frames = self.frames.counts, self.frames
        user: u32 = frames.user_answered() - (counts.user_total - counts.user_free)
        answer = self.counts
        answer.kernel_free = counts.kernel_free - min(counts.kernel_promised, counts.kernel_free)
        answer.kernel_total = counts.kernel_total
        answer.user_free = counts.user_free - min(user, counts.user_free)
        answer.user_total = counts.user_total
        answer.processes = counts.used[Role.DATA]
        answer.kernel = counts.used[Role.KERNEL] + counts.used[Role.STACK]
        answer.tables = counts.used[Role.TABLE]
        answer.libraries = counts.used[Role.LIBRARY]
        answer.zero = counts.used[Role.ZEROS]
        answer.console = counts.used[Role.CONSOLE]
        answer.shared = counts.used[Role.SHARED] + counts.used[Role.OBJECT]
        answer.reserved = counts.used[Role.RESERVED]
        answer.kernel_promised = counts.kernel_promised
        answer.user_promised = user
        return self._give(thread, thread.frame.argument(0), address_of(answer), size_of(records.FrameCounts))

    def uptime(self, thread: Thread) -> word:
        """Write how many ticks came since the kernel started to an address.

        Raises: BadAddress or OutOfMemory.
        """
        self.time.ticks = self.scheduler.timer.clock.ticks
        return self._give(thread, thread.frame.argument(0), address_of(self.time), size_of(records.Uptime))

    def _give(self, thread: Thread, address: word, record: word, count: u32) -> word:
        """Copy a record of the kernel's, `count` bytes, to an address of the caller's; return 0."""
        self.user_memory.copy_record_out(self._caller(thread).space, address, record, count)
        return 0

    def unknown(self, thread: Thread) -> word:
        """Serve a number that is no call's, between those of others.  Raises: UnknownCall, always."""
        raise UnknownCall

    def _caller(self, thread: Thread) -> Process:
        return self.processes.of(thread)
