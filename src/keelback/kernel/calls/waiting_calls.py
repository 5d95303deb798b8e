"""The calls of the part `waiting`: how who is a parent, or has a handle, learns that a process has ended."""

from keelback.abi.errors import NoSuchProcess, UnknownCall
from keelback.abi.handles import RECEIVE
from keelback.kernel.messages.handle_table import HandleKind
from keelback.kernel.messages.handles import HandleTables
from keelback.kernel.processes.processes import ProcessState
from keelback.kernel.processes.threads import Thread
from keelback.kernel.processes.waiting import Waiting
from keelback.lang import Component, word


class WaitingCalls(Component):
    """Serves them."""

    def __init__(self, waiting: Waiting, handles: HandleTables | None) -> None:
        self.handles = handles
        self.waiting = waiting
        self.processes = waiting.processes

    def wait(self, thread: Thread) -> word:
        """Wait for the end of the child of an id, or of any (-1); return its id.

        How it ended goes to the second argument, unless that is 0.
        Raises: NoChild; BadAddress or OutOfMemory: the child can still be waited for.
        """
        return self.waiting.wait(thread)

    def detach(self, thread: Thread) -> word:
        """Detach the caller from its parent: nobody can wait for it."""
        self.waiting.detach(self.processes.of(thread))
        return 0

    def process_wait(self, thread: Thread) -> word:
        """Wait for the end of the process of a handle; return its id.

        How it ended goes to the second argument, unless that is 0.
        Raises: BadHandle, NotPermitted, NoSuchProcess (nobody knows any more how it ended), BadArgument (it is the
        caller's own), BadAddress or OutOfMemory; UnknownCall where there are no handles.
        """
        handles = self.handles
        if handles is None:
            raise UnknownCall
        handle = handles.find_with(RECEIVE, HandleKind.PROCESS, handles.of(thread), thread.frame.argument(0))
        process = self.processes.table[handle.object]
        if process.state == ProcessState.FREE or process.serial != handle.badge:
            raise NoSuchProcess
        return self.waiting.watch(thread, process)
