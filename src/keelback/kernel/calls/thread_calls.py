"""The calls of the part `threads`: how a process's threads start, end, are joined, and wait for each other."""

from keelback.abi.errors import UnknownCall
from keelback.abi.handles import DESTROY, GRANT, RECEIVE
from keelback.kernel.messages.handle_table import HandleKind
from keelback.kernel.messages.handles import HandleTables
from keelback.kernel.processes.joining import Joining
from keelback.kernel.processes.threads import Thread
from keelback.kernel.processes.word_waits import WordWaits
from keelback.lang import Component, word


class ThreadCalls(Component):
    """Serves them."""

    def __init__(self, joining: Joining, word_waits: WordWaits, handles: HandleTables | None) -> None:
        self.joining = joining
        self.handles = handles
        self.word_waits = word_waits
        self.processes = joining.processes

    def thread_create(self, thread: Thread) -> word:
        """Start a thread of the caller's process at an address, on a stack, with an argument; return its id.

        Raises: BadAddress, NoThreadSlot or OutOfMemory; nothing has changed.
        """
        frame = thread.frame
        process = self.processes.of(thread)
        return self.joining.create(process, frame.argument(0), frame.argument(1), frame.argument(2)).number

    def thread_exit(self, thread: Thread) -> word:
        """End the caller with a value; does not return to it."""
        self.joining.end(thread)
        return 0

    def thread_join(self, thread: Thread) -> word:
        """Wait until a thread of the caller's process has ended, for ticks at most or (0) for ever; return its id.

        Its value goes to the second argument, unless that is 0.
        Raises: NoSuchThread; BadArgument (it is the caller, or more than `MOST_TICKS`); BadAddress or OutOfMemory: the
        thread can still be joined.
        """
        return self.joining.join(thread)

    def thread_detach(self, thread: Thread) -> word:
        """Detach a thread of the caller's process, so that nobody can join it.  Raises: NoSuchThread."""
        self.joining.detach(self.processes.of(thread), thread.frame.argument(0))
        return 0

    def thread_self(self, thread: Thread) -> word:
        """Return the caller's thread id."""
        return thread.number

    def thread_handle(self, thread: Thread) -> word:
        """Make a handle to a thread of the caller's process that can be joined; return it.

        It has the thread's serial number as its badge: one whose thread was joined names nobody.
        Raises: NoSuchThread, TooManyHandles, OutOfMemory; UnknownCall where there are no handles; nothing has changed.
        """
        handles = self.handles
        if handles is None:
            raise UnknownCall
        named = self.joining.find(self.processes.of(thread), thread.frame.argument(0))
        table = handles.of(thread)
        return handles.add(table, HandleKind.THREAD, RECEIVE | DESTROY | GRANT, named.number, named.serial)

    def thread_wait(self, thread: Thread) -> word:
        """Wait until the thread of a handle has ended, as `thread_join` does for one of the caller's process.

        Raises: as `thread_join`; BadHandle, NotPermitted; UnknownCall where there are no handles.
        """
        handles = self.handles
        if handles is None:
            raise UnknownCall
        handle = handles.find_with(RECEIVE, HandleKind.THREAD, handles.of(thread), thread.frame.argument(0))
        return self.joining.join_by_handle(thread, handle.object, handle.badge)

    def thread_end(self, thread: Thread) -> word:
        """End the thread of a handle, wherever it waits, with a value; its process, if it is the last.

        Does not return to the caller where that is it.
        Raises: BadHandle, NotPermitted, NoSuchThread (it has ended); UnknownCall where there are no handles; nothing
        has changed.
        """
        handles = self.handles
        if handles is None:
            raise UnknownCall
        handle = handles.find_with(DESTROY, HandleKind.THREAD, handles.of(thread), thread.frame.argument(0))
        self.joining.end_by_handle(handle.object, handle.badge, thread.frame.argument(1))
        return 0

    def wait_on(self, thread: Thread) -> word:
        """Wait until the word at an address, if it has a value, is said to have changed; for ticks or (0) for ever.

        Returns 0; 1 at once where it has another value.
        Raises: BadArgument (no word starts there, or more than `MOST_TICKS`) or BadAddress; nothing has changed.
        """
        return self.word_waits.wait(thread)

    def wake(self, thread: Thread) -> word:
        """Wake so many of those that wait on the word at an address; return how many there were.

        Raises: BadArgument or BadAddress; nothing has changed.
        """
        return self.word_waits.wake(thread)
