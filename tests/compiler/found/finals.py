# ruff: noqa
"""Every way to panic inside try: nothing runs after it, in either life."""

from collections.abc import Iterator

from keelback.lang import *


class Low(KernelError):
    """Something is low."""

    number = -230


class Node(Struct):
    a: u8
    c: u32
    next: "Ref[Node]"
    bytes: Array[u8] = inline(5)


class Root(Component):
    def __init__(self, records: Region) -> None:
        self.nodes = records.array(Node, 4)
        self.spare = records.struct(Node)
        self.table = (1, 2, 3)

    def note(self, n: u8) -> None:
        self.spare.c = self.spare.c * 8 % 0x1_0000 + n

    def divided(self, n: u8) -> u32:
        try:
            return 10 // n
        finally:
            self.note(1)

    def failing(self, n: u8) -> u32:
        if n % 5 == 4:
            raise Low
        return 10 // (n % 5)

    def each(self, n: u8) -> Iterator[u8]:
        for i in range(3):
            try:
                self.note(i)
            finally:
                self.note(6)
            yield n // (2 - i)

    def entry_divide(self, n: u8) -> u32:
        try:
            return self.divided(n)
        except KernelError:
            return 7
        finally:
            self.note(2)

    def entry_index(self, n: u8) -> u32:
        try:
            self.note(1)
            return self.table[n] + self.spare.bytes[n + 1]
        finally:
            self.note(2)

    def entry_does_not_fit(self, n: u8) -> u32:
        try:
            self.spare.a = n + 100
            x: u8 = n * 2
            return x
        finally:
            self.note(2)

    def entry_assert(self, n: u8) -> u32:
        try:
            try:
                assert n < 100, "n is small"
            finally:
                self.note(1)
        finally:
            self.note(2)
        return n

    def entry_shift(self, n: u8) -> u32:
        try:
            return 1 << n % 4 - 1
        finally:
            self.note(3)

    def entry_fill(self, n: u8) -> None:
        try:
            self.spare.bytes.fill(n % 3, n % 5, n)
        finally:
            self.note(3)

    def entry_ref(self, n: u8) -> None:
        try:
            self.nodes[0].next = self.spare if n % 2 else self.nodes[1]
        finally:
            self.note(3)

    def entry_none(self, n: u8) -> u32:
        try:
            return self.nodes[n % 4].next.c
        finally:
            self.note(3)

    def entry_in_a_handler(self, n: u8) -> u32:
        try:
            return self.failing(n)
        except Low:
            try:
                return 10 // (n % 2)
            finally:
                self.note(1)
        finally:
            self.note(2)

    def entry_in_an_else(self, n: u8) -> u32:
        x: u32 = 0
        try:
            x = self.failing(n)
        except Low:
            x = 3
        else:
            x = 10 // (x - 5)
        finally:
            self.note(2)
        return x

    def entry_in_a_finally(self, n: u8) -> u32:
        x: u32 = 5
        try:
            x = self.failing(n)
        finally:
            x = x + 10 // (n % 3)
            self.note(2)
        return x

    def entry_generator(self, n: u8) -> u32:
        total: u32 = 0
        try:
            for i in self.each(n):
                try:
                    total += i // (n % 3)
                finally:
                    self.note(4)
        finally:
            self.note(5)
        return total

    def entry_loop(self, n: u8) -> u32:
        for i in range(4):
            try:
                if n % 7 == i:
                    continue
                if n % 6 == i:
                    break
                if 10 // (n % 8 - i) == 3:
                    return i
            finally:
                self.note(i)
        return 9
