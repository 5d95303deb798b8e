"""Sets of frames as hierarchical bitmaps: the lowest member at once, any other in a fixed number of steps.

    level 3     1 word      bit i set: word i of level 2 is not 0
    level 2     32 words    bit i set: word i of level 1 is not 0
    level 1     1,024       bit i set: word i of level 0 is not 0
    level 0     32,768      bit f set: frame f is a member

Each word has 32 bits, so four levels cover the 2^20 frames of 4 GiB; who may have more has more levels.  The first word
of level 0 that is not 0 is noted; when it becomes 0, the levels above it tell the next.  The bytes depend on the
members alone, never on the order in which they came, so undoing a change restores them.
"""

from keelback.kernel.memory.heap import BootHeap
from keelback.lang import Component, Region, Struct, Table, lowest_bit, u32

ALL_ONES = 0xFFFF_FFFF


class FirstWord(Struct):
    """Which word of level 0 has the lowest member; the number of its words when the set is empty."""

    index: u32


class FrameSet(Component):
    """A set of frame numbers below a limit."""

    def __init__(self, records: Region, limit: int) -> None:
        count = next(count for count in range(2, 8) if 32**count >= limit)
        self.levels: tuple[Table[u32], ...] = tuple(records.table(u32) for _ in range(count))
        self.words, self.upper, self.top = self.levels[0], self.levels[1:], self.levels[-1]
        self.first = records.struct(FirstWord)

    def place(self, heap: BootHeap, count: u32) -> None:
        """Take room for the frames [0, count) from the heap; the set is empty.  Raises: OutOfMemory."""
        words: u32 = count
        for level in self.levels:
            words = (words + 31) // 32
            level.place(heap.allocate(words * 4), words)
        self._find_first()

    def bytes_needed(self, count: u32) -> u32:
        """Return the heap bytes that `place` takes."""
        total: u32 = 0
        words: u32 = count
        for _ in self.levels:
            words = (words + 31) // 32
            total += (words * 4 + 15) // 16 * 16
        return total

    def is_empty(self) -> bool:
        """Say whether there is no member."""
        return self.first.index >= len(self.words)

    def lowest(self) -> u32:
        """Return the lowest member of a set that is not empty."""
        index = self.first.index
        return index * 32 + lowest_bit(self.words[index])

    def _find_first(self) -> None:
        index: u32 = 0
        if self.top[0] == 0:
            index = len(self.words)
        else:
            for level in reversed(self.upper):
                index = index * 32 + lowest_bit(level[index])
        self.first.index = index

    def has(self, frame: u32) -> bool:
        """Say whether a frame is a member."""
        return self.words[frame // 32] >> frame % 32 & 1 != 0

    def add(self, frame: u32) -> None:
        """Make a frame a member."""
        self.first.index = min(self.first.index, frame // 32)
        index: u32 = frame
        for level in self.levels:
            before = level[index // 32]
            level[index // 32] = before | 1 << index % 32
            if before != 0:
                return
            index //= 32

    def remove(self, frame: u32) -> None:
        """Make a frame no member."""
        after = self.words[frame // 32] & ~(1 << frame % 32)
        self.words[frame // 32] = after
        if after == 0:
            self._remove_word(frame // 32)

    def _remove_word(self, word: u32) -> None:
        index: u32 = word
        for level in self.upper:
            after = level[index // 32] & ~(1 << index % 32)
            level[index // 32] = after
            if after != 0:
                break
            index //= 32
        self._find_first()

    def add_range(self, start: u32, end: u32) -> None:
        """Make the frames [start, end) members, whole words at a time on each level."""
        first: u32 = start
        last: u32 = end
        for level in self.levels:
            if first == last:
                return
            self._set_bits(level, first, last)
            first //= 32
            last = (last + 31) // 32
        self._find_first()

    def _set_bits(self, level: Table[u32], start: u32, end: u32) -> None:
        first: u32 = start // 32
        last: u32 = (end - 1) // 32
        head: u32 = ALL_ONES << start % 32 & ALL_ONES
        tail: u32 = ALL_ONES >> 31 - (end - 1) % 32
        if first == last:
            level[first] = level[first] | head & tail
            return
        level[first] = level[first] | head
        level.fill(first + 1, last - first - 1, ALL_ONES)
        level[last] = level[last] | tail
