"""Integer types: what each may store, and that to a type checker they are `int`."""

import ctypes
import struct
from typing import get_args

import pytest
from hypothesis import given
from hypothesis import strategies as st

from keelback.lang import Panic, i8, i16, i32, i64, u8, u16, u32, u64, word
from keelback.lang.integers import INTEGER_TYPES

LIMITS = {
    "u8": (0, 255),
    "u16": (0, 65_535),
    "u32": (0, 4_294_967_295),
    "u64": (0, 18_446_744_073_709_551_615),
    "i8": (-128, 127),
    "i16": (-32_768, 32_767),
    "i32": (-2_147_483_648, 2_147_483_647),
    "i64": (-9_223_372_036_854_775_808, 9_223_372_036_854_775_807),
}
fixed = pytest.mark.parametrize("name", LIMITS)


def test_the_types_are_these_nine():
    assert INTEGER_TYPES.keys() == {*LIMITS, "word"}


@pytest.mark.parametrize("annotation", [u8, u16, u32, u64, i8, i16, i32, i64, word])
def test_to_a_type_checker_every_type_is_int(annotation):
    assert annotation.__origin__ is int
    assert get_args(annotation)[1] in INTEGER_TYPES.values()


@fixed
def test_limits_are_those_of_twos_complement(name):
    type = INTEGER_TYPES[name]
    assert (type.minimum, type.maximum) == LIMITS[name]
    assert type.signed == name.startswith("i")


@fixed
def test_size_and_code_are_those_of_the_host_c_type(name):
    type = INTEGER_TYPES[name]
    c_type = getattr(ctypes, f"c_{'' if type.signed else 'u'}int{type.bits}")
    assert type.size == ctypes.sizeof(c_type) == struct.calcsize(type.code)
    assert struct.pack(f"={type.code}", type.minimum) == bytes(c_type(type.minimum))


@fixed
def test_both_limits_fit(name):
    type = INTEGER_TYPES[name]
    for value in LIMITS[name]:
        assert type.checked(value, "x") == value


@fixed
def test_one_beyond_either_limit_panics(name, panics):
    low, high = LIMITS[name]
    with panics(f"{low - 1} does not fit x: {name}"):
        INTEGER_TYPES[name].checked(low - 1, "x")
    with panics(f"{high + 1} does not fit x: {name}"):
        INTEGER_TYPES[name].checked(high + 1, "x")


@given(st.sampled_from(sorted(LIMITS)), st.integers(-(1 << 70), 1 << 70))
def test_a_value_fits_exactly_when_struct_can_pack_it(name, value):
    type = INTEGER_TYPES[name]
    try:
        struct.pack("=" + type.code, value)
    except struct.error:
        with pytest.raises(Panic):
            type.checked(value, "x")
    else:
        assert type.checked(value, "x") == value


@pytest.mark.parametrize("value", [1.0, "1", None, True, False])
def test_what_is_no_integer_panics_and_a_bool_is_none(value, panics):
    with panics(f"x takes u8, not {value!r}"):
        INTEGER_TYPES["u8"].checked(value, "x")


def test_word_is_as_wide_as_the_machine():
    assert INTEGER_TYPES["word"].resolved(32) is INTEGER_TYPES["u32"]
    assert INTEGER_TYPES["word"].resolved(64) is INTEGER_TYPES["u64"]
    assert INTEGER_TYPES["i16"].resolved(64) is INTEGER_TYPES["i16"]
