"""The calls of the part `starting`: programs that processes start."""

from keelback.kernel.memory.user_memory import UserMemory
from keelback.kernel.processes.programs import Programs
from keelback.kernel.processes.threads import Thread
from keelback.lang import Component, word


class StartingCalls(Component):
    """Serves them."""

    def __init__(self, programs: Programs, user_memory: UserMemory) -> None:
        self.programs = programs
        self.processes = programs.processes
        self.user_memory = user_memory

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

        Raises: as `exec`, and NoProcessSlot; nothing has changed.
        """
        self._read_command(thread)
        return self.programs.spawn(thread.pid, self.programs.command).pid

    def _read_command(self, thread: Thread) -> None:
        space = self.processes.of(thread).space
        self.user_memory.copy_text_in(space, thread.frame.argument(0), self.programs.command.name)
        self.user_memory.copy_text_in(space, thread.frame.argument(1), self.programs.command.argument)
