"""Named bits of an integer field."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from keelback.lang import Ram, Region, Struct, bit, bits, i32, layout_of, u8, u16, u32, u64, view, word


class Entry(Struct):
    value: u32
    present: bool = bit(0)
    kind: u8 = bits(1, 3)
    frame: u32 = bits(12, 20)


class Mixed(Struct):
    before: u16
    mode: u8
    low: u8 = bits(0, 4)
    high: u8 = bits(4, 4)
    entry: Entry
    wide: u64
    number: u64 = bits(12, 40)
    last: bool = bit(63)


class Pair(Struct):
    first: u32
    part: u32 = bits(0, 4)
    second: u32


class Small(Struct):
    value: u8
    flag: bool = bit(0)


def test_names_take_no_room():
    assert [(each.name, each.offset) for each in layout_of(Mixed).fields] == [
        ("before", 0), ("mode", 2), ("entry", 4), ("wide", 8),
    ]  # fmt: skip
    assert layout_of(Mixed).size == 16 and layout_of(Mixed).name_at(9) == "wide"
    assert [each.name for each in layout_of(Mixed).bits] == ["low", "high", "number", "last"]


NUMBERS = {"low": ("mode", 0, 4), "high": ("mode", 4, 4), "number": ("wide", 12, 40)}


@given(st.integers(0, (1 << 64) - 1), st.sampled_from(sorted(NUMBERS)), st.data())
def test_storing_a_part_keeps_all_other_bits(whole, name, data):
    holder, low, count = NUMBERS[name]
    mixed = view(Ram(4096), Mixed, 64)
    mask = (1 << count) - 1
    before = whole & (0xFF if holder == "mode" else (1 << 64) - 1)
    setattr(mixed, holder, before)
    assert getattr(mixed, name) == before >> low & mask
    value = data.draw(st.integers(0, mask))
    setattr(mixed, name, value)
    assert getattr(mixed, name) == value
    assert getattr(mixed, holder) == before & ~(mask << low) | value << low


def test_a_flag_is_a_bool(region):
    mixed = region.struct(Mixed)
    mixed.last = True
    assert mixed.last is True and mixed.wide == 1 << 63
    mixed.wide = (1 << 63) - 1
    assert mixed.last is False


@pytest.mark.parametrize(
    ("name", "value", "type_name"),
    [("frame", 1 << 20, "20 bits"), ("frame", -1, "20 bits"), ("frame", 1.0, "20 bits"), ("present", 2, "bool")],
)
def test_what_does_not_fit_panics_and_changes_nothing(name, value, type_name, region, panics):
    entry = region.struct(Mixed).entry
    entry.value = 0xFFFF_0FFF
    with panics(f"{value!r} does not fit Entry.{name}: {type_name}"):
        setattr(entry, name, value)
    with panics(f"{value!r} does not fit Entry.{name}: {type_name}"):
        Entry.of(**{name: value})
    assert entry.value == 0xFFFF_0FFF


def test_a_whole_is_built_of_its_parts():
    assert Entry.of() == 0
    assert Entry.of(present=True, frame=0x80) == 0x80001
    assert Entry.of(0xFFFF_FFFF, present=False, kind=2) == 0xFFFF_FFF4


@pytest.mark.parametrize("whole", [1 << 32, -1])
def test_a_whole_fits_its_integer(whole, panics):
    with panics(f"{whole} does not fit Entry: u32"):
        Entry.of(whole, present=True)


def test_only_bits_are_parts():
    with pytest.raises(TypeError, match=r"^Entry has no bits value$"):
        Entry.of(value=3)


@pytest.mark.parametrize("struct", [Mixed, Pair])
def test_only_one_integer_with_named_bits_is_a_whole(struct):
    with pytest.raises(TypeError, match=rf"^{struct.__name__} is not one integer with named bits$"):
        struct.of()


def test_every_access_is_told_once():
    ram = Ram(4096, strict=True)
    entry, seen = Region(ram, 0x100, 0x200).struct(Small), []
    ram.touch = lambda address, physical, size: seen.append((address, size))
    entry.flag = True
    assert entry.flag and seen == [(0x100, 1), (0x100, 1)]


def test_a_bits_name_is_no_other_bits():
    class Wrong(Struct):
        value: u32
        one: u8 = bits(0, 4)
        other: bool = bit(3)

    with pytest.raises(TypeError, match=r"^Wrong\.other: the same bits as one$"):
        layout_of(Wrong)


def test_two_integers_have_bits_of_their_own():
    class Right(Struct):
        first: u8
        one: bool = bit(0)
        second: u8
        two: bool = bit(0)

    assert layout_of(Right).size == 2


HOLDER = r"bits lie in a u8, u16, u32 or u64 right above them"
WRONG = {
    "nothing above": ({"x": bool}, HOLDER),
    "a signed one": ({"a": i32, "x": bool}, HOLDER),
    "a word": ({"a": word, "x": bool}, HOLDER),
    "a bool": ({"a": bool, "x": bool}, HOLDER),
    "a struct": ({"a": u32, "b": Entry, "x": bool}, HOLDER),
}


@pytest.mark.parametrize(("fields", "message"), WRONG.values(), ids=WRONG)
def test_bits_lie_in_an_unsigned_integer_of_a_fixed_width(fields, message):
    with pytest.raises(TypeError, match=rf"^Wrong\.x: {message}$"):
        layout_of(type(Struct)("Wrong", (Struct,), {"__annotations__": fields, "x": bit(0)}))


RANGES = [
    (u8, bit(8), bool, 8, 8),
    (u32, bits(30, 3), u32, 30, 32),
    (u32, bits(-1, 2), u8, -1, 0),
    (u32, bits(0, 0), u8, 0, -1),
]


@pytest.mark.parametrize(("holder", "range", "type", "low", "high"), RANGES)
def test_bits_lie_within_their_integer(holder, range, type, low, high):
    body = {"__annotations__": {"a": holder, "x": type}, "x": range}
    with pytest.raises(TypeError, match=rf"^Wrong\.x: bits {low} to {high} of a "):
        layout_of(Struct.__class__("Wrong", (Struct,), body))


@pytest.mark.parametrize(("type", "range"), [(u8, bit(0)), (bool, bits(0, 1)), (u8, bits(0, 9)), (i32, bits(0, 3))])
def test_a_bit_is_a_bool_and_bits_fit_their_type(type, range):
    body = {"__annotations__": {"a": u32, "x": type}, "x": range}
    with pytest.raises(TypeError, match=r"^Wrong\.x: a bit is a bool, bits are an unsigned integer that holds them$"):
        layout_of(Struct.__class__("Wrong", (Struct,), body))


def test_no_field_is_called_as_a_method_that_all_structs_have():
    with pytest.raises(TypeError, match=r"^Wrong\.of: every struct has a method of that name$"):
        layout_of(type(Struct)("Wrong", (Struct,), {"__annotations__": {"of": u32}}))
