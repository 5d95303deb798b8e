"""Interval analysis against brute force: every small interval, every operator."""

import operator
from itertools import product

import pytest

from keelback.compiler import intervals
from keelback.compiler.intervals import BINARY, Interval

PYTHON = {
    "+": operator.add, "-": operator.sub, "*": operator.mul, "//": operator.floordiv, "%": operator.mod,
    "<<": operator.lshift, ">>": operator.rshift, "&": operator.and_, "|": operator.or_, "^": operator.xor,
}  # fmt: skip
BOUNDS = (-9, -8, -4, -3, -1, 0, 1, 2, 3, 5, 7, 8)
SMALL = [Interval(low, high) for low, high in product(BOUNDS, BOUNDS) if low <= high]
EXACT = ("+", "-", "*", "//", "<<", ">>")


def values(interval):
    return range(interval.low, interval.high + 1)


def results(sign, left, right):
    operate, shifts = PYTHON[sign], sign in ("<<", ">>")
    pairs = product(values(left), values(right))
    return [operate(a, b) for a, b in pairs if not (shifts and b < 0) and not (sign in ("//", "%") and b == 0)]


@pytest.mark.parametrize("sign", list(PYTHON))
def test_bounds_hold_every_result(sign):
    for left, right in product(SMALL, SMALL):
        found = results(sign, left, right)
        if found:
            bound = BINARY[sign](left, right)
            assert bound.low <= min(found) and max(found) <= bound.high, (left, right)


@pytest.mark.parametrize("sign", EXACT)
def test_bounds_are_exact(sign):
    for left, right in product(SMALL, SMALL):
        found = results(sign, left, right)
        if found:
            assert BINARY[sign](left, right) == Interval(min(found), max(found)), (left, right)


def test_negation_and_inversion_are_exact():
    for each in SMALL:
        assert intervals.negate(each) == Interval(min(-n for n in values(each)), max(-n for n in values(each)))
        assert intervals.invert(each) == Interval(min(~n for n in values(each)), max(~n for n in values(each)))


def test_join_is_the_smallest_that_holds_both():
    assert Interval(1, 3).join(Interval(-2, 2)) == Interval(-2, 3)
    assert Interval(1, 2) in Interval(0, 2) and Interval(0, 2) not in Interval(1, 2)


def test_bounded_means_one_type_of_64_bits():
    for bits in (64, 128):
        assert Interval(-(1 << bits - 1), (1 << bits - 1) - 1).fits(bits) and Interval(0, (1 << bits) - 1).fits(bits)
        assert not Interval(-1, 1 << bits - 1).fits(bits) and not Interval(0, 1 << bits).fits(bits)
