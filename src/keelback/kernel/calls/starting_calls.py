"""The calls of the part `starting`: programs that processes start, and who runs them."""

from keelback.abi.errors import BadArgument, UnknownCall
from keelback.abi.records import HAS_ENDED, IS_ASLEEP, IS_READY, IS_WAITING, MOST_GIVEN, HandleList, ProcessFacts
from keelback.kernel.memory.user_memory import UserMemory
from keelback.kernel.messages.handles import HandleTables
from keelback.kernel.processes.processes import Process, ProcessState
from keelback.kernel.processes.programs import Programs
from keelback.kernel.processes.threads import Thread, ThreadState
from keelback.lang import Component, KernelError, Region, address_of, size_of, u32, word


class StartingCalls(Component):
    """Serves them."""

    def __init__(self, home: Region, programs: Programs, user_memory: UserMemory, handles: HandleTables | None) -> None:
        self.programs = programs
        self.processes = programs.processes
        self.threads = programs.threads
        self.user_memory = user_memory
        self.handles = handles
        self.facts = home.struct(ProcessFacts)
        self.given = home.struct(HandleList)

    def exec(self, thread: Thread) -> word:
        """Run the program of a name, with an argument, instead of the caller.

        Raises: BadAddress, BadArgument (a text without an end where it should have one), NoSuchProgram, NotExecutable
        or OutOfMemory; the caller goes on as it was.
        """
        self._read_command(thread)
        self.programs.exec(thread, self.programs.command)
        return 0

    def spawn(self, thread: Thread) -> word:
        """Start the program of a name, with an argument, as a child; return its id.

        Raises: as `exec`, NoProcessSlot and NoThreadSlot; nothing has changed.
        """
        self._read_command(thread)
        return self.programs.spawn(thread.pid, self.programs.command).pid

    def spawn_with(self, thread: Thread) -> word:
        """Do as `spawn`, and give the child handles, from 1 on, as an array has their numbers; return its id.

        Raises: as `spawn`, and BadHandle or NotPermitted; UnknownCall where there are no handles; nothing has changed.
        """
        handles = self.handles
        if handles is None:
            raise UnknownCall
        self._read_command(thread)
        count: u32 = self._read_handles(thread)
        table = handles.of(thread)
        for index in range(count):
            handles.check_given(table, self.given.numbers[index], 0)
        child = self.programs.create(thread.pid, self.programs.command)
        try:
            for index in range(count):
                handles.copy(table, self.given.numbers[index], handles.tables[child.pid])
        except KernelError:
            self.processes.discard(child)
            raise
        self.programs.threads.first(child.threads).frame.tell_handles(count)
        self.processes.start(child)
        return child.pid

    def _read_handles(self, thread: Thread) -> u32:
        """Read the numbers of handles; return how many there are.  Raises: BadArgument (too many), BadAddress."""
        count = thread.frame.argument(3)
        if count > MOST_GIVEN:
            raise BadArgument
        if count > 0:
            space = self.processes.of(thread).space
            self.user_memory.copy_record_in(space, thread.frame.argument(2), address_of(self.given), 4 * count)
        return count

    def _read_command(self, thread: Thread) -> None:
        space = self.processes.of(thread).space
        self.user_memory.copy_text_in(space, thread.frame.argument(0), self.programs.command.name)
        self.user_memory.copy_text_in(space, thread.frame.argument(1), self.programs.command.argument)

    def process_after(self, thread: Thread) -> word:
        """Tell of the process with the lowest id above one; return its id, 0 when there is none.

        Raises: BadAddress or OutOfMemory.
        """
        last = thread.frame.argument(0)
        for number in range(1, self.processes.layout.processes):
            process = self.processes.table[number]
            if number > last and process.state != ProcessState.FREE:
                self.facts.parent = process.parent
                self.facts.state = self._state(process)
                self.facts.name.copy_from(0, process.name, 0, len(process.name))
                space = self.processes.of(thread).space
                record = address_of(self.facts)
                self.user_memory.copy_record_out(space, thread.frame.argument(1), record, size_of(ProcessFacts))
                return number
        return 0

    def _state(self, process: Process) -> u32:
        """Return what a process is doing: what its first thread does."""
        if process.state == ProcessState.ZOMBIE:
            return HAS_ENDED
        state = self.threads.first(process.threads).state
        if state == ThreadState.SLEEPING:
            return IS_ASLEEP
        return IS_WAITING if state == ThreadState.WAITING else IS_READY
