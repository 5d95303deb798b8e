"""The calls of the part `messages` that are about handles to processes."""

from keelback.abi.errors import NoSuchProcess, NotPermitted
from keelback.abi.handles import DESTROY, GRANT, RECEIVE
from keelback.kernel.messages.handle_table import HandleKind
from keelback.kernel.messages.handles import HandleTables
from keelback.kernel.processes.endings import Endings
from keelback.kernel.processes.threads import Thread
from keelback.lang import Component, word


class ProcessCalls(Component):
    """Serves them.

    A handle to a process has the process's serial number as its badge: one whose process has ended names nobody.
    """

    def __init__(self, endings: Endings, handles: HandleTables) -> None:
        self.endings = endings
        self.processes = endings.processes
        self.handles = handles

    def process_handle(self, thread: Thread) -> word:
        """Make a handle to the caller's process, or to one that descends from it; return it.

        Raises: NoSuchProcess, NotPermitted, TooManyHandles, OutOfMemory; nothing has changed.
        """
        process = self.endings.find_alive(thread.frame.argument(0))
        if not self.processes.descends(process, thread.pid):
            raise NotPermitted
        table = self.handles.of(thread)
        return self.handles.add(table, HandleKind.PROCESS, DESTROY | RECEIVE | GRANT, process.pid, process.serial)

    def process_kill(self, thread: Thread) -> word:
        """End the process of a handle, or one of an id that descends from it.

        Raises: BadHandle, NoSuchProcess, NotPermitted; nothing has changed.
        """
        table = self.handles.of(thread)
        handle = self.handles.find_with(DESTROY, HandleKind.PROCESS, table, thread.frame.argument(0))
        named = self.endings.find_alive(handle.object)
        if named.serial != handle.badge:
            raise NoSuchProcess
        self.endings.kill_below(self.processes.of(thread), named.pid, thread.frame.argument(1))
        return 0
