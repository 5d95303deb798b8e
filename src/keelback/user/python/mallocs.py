"""Allocates, resizes and frees memory of random sizes; it keeps its content, and everything comes back in the end."""

from keelback.abi.records import FrameCounts
from keelback.lang import Array, Ram, Region, Struct, i32, inline, u32, view, word
from keelback.user.calls import Kernel
from keelback.user.malloc import Heap
from keelback.user.system import Program

PIECES = 512
WARM_UP = 200


class Piece(Struct):
    """Memory, and how many words of it were asked for; 0 when there is none."""

    memory: word
    words: u32


class Pieces(Struct):
    """What is allocated at the moment."""

    items: Array[Piece] = inline(PIECES)
    random: u32
    asked: u32  # bytes
    most_pages: u32
    most_asked: u32  # bytes, when there were most pages


class Word(Struct):
    """Four bytes of a piece."""

    value: u32


class Mallocs(Program):
    """Tries the heap; the argument says how many operations."""

    def __init__(self, ram: Ram, records: Region, kernel: Kernel | None) -> None:
        super().__init__(ram, records, kernel)
        self.heap = Heap(records, self.system, self.output)
        self.pieces = records.struct(Pieces)
        self.first = records.struct(FrameCounts)
        self.last = records.struct(FrameCounts)

    def main(self, argument: word) -> i32:
        """Say how much of the memory was in use when there was most of it."""
        operations: u32 = self.number(argument, 2000)
        pieces = self.pieces
        pieces.random = 1
        self.run(WARM_UP)  # what the heap itself needs is there from then on
        self.system.frame_counts(self.first)
        self.run(operations)
        self.system.frame_counts(self.last)
        percent: u32 = pieces.most_asked // 41 // pieces.most_pages
        self.output.write(f"mallocs: operations: {operations}\n")
        self.output.write(f"mallocs: pages at most: {pieces.most_pages}\n")
        self.output.write(f"mallocs: percent of them asked for: {percent}\n")
        left: word = self.heap.state.pages + self.heap.state.used
        self.output.write(f"mallocs: pages left: {left}\n")
        self.output.write("mallocs: free page frames: ")
        self.output.write("as before\n" if self.is_as_before() else "not as before, since others run too\n")
        return 0 if left == 0 else 1

    def is_as_before(self) -> bool:
        """Say whether as many frames are free as were."""
        user, kernel = self.last.user_free, self.last.kernel_free
        return user == self.first.user_free and kernel == self.first.kernel_free

    def run(self, operations: u32) -> None:
        """Make operations, then free all."""
        pieces = self.pieces
        for _ in range(operations):
            self.operate(self.random_below(PIECES))
            if self.heap.state.pages > pieces.most_pages:
                pieces.most_pages = self.heap.state.pages
                pieces.most_asked = pieces.asked
        for number in range(PIECES):
            if pieces.items[number].memory != 0:
                self.release(number)
        self.heap.trim()

    def random_below(self, limit: u32) -> u32:
        """Return a random number below a limit (xorshift, Marsaglia 2003)."""
        value: u32 = self.pieces.random
        value ^= value << 13 & 0xFFFF_FFFF
        value ^= value >> 17
        value ^= value << 5 & 0xFFFF_FFFF
        self.pieces.random = value
        return value % limit

    def random_words(self) -> u32:
        """Return a size: most are small, some are pages, a few are many pages."""
        kind: u32 = self.random_below(256)
        if kind == 0:
            return 1 + self.random_below(25000)
        return 1 + self.random_below(1250 if kind < 8 else 50)

    def operate(self, number: u32) -> None:
        """Allocate, resize or free a piece."""
        piece = self.pieces.items[number]
        words: u32 = self.random_words()
        how: u32 = self.random_below(4)
        if piece.memory == 0 and how == 0:
            memory: word = self.heap.calloc(words, 4)
            self.expect_all(memory, words, 0)
            self.fill(number, memory, words, 0)
        elif piece.memory == 0:
            self.fill(number, self.heap.malloc(4 * words), words, 0)
        elif how == 0:
            self.fill(number, self.heap.realloc(piece.memory, 4 * words), words, min(words, piece.words))
        else:
            self.release(number)

    def fill(self, number: u32, memory: word, words: u32, kept: u32) -> None:
        """Take over memory for a piece; of it some words have their content already."""
        assert memory != 0, "there is memory"
        assert memory % 16 == 0, "memory is aligned"
        piece = self.pieces.items[number]
        self.pieces.asked += 4 * words - 4 * piece.words
        piece.memory = memory
        piece.words = words
        self.expect_all(memory, kept, number + 1)
        for place in range(kept, words):
            view(self.ram, Word, memory + 4 * place).value = number + 1

    def release(self, number: u32) -> None:
        """Look at a piece for the last time and free it."""
        piece = self.pieces.items[number]
        self.expect_all(piece.memory, piece.words, number + 1)
        self.heap.free(piece.memory)
        self.pieces.asked -= 4 * piece.words
        piece.memory = 0
        piece.words = 0

    def expect_all(self, memory: word, words: u32, value: u32) -> None:
        """Look whether words of memory all have the same value."""
        for place in range(words):
            assert view(self.ram, Word, memory + 4 * place).value == value, "nobody wrote to my memory"


PROGRAM = Mallocs
