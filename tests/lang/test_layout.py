"""Struct layout against the host's C compiler's, as `ctypes` knows it, and against a sum done by hand."""

import ctypes
from collections.abc import Callable
from enum import IntEnum, IntFlag
from typing import Annotated, Any, ClassVar, Literal

import pytest
from hypothesis import given
from hypothesis import strategies as st

from keelback.lang import (
    Array,
    Panic,
    Ram,
    Ref,
    Region,
    Struct,
    Table,
    at,
    bit,
    bits,
    i8,
    i16,
    i32,
    i64,
    inline,
    layout_of,
    on_64_bits,
    round_up,
    size_of,
    u8,
    u16,
    u32,
    u64,
    view,
    word,
)
from keelback.lang.struct import struct_of


class Colour(IntEnum):
    RED = 0
    BLUE = 255


class Node(Struct):
    next: "Ref[Node]"
    also: Ref["Node"]


class Inner(Struct):
    small: u8
    large: u64


class Outer(Struct):
    flag: bool
    colour: Colour
    inner: Inner
    many: Array[Inner] = inline(2)
    saved: Array[u16] = inline(3)
    place: word


# A C type whose natural alignment is its size, on the 64-bit hosts that this runs on.
C_TYPES = {
    u8: ctypes.c_uint8,
    u16: ctypes.c_uint16,
    u32: ctypes.c_uint32,
    u64: ctypes.c_uint64,
    i8: ctypes.c_int8,
    i16: ctypes.c_int16,
    i32: ctypes.c_int32,
    i64: ctypes.c_int64,
    word: ctypes.c_uint32,
    bool: ctypes.c_uint8,
    Colour: ctypes.c_uint8,
    Ref[Node]: ctypes.c_uint32,
}
INTEGERS = [u8, u16, u32, u64, i8, i16, i32, i64]


def make_struct(fields: list[tuple[Any, Any, int]]) -> tuple[type[Struct], type[ctypes.Structure]]:
    """Return a struct of fields (annotation, C type, count or 0), and the same in C."""
    annotations = {f"f{n}": Array[kind] if count else kind for n, (kind, _, count) in enumerate(fields)}
    counts = {f"f{n}": inline(count) for n, (_, _, count) in enumerate(fields) if count}
    body = {"__annotations__": annotations, "__module__": __name__, **counts}
    c_fields = [(f"f{n}", c_type * count if count else c_type) for n, (_, c_type, count) in enumerate(fields)]
    return type(Struct)("Made", (Struct,), body), type("C", (ctypes.Structure,), {"_fields_": c_fields})


scalars = st.sampled_from(list(C_TYPES.items())).map(lambda pair: (*pair, 0))
arrays = st.tuples(st.sampled_from(INTEGERS), st.integers(1, 5)).map(lambda pair: (pair[0], C_TYPES[pair[0]], pair[1]))


def structs(fields: st.SearchStrategy[Any]) -> st.SearchStrategy[Any]:
    return st.lists(fields, min_size=1, max_size=7).map(make_struct)


plain = structs(scalars | arrays)
nested = structs(scalars | arrays | st.tuples(plain, st.integers(0, 3)).map(lambda pair: (*pair[0], pair[1])))


def test_the_oracle_aligns_naturally():
    assert all(ctypes.alignment(each) == ctypes.sizeof(each) for each in C_TYPES.values())


@given(nested)
def test_random_structs_lie_as_in_c(pair):
    struct, c_struct = pair
    layout = layout_of(struct)
    assert [each.offset for each in layout.fields] == [getattr(c_struct, each.name).offset for each in layout.fields]
    assert (layout.size, layout.alignment) == (ctypes.sizeof(c_struct), ctypes.alignment(c_struct))


@given(nested, st.sampled_from([32, 64]))
def test_fields_are_in_order_aligned_and_apart(pair, word_bits):
    layout = layout_of(pair[0], word_bits)
    end = 0
    for field in layout.fields:
        assert end <= field.offset < end + 8 and field.offset % field.kind.alignment == 0
        end = field.offset + field.kind.size
    assert end <= layout.size < end + 8 and layout.size % layout.alignment == 0


