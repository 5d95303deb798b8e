# ruff: noqa
"""Syntax that no other program here has: each node and each field of the list once."""

from keelback.lang import *


class Low(KernelError):
    """Something is low."""

    number = -230


class Cell(Struct):
    a: u8
    b: u32
    bytes: Array[u8] = inline(5)


class Log(TextSink):
    def __init__(self, records: Region) -> None:
        self.at = records.struct(Cell)

    def put(self, byte: u8) -> None:
        self.at.b = (self.at.b * 31 + byte) & 0xFFFF_FFFF


class Root(Component):
    def __init__(self, records: Region) -> None:
        self.at = records.struct(Cell)
        self.log = Log(records)

    def fails(self, n: u8, m: u8 = 3) -> None:
        if n == m:
            raise Low from None

    def entry_operators(self, n: u8, m: i8) -> i64:
        x: u32 = 7
        x += n
        x -= n % 7
        x *= 3
        x //= 2
        x |= 8
        x ^= n
        x &= 0xFFFF
        x <<= 2
        x >>= 1
        y = +m * -m + ~n
        assert x >= 0 and not x < 0, "a number"
        return x + y if n != 3 or self.at is None or n > 4 <= m else y

    def entry_statements(self, n: u8) -> u32:
        """A docstring."""
        self.at.bytes[n % 5] += 1
        self.at.a |= n & 7
        while True:
            try:
                self.fails(n % 6, m=2)
                self.fails(m=n % 4, n=3)
            except Low as error:
                self.log.write(f"{n:#x}{error.sentence}")
                pass
            else:
                continue
            finally:
                self.at.b += 1
                n = n + 1 & 0xFF
            break
        for i in range(n % 4):
            if i == 2:
                break
            continue
        return n
