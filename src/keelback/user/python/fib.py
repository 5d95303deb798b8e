"""Computes a Fibonacci number: a program whose state is a static struct."""

from keelback.lang import Ram, Region, Struct, i32, u32, u64, word
from keelback.user.calls import Kernel
from keelback.user.system import Program

LAST = 92
"""The last Fibonacci number that fits an `i64`."""


class Pair(Struct):
    """Two neighbours in the sequence."""

    current: u64
    following: u64


class Fib(Program):
    """Prints the Fibonacci number that its argument names, by default the 50th."""

    def __init__(self, ram: Ram, records: Region, kernel: Kernel | None) -> None:
        super().__init__(ram, records, kernel)
        self.pair = records.struct(Pair)

    def main(self, argument: word) -> i32:
        """Print one line; the status is 1 for a number that is too large."""
        place: u32 = self.number(argument, 50)
        if place > LAST:
            self.output.write(f"fib: {place} is too far, {LAST} is the last\n")
            return 1
        self.pair.current = 0
        self.pair.following = 1
        for _ in range(place):
            after = (self.pair.current + self.pair.following) & 0xFFFF_FFFF_FFFF_FFFF
            self.pair.current = self.pair.following
            self.pair.following = after
        self.output.write(f"fib: number {place} is {self.pair.current}\n")
        return 0


PROGRAM = Fib
