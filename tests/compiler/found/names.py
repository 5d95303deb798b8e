# ruff: noqa
"""Functions, methods, fields, records and locals that are called as C or the compiler calls something."""

from collections.abc import Iterator
from keelback.lang import *


class Low(KernelError):
    """Something is low."""

    number = -230


def double(int: u8) -> u32:
    return int * 2


def STOP(n: u8) -> u32:
    return double(n) + 1


def main(n: u8) -> u32:
    return STOP(n)


def _(n: u8) -> u32:
    return main(n)


def _1(n: u8) -> u32:
    return _(n)


def größe(n: u8) -> u32:
    return _1(n)


def t(n: u8) -> u32:
    return größe(n)


def memcmp(n: u8) -> u32:
    return t(n)


def panic(n: u8) -> u32:
    if n > 100:
        raise Low
    return memcmp(n)


def failed(n: u8) -> u32:
    return panic(n)


class Item(Struct):
    int: u8
    words: Array[u32] = inline(2)

    def panic(self, int: u8) -> u32:
        self.int = int
        return self.int + failed(int)

    def fill(self, n: u8) -> u32:
        return self.panic(n)


class Item_of(Struct):
    a: u8


class Text(TextSink):
    def __init__(self, records: Region) -> None:
        self.put_text = records.struct(Item)

    def put(self, text: u8) -> None:
        self.put_text.int = (self.put_text.int * 3 + text) & 0xFF

    def put_text_(self, n: u8) -> u32:
        return n


class Root(Component):
    def __init__(self, records: Region) -> None:
        self.int = records.array(Item, 2)
        self.double = records.struct(Item_of)
        self.main = Text(records)
        self.kernel_double = records.struct(Item_of)
        self.limits = (1, 2, 3)
        self.words = ("a", "b")

    def int_(self, n: u8) -> u32:
        return n

    def Int(self, n: u8) -> u32:
        return n + 1

    def each(self, failed: u8) -> Iterator[u32]:
        for raised in range(3):
            yield failed + raised

    def entry_0(self, n: u8) -> u32:
        total: u32 = 0
        try:
            for failed in self.each(n):
                for raised in self.each(2):
                    result = self.int[0].panic(n)
                    total += result + failed * raised
        except Low as int:
            total += -int.number
        self.double.a = n
        self.kernel_double.a = 3
        double: u8 = n % 3
        t = self.limits[double]
        self.main.write(f"{t}{n:x}x")
        self.main.write(self.words[n % 2])
        constants = self.int_(n) + self.Int(n) + self.int[1].fill(n % 50) + self.main.put_text_(n)
        return total + constants + t

    def entry_1(self, kernel_int: u8) -> u32:
        kernel_int_2 = self.Int(kernel_int)
        return kernel_int_2 + self.int_(kernel_int)