@given(plain, st.data())
def test_what_a_view_writes_c_reads(pair, data):
    struct, c_struct = pair
    ram = Ram(4096)
    record, in_c = view(ram, struct, 64), c_struct.from_buffer(ram.contents, 64)
    for name, c_type in c_struct._fields_:
        current = getattr(record, name)
        if isinstance(current, Array):
            c_type = c_type._type_
        signed = c_type(-1).value < 0
        bits = 8 * ctypes.sizeof(c_type)
        low, high = (-(1 << bits - 1), (1 << bits - 1) - 1) if signed else (0, (1 << bits) - 1)
        if isinstance(current, Array):
            values = data.draw(st.lists(st.integers(low, high), min_size=len(current), max_size=len(current)))
            for index, value in enumerate(values):
                current[index] = value
            assert list(current) == list(getattr(in_c, name)) == values
        elif current is not None:
            value = data.draw(st.booleans() if isinstance(current, bool) else st.integers(low, high))
            value = data.draw(st.sampled_from(Colour)) if isinstance(current, Colour) else value
            setattr(record, name, value)
            assert getattr(record, name) == getattr(in_c, name) == value


def test_a_layout_done_by_hand():
    layout = layout_of(Outer)
    places = [(each.name, each.offset, each.kind.size) for each in layout.fields]
    assert places == [
        ("flag", 0, 1), ("colour", 1, 1), ("inner", 8, 16), ("many", 24, 32), ("saved", 56, 6), ("place", 64, 4),
    ]  # fmt: skip
    assert (layout.size, layout.alignment) == (72, 8)


def test_a_word_is_8_bytes_on_a_64_bit_machine():
    assert layout_of(Outer, 64).field("place").kind.size == 8


def test_a_size_is_a_records_own_where_words_are_in_it():
    assert [size_of(view(Ram(4096, word_bits=word_bits), Holder, 64)) for word_bits in (32, 64)] == [8, 40]
    assert size_of(Outer) == 72
    with pytest.raises(TypeError, match="the size of a Holder depends on the machine's words: ask for a record's"):
        size_of(Holder)


class Few(Struct):
    last: word

    def end(self) -> word:
        return self.last + 4


@on_64_bits(Few)
class Many(Struct):
    others: Array[word] = inline(3)
    last: word

    def end(self) -> word:
        return self.last + 8


class Holder(Struct):
    first: u8
    few: Few


def test_another_struct_stands_for_one_where_words_have_64_bits():
    for word_bits, size, end, class_ in ((32, 8, 4, Few), (64, 40, 8, Many)):
        ram = Ram(4096, word_bits=word_bits)
        holder, few = view(ram, Holder, 64), Region(ram, 1024, 2048).struct(Few)
        few.last = 2
        assert (size_of(holder), few.end(), struct_of(few), struct_of(holder.few)) == (size, 2 + end, class_, class_)
        assert ram.records[0].struct is class_ and view(ram, Few, 1024) is few is view(ram, class_, 1024)


def test_a_u64_is_8_aligned_whatever_i386_compilers_do():
    assert layout_of(Inner).field("large").offset == 8


def test_bool_enum_and_ref_have_their_fixed_sizes():
    assert [each.kind.size for each in layout_of(Outer).fields[:2]] == [1, 1]
    assert [each.kind.size for each in layout_of(Node).fields] == [4, 4]
    assert [each.kind.target for each in layout_of(Node).fields] == [Node, Node]


def test_a_layout_is_worked_out_once():
    assert layout_of(Outer) is layout_of(Outer)


@pytest.mark.parametrize(
    ("offset", "name"),
    [
        (0, "flag"),
        (1, "colour"),
        (2, "padding"),
        (8, "inner.small"),
        (9, "inner.padding"),
        (23, "inner.large"),
        (40, "many[1].small"),
        (59, "saved[1]"),
        (62, "padding"),
        (71, "padding"),
    ],
)
def test_name_at_names_every_byte(offset, name):
    assert layout_of(Outer).name_at(offset) == name


