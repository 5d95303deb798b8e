"""Structs: attributes that are the bytes in RAM."""

from __future__ import annotations

import struct
from enum import IntEnum

import pytest

from keelback.lang import (  # noqa: F401  (annotations, which are strings here)
    Array,
    Ram,
    Ref,
    Region,
    Struct,
    address_of,
    i8,
    i16,
    i32,
    i64,
    inline,
    u8,
    u16,
    u32,
    u64,
    view,
    word,
)
from keelback.lang.integers import INTEGER_TYPES
from keelback.lang.struct import make_view, struct_of

FIXED = [name for name in INTEGER_TYPES if name != "word"]


class State(IntEnum):
    FREE = 0
    BUSY = 5


class Task(Struct):
    """One task."""

    pid: u16
    state: State


class Numbers(Struct):
    u8: u8
    i8: i8
    u16: u16
    i16: i16
    u32: u32
    i32: i32
    u64: u64
    i64: i64


class Point(Struct):
    x: i16
    y: i16

    def move(self, by: int) -> None:
        self.x += by

    def sum(self) -> int:
        return self.x + self.y


class Holder(Struct):
    before: u8
    flag: bool
    state: State
    task: Ref[Task]
    point: Point
    points: Array[Point] = inline(2)
    index: u16
    bytes: u8
    mro: u32
    saved: Array[u32] = inline(2)
    after: u8


@pytest.fixture
def holder(region):
    return region.struct(Holder)


@pytest.fixture
def tasks(region):
    return region.array(Task, 4)


def content(record, size=64):
    return bytes(record._ram.bytes[address_of(record) : address_of(record) + size])


# Integers.


@pytest.mark.parametrize("name", FIXED)
def test_both_limits_are_stored_little_endian(name, region):
    numbers, type = region.struct(Numbers), INTEGER_TYPES[name]
    for value in (type.minimum, type.maximum, 0, 1):
        setattr(numbers, name, value)
        assert getattr(numbers, name) == value
        place = content(numbers).index(struct.pack("<" + type.code, value))
        assert place % type.size == 0


@pytest.mark.parametrize("name", FIXED)
def test_a_value_that_does_not_fit_panics_and_changes_nothing(name, region, panics):
    numbers, type = region.struct(Numbers), INTEGER_TYPES[name]
    setattr(numbers, name, 77)
    before = content(numbers)
    for value in (type.minimum - 1, type.maximum + 1, -(1 << 100), 1 << 100, 1.0, "1", None):
        with panics(f"{value!r} does not fit Numbers.{name}: {name}"):
            setattr(numbers, name, value)
    assert content(numbers) == before


def test_the_panic_names_the_line_of_an_augmented_assignment(region, panics):
    numbers = region.struct(Numbers)
    numbers.u8 = 255
    with panics("256 does not fit Numbers.u8: u8"):
        numbers.u8 += 1
    assert numbers.u8 == 255


def test_neighbours_do_not_change(holder):
    holder.flag = True
    holder.state = State.BUSY
    assert (holder.before, holder.index, holder.after) == (0, 0, 0)
    assert content(holder)[:4] == bytes([0, 1, 5, 0])


# Bool, enum, Ref.


def test_a_bool_is_one_byte_and_any_byte_but_0_is_true(holder):
    holder.flag = True
    assert holder.flag is True and content(holder)[1] == 1
    holder._ram.bytes[address_of(holder) + 1] = 2
    assert holder.flag is True
    holder.flag = False
    assert holder.flag is False and content(holder)[1] == 0


@pytest.mark.parametrize("value", [2, -1, "yes", None, []])
def test_a_bool_takes_no_other_value(holder, panics, value):
    with panics(f"{value!r} does not fit Holder.flag: bool"):
        holder.flag = value


def test_an_enum_is_read_as_its_member(holder):
    holder.state = State.BUSY
    assert holder.state is State.BUSY


@pytest.mark.parametrize("value", [1, 255, 256, -1, "BUSY", None])
def test_a_value_that_names_no_member_is_never_stored(holder, panics, value):
    with panics(f"{value!r} does not fit Holder.state: State"):
        holder.state = value
    assert holder.state is State.FREE


def test_a_byte_that_names_no_member_panics_when_it_is_read(holder, panics):
    holder._ram.bytes[address_of(holder) + 2] = 9
    with panics("Holder.state holds 9, which names no member"):
        holder.state  # noqa: B018


def test_a_ref_is_stored_as_index_plus_one(holder, tasks):
    assert holder.task is None
    for index in range(4):
        holder.task = tasks[index]
        assert content(holder)[4:8] == struct.pack("<I", index + 1)
        assert holder.task is tasks[index]
    holder.task = None
    assert content(holder)[4:8] == bytes(4) and holder.task is None


def test_a_ref_to_a_foreign_element_is_refused(holder, tasks, region, panics):
    lonely = region.struct(Task)
    other_ram = Region(Ram(4096), 0, 4096).array(Task, 4)[1]
    for value in (lonely, other_ram, holder.point, holder, 3, "task"):
        with panics(f"a Ref[Task] takes an element of its home array or None, not {value!r}"):
            holder.task = value
    assert holder.task is None


