"""Forks and exits at random; meanwhile all write to the pages that they inherited, and each checks its own."""

from keelback.lang import Array, Ram, Region, Struct, i32, inline, u32, view, word
from keelback.user.calls import Kernel
from keelback.user.system import CAN_WRITE, Program, failed

PAGES = 8
PAGE_SIZE = 4096


class Page(Struct):
    """One of the pages that all write to."""

    words: Array[u32] = inline(PAGE_SIZE // 4)


class Chance(Struct):
    """What comes next, and what the words that were written should add up to."""

    state: u32
    sum: u32


class ForkExit(Program):
    """The first process only forks; its descendants exit twice as often as they fork, so memory stays bounded."""

    def __init__(self, ram: Ram, records: Region, kernel: Kernel | None) -> None:
        super().__init__(ram, records, kernel)
        self.chance = records.struct(Chance)

    def main(self, argument: word) -> i32:
        """Take as many turns as the argument says; 0 is for ever."""
        turns: u32 = self.number(argument, 60)
        pages: word = self.system.map(0, PAGES * PAGE_SIZE, CAN_WRITE)
        if failed(pages):
            self.output.write("forkexit: there is no memory\n")
            return 1
        first = True
        goes_on = True
        turn: u32 = 0
        while goes_on and (turns == 0 or not first or turn < turns):
            choice: u32 = self.roll(8)
            if choice == 2 and self.is_child():
                first = False
            elif choice == 3:
                self.renew(pages, self.roll(PAGES))
            elif choice > 3:
                self.write_to(pages, self.roll(PAGES))
            goes_on = choice > 1 or first
            if goes_on:
                self.system.give_way()
            turn = (turn + 1) & 0xFFFF_FFFF
        return self.check(pages)

    def roll(self, sides: u32) -> u32:
        """Return a number below `sides`."""
        state = self.chance.state * 1_664_525 + 1_013_904_223 & 0xFFFF_FFFF
        self.chance.state = state
        return (state >> 16) % sides

    def is_child(self) -> bool:
        """Fork a child that is nobody's; say whether this is the child."""
        if self.system.fork() != 0:
            return False
        self.system.detach()
        self.chance.state ^= self.system.getpid()
        return True

    def write_to(self, pages: word, page: u32) -> None:
        """Write to the word of a page that has its number."""
        words = view(self.ram, Page, pages + page * PAGE_SIZE).words
        value: u32 = self.roll(1000)
        self.chance.sum = self.chance.sum + value - words[page] & 0xFFFF_FFFF
        words[page] = value

    def renew(self, pages: word, page: u32) -> None:
        """Replace a page by a new one, as long as there is memory."""
        address: word = pages + page * PAGE_SIZE
        value: u32 = view(self.ram, Page, address).words[page]
        if not failed(self.system.page_alloc(address)):
            self.chance.sum = self.chance.sum - value & 0xFFFF_FFFF

    def check(self, pages: word) -> i32:
        """Say whether all pages have what this process wrote; return the exit status."""
        left: u32 = self.chance.sum
        for page in range(PAGES):
            left = left - view(self.ram, Page, pages + page * PAGE_SIZE).words[page] & 0xFFFF_FFFF
        if left != 0:
            self.output.write("forkexit: somebody wrote to my pages\n")
        return 0 if left == 0 else 1


PROGRAM = ForkExit
