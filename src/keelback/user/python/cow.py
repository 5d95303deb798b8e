"""Parent and child write to the same pages in turn, and each must find only what it wrote itself."""

from keelback.abi.records import EXITED, Ending, FrameCounts
from keelback.lang import Array, Ram, Region, Struct, i32, inline, u32, word
from keelback.user.calls import Kernel
from keelback.user.system import Program, failed

MOST_PAGES = 64


class Page(Struct):
    """What both write to, as large as a page."""

    words: Array[u32] = inline(1024)


class CopyOnWrite(Program):
    """After fork the processes share page frames; a write, also the kernel's own, gives the writer a copy."""

    def __init__(self, ram: Ram, records: Region, kernel: Kernel | None) -> None:
        super().__init__(ram, records, kernel)
        self.pages = records.array(Page, MOST_PAGES)
        self.counts = records.struct(FrameCounts)
        self.ending = records.struct(Ending)

    def main(self, argument: word) -> i32:
        """Write to as many pages as the argument says, at most 64."""
        count: u32 = min(self.number(argument, 8), MOST_PAGES)
        self.write_all(count, 1)
        child: u32 = self.system.fork()
        if failed(child) or not self.all_are(count, 1):
            self.output.write("cow: fork failed, or changed what was there\n")
            return 1
        mine: u32 = 2 if child == 0 else 3
        self.write_all(count, mine)
        if child == 0:
            self.system.frame_counts(self.counts)
            return 0 if self.all_are(count, mine) else 1

        ended: u32 = self.system.wait(child, self.ending)
        if ended != child or self.ending.how != EXITED or self.ending.status != 0:
            self.output.write("cow: the child found what it did not write\n")
            return 1
        if not self.all_are(count, mine) or self.counts.user_total != 0:
            self.output.write("cow: the parent found what it did not write\n")
            return 1
        self.output.write(f"cow: parent and child kept apart, pages: {count}\n")
        return 0

    def write_all(self, count: u32, value: u32) -> None:
        """Write to every page, and let the other write in between."""
        for number in range(count):
            self.pages[number].words[number] = value
            self.system.give_way()

    def all_are(self, count: u32, value: u32) -> bool:
        """Say whether every page has what was written."""
        right: u32 = 0
        for number in range(count):
            if self.pages[number].words[number] == value:
                right += 1
        return right == count


PROGRAM = CopyOnWrite
