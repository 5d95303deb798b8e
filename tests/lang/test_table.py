"""Tables: arrays placed once, at boot."""

import pytest

from keelback.lang import Ram, Region, Struct, Table, u8, u32, word


class Entry(Struct):
    base: u32
    kind: u8


class Wide(Struct):
    place: word


@pytest.fixture
def entries(region):
    return region.table(Entry)


@pytest.fixture
def numbers(region):
    return region.table(u32)


def test_a_table_has_no_elements_before_it_is_placed(entries, numbers, panics):
    assert len(entries) == len(numbers) == 0
    for table in (entries, numbers):
        with panics("a table is used before it is placed"):
            table[0]
    with panics("a table is used before it is placed"):
        numbers[0] = 1
    with panics("a table is used before it is placed"):
        numbers.fill(0, 0, 1)


def test_its_record_is_base_and_count(numbers, ram):
    numbers.place(0x9000, 3)
    assert (numbers.record.base, numbers.record.count) == (0x9000, 3)
    assert bytes(ram.bytes[0x1000:0x1010]) == bytes.fromhex("00900000 03000000") + bytes(8)


def test_place_clears_and_adopt_keeps(numbers, entries, ram):
    ram.bytes[0x9000:0x9100] = b"\1" * 0x100
    numbers.place(0x9000, 2)
    entries.adopt(0x9080, 2)
    assert list(numbers) == [0, 0] and ram.bytes[0x9008] == 1
    assert entries[1].base == 0x01010101 and entries[1].kind == 1


def test_elements_are_read_and_written(numbers, entries):
    numbers.place(0x9000, 4)
    entries.place(0xA000, 2)
    numbers[3] = 0xFFFF_FFFF
    numbers.fill(0, 2, 5)
    entries[1].kind = 8
    assert list(numbers) == [5, 5, 0, 0xFFFF_FFFF] and len(numbers) == 4
    assert entries[1] is entries[1] and [each.kind for each in entries] == [0, 8]
    assert (entries.element_size, numbers.element_size) == (8, 4)


@pytest.mark.parametrize("index", [-1, 4])
def test_an_index_out_of_range_panics(numbers, panics, index):
    numbers.place(0x9000, 4)
    with panics(f"index {index} of an array of 4 elements"):
        numbers[index]
    with panics(f"index {index} of an array of 4 elements"):
        numbers[index] = 0


def test_a_value_that_does_not_fit_panics(numbers, entries, panics):
    numbers.place(0x9000, 4)
    entries.place(0xA000, 4)
    with panics("4294967296 does not fit an element: u32"):
        numbers[0] = 1 << 32
    with panics("a struct in an array is changed field by field, not replaced"):
        entries[0] = entries[1]


@pytest.mark.parametrize("settle", [Table.place, Table.adopt])
def test_a_table_is_placed_once(settle, numbers, panics):
    numbers.place(0x9000, 4)
    numbers[1] = 6
    with panics("a table is placed once"):
        settle(numbers, 0x9100, 2)
    assert (numbers.record.base, numbers[1]) == (0x9000, 6)


@pytest.mark.parametrize("settle", [Table.place, Table.adopt])
@pytest.mark.parametrize(
    ("base", "count", "message"),
    [
        (0, 4, "a table of 4 elements can't lie at 0x0"),
        (-16, 4, "a table of 4 elements can't lie at -0x10"),
        (0x9002, 4, "a table of 4 elements can't lie at 0x9002"),
        (0x9000, -1, "a table of -1 elements can't lie at 0x9000"),
        (0xFFFC, 2, "no RAM at 0xfffc: the machine has 0x10000 bytes"),
        (0x9000, 1 << 32, "no RAM at 0x9000: the machine has 0x10000 bytes"),
        (1 << 32, 1, "no RAM at 0x100000000: the machine has 0x10000 bytes"),
    ],
)
def test_a_table_that_can_not_lie_there_panics_and_changes_nothing(settle, base, count, message, numbers, panics, ram):
    before = bytes(ram.bytes)
    with panics(message):
        settle(numbers, base, count)
    assert bytes(ram.bytes) == before


def test_a_table_follows_what_ram_says(numbers, entries, ram, panics):
    """RAM is all the state: when a snapshot is put back, tables lie where the snapshot says."""
    empty = bytes(ram.bytes)
    numbers.place(0x9000, 4)
    entries.place(0xB000, 4)
    numbers[3], entries[1].kind = 3, 3
    placed = bytes(ram.bytes)
    ram.bytes[:] = empty
    assert len(numbers) == 0
    with panics("a table is used before it is placed"):
        numbers[3]
    numbers.place(0xA000, 2)
    numbers[1] = 9
    ram.bytes[:] = placed
    assert list(numbers) == [0, 0, 0, 3] and entries[1].kind == 3


def test_a_record_that_lies_panics(numbers, panics):
    numbers.record.base, numbers.record.count = 0x9000, 0x1_0000
    with panics("no RAM at 0x9000: the machine has 0x10000 bytes"):
        numbers[0]


def test_a_table_of_words_is_as_wide_as_the_machine():
    region = Region(Ram(0x10000, word_bits=64), 0x1000, 0x2000)
    words, structs = region.table(word), region.table(Wide)
    assert (words.element_size, structs.element_size) == (8, 8)
    structs.place(0x3000, 2)
    structs[1].place = 1 << 63
    assert structs[1].place == 1 << 63


def test_the_elements_of_a_table_are_nobodys_home(entries, region):
    entries.place(0x9000, 2)
    assert Entry not in region.ram.homes
