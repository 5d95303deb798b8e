"""RAM: its bytes, whose they are, and in strict RAM the notice of every access."""

import mmap

import pytest

from keelback.lang import Array, Panic, Ram, Ref, Region, Struct, inline, u8, u16, u32, view


class Item(Struct):
    small: u8
    wide: u32


class Everything(Struct):
    flag: bool
    item: Item
    ref: Ref[Item]
    bytes: Array[u8] = inline(8)
    halves: Array[u16] = inline(8)
    items: Array[Item] = inline(2)


@pytest.fixture
def seen():
    return []


@pytest.fixture
def strict(seen):
    ram = Ram(0x4000, strict=True)
    ram.touch = lambda address, physical, size: seen.append((address, physical, size))
    return ram


def test_ram_is_zero_at_first(ram):
    assert bytes(ram.bytes) == bytes(ram.size)


def test_ram_can_be_anyones_memory():
    contents = bytearray(64)
    view(Ram(64, contents=contents), Item, 8).wide = 0x0403_0201
    assert contents[12:16] == bytes([1, 2, 3, 4])


@pytest.mark.parametrize("contents", [bytearray(63), bytes(64), mmap.mmap(-1, 4096, access=mmap.ACCESS_READ)])
def test_contents_that_are_too_short_or_read_only_are_refused(contents):
    with pytest.raises(ValueError, match=r"^0x40 bytes of RAM need as many bytes that can be written$"):
        Ram(64, contents=contents)


def test_inside_is_true_to_the_last_byte(ram, panics):
    ram.inside(0, 0, 0x10000)
    ram.inside(0, 0xFFFF, 1)
    for physical, size in ((-1, 1), (0x10000, 1), (0xFFFF, 2), (0, 0x10001)):
        with panics(f"no RAM at {physical:#x}: the machine has 0x10000 bytes"):
            ram.inside(0, physical, size)


def test_one_view_stands_for_one_struct_at_one_address(ram):
    assert view(ram, Item, 64) is view(ram, Item, 64)
    assert view(ram, Item, 64) is not view(ram, Item, 72)
    assert view(ram, Item, 64) is not view(Ram(4096), Item, 64)


ACCESSES = {
    "record.flag": (0x1000, 1),
    "record.item.wide": (0x1008, 4),
    "record.ref": (0x100C, 4),
    "record.bytes[3]": (0x1013, 1),
    "record.halves[1]": (0x101A, 2),
    "record.items[1].wide": (0x1034, 4),
    "record.flag = True": (0x1000, 1),
    "record.item.small = 2": (0x1004, 1),
    "record.ref = None": (0x100C, 4),
    "record.bytes[7] = 1": (0x1017, 1),
    "record.halves[7] = 1": (0x1026, 2),
    "record.bytes.fill(2, 3, 9)": (0x1012, 3),
    "record.halves.fill(2, 3, 9)": (0x101C, 6),
    "record.bytes.set_text('x')": (0x1010, 8),
    "record.bytes.clear()": (0x1010, 8),
    "record.items.clear()": (0x1028, 16),
}


@pytest.mark.parametrize("code", ACCESSES)
def test_strict_ram_shows_every_access_before_it_is_made(code, strict, seen):
    record = Region(strict, 0x1000, 0x2000).struct(Everything)
    exec(code, {"record": record})
    address, size = ACCESSES[code]
    assert seen == [(address, address, size)]


@pytest.mark.parametrize("code", ["record.bytes.fill(3, 0, 1)", "record.item", "record.items[1]", "len(record.bytes)"])
def test_what_uses_no_byte_is_no_access(code, strict, seen):
    exec(code, {"record": Region(strict, 0x1000, 0x2000).struct(Everything)})
    assert seen == []


def test_a_copy_shows_both_ranges(strict, seen):
    record = Region(strict, 0x1000, 0x2000).struct(Everything)
    record.bytes.copy_from(4, record.bytes, 1, 2)
    assert sorted(seen) == [(0x1011, 0x1011, 2), (0x1014, 0x1014, 2)]


def test_an_augmented_assignment_is_two_accesses(strict, seen):
    record = Region(strict, 0x1000, 0x2000).struct(Everything)
    record.item.wide += 1
    assert seen == [(0x1008, 0x1008, 4)] * 2


def test_a_table_reads_its_record_first(strict, seen):
    table = Region(strict, 0x1000, 0x2000).table(u32)
    table.place(0x3000, 4)
    seen.clear()
    table[2] = 1
    assert seen == [(0x1000, 0x1000, 4), (0x1004, 0x1004, 4), (0x1000, 0x1000, 4), (0x3008, 0x3008, 4)]


def test_what_the_machine_forbids_does_not_happen(strict, panics):
    """The machine's own panic names the place in Kernel Python, not the machine's."""
    record = Region(strict, 0x1000, 0x2000).struct(Everything)
    machine = {"Panic": Panic}
    exec(compile("def touch(address, physical, size):\n    raise Panic('not mapped')", "mmu.py", "exec"), machine)
    strict.touch = machine["touch"]
    with panics("not mapped"):
        record.item.wide = 1
    with panics("not mapped"):
        record.flag  # noqa: B018
    with panics("not mapped"):
        record.bytes[1] = 1
    with panics("not mapped"):
        record.items.clear()
    strict.touch = strict.inside
    assert bytes(strict.bytes) == bytes(0x4000)
    assert record.flag is False


def test_ram_that_is_not_strict_shows_nothing(ram, seen):
    ram.touch = lambda *access: seen.append(access)
    Region(ram, 0x1000, 0x2000).struct(Everything).item.wide += 1
    assert seen == []
