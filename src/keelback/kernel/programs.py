"""The process manager: starts programs of the payload, each with one argument string."""

from keelback.kernel.console import Console
from keelback.kernel.elf import ElfLoader
from keelback.kernel.errors import BadArgument, NoSuchProgram, OutOfMemory
from keelback.kernel.options import Options
from keelback.kernel.paging import USER, WRITABLE
from keelback.kernel.processes import NAME_SIZE, Process, Processes
from keelback.kernel.user_memory import UserMemory
from keelback.lang import PAGE_SIZE, Array, Component, KernelError, Region, Struct, i16, inline, u8, u32, word

ARGUMENT_SIZE = 256
NEW_LINE = 10
SPACE = 32


class CommandLine(Struct):
    """A program and its argument, each zero-padded; no text is longer than its room less one."""

    name: Array[u8] = inline(NAME_SIZE)
    argument: Array[u8] = inline(ARGUMENT_SIZE)
    fits: bool  # neither had to be cut


class StackStart(Struct):
    """What a new process finds at its stack pointer, as if `_start(argument)` had been called."""

    bytes: Array[u8] = inline(8)  # a return address of 0, then the argument's address


class InitName(Struct):
    """The name of the payload's member that lists what to start."""

    bytes: Array[u8] = inline(16)


class Programs(Component):
    """Starts processes."""

    def __init__(
        self,
        records: Region,
        options: Options,
        console: Console,
        loader: ElfLoader,
        processes: Processes,
        memory: UserMemory,
    ) -> None:
        self.options = options
        self.layout = loader.layout
        self.console = console
        self.payload = loader.payload
        self.loader = loader
        self.processes = processes
        self.spaces = processes.spaces
        self.memory = memory
        self.command = records.struct(CommandLine)
        self.stack_start = records.struct(StackStart)
        self.init_name = records.struct(InitName)

    def start_all(self) -> None:
        """Start what the option `init` names, else what the payload's member `etc/init` lists, a line a process.

        A line is `name argument`.  A program that can't be started is reported on the console; the others go on.
        """
        values = self.options.values
        if values.init_end != 0:
            self._read_line(self.options.line, values.init_start, values.init_end)
            self._start_reported()
        else:
            self._start_listed()

    def _start_listed(self) -> None:
        self.init_name.bytes.set_text("etc/init")
        try:
            self.payload.find(self.init_name.bytes)
        except NoSuchProgram:
            self.console.write("keelback: the payload has no list of programs to start\n")
            return
        position: u32 = self.payload.found.start
        end: u32 = position + self.payload.found.size
        while position < end:
            position = self._read_line(self.payload.content.elements, position, end)
            if self.command.name[0] != 0:
                self._start_reported()

    def _read_line(self, content: Array[u8], start: u32, end: u32) -> u32:
        """Read one line of a text, which ends at `end`, into `command`; return where the next starts."""
        self.command.name.clear()
        self.command.argument.clear()
        position: u32 = start
        length: u32 = 0
        while position < end and content[position] != NEW_LINE and content[position] != SPACE:
            if length < NAME_SIZE - 1:
                self.command.name[length] = content[position]
            length += 1
            position += 1
        self.command.fits = length < NAME_SIZE
        if position < end and content[position] == SPACE:
            position += 1
        length = 0
        while position < end and content[position] != NEW_LINE:
            if length < ARGUMENT_SIZE - 1:
                self.command.argument[length] = content[position]
            length += 1
            position += 1
        self.command.fits = self.command.fits and length < ARGUMENT_SIZE
        return position + 1

    def _start_reported(self) -> None:
        try:
            if not self.command.fits:
                raise BadArgument
            self.spawn(0)
        except KernelError as error:
            self.console.write("keelback: can't start ")
            self.console.write_name(self.command.name)
            self.console.write(". ")
            self.console.write(error.sentence)
            self.console.write("\n")

    def spawn(self, parent: i16) -> Process:
        """Start the program that `command` names, with its argument, and return the process.

        Raises: NoSuchProgram, NotExecutable, NoProcessSlot or OutOfMemory; nothing has changed.
        """
        self.payload.find(self.command.name)
        self.loader.check()
        process = self.processes.create(parent)
        process.name.copy_from(0, self.command.name, 0, NAME_SIZE)
        try:
            self.loader.load(process.space, process.pid)
            stack: word = self._make_stack(process)
        except OutOfMemory:
            self.processes.discard(process)
            raise
        thread = process.thread
        assert thread is not None, "a new process has a thread"
        thread.frame.start_user(self.loader.image.entry, stack)
        self.processes.scheduler.make_ready(thread)
        return process

    def _make_stack(self, process: Process) -> word:
        """Map the stack and put the argument on it; return the first stack pointer.

        The string ends at the stack's top; below it, the pointer to it 16-aligned as the ABI asks, a return address.
        """
        window = self.loader.window
        for page in range(self.layout.stack_bottom, self.layout.stack_top, PAGE_SIZE):
            frame = self.spaces.map_new(process.space, page, USER | WRITABLE, process.pid)
            window.open(frame).bytes.fill(0, PAGE_SIZE, 0)
        text: word = self.layout.stack_top - ARGUMENT_SIZE
        self.memory.copy_out(process.space, text, ARGUMENT_SIZE, self.command.argument)
        for index in range(4):
            self.stack_start.bytes[4 + index] = text >> 8 * index & 0xFF
        stack: word = text - 20
        self.memory.copy_out(process.space, stack, 8, self.stack_start.bytes)
        return stack
