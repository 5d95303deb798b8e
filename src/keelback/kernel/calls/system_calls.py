"""The system calls: number in eax, arguments in ebx, esi, edi, ebp, result in eax.

An error is the negative number of its class; everything from 0 up to -256 as unsigned is success.
"""

from keelback.kernel.devices.console import Console
from keelback.kernel.errors import BadArgument, UnknownCall
from keelback.kernel.memory.frames import OWNER_KINDS
from keelback.kernel.memory.malloc_pages import MallocPages
from keelback.kernel.memory.regions import Kind
from keelback.kernel.memory.user_memory import UserMemory
from keelback.kernel.processes.processes import Ending, Process, Processes
from keelback.kernel.processes.programs import Programs
from keelback.kernel.processes.threads import Thread
from keelback.kernel.x86.paging import USER, WRITABLE
from keelback.lang import Array, Component, KernelError, Region, Struct, i32, inline, u8, u32

MOST_TEXT = 4096
"""The most bytes that one `puts` writes."""
MOST_TICKS = 0x7FFF_FFFF
READ = 1
WRITE = 2
SPARSE = 4
"""With the permissions of `map`: no promise, so a touch may find no memory left."""


class TextBuffer(Struct):
    """Where bytes from or for a process wait."""

    bytes: Array[u8] = inline(MOST_TEXT)


