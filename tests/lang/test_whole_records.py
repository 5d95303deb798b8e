"""Records copied and cleared as a whole."""

import pytest

from keelback.lang import Array, Ram, Ref, Region, Struct, address_of, inline, size_of, u8, u32, u64, view


class Inner(Struct):
    small: u8
    wide: u64


class Node(Struct):
    first: u8
    next: "Ref[Node]"
    inner: Inner
    many: Array[Inner] = inline(2)
    words: Array[u32] = inline(3)


class Other(Struct):
    first: u8


SIZE = size_of(Node)


def content(record):
    start = address_of(record)
    return bytes(record._ram.bytes[start : start + SIZE])


@pytest.fixture
def nodes(region):
    nodes = region.array(Node, 3)
    nodes[0]._ram.bytes[address_of(nodes[0]) : address_of(nodes[0]) + 3 * SIZE] = bytes(
        range(1, 3 * SIZE + 1)
    )  # padding too
    return nodes


def test_a_copy_is_the_same_byte_for_byte(nodes):
    before = content(nodes[1])
    nodes[0].copy_from(nodes[1])
    assert content(nodes[0]) == content(nodes[1]) == before


def test_a_copied_ref_stands_for_the_same_element(nodes):
    nodes[0].next = nodes[2]
    nodes[1].copy_from(nodes[0])
    assert nodes[1].next is nodes[2]


def test_a_cleared_record_is_all_zero_and_nothing_else_is(nodes):
    others = content(nodes[0]), content(nodes[2])
    nodes[1].clear()
    assert content(nodes[1]) == bytes(SIZE)
    assert (content(nodes[0]), content(nodes[2])) == others


def test_a_part_is_copied_alone(nodes):
    nodes[0].inner.copy_from(nodes[1].many[1])
    assert nodes[0].inner.wide == nodes[1].many[1].wide != nodes[1].inner.wide


def test_records_may_overlap(ram):
    ram.bytes[0x100:0x120] = bytes(range(32))
    view(ram, Inner, 0x108).copy_from(view(ram, Inner, 0x100))
    assert bytes(ram.bytes[0x100:0x120]) == bytes([*range(8), *range(16), *range(24, 32)])


@pytest.mark.parametrize("other", [None, 3, "x"])
def test_only_a_record_of_the_same_struct_is_copied(other, nodes, panics):
    before = content(nodes[0])
    with panics(f"a Node is copied from one of its own, not from {other!r}"):
        nodes[0].copy_from(other)
    assert content(nodes[0]) == before


def test_another_struct_is_not_copied(nodes, region, panics):
    other = region.struct(Other)
    with panics(f"a Node is copied from one of its own, not from {other!r}"):
        nodes[0].copy_from(other)


def test_the_machine_is_told_of_whole_records():
    ram, seen = Ram(4096, strict=True), []
    region = Region(ram, 0x100, 0x400)
    one, two = region.struct(Inner), region.struct(Inner)
    ram.touch = lambda address, physical, size: seen.append((address, size))
    one.copy_from(two)
    two.clear()
    assert seen == [(0x100, 16), (0x110, 16), (0x110, 16)]


@pytest.mark.parametrize("name", ["copy_from", "clear"])
def test_no_field_is_called_so(name):
    with pytest.raises(TypeError, match=rf"^Wrong\.{name}: every struct has a method of that name$"):
        view(Ram(4096), type(Struct)("Wrong", (Struct,), {"__annotations__": {name: u32}}), 64)
