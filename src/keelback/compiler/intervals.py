"""Interval analysis: between which bounds the value of an integer expression lies.

Kernel Python's integers are mathematical, so bounds are too: they are Python integers of any size.
"""

from dataclasses import dataclass
from functools import cache

from keelback.lang.integers import IntegerType


@dataclass(frozen=True)
class Interval:
    """The integers from `low` to `high`, both included."""

    low: int
    high: int

    def __contains__(self, other: "Interval") -> bool:
        return self.low <= other.low and other.high <= self.high

    def join(self, other: "Interval") -> "Interval":
        """Return the smallest interval that holds both."""
        return Interval(min(self.low, other.low), max(self.high, other.high))

    def fits(self, bits: int) -> bool:
        """Say whether an integer type of so many bits, signed or not, holds all of it."""
        return self in Interval(-(1 << bits - 1), (1 << bits - 1) - 1) or self in Interval(0, (1 << bits) - 1)


@cache
def interval_of(integer: IntegerType) -> Interval:
    """Return the values that a type can store."""
    return Interval(integer.minimum, integer.maximum)


def _corners(left: Interval, right: Interval, operation: "object") -> Interval:
    values = [operation(a, b) for a in (left.low, left.high) for b in (right.low, right.high)]  # type: ignore[operator]
    return Interval(min(values), max(values))


def _signed_bits(*intervals: Interval) -> int:
    return max(max(each.high.bit_length(), (-each.low - 1).bit_length() if each.low < 0 else 0) for each in intervals)


def add(left: Interval, right: Interval) -> Interval:
    """Return the bounds of a sum."""
    return Interval(left.low + right.low, left.high + right.high)


def subtract(left: Interval, right: Interval) -> Interval:
    """Return the bounds of a difference."""
    return Interval(left.low - right.high, left.high - right.low)


def multiply(left: Interval, right: Interval) -> Interval:
    """Return the bounds of a product."""
    return _corners(left, right, lambda a, b: a * b)


def divide(left: Interval, right: Interval) -> Interval:
    """Return the bounds of a floor division by anything in `right` but 0."""
    divisors = [each for each in {right.low, right.high, -1, 1} if each and right.low <= each <= right.high]
    values = [a // b for a in (left.low, left.high) for b in divisors] or [0]
    return Interval(min(values), max(values))


def modulo(left: Interval, right: Interval) -> Interval:
    """Return the bounds of a floor remainder: it has the divisor's sign."""
    low = min(right.low + 1, 0)
    high = max(right.high - 1, 0)
    if left.low >= 0 and right.low > 0:
        high = min(high, left.high)
    return Interval(low, high)


def shift_left(left: Interval, right: Interval) -> Interval:
    """Return the bounds of a left shift by 0 to 63."""
    return _corners(left, Interval(max(right.low, 0), min(right.high, 64)), lambda a, b: a << b)


def shift_right(left: Interval, right: Interval) -> Interval:
    """Return the bounds of a right shift by 0 to 63."""
    return _corners(left, Interval(max(right.low, 0), min(right.high, 64)), lambda a, b: a >> b)


def bit_and(left: Interval, right: Interval) -> Interval:
    """Return the bounds of a bitwise and: what is not negative bounds it."""
    if left.low >= 0 and right.low >= 0:
        return Interval(0, min(left.high, right.high))
    if left.low >= 0:
        return Interval(0, left.high)
    if right.low >= 0:
        return Interval(0, right.high)
    bits = _signed_bits(left, right)
    return Interval(-(1 << bits), (1 << bits) - 1)


def bit_or(left: Interval, right: Interval) -> Interval:
    """Return the bounds of a bitwise or, or exclusive or."""
    bits = _signed_bits(left, right)
    negative = left.low < 0 or right.low < 0
    return Interval(-(1 << bits) if negative else 0, (1 << bits) - 1)


def invert(value: Interval) -> Interval:
    """Return the bounds of `~value`."""
    return Interval(~value.high, ~value.low)


def negate(value: Interval) -> Interval:
    """Return the bounds of `-value`."""
    return Interval(-value.high, -value.low)


BINARY = {
    "+": add,
    "-": subtract,
    "*": multiply,
    "//": divide,
    "%": modulo,
    "<<": shift_left,
    ">>": shift_right,
    "&": bit_and,
    "|": bit_or,
    "^": bit_or,
}
"""How each operator bounds its result."""
UNARY = {"-": negate, "~": invert}
