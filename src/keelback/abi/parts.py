"""The parts of the kernel that a layout may leave out: `calls.py` says of a call whose it is.

A part that a layout does not name is not built; the number of a call of such a part is that of no call there.
"""

from enum import StrEnum


class Part(StrEnum):
    """What a kernel may have besides processes that fork and end, text on the console, and single pages."""

    MAPPING = "mapping"
    MALLOC = "malloc"
    LIBRARIES = "libraries"
    STARTING = "starting"
    WAITING = "waiting"
    THREADS = "threads"
    MESSAGES = "messages"


SENTENCES = {
    Part.MAPPING: "Processes map, unmap and protect ranges of pages.",
    Part.MALLOC: "The kernel places pages for a process's malloc, in an area of their own.",
    Part.LIBRARIES: "Libraries are loaded once, and mapped by each process that asks.",
    Part.STARTING: "Processes start programs; what the kernel itself starts is no part.",
    Part.WAITING: "Parents learn how their children ended; without it a child is nobody's, and leaves nothing behind.",
    Part.THREADS: "A process has several threads, which are started, end, are joined, and wait on words.",
    Part.MESSAGES: "Processes send each other messages through endpoints, and share memory objects, by handles.",
}
