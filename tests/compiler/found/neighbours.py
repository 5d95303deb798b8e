# ruff: noqa
"""What C leaves open: records reached by a neighbour's address, and loops that do what a function of the library does."""

from keelback.lang import *


class Left(Struct):
    value: u32
    bytes: Array[u8] = inline(12)


class Right(Struct):
    value: u32
    wide: u64


class Root(Component):
    def __init__(self, records: Region) -> None:
        self.left = records.struct(Left)
        self.middle = records.struct(Left)
        self.right = records.struct(Right)
        self.ram = records.ram

    def entry_adjacent(self, a: u8) -> u8:
        end = address_of(self.left) + size_of(self.left)
        return (1 if end == address_of(self.middle) else 0) | (2 if end < address_of(self.right) else 0)

    def entry_neighbour(self, a: u32) -> u32:
        self.middle.value = 3
        view(self.ram, Left, address_of(self.left) + 16).value = a
        return self.middle.value

    def entry_other_kind(self, a: u32) -> u64:
        self.right.wide = 3
        view(self.ram, Left, address_of(self.right) + 8).value = a
        return self.right.wide

    def entry_same(self, a: u32) -> u8:
        near = view(self.ram, Left, address_of(self.left) + (a & 16))
        return (1 if near is self.middle else 0) | (2 if near is self.left else 0)

    def entry_fill(self, a: u8) -> u8:
        for index in range(12):
            self.left.bytes[index] = a
        return self.left.bytes[3]

    def entry_copy(self, a: u8) -> u8:
        self.middle.bytes[0] = a
        for index in range(12):
            self.left.bytes[index] = self.middle.bytes[index]
        for index in range(11):
            self.left.bytes[index + 1] = self.left.bytes[index]
        return self.left.bytes[11]

    def entry_length(self, a: u8) -> u8:
        self.left.bytes[a % 12] = 0
        length: u8 = 0
        while self.left.bytes[length] != 0:
            length += 1
        return length

    def entry_bits(self, a: i32) -> u8:
        count: u8 = 0
        while a > 0:
            a = a >> 1
            count += 1
        return count
