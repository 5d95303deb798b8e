# ruff: noqa
"""A u64 compared with what may be negative, of every kind: no type of two words of 32 bits holds both."""

from keelback.lang import *


class Pair(Struct):
    signed: i16
    wide: u64
    signs: Array[i8] = inline(4)


class Root(Component):
    def __init__(self, records: Region) -> None:
        self.pair = records.struct(Pair)
        self.limits = (3, -10, 5)
        self.nested = (-7, -3)
        self.step = -2

    def below(self, n: u8) -> i16:
        self.pair.signed = n - 100
        return self.pair.signed

    def all(self, n: i32, w: u64) -> u8:
        return (
            (1 if n < w else 0)
            | (2 if n <= w else 0)
            | (4 if n == w else 0)
            | (8 if w != n else 0)
            | (16 if w > n else 0)
            | (32 if w >= n else 0)
        )

    def entry_choice(self, a: u8, b: u64) -> u8:
        return (1 if (a if a > 3 else -1) < b else 0) | (2 if b >= (-5 if a & 1 else a) else 0)

    def entry_choices(self, a: u8, b: u64, c: i8) -> u8:
        return 1 if (a if a > 200 else (c if c > 3 else -(1 if a > 100 else -7))) == b else 0

    def entry_negative_choice(self, a: u8, b: u64) -> bool:
        return (-1 if a > 3 else -9) != b and (-1 if a > 3 else -9) < b

    def entry_element(self, a: u8, b: u64) -> u8:
        return (1 if self.limits[a % 3] < b else 0) | (2 if self.nested[a % 2] == b else 0)

    def entry_chosen_element(self, a: i8, b: u64) -> bool:
        return (self.limits[a % 3] if a > 5 else self.nested[a & 1]) <= b

    def entry_chain(self, a: i8, b: u64) -> bool:
        return (a if a & 1 else -a) < b < 1 << 40 < (b | 1 << 63) != (self.step if a > 0 else 1)

    def entry_loop(self, a: u8, b: u64) -> u8:
        n: i16 = a - 100
        while (n if n & 1 else -n) < b and n < 60:
            n += 1
        return n & 0xFF

    def entry_short_circuit(self, a: u8, b: u64) -> bool:
        return a > 7 and (self.below(a) if a > 60 else -3) < b or not (self.limits[self.below(a) % 3] >= b)

    def entry_everything(self, a: i32, b: u64) -> u8:
        self.pair.wide = b
        return self.all(a if a < 1000 else -a, self.pair.wide) ^ self.all(self.limits[a % 3], b)

    def entry_minimum(self, a: i8, b: u64) -> i64:
        return min(a if a > 3 else -1, b) + max(self.nested[a & 1], self.pair.signs[a & 3])

    def entry_condition(self, a: i8, b: u64) -> u8:
        assert (a if a > -100 else self.limits[1]) != b, "these differ"
        return 1 if b > (self.pair.signed if a else -1) else 2
