"""Touches its stack page by page downwards: it grows by itself, as far as its limit and no further.

Where the limit lies is found by going twice as far each time.
Calls in Kernel Python form no cycle, so no program of it needs a deep stack; this one reaches down from its argument.
"""

from keelback.abi.records import EXITED, FAULTED, Ending
from keelback.lang import Ram, Region, Struct, i32, u32, view, word
from keelback.user.calls import Kernel
from keelback.user.system import Program, failed

PAGE_SIZE = 4096
PAGE_FAULT = 14
DEEPEST = 1 << 18
"""Pages, more than any stack has."""


class Word(Struct):
    """What is written to each page."""

    value: u32


class Stack(Program):
    """A child that stays above the limit ends well, one that does not is killed."""

    def __init__(self, ram: Ram, records: Region, kernel: Kernel | None) -> None:
        super().__init__(ram, records, kernel)
        self.ending = records.struct(Ending)

    def main(self, argument: word) -> i32:
        """Send one child after the other down, the first one page."""
        top: word = argument // PAGE_SIZE * PAGE_SIZE
        depth: u32 = 1
        while depth <= DEEPEST:
            child: u32 = self.system.fork()
            if child == 0:
                return self.descend(top, depth)
            if not self.ended(child, EXITED, 0):
                break
            depth *= 2
        if depth == 1:
            self.output.write("stack: it has no room\n")
            return 1
        if self.ending.how != FAULTED or self.ending.status != PAGE_FAULT:
            self.output.write("stack: it has no limit\n")
            return 1
        self.output.write("stack: grew to its limit and no further\n")
        return 0

    def descend(self, top: word, pages: u32) -> i32:
        """Write to each of so many pages from the topmost one down; return 0."""
        for page in range(pages):
            view(self.ram, Word, top - page * PAGE_SIZE).value = page
        return 0

    def ended(self, child: u32, how: u32, status: i32) -> bool:
        """Wait for a child; say whether it ended like that."""
        if failed(child) or failed(self.system.wait(child, self.ending)):
            return False
        return self.ending.how == how and self.ending.status == status


PROGRAM = Stack