def test_a_ref_beyond_the_home_array_panics_when_it_is_read(holder, tasks, panics):
    holder._ram.bytes[address_of(holder) + 4] = 5
    with panics("index 4 of an array of 4 elements"):
        holder.task  # noqa: B018


# Structs and arrays inside.


def test_a_nested_struct_is_its_part_of_the_bytes(holder):
    holder.point.y = -2
    assert content(holder)[8:12] == struct.pack("<hh", 0, -2)
    assert holder.point.y == -2


def test_methods_of_a_struct_work_on_its_bytes(holder):
    holder.point.y = 3
    holder.point.move(4)
    assert (holder.point.x, holder.point.sum()) == (4, 7)


def test_field_names_of_the_languages_own_are_free(holder):
    holder.index, holder.bytes, holder.mro = 7, 8, 9
    assert (holder.index, holder.bytes, holder.mro) == (7, 8, 9)


def test_inner_views_are_the_same_object_every_time(holder):
    assert holder.point is holder.point
    assert holder.points is holder.points
    assert holder.points[1] is holder.points[1]
    assert holder.saved is holder.saved


def test_is_compares_places_however_a_view_was_come_by(holder, tasks, ram):
    assert view(ram, Holder, address_of(holder)) is holder
    assert view(ram, Point, address_of(holder.point)) is holder.point
    assert view(ram, Point, address_of(holder.points[1])) is holder.points[1]
    assert view(ram, Task, address_of(tasks[2])) is tasks[2]


def test_an_element_seen_first_by_its_address_may_be_referred_to(holder, tasks, ram):
    task = view(ram, Task, address_of(tasks[0]) + 3 * 4)
    assert tasks[3] is task
    holder.task = task
    assert holder.task is task


def test_a_part_is_not_replaced(holder):
    for name in ("point", "points", "saved"):
        with pytest.raises(AttributeError):
            setattr(holder, name, getattr(holder, name))
        with pytest.raises(AttributeError):
            delattr(holder, name)


# What a struct class is.


def test_a_misspelt_field_is_an_attribute_error(holder):
    with pytest.raises(AttributeError, match=r"^'Holder' object has no attribute 'flg'$"):
        holder.flg = True
    with pytest.raises(AttributeError, match=r"^'Holder' object has no attribute 'flg'$"):
        holder.flg  # noqa: B018


def test_a_misspelt_field_in_a_method_is_an_attribute_error(region):
    class Wrong(Struct):
        count: u32

        def add(self) -> None:
            self.cuont = self.count + 1

    Wrong.__annotations__["count"] = u32
    with pytest.raises(AttributeError, match=r"^'Wrong' object has no attribute 'cuont'$"):
        region.struct(Wrong).add()


def test_a_struct_extends_no_other():
    with pytest.raises(TypeError, match=r"^Longer extends Point: a struct extends no other; make that one a field$"):

        class Longer(Point):
            z: i16


def test_a_view_knows_its_class(holder):
    assert isinstance(holder, Holder) and struct_of(holder) is Holder
    assert type(holder).__name__ == "Holder" and type(holder).__doc__ == Holder.__doc__
    assert repr(holder) == f"<Holder at {address_of(holder):#x}>"


def test_a_struct_without_a_ram_has_no_fields():
    with pytest.raises(AttributeError):
        Task().pid  # noqa: B018


# Views.


def test_reading_shows_what_was_written_behind_the_views_back(holder):
    holder._ram.bytes[address_of(holder)] = 99
    assert holder.before == 99


def test_two_rams_do_not_share(region):
    other = Region(Ram(1 << 16), 0x1000, 0x8000).struct(Numbers)
    mine = region.struct(Numbers)
    mine.u8 = 1
    assert other.u8 == 0 and other is not mine


def test_a_misaligned_view_panics(ram, panics):
    with panics("Holder at 0x1002: not 4-aligned"):
        view(ram, Holder, 0x1002)


@pytest.mark.parametrize("address", [0x10000 - 4, 0x10000, -4, 1 << 40])
def test_a_view_outside_ram_panics(ram, panics, address):
    with panics(f"no RAM at {address:#x}: the machine has 0x10000 bytes"):
        view(ram, Holder, address)


def test_the_last_bytes_of_ram_can_be_viewed(ram):
    view(ram, Task, 0x10000 - 4).pid = 1
    assert ram.bytes[0xFFFC] == 1


def test_address_and_bytes_may_differ_behind_a_window(ram):
    shown = make_view(ram, Holder, 0x7000_0000, 0x2000)
    shown.point.x = 5
    shown.points[1].y = 6
    shown.saved[1] = 7
    direct = view(ram, Holder, 0x2000)
    assert (direct.point.x, direct.points[1].y, direct.saved[1]) == (5, 6, 7)
    assert address_of(shown.point) == 0x7000_0008 and address_of(shown.points[1]) == 0x7000_0010
    assert shown.point is not direct.point