def test_an_unknown_field_is_a_key_error():
    with pytest.raises(KeyError, match="Inner has no field huge"):
        layout_of(Inner).field("huge")


class TooLarge(IntEnum):
    BIG = 256


class Negative(IntEnum):
    BELOW = -1


class Flags(IntFlag):
    ONE = 1


REFUSED = (
    *(int, str, float, bytes, list[u32], dict[str, int], u32 | None, Literal[1], Callable[[], None], ClassVar[u32]),
    *(Annotated[str, "u32"], Table[u32], Array[u32], Ref[int], TooLarge, Negative, Flags, None, object, "u32 | i8"),
)


@pytest.mark.parametrize("annotation", REFUSED)
def test_any_other_annotation_is_refused_by_the_name_of_its_field(annotation):
    body = {"__annotations__": {"x": annotation}, "__module__": __name__}
    with pytest.raises(TypeError, match=r"^Wrong\.x: .* is no field type; see docs/kernel-python\.md$"):
        layout_of(type(Struct)("Wrong", (Struct,), body))


@pytest.mark.parametrize("element", [bool, Colour, Ref[Node], Array[u8], str])
def test_an_array_is_of_integers_or_structs_only(element):
    body = {"__annotations__": {"x": Array[element]}, "x": inline(2)}
    with pytest.raises(TypeError, match=r"^Wrong\.x: .* is no field type"):
        layout_of(type(Struct)("Wrong", (Struct,), body))


def test_only_an_array_has_an_inline_count():
    class Wrong(Struct):
        x: u32 = inline(2)

    with pytest.raises(TypeError, match=r"^Wrong\.x: .* is no field type"):
        layout_of(Wrong)


@pytest.mark.parametrize("count", [0, -1])
def test_an_inline_array_has_an_element(count):
    with pytest.raises(ValueError, match=rf"^inline\({count}\): an inline array has at least one element$"):
        inline(count)


def test_a_struct_has_a_field():
    class Empty(Struct):
        pass

    with pytest.raises(TypeError, match=r"^Empty has no fields$"):
        layout_of(Empty)


BAD_NAME = r"a field has no leading underscore, no default and no method$"


def test_a_default_is_refused():
    class Wrong(Struct):
        x: u32 = 5

    with pytest.raises(TypeError, match=rf"^Wrong\.x: {BAD_NAME}"):
        layout_of(Wrong)


def test_a_field_that_is_a_method_too_is_refused():
    class Wrong(Struct):
        x: u32

        def x(self) -> u32:
            return 1

    with pytest.raises(TypeError, match=rf"^Wrong\.x: {BAD_NAME}"):
        layout_of(Wrong)


@pytest.mark.parametrize("name", ["_index", "_ram", "_I", "_x"])
def test_a_field_with_a_leading_underscore_is_refused(name):
    with pytest.raises(TypeError, match=rf"^Wrong\.{name}: {BAD_NAME}"):
        layout_of(type(Struct)("Wrong", (Struct,), {"__annotations__": {name: u32}}))


@given(st.integers(-1000, 1000), st.integers(1, 64))
def test_round_up_is_the_lowest_multiple_that_is_enough(value, alignment):
    rounded = round_up(value, alignment)
    assert rounded % alignment == 0 and value <= rounded < value + alignment


# Fields at offsets that are given.


class TaskState(Struct):
    """The 64-bit task state, but for two of its stacks.  Source: Intel SDM volume 3, section 8.7."""

    stack: u64 = at(4)
    interrupt_stacks: Array[u64] = inline(7, at=0x24)
    io_bitmap: u16 = at(0x66)


class InC(ctypes.LittleEndianStructure):
    _pack_ = 4
    _fields_ = (
        ("reserved", ctypes.c_uint32), ("stacks", ctypes.c_uint64 * 3), ("more", ctypes.c_uint64),
        ("interrupt_stacks", ctypes.c_uint64 * 7), ("rest", ctypes.c_uint8 * 10), ("io_bitmap", ctypes.c_uint16),
    )  # fmt: skip