class SystemCalls(Component):
    """Serves the calls; `calls[n]` is call number n + 1, since number 0 is never valid."""

    def __init__(
        self,
        records: Region,
        console: Console,
        processes: Processes,
        programs: Programs,
        memory: UserMemory,
        malloc: MallocPages,
    ) -> None:
        self.console = console
        self.processes = processes
        self.scheduler = processes.scheduler
        self.programs = programs
        self.memory = memory
        self.malloc = malloc
        self.virtual_memory = processes.memory
        self.libraries = processes.libraries
        self.frames = processes.frames
        self.buffer = records.struct(TextBuffer)
        self.calls = (
            self.getpid,
            self.give_way,
            self.exit,
            self.puts,
            self.sleep,
            self.fork,
            self.detach,
            self.exec,
            self.spawn,
            self.wait,
            self.kill,
            self.page_alloc,
            self.map,
            self.unmap,
            self.protect,
            self.frame_counts,
            self.malloc_pages,
            self.free_pages,
            self.load_library,
            self.unload_library,
        )

    def serve(self, thread: Thread) -> None:
        """Serve the call in a thread's trap frame and put its result there.

        Raises: ProcessFault when the caller must die.
        """
        frame = thread.frame
        try:
            number = frame.number()
            if number == 0 or number > len(self.calls):
                raise UnknownCall
            frame.set_result(self.calls[number - 1](thread))
        except KernelError as error:
            frame.set_result(error.number & 0xFFFF_FFFF)

    def getpid(self, thread: Thread) -> u32:
        """1. Return the caller's process id."""
        return thread.pid

    def give_way(self, thread: Thread) -> u32:
        """2. Let the other ready threads run first.  (`yield` is a word of Python's.)"""
        self.scheduler.give_way()
        return 0

    def exit(self, thread: Thread) -> u32:
        """3. End the caller with the status in ebx; does not return to it."""
        status: i32 = signed(thread.frame.argument(0))
        self.processes.exit(self._caller(thread), status)
        return 0

    def puts(self, thread: Thread) -> u32:
        """4. Write the text at ebx, esi bytes long, to the console; return that length.

        Raises: BadArgument (more than `MOST_TEXT` bytes), BadAddress or OutOfMemory; nothing has been written.
        """
        address = thread.frame.argument(0)
        count = thread.frame.argument(1)
        if count > MOST_TEXT:
            raise BadArgument
        self.memory.copy_in(self._caller(thread).space, address, count, self.buffer.bytes)
        self.console.write_bytes(self.buffer.bytes, count)
        return count

    def sleep(self, thread: Thread) -> u32:
        """5. Let the caller wait for ebx ticks of the timer.

        Raises: BadArgument (more than `MOST_TICKS`).
        """
        ticks = thread.frame.argument(0)
        if ticks > MOST_TICKS:
            raise BadArgument
        if ticks > 0:
            self.scheduler.sleep(thread, ticks)
        return 0

    # Processes.

    def fork(self, thread: Thread) -> u32:
        """6. Make a child that is as the caller; return its id, and in the child 0.

        Raises: NoProcessSlot or OutOfMemory; nothing has changed.
        """
        child = self.processes.fork(self._caller(thread))
        made = child.thread
        assert made is not None, "a new process has a thread"
        made.frame.set_result(0)
        self.processes.start(child)
        return child.pid

    def detach(self, thread: Thread) -> u32:
        """7. Let the caller be nobody's child: nobody can wait for it."""
        self.processes.detach(self._caller(thread))
        return 0

    def exec(self, thread: Thread) -> u32:
        """8. Run the program whose name is at ebx, with the argument at esi, instead of the caller.

        Raises: BadAddress, BadArgument (a text without an end where it should have one), NoSuchProgram, NotExecutable
        or OutOfMemory; the caller goes on as it was.
        """
        self._read_command(thread)
        self.programs.exec(self._caller(thread))
        return 0

    def spawn(self, thread: Thread) -> u32:
        """9. Start the program whose name is at ebx, with the argument at esi, as a child; return its id.

        Raises: as `exec`, and NoProcessSlot; nothing has changed.
        """
        self._read_command(thread)
        return self.programs.spawn(thread.pid).pid

    def _read_command(self, thread: Thread) -> None:
        space = self._caller(thread).space
        self.memory.copy_text_in(space, thread.frame.argument(0), self.programs.command.name)
        self.memory.copy_text_in(space, thread.frame.argument(1), self.programs.command.argument)

    def wait(self, thread: Thread) -> u32:
        """10. Wait for the end of the child ebx, or of any (-1); return its id.

        How it ended goes to esi, unless that is 0: an `Ending` and what it exited with, the vector of its fault or who
        killed it, two words.
        Raises: NoChild; BadAddress or OutOfMemory: the child can still be waited for.
        """
        caller = self._caller(thread)
        pid: i32 = signed(thread.frame.argument(0))
        child = self.processes.find_zombie(caller, pid)
        if child is None:
            self.scheduler.wait(thread)
            return thread.frame.number()
        if thread.frame.argument(1) != 0:
            status: i32 = child.exit_status
            self._put_word(0, child.ending)
            self._put_word(4, child.fault.vector if child.ending == Ending.FAULTED else status & 0xFFFF_FFFF)
            self.memory.copy_out(caller.space, thread.frame.argument(1), 8, self.buffer.bytes)
        ended: u32 = child.pid
        self.processes.reap(child)
        return ended

    def kill(self, thread: Thread) -> u32:
        """11. End the process ebx, which may be the caller.

        Raises: NoSuchProcess; NotPermitted for the first process.
        """
        pid: i32 = signed(thread.frame.argument(0))
        self.processes.kill(self._caller(thread), pid)
        return 0

    # Memory.

    def page_alloc(self, thread: Thread) -> u32:
        """12. Let the page at ebx be new, zero and writable; what was there is freed.

        Raises: BadArgument (the address starts no page), BadAddress (it is not user space), OutOfMemory or
        TooManyRegions; nothing has changed.
        """
        self.virtual_memory.allocate_page(self._caller(thread).space, thread.frame.argument(0))
        return 0

    def map(self, thread: Thread) -> u32:
        """13. Map esi bytes of zeros at ebx, or where there is room (0), with the permissions edi; return the address.

        With SPARSE in edi its pages have no promise.
        Raises: BadArgument, BadAddress, NoRoom, TooManyRegions or OutOfMemory; nothing has changed.
        """
        frame = thread.frame
        permissions = self._permissions(frame.argument(2) & ~SPARSE)
        kind: Kind = Kind.SPARSE if frame.argument(2) & SPARSE else Kind.ANONYMOUS
        return self.virtual_memory.map(
            self._caller(thread).space, frame.argument(0), frame.argument(1), kind, permissions
        )

    def unmap(self, thread: Thread) -> u32:
        """14. Free the pages of the esi bytes at ebx.

        Raises: BadArgument, BadAddress or TooManyRegions; nothing has changed.
        """
        self.virtual_memory.unmap(self._caller(thread).space, thread.frame.argument(0), thread.frame.argument(1))
        return 0

    def protect(self, thread: Thread) -> u32:
        """15. Give the pages of the esi bytes at ebx the permissions edi.

        Raises: BadArgument, BadAddress, TooManyRegions or OutOfMemory; nothing has changed.
        """
        frame = thread.frame
        permissions = self._permissions(frame.argument(2))
        self.virtual_memory.protect(self._caller(thread).space, frame.argument(0), frame.argument(1), permissions)
        return 0

    def _permissions(self, asked: u32) -> u8:
        """Return what a page-table entry calls READ and WRITE, which includes reading.  Raises: BadArgument."""
        if asked & ~(READ | WRITE):
            raise BadArgument
        if asked & WRITE:
            return USER | WRITABLE
        return USER if asked & READ else 0

    def frame_counts(self, thread: Thread) -> u32:
        """16. Write the counts of frames to ebx: free and all, of the kernel zone and of user frames, then those in use
        by kind of owner, from processes on, then those that are promised, which no call gives; fourteen words.

        Raises: BadAddress or OutOfMemory.
        """
        counts, frames = self.frames.counts, self.frames
        user: u32 = frames.user_answered() - (counts.user_total - counts.user_free)
        self._put_word(0, counts.kernel_free - min(counts.kernel_promised, counts.kernel_free))
        self._put_word(4, counts.kernel_total)
        self._put_word(8, counts.user_free - min(user, counts.user_free))
        self._put_word(12, counts.user_total)
        for kind in range(OWNER_KINDS):
            self._put_word(16 + 4 * kind, counts.used[kind])
        self._put_word(16 + 4 * OWNER_KINDS, counts.kernel_promised)
        self._put_word(20 + 4 * OWNER_KINDS, user)
        count: u32 = 24 + 4 * OWNER_KINDS
        self.memory.copy_out(self._caller(thread).space, thread.frame.argument(0), count, self.buffer.bytes)
        return 0

    def malloc_pages(self, thread: Thread) -> u32:
        """17. Take ebx new malloc pages in a row, zero and writable; return the address of the first.

        Raises: BadArgument, NoRoom, OutOfMemory or TooManyRegions; nothing has changed.
        """
        return self.malloc.allocate(self._caller(thread).space, thread.frame.argument(0))

    def free_pages(self, thread: Thread) -> u32:
        """18. Give the esi malloc pages from ebx on back.

        Raises: BadArgument or BadAddress; nothing has changed.
        """
        self.malloc.release(self._caller(thread).space, thread.frame.argument(0), thread.frame.argument(1))
        return 0

    # Libraries.

    def load_library(self, thread: Thread) -> u32:
        """19. Map the library whose name is at ebx after the image and other libraries; return its link page.

        Raises: BadAddress, BadArgument (a name without an end), NoSuchLibrary, NotALibrary, TooManyLibraries,
        TooManyRegions, NoRoom or OutOfMemory; nothing has changed.
        """
        caller = self._caller(thread)
        self.memory.copy_text_in(caller.space, thread.frame.argument(0), self.libraries.request.text)
        return self.libraries.map(caller.space, caller.libraries)

    def unload_library(self, thread: Thread) -> u32:
        """20. Unmap the library whose link page is at ebx.

        Raises: BadArgument (there is none) or TooManyRegions; nothing has changed.
        """
        caller = self._caller(thread)
        self.libraries.unmap(caller.space, caller.libraries, thread.frame.argument(0))
        return 0

    def _put_word(self, place: u32, value: u32) -> None:
        for index in range(4):
            self.buffer.bytes[place + index] = value >> 8 * index & 0xFF

    def _caller(self, thread: Thread) -> Process:
        return self.processes.of(thread)


def signed(value: u32) -> i32:
    """Return a register's value read as a signed number."""
    return value - 0x1_0000_0000 if value >= 0x8000_0000 else value
