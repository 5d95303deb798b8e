"""Static records: placed in a region, 16-aligned, never over each other, each with a name."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from keelback.lang import Array, Component, Ram, Region, Struct, address_of, freeze, inline, name_of, u8, u16, u32, view


class Small(Struct):
    first: u32


class Page(Struct):
    entries: Array[u32] = inline(1024)


class Odd(Struct):
    letters: Array[u8] = inline(33)


class Item(Struct):
    pid: u16
    kind: u8


class Box(Struct):
    item: Item
    saved: Array[u16] = inline(3)


ACTIONS = st.lists(
    st.tuples(st.sampled_from(["struct", "page", "array", "table"]), st.integers(1, 9), st.sampled_from([Odd, Small])),
    max_size=12,
)


@given(ACTIONS)
def test_records_are_16_aligned_apart_and_inside(actions):
    ram = Ram(1 << 18)
    region = Region(ram, 0x1000, 0x20000)
    for action, count, struct in actions:
        if action == "struct":
            region.struct(struct)
        elif action == "page":
            assert address_of(region.struct(Page, 4096)) % 4096 == 0
        elif action == "table":
            region.table(struct)
        elif struct not in ram.homes:
            assert len(region.array(struct, count)) == count
    taken = [byte for record in ram.records for byte in range(record.address, record.end)]
    assert len(taken) == len(set(taken))
    assert all(record.address % 16 == 0 and record.size % 16 == 0 for record in ram.records)
    assert all(record.address >= 0x1000 and record.end <= 0x20000 for record in ram.records)


def test_two_regions_can_not_place_over_each_other(ram):
    first, second = Region(ram, 0x1000, 0x2000), Region(ram, 0x1000, 0x2000)
    first.struct(Odd)
    with pytest.raises(ValueError, match=r"^\[0x1000, 0x1010\) overlaps  at 0x1000$"):
        second.struct(Small)
    assert len(ram.records) == 1


@pytest.mark.parametrize(
    ("start", "end"), [(0x1001, 0x2000), (0x1000, 0x2008), (0x2000, 0x1000), (0, 0), (-16, 0), (0, 0x10010)]
)
def test_a_region_is_16_aligned_and_in_ram(ram, start, end):
    with pytest.raises(ValueError, match=r"is no 16-aligned region of a RAM of 0x10000 bytes$"):
        Region(ram, start, end)


def test_a_full_region_refuses_and_changes_nothing(ram):
    region = Region(ram, 0x1000, 0x1010)
    for place in (lambda: region.struct(Odd), lambda: region.array(Small, 5)):
        with pytest.raises(ValueError, match=r"^no room for 0x\w+ bytes at 0x1000: the region ends at 0x1010$"):
            place()
    assert ram.records == [] and ram.homes == {}
    region.struct(Small)


def test_a_struct_has_one_home(region):
    region.array(Item, 2)
    with pytest.raises(ValueError, match=r"^Item has its home array already: a Ref counts from one$"):
        region.array(Item, 2)


@pytest.mark.parametrize("count", [0, -1])
def test_an_array_has_an_element(region, count):
    with pytest.raises(ValueError, match=f"^an array of {count} Item: it has at least one element$"):
        region.array(Item, count)
    assert region.ram.records == []


# Names.


class Part(Component):
    def __init__(self, region: Region) -> None:
        self.items = region.array(Item, 2)
        self.box = region.struct(Box)
        self.table = region.table(Item)


class Whole(Component):
    def __init__(self, region: Region) -> None:
        self.part = Part(region)
        self.again = (self.part, self.part.items)


@pytest.fixture
def whole(region):
    made = Whole(region)
    freeze(made)
    return made


def test_name_of_says_path_element_and_field(whole, ram):
    items, box = address_of(whole.part.items[0]), address_of(whole.part.box)
    assert name_of(ram, items) == "part.items[0].pid"
    assert name_of(ram, items + 6) == "part.items[1].kind"
    assert name_of(ram, items + 7) == "part.items[1].padding"
    assert name_of(ram, box + 2) == "part.box.item.kind"
    assert name_of(ram, box + 6) == "part.box.saved[1]"


def test_name_of_knows_the_padding_behind_a_record(whole, ram):
    items, box = address_of(whole.part.items[0]), address_of(whole.part.box)
    assert [name_of(ram, items + offset) for offset in (8, 12, 15)] == ["part.items.padding"] * 3
    assert name_of(ram, box + 10) == "part.box.padding"


def test_a_table_is_named_by_its_record_before_and_after_it_is_placed(whole, ram):
    record = address_of(whole.part.table.record)
    assert name_of(ram, record + 4) == "part.table.count"
    whole.part.table.place(0x9000, 4)
    assert name_of(ram, record) == "part.table.base"
    assert name_of(ram, 0x9000) == "0x00009000"


def test_what_is_no_record_is_named_in_hexadecimal(ram):
    assert name_of(ram, 0x1000) == "0x00001000"
    assert name_of(ram, 0xFFFF_F000) == "0xfffff000"


def test_a_record_that_no_component_holds_is_called_by_its_class(region, ram):
    region.struct(Box)
    assert name_of(ram, 0x1000) == "Box.item.pid"


def test_the_part_of_a_record_does_not_name_it(region, ram):
    class Sly(Component):
        def __init__(self) -> None:
            items, box = region.array(Item, 2), region.struct(Box)
            page = region.struct(Page)
            self.first_item, self.item, self.entries = items[0], box.item, page.entries
            self.items, self.box, self.page = items, box, page
            self.seen_otherwise = view(ram, Small, address_of(box))

    freeze(Sly())
    assert [record.name for record in ram.records] == ["items", "box", "page"]
