"""Fills memory page by page at its own speed until none is left, then goes on running."""

from keelback.lang import Array, Struct, i32, inline, u32, view, word
from keelback.user.system import Program, failed

HEAP = 0x2000_0000
PAGE_SIZE = 4096


class Page(Struct):
    """One page of the heap; its first word says whose it is."""

    words: Array[u32] = inline(PAGE_SIZE // 4)


class Allocator(Program):
    """Takes one to four pages a turn, as its process id has it; the argument says how many turns, 0 is for ever."""

    def main(self, argument: word) -> i32:
        """Look at the end whether all pages are still its own."""
        turns: u32 = self.number(argument, 20)
        identity: u32 = self.system.getpid()
        taken: u32 = 0
        turn: u32 = 0
        left = True
        while turns == 0 or turn < turns:
            for _ in range(1 + identity % 4):
                left = left and self.take_page(HEAP + taken * PAGE_SIZE, identity)
                taken += 1 if left else 0
            self.system.give_way()
            turn = (turn + 1) & 0xFFFF_FFFF

        for number in range(taken):
            if view(self.ram, Page, HEAP + number * PAGE_SIZE).words[0] != identity:
                self.output.write(f"allocator: somebody wrote to my page {number}\n")
                return 1
        self.output.write(f"allocator: took pages: {taken}")
        self.output.write("\n" if left else ", then none was left\n")
        return 0

    def take_page(self, address: word, signature: u32) -> bool:
        """Take a page and sign it; say whether there was one left."""
        if failed(self.system.page_alloc(address)):
            return False
        page = view(self.ram, Page, address)
        assert page.words[0] == 0, "a new page is zero"
        page.words[0] = signature
        return True


PROGRAM = Allocator
