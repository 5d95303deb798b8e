"""The calls of the part `waiting`: how a parent learns that a child has ended."""

from keelback.kernel.processes.threads import Thread
from keelback.kernel.processes.waiting import Waiting
from keelback.lang import Component, word


class WaitingCalls(Component):
    """Serves them."""

    def __init__(self, waiting: Waiting) -> None:
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
