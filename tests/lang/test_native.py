"""Native bodies: C that stands beside Python."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from keelback.lang import lowest_bit, native


@native("return number + 1;")
def following(number: int) -> int:
    """Return the next number."""
    return number + 1


def test_a_native_function_is_itself_in_python_and_has_its_c():
    assert following(1) == 2
    assert following.c_body == "return number + 1;"
    assert (following.__name__, following.__doc__) == ("following", "Return the next number.")


@given(st.integers(1, 0xFFFF_FFFF))
def test_lowest_bit_counts_the_zeros_at_the_end(value):
    binary = f"{value:b}"
    assert lowest_bit(value) == len(binary) - len(binary.rstrip("0"))


@pytest.mark.parametrize("value", [0, -1, 1 << 32, (1 << 40) + 1])
def test_lowest_bit_of_what_is_no_u32_above_0_panics(value, panics):
    with panics(f"lowest_bit({value}) is undefined"):
        lowest_bit(value)
