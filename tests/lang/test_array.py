"""Arrays: elements by index, and the block operations."""

from itertools import pairwise

import pytest
from hypothesis import given
from hypothesis import strategies as st

from keelback.lang import Array, Ram, Struct, i8, i16, i32, i64, inline, u8, u16, u32, u64, view, word
from keelback.lang.integers import INTEGER_TYPES

COUNT = 5


class Pair(Struct):
    left: u8
    right: u16


class Arrays(Struct):
    of_u8: Array[u8] = inline(COUNT)
    of_i8: Array[i8] = inline(COUNT)
    of_u16: Array[u16] = inline(COUNT)
    of_i16: Array[i16] = inline(COUNT)
    of_u32: Array[u32] = inline(COUNT)
    of_i32: Array[i32] = inline(COUNT)
    of_u64: Array[u64] = inline(COUNT)
    of_i64: Array[i64] = inline(COUNT)
    of_word: Array[word] = inline(COUNT)
    pairs: Array[Pair] = inline(COUNT)


class Long(Struct):
    text: Array[u8] = inline(64)


@pytest.fixture
def arrays(region):
    return region.struct(Arrays)


every = pytest.mark.parametrize("name", list(INTEGER_TYPES))


@every
def test_both_limits_go_into_every_element(name, arrays):
    array, type = getattr(arrays, "of_" + name), INTEGER_TYPES[name].resolved(32)
    for value in (type.minimum, type.maximum):
        for index in range(COUNT):
            array[index] = value
        assert list(array) == [value] * COUNT


@every
def test_an_element_that_does_not_fit_panics_and_changes_nothing(name, arrays, panics):
    array, type = getattr(arrays, "of_" + name), INTEGER_TYPES[name].resolved(32)
    array[2] = 7
    for value in (type.minimum - 1, type.maximum + 1, 1 << 100, 1.5, None):
        with panics(f"{value!r} does not fit an element: {type.name}"):
            array[2] = value
    assert list(array) == [0, 0, 7, 0, 0]


@pytest.mark.parametrize("name", ["of_u8", "of_i64", "pairs"])
@pytest.mark.parametrize("index", [-1, COUNT, COUNT + 1, -COUNT, 1 << 40])
def test_an_index_out_of_range_panics_and_a_negative_one_too(name, index, arrays, panics):
    array = getattr(arrays, name)
    with panics(f"index {index} of an array of {COUNT} elements"):
        array[index]


def test_a_store_out_of_range_panics(arrays, panics):
    for index in (-1, COUNT):
        with panics(f"index {index} of an array of {COUNT} elements"):
            arrays.of_u16[index] = 1
    assert list(arrays.of_u16) == [0] * COUNT


@pytest.mark.parametrize("index", [slice(0, 2), "1", None])
def test_only_an_integer_is_an_index(index, arrays):
    with pytest.raises(TypeError):
        arrays.of_u8[index]
    with pytest.raises(TypeError):
        arrays.pairs[index]


def test_length_and_iteration(arrays):
    assert len(arrays.of_u32) == len(arrays.pairs) == COUNT
    arrays.of_u32[1] = 4
    assert list(arrays.of_u32) == [0, 4, 0, 0, 0]
    assert all(each is arrays.pairs[index] for index, each in enumerate(arrays.pairs))


def test_elements_of_structs_lie_one_after_the_other(arrays):
    places = [each._address for each in arrays.pairs]
    assert [second - first for first, second in pairwise(places)] == [4] * 4


def test_a_struct_element_is_not_replaced(arrays, panics):
    with panics("a struct in an array is changed field by field, not replaced"):
        arrays.pairs[0] = arrays.pairs[1]


def test_an_array_shows_itself_by_place(arrays):
    assert repr(arrays.of_u8) == "<5 u8 at 0x1000>"
    assert repr(arrays.pairs) == f"<5 Pair at {arrays.pairs._address:#x}>"


# copy_from


@given(st.integers(0, 64), st.integers(0, 64), st.integers(0, 64))
def test_an_overlapping_copy_is_as_if_through_a_buffer(start, source, count):
    text = view(Ram(4096), Long, 0).text
    for index in range(64):
        text[index] = index
    count = min(count, 64 - start, 64 - source)
    text.copy_from(start, text, source, count)
    expected = bytearray(range(64))
    expected[start : start + count] = bytes(range(source, source + count))
    assert list(text) == list(expected)


@every
def test_every_integer_type_is_copied(name, arrays, region):
    other, type = region.struct(Arrays), INTEGER_TYPES[name].resolved(32)
    target, source = getattr(arrays, "of_" + name), getattr(other, "of_" + name)
    source[1], source[2] = type.minimum, type.maximum
    target.copy_from(3, source, 1, 2)
    assert list(target) == [0, 0, 0, type.minimum, type.maximum]


@pytest.mark.parametrize(("start", "count"), [(0, 6), (5, 1), (-1, 2), (0, -1), (6, 0)])
def test_a_range_that_leaves_its_array_panics_and_changes_nothing(start, count, arrays, region, panics):
    other = region.struct(Arrays)
    other.of_u8.fill(0, COUNT, 9)
    message = f"[{start}, {start + count}) of an array of {COUNT} elements"
    with panics(message):
        arrays.of_u8.copy_from(start, other.of_u8, 0, count)
    with panics(message):
        arrays.of_u8.copy_from(0, other.of_u8, start, count)
    with panics(message):
        arrays.of_u8.fill(start, count, 9)
    assert list(arrays.of_u8) == [0] * COUNT


