"""Free slots of a table: the lowest one above any other, in a fixed number of steps.

    summary    1 word      bit i set: word i is not 0
    words      32 words    bit n set: slot n + 1 is free; slot 0 never is

The bytes depend on which slots are free, never on the order in which they became so: undoing a call restores them.
"""

from keelback.lang import Array, Component, Region, Struct, inline, lowest_bit, u32

WORDS = 32
ALL_ONES = 0xFFFF_FFFF


class SlotBits(Struct):
    """The set; all zero means that no slot is free."""

    summary: u32
    words: Array[u32] = inline(WORDS)


class FreeSlots(Component):
    """The free slots of a table, whose first is never one."""

    def __init__(self, records: Region, count: int) -> None:
        assert count <= 32 * WORDS + 1, "a table has at most 1,024 slots that can be free"
        self.count = count
        self.bits = records.struct(SlotBits)

    def start(self) -> None:
        """Free all slots but the first."""
        for place in range(WORDS):
            left: int = max(min(self.count - 1 - place * 32, 32), 0)
            self.bits.words[place] = (1 << left) - 1
            if left > 0:
                self.bits.summary |= 1 << place

    def add(self, number: u32) -> None:
        """Free a slot."""
        bit: u32 = number - 1
        self.bits.words[bit // 32] = self.bits.words[bit // 32] | 1 << bit % 32
        self.bits.summary |= 1 << bit // 32 % WORDS

    def remove(self, number: u32) -> None:
        """Take a slot."""
        bit: u32 = number - 1
        left: u32 = self.bits.words[bit // 32] & ~(1 << bit % 32)
        self.bits.words[bit // 32] = left
        if left == 0:
            self.bits.summary &= ~(1 << bit // 32 % WORDS)

    def after(self, last: u32) -> u32:
        """Return the lowest free slot above one of the table's, else the lowest of all; 0 when none is free."""
        place: u32 = last // 32 % WORDS
        free: u32 = self.bits.words[place] & ALL_ONES << last % 32
        if self.bits.summary == 0:
            return 0
        if free == 0:
            words: u32 = above(self.bits.summary, place)
            place = lowest_bit(words if words != 0 else self.bits.summary)
            free = self.bits.words[place]
        return place * 32 + lowest_bit(free) + 1


def above(bits: u32, number: u32) -> u32:
    """Return the bits above the one with a number, modulo 32."""
    return bits & ALL_ONES << number % 32 & ~(1 << number % 32)
