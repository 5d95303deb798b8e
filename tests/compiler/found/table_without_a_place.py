# ruff: noqa
# The elements of a table that has no place yet were as many as none, in compiled code alone.
from keelback.lang import *


class Note(Struct):
    count: u32


class Root(Component):
    def __init__(self, records: Region) -> None:
        self.note = records.struct(Note)
        self.table: Table[u16] = records.table(u16)

    def noted(self, n: u8) -> u8:
        self.note.count = self.note.count + n & 0xFFFF
        return 0

    def entry_0(self, n: u8) -> u32:
        self.table.elements.copy_from(0, self.table.elements, 0, self.noted(n))
        return 1

    def entry_1(self, n: u8) -> u32:
        self.table.fill(0, self.noted(n), 1)
        return 1

    def entry_2(self, n: u8) -> u32:
        total: u32 = 0
        for each in self.table:
            total += each
        return total

    def entry_3(self, n: u8) -> u32:
        self.table.elements.clear()
        return len(self.table)

    def entry_4(self, n: u8) -> u32:
        return self.table[self.noted(n)] + len(self.table)