def test_an_empty_range_at_the_end_is_in_range(arrays):
    arrays.of_u32.copy_from(COUNT, arrays.of_u32, COUNT, 0)
    arrays.of_u32.fill(COUNT, 0, 1)
    assert list(arrays.of_u32) == [0] * COUNT


def test_a_copy_between_types_panics(arrays, panics):
    with panics("an array of u8 is copied from one of the same type, not from <5 i8 at 0x1005>"):
        arrays.of_u8.copy_from(0, arrays.of_i8, 0, 1)
    with panics("an array of Pair is copied from one of the same type, not from <5 u8 at 0x1000>"):
        arrays.pairs.copy_from(0, arrays.of_u8, 1, 1)
    with panics(f"an array of u8 is copied from one of the same type, not from {arrays.pairs!r}"):
        arrays.of_u8.copy_from(0, arrays.pairs, 1, 1)


def test_structs_are_copied_byte_by_byte(arrays, panics):
    for index in range(COUNT):
        arrays.pairs[index].left, arrays.pairs[index].right = index, 100 * index
    arrays.pairs.copy_from(1, arrays.pairs, 0, COUNT - 1)
    assert [(each.left, each.right) for each in arrays.pairs] == [(0, 0), (0, 0), (1, 100), (2, 200), (3, 300)]
    with panics("[4, 6) of an array of 5 elements"):
        arrays.pairs.copy_from(4, arrays.pairs, 0, 2)


# fill, clear, set_text


@every
def test_fill_sets_a_range_alone(name, arrays):
    array, type = getattr(arrays, "of_" + name), INTEGER_TYPES[name].resolved(32)
    for value in (type.minimum, type.maximum, 1):
        array.clear()
        array.fill(1, 3, value)
        assert list(array) == [0, value, value, value, 0]


@every
def test_fill_with_what_does_not_fit_panics_and_changes_nothing(name, arrays, panics):
    array, type = getattr(arrays, "of_" + name), INTEGER_TYPES[name].resolved(32)
    for value in (type.minimum - 1, type.maximum + 1):
        with panics(f"{value} does not fit an element: {type.name}"):
            array.fill(0, COUNT, value)
    with panics(f"an element takes {type.name}, not 1.5"):
        array.fill(0, 0, 1.5)
    assert list(array) == [0] * COUNT


def test_an_array_of_structs_is_not_filled(arrays, panics):
    with panics("only arrays of integers are filled"):
        arrays.pairs.fill(0, 1, arrays.pairs[1])


def test_clear_zeroes_every_byte_of_the_array_and_no_other(arrays):
    arrays.of_i8.fill(0, COUNT, -1)
    arrays.of_u8.fill(0, COUNT, 3)
    arrays.of_u16.fill(0, COUNT, 3)
    arrays.pairs[4].right = 5
    arrays.of_i8.clear()
    arrays.pairs.clear()
    assert list(arrays.of_i8) == [0] * COUNT and arrays.pairs[4].right == 0
    assert list(arrays.of_u8) == list(arrays.of_u16) == [3] * COUNT


def test_set_text_pads_with_zeros(arrays):
    arrays.of_u8.fill(0, COUNT, 255)
    arrays.of_u8.set_text("abc")
    assert bytes(arrays.of_u8) == b"abc\0\0"
    arrays.of_u8.set_text("12345")
    assert bytes(arrays.of_u8) == b"12345"
    arrays.of_u8.set_text("")
    assert bytes(arrays.of_u8) == bytes(COUNT)


def test_text_that_does_not_fit_panics_and_changes_nothing(arrays, panics):
    with panics("'123456' does not fit an array of 5 u8"):
        arrays.of_u8.set_text("123456")
    with panics("'1' does not fit an array of 5 i8"):
        arrays.of_i8.set_text("1")
    with panics("only arrays of u8 hold text"):
        arrays.pairs.set_text("1")
    assert bytes(arrays.of_u8) == bytes(COUNT)


def test_text_that_is_not_ascii_is_refused(arrays):
    with pytest.raises(UnicodeEncodeError):
        arrays.of_u8.set_text("é")


# Whether arrays are the same.


class Several(Struct):
    words: Array[u32] = inline(3)
    others: Array[u32] = inline(3)
    many: Array[u32] = inline(4)
    shorts: Array[i16] = inline(3)
    bytes: Array[u8] = inline(5)


@pytest.fixture
def several(region):
    return region.struct(Several)


def test_arrays_are_equal_element_by_element(several):
    assert several.words == several.others
    several.others[2] = 1 << 31
    assert several.words != several.others
    several.words[2] = 1 << 31
    assert several.words == several.others


def test_arrays_of_different_lengths_are_not_equal(several):
    assert several.words != several.many


@pytest.mark.parametrize("name", ["shorts", "bytes"])
def test_arrays_of_different_types_are_not_compared(name, several, panics):
    other = getattr(several, name)
    with panics(f"an array of u32 is compared with one of the same type, not with {other!r}"):
        several.words == other  # noqa: B015


@pytest.mark.parametrize("text", ["", "a", "abcde", "a\0b"])
def test_an_array_holds_the_text_that_was_set(text, several):
    several.bytes.set_text(text)
    assert several.bytes == text and text == several.bytes
    assert several.bytes != text + "x" and several.bytes != "other" and several.bytes != "longer than it"


def test_only_bytes_are_compared_with_text(several, panics):
    with panics(f"only arrays of u8 hold text, not {several.words!r}"):
        several.words == ""  # noqa: B015
