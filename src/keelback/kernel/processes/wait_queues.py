"""Wait queues: the numbers of all queues in which threads are ready or wait.

    0          ready on the first CPU
    CPUS       waiting for the end of a child, a queue a process
    watched    waiting for the end of a process by a handle, likewise
    threads    waiting for the end of a thread, a queue for each that may end
    words      waiting until a word of memory is changed, a queue for all words of a kind
    senders    waiting until a message is received, a queue an endpoint
    receivers  waiting for a message, likewise
    callers    waiting for a reply, likewise
    count

A kind of waiting is a range of numbers here, and a method that says which of them a thread waits in.
"""

from keelback.abi.parts import Part
from keelback.kernel.layout import Layout
from keelback.lang import Component, u16, word

CPUS = 1
KINDS = 64
"""Of words that threads wait on: those of one kind have one queue, which `wake` looks through."""


class WaitQueues(Component):
    """Says which queue is whose."""

    def __init__(self, layout: Layout) -> None:
        self.children = CPUS
        self.processes = layout.processes
        self.watched = self.children + self.processes
        self.watchable = layout.processes if {Part.WAITING, Part.MESSAGES} <= {*layout.parts} else 0
        self.threads = self.watched + self.watchable
        self.joined = layout.threads if Part.THREADS in layout.parts else 0
        self.words = self.threads + self.joined
        self.kinds = KINDS if Part.THREADS in layout.parts else 0
        self.senders = self.words + self.kinds
        self.endpoints = layout.endpoints if Part.MESSAGES in layout.parts else 0
        self.receivers = self.senders + self.endpoints
        self.callers = self.receivers + self.endpoints
        self.count = self.callers + self.endpoints

    def of_children(self, pid: u16) -> u16:
        """Return the number of the queue of a process's threads that wait for its children."""
        return self.children + pid

    def is_of_children(self, queue: u16) -> bool:
        """Say whether a queue is one of those that wait for children."""
        return self.children <= queue < self.children + self.processes

    def of_watchers(self, pid: u16) -> u16:
        """Return the number of the queue of those that wait by a handle for the end of a process."""
        return self.watched + pid

    def is_of_watchers(self, queue: u16) -> bool:
        """Say whether a queue is one of those that wait by a handle for the end of a process."""
        return self.watched <= queue < self.watched + self.watchable

    def of_joiners(self, thread: u16) -> u16:
        """Return the number of the queue of those that wait for the end of a thread."""
        return self.threads + thread

    def is_of_joiners(self, queue: u16) -> bool:
        """Say whether a queue is one of those that wait for the end of a thread."""
        return self.threads <= queue < self.threads + self.joined

    def of_word(self, kind: word) -> u16:
        """Return the number of the queue of those that wait on words of a kind, a number modulo `KINDS`."""
        return self.words + kind % KINDS

    def is_of_words(self, queue: u16) -> bool:
        """Say whether a queue is one of those that wait on words."""
        return self.words <= queue < self.words + self.kinds

    def of_senders(self, endpoint: u16) -> u16:
        """Return the number of the queue of those that wait until an endpoint's receivers take their messages."""
        return self.senders + endpoint

    def of_receivers(self, endpoint: u16) -> u16:
        """Return the number of the queue of those that wait for a message of an endpoint."""
        return self.receivers + endpoint

    def of_callers(self, endpoint: u16) -> u16:
        """Return the number of the queue of those that wait for the reply to a message of an endpoint."""
        return self.callers + endpoint

    def is_of_callers(self, queue: u16) -> bool:
        """Say whether a queue is one of those that wait for replies."""
        return self.callers <= queue < self.callers + self.endpoints
