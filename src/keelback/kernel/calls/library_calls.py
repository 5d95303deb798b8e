"""The calls of the part `libraries`: what a process maps of them."""

from keelback.kernel.loading.libraries import Libraries
from keelback.kernel.memory.user_memory import UserMemory
from keelback.kernel.processes.processes import Processes
from keelback.kernel.processes.threads import Thread
from keelback.kernel.processes.word_waits import WordWaits
from keelback.lang import Component, word


class LibraryCalls(Component):
    """Serves them."""

    def __init__(
        self, processes: Processes, libraries: Libraries, user_memory: UserMemory, word_waits: WordWaits | None
    ) -> None:
        self.word_waits = word_waits
        self.processes = processes
        self.libraries = libraries
        self.user_memory = user_memory

    def load_library(self, thread: Thread) -> word:
        """Map the library of a name after the image and other libraries; return its link page.

        Raises: BadAddress, BadArgument (a name without an end), NoSuchLibrary, NotALibrary, TooManyLibraries,
        TooManyRegions, NoRoom or OutOfMemory; nothing has changed.
        """
        caller = self.processes.of(thread)
        name = self.libraries.loaded.request.text
        self.user_memory.copy_text_in(caller.space, thread.frame.argument(0), name)
        return self.libraries.load(caller.space, caller.libraries, name)

    def unload_library(self, thread: Thread) -> word:
        """Unmap the library whose link page is at an address.

        Raises: BadArgument (there is none), TooManyRegions or OutOfMemory; nothing has changed.
        """
        caller = self.processes.of(thread)
        self.libraries.unload(caller.space, caller.libraries, thread.frame.argument(0))
        if self.word_waits is not None:
            self.word_waits.forget_unreadable(caller)
        return 0