class Odd(Struct):
    before: u8
    wide: u64 = at(3)
    low: bool = bit(0)
    high: u32 = bits(33, 31)
    ready: bool = at(13)
    colour: Colour = at(15)
    signed: i32 = at(17)
    node: Ref[Node] = at(23)
    after: u32


def test_a_hardware_struct_lies_as_its_manual_says():
    layout = layout_of(TaskState)
    assert [(each.name, each.offset) for each in layout.fields] == [
        ("stack", 4), ("interrupt_stacks", InC.interrupt_stacks.offset), ("io_bitmap", InC.io_bitmap.offset),
    ]  # fmt: skip
    assert (layout.size, layout.alignment) == (ctypes.sizeof(InC), ctypes.alignment(InC)) == (104, 4)
    assert layout.name_at(0) == layout.name_at(0x65) == "padding" and layout.name_at(0x2C) == "interrupt_stacks[1]"


def test_what_follows_is_aligned_as_ever():
    layout = layout_of(Odd)
    assert [each.offset for each in layout.fields] == [0, 3, 13, 15, 17, 23, 28]
    assert (layout.size, layout.alignment) == (32, 4)


@given(st.integers(0, (1 << 64) - 1), st.integers(-(1 << 31), (1 << 31) - 1), st.booleans())
def test_a_field_at_an_odd_offset_is_its_bytes(wide, signed, ready):
    ram = Ram(4096)
    odd = view(ram, Odd, 64)
    odd.wide, odd.signed, odd.ready, odd.colour = wide, signed, ready, Colour.BLUE
    assert (odd.wide, odd.signed, odd.ready, odd.colour) == (wide, signed, ready, Colour.BLUE)
    assert (odd.low, odd.high) == (bool(wide & 1), wide >> 33)
    assert bytes(ram.bytes[67:75]) == wide.to_bytes(8, "little")
    assert bytes(ram.bytes[81:85]) == signed.to_bytes(4, "little", signed=True)
    odd.high, odd.low = 0, True
    assert odd.wide == wide & ((1 << 33) - 1) | 1
    assert odd.before == 0 and odd.after == 0 and not any(ram.bytes[75:77])


@pytest.mark.parametrize("value", [1 << 64, -1, 1.0, None, "1"])
def test_what_does_not_fit_an_odd_offset_panics(value):
    odd = view(Ram(4096), Odd, 64)
    odd.wide = 0x1234
    with pytest.raises(Panic, match=r" does not fit Odd\.wide: u64"):
        odd.wide = value
    assert odd.wide == 0x1234


def test_an_array_at_an_odd_offset_is_one():
    state = view(Ram(4096), TaskState, 68)
    state.interrupt_stacks.fill(1, 3, 1 << 63)
    assert [*state.interrupt_stacks] == [0, 1 << 63, 1 << 63, 1 << 63, 0, 0, 0]


def test_fields_at_offsets_are_in_order():
    class Wrong(Struct):
        first: u32
        second: u32 = at(2)

    with pytest.raises(TypeError, match=r"^Wrong\.second: the field before ends at 0x4, after 0x2$"):
        layout_of(Wrong)


@pytest.mark.parametrize("many", [True, False])
def test_a_struct_at_an_offset_is_aligned(many):
    kind, given = (Array[Inner], inline(2, at=12)) if many else (Inner, at(12))
    with pytest.raises(TypeError, match=r"^Wrong\.x: Inner lies 8-aligned, not at 0xc$"):
        layout_of(Struct.__class__("Wrong", (Struct,), {"__annotations__": {"x": kind}, "x": given}))


def test_only_an_inline_array_has_no_offset_alone():
    class Wrong(Struct):
        x: Array[u32] = at(8)

    with pytest.raises(TypeError, match=r"^Wrong\.x: .* is no field type"):
        layout_of(Wrong)
