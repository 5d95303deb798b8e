"""The process manager: starts programs of the payload, each with one argument string."""

from keelback.abi.errors import BadArgument, NoSuchProgram, NotExecutable, OutOfMemory
from keelback.kernel.boot.options import Options
from keelback.kernel.devices.console import Console
from keelback.kernel.loading.elf import ElfLoader
from keelback.kernel.loading.elf_file import RULES, CheckedFile
from keelback.kernel.memory.space_records import RegionKind, Space
from keelback.kernel.processes.processes import NAME_SIZE, Process, Processes
from keelback.kernel.processes.threads import Thread
from keelback.kernel.x86.paging import USER, WRITABLE
from keelback.lang import PAGE_SIZE, Array, Component, KernelError, Region, Struct, i16, inline, u8, u32, word

ARGUMENT_SIZE = 256
NEW_LINE = 10
SPACE = 32


class CommandLine(Struct):
    """A program and its argument, each zero-padded; no text is longer than its room less one."""

    name: Array[u8] = inline(NAME_SIZE)
    argument: Array[u8] = inline(ARGUMENT_SIZE)
    fits: bool  # neither had to be cut


class Programs(Component):
    """Starts processes."""

    def __init__(
        self, records: Region, options: Options, console: Console, loader: ElfLoader, processes: Processes
    ) -> None:
        self.options = options
        self.console = console
        self.processes = processes
        self.threads = processes.threads
        self.virtual_memory = processes.virtual_memory
        self.spaces = processes.spaces
        self.promises = processes.virtual_memory.promises
        self.loader = loader
        self.layout = loader.layout
        self.payload = loader.payload
        self.text = self.layout.stack_top - ARGUMENT_SIZE  # where a process finds its argument
        self.command = records.struct(CommandLine)
        self.next = records.struct(Space)

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
        self.command.name.set_text("etc/init")
        try:
            listed = self.payload.members[self.payload.find(self.command.name)]
        except NoSuchProgram:
            self.console.write("keelback: the payload has no list of programs to start\n")
            return
        position: u32 = listed.start
        end: u32 = position + listed.size
        while position < end:
            position = self._read_line(self.payload.content.elements, position, end)
            if self.command.name[0] != 0:
                self._start_reported()

    def _read_line(self, content: Array[u8], start: u32, end: u32) -> u32:
        """Read one line of a text, which ends at `end`, into `command`; return where the next starts."""
        self.command.fits = True
        position: u32 = self._read_text(content, start, end, SPACE, self.command.name)
        if position < end and content[position] == SPACE:
            position += 1
        return self._read_text(content, position, end, NEW_LINE, self.command.argument) + 1

    def _read_text(self, content: Array[u8], start: u32, end: u32, stop: u8, destination: Array[u8]) -> u32:
        """Read a text, up to a byte or the end of its line, as far as there is room; return where it ends."""
        destination.clear()
        position: u32 = start
        while position < end and content[position] != NEW_LINE and content[position] != stop:
            if position - start < len(destination) - 1:
                destination[position - start] = content[position]
            position += 1
        if position - start >= len(destination):
            self.command.fits = False
        return position

    def _start_reported(self) -> None:
        try:
            if not self.command.fits:
                raise BadArgument
            self.spawn(0, self.command)
        except KernelError as error:
            self.console.write("keelback: can't start ")
            self.console.write_name(self.command.name)
            self.console.write(". ")
            if error.number == NotExecutable.number:
                self.console.write("The file ")
                self.console.write(RULES[self.loader.file.image.broken])
                self.console.write(".\n")
            else:
                self.console.write(error.sentence)
                self.console.write("\n")

    def spawn(self, parent: i16, command: CommandLine) -> Process:
        """Start the program that a command names, with its argument, and return the process.

        Raises: as `create`; nothing has changed.
        """
        process = self.create(parent, command)
        if self.processes.handles is not None:
            self.processes.handles.start(process.pid, parent)
        self.processes.start(process)
        return process

    def create(self, parent: i16, command: CommandLine) -> Process:
        """Return a process that is ready to run the program that a command names, with its argument.

        Raises: NoSuchProgram, NotExecutable, NoProcessSlot, NoThreadSlot or OutOfMemory; nothing has changed.
        """
        member: u32 = self.payload.find(command.name)
        image = self.loader.file.check_program(self.payload.members[member])
        process = self.processes.create(parent)
        process.name.copy_from(0, command.name, 0, NAME_SIZE)
        try:
            stack: word = self._fill(process.space, member, image, command.argument)
        except OutOfMemory:
            self.processes.discard(process)
            raise
        frame = self.threads.first(process.threads).frame
        frame.start_user(image.entry, stack, self.text)
        self.processes.join_runners(process, member)
        return process

    def exec(self, thread: Thread, command: CommandLine) -> None:
        """Replace the program of a thread's process, which made the call, by the one that a command names.

        Other threads of the process end.
        Raises: NoSuchProgram, NotExecutable or OutOfMemory; the process goes on as it was.
        """
        member: u32 = self.payload.find(command.name)
        image = self.loader.file.check_program(self.payload.members[member])
        process = self.processes.of(thread)
        self.next.directory = self.spaces.create(process.pid)
        self.next.owner = process.pid
        # The old space needs nothing any more unless the new one fails, so its promises need not be kept beside others.
        pages: u32 = process.space.promised.pages
        tables: u32 = process.space.promised.tables
        self.promises.end(process.space)
        try:
            stack: word = self._fill(self.next, member, image, command.argument)
        except OutOfMemory:
            self.virtual_memory.release(self.next)
            self.promises.add(process.space, pages, tables)
            raise
        # From here on nothing can fail.
        self.processes.end_others(thread)
        self.processes.scheduler.replace_space(process.space.directory, self.next.directory)
        self.virtual_memory.release(process.space)
        if self.processes.libraries is not None:
            self.processes.libraries.drop_all(process.libraries)
        process.space.become(self.next)
        process.name.copy_from(0, command.name, 0, NAME_SIZE)
        self.processes.leave_runners(process)
        self.processes.join_runners(process, member)
        thread.frame.start_user(image.entry, stack, self.text)

    def _fill(self, space: Space, member: u32, image: CheckedFile, argument: Array[u8]) -> word:
        """Make a stack in a new space and load a member of the payload; return the first stack pointer.

        Raises: OutOfMemory; releasing the space frees what it has by then.
        """
        top: word = self.layout.stack_top
        self.loader.regions.add(space, self.layout.stack_bottom, top, RegionKind.STACK, USER | WRITABLE)
        self.loader.place(space, image)
        self.promises.take_all(space)
        stack: word = self._make_stack(space, argument)
        self._share(space, member, image)
        self.loader.load(space, image)
        return stack

    def _share(self, space: Space, member: u32, image: CheckedFile) -> None:
        """Map what processes that run the same member have of it and can't write.

        Raises: OutOfMemory; releasing the space frees what it has by then.
        """
        number = self.processes.running[member].first
        missing: word = self.loader.count_read_only() if number != 0 else 0
        while number != 0 and missing > 0:
            other = self.processes.table[number]
            missing -= self.virtual_memory.share_loaded(other.space, space)
            number = other.runners.next

    def _make_stack(self, space: Space, argument: Array[u8]) -> word:
        """Put the argument on the stack; return the first stack pointer.

        The string ends at the stack's top; below it, the pointer to it 16-aligned as the ABI asks, a return address.
        With 64 bits the pointer is in a register.
        """
        frame: u32 = self.virtual_memory.map_zeros(space, self.layout.stack_top - PAGE_SIZE, USER | WRITABLE)
        content = self.loader.access.page(frame).bytes
        content.copy_from(PAGE_SIZE - ARGUMENT_SIZE, argument, 0, ARGUMENT_SIZE)
        if self.layout.paging.word_bits == 64:
            return self.text - 8
        for index in range(4):
            content[PAGE_SIZE - ARGUMENT_SIZE - 16 + index] = self.text >> 8 * index & 0xFF
        return self.text - 20
