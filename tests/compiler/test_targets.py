"""Both targets: what depends on the size of a word is right for each, and what does not is the same."""

import re
from io import BytesIO

import pytest
from elftools.elf.elffile import ELFFile

from compiler.compare_lives import Lives
from keelback.compiler import compile_program
from keelback.compiler.errors import CompileError
from keelback.compiler.names import STRICT_C
from keelback.image.toolchain import NO_WARNINGS, TARGETS, compile_c
from keelback.lang import address_of

PROGRAM = '''\
"""What depends on the size of a word."""

from keelback.lang import *


class Low(KernelError):
    """Something is low."""

    number = -230


class Few(Struct):
    last: word

    def bits(self) -> u8:
        return 32


@on_64_bits(Few)
class Many(Struct):
    others: Array[word] = inline(3)
    last: word

    def bits(self) -> u8:
        return 64


class Item(Struct):
    small: u8
    size: word
    next: "Ref[Item]"
    sizes: Array[word] = inline(3)


class Plain(Struct):
    value: u8
    place: word


class Fixed(Struct):
    value: u32


class Root(Component):
    def __init__(self, records: Region) -> None:
        self.items = records.array(Item, 4)
        self.second = self.items[1]
        self.plain = records.struct(Plain)
        self.fixed = records.struct(Fixed)
        self.ram = records.ram
        self.places = records.table(word)
        self.places.adopt(address_of(records.struct(Item)), 3)
        self.late = records.table(word)
        self.room = records.struct(Item)
        self.few = records.struct(Few)

    def entry_few(self, a: word) -> word:
        few = view(self.ram, Few, address_of(self.few))
        few.last = a
        return self.bits_of(few) + size_of(few) + size_of(self.items[1])

    def bits_of(self, few: Few) -> word:
        return few.bits() if few is self.few else 0

    def entry_store(self, a: word) -> word:
        item = self.items[1]
        item.small = 7
        item.size = a
        item.sizes[2] = item.size
        return self.items[1].sizes[2]

    def entry_add(self, a: word, b: word) -> word:
        self.plain.place = a + b
        return self.plain.place

    def entry_subtract(self, a: word, b: word) -> word:
        self.plain.place = a
        self.plain.place -= b
        return self.plain.place

    def entry_multiply(self, a: word, b: word) -> word:
        return a * b

    def entry_scaled(self, a: word, b: word, c: word) -> word:
        return a * b // (c | 1)

    def entry_divide(self, a: word, b: word) -> word:
        return a // b

    def entry_remainder(self, a: word, b: word) -> word:
        return a % b

    def entry_difference(self, a: word, b: word) -> i64:
        return (a - b) // 3

    def entry_remainder_of_difference(self, a: word, b: word) -> i32:
        return (a - b) % -7

    def entry_round_up(self, a: word) -> word:
        return round_up(a, 4096)

    def entry_round_up_by_three(self, a: word) -> word:
        return round_up(a, 3)

    def entry_shift(self, a: word, b: u8) -> word:
        return (a << b % 32 >> b % 32) + (a >> 1) - (a >> 1)

    def entry_between(self, a: word, b: word, c: i32) -> bool:
        return c - a < b - a <= -c

    def entry_many(self, a: word, b: u8, c: i64, d: u16, e: word, f: i8, g: word, h: u8, i: i64) -> word:
        self.plain.value = b ^ h
        return (a ^ e ^ g ^ c & 0xFFFF ^ d ^ i & 0xFF ^ f & 0xFF) & 0xFFFF_FFFF

    def found(self, a: u8) -> Item:
        if a > 3:
            raise Low
        return self.items[a]

    def after(self, a: u8) -> "Ref[Item]":
        if a > 3:
            raise Low
        return self.items[a].next

    def size_of_found(self, a: u8) -> word:
        if self.found(a).small == 0:
            raise Low
        return self.found(a).size

    def entry_find(self, a: u8, b: word) -> word:
        item = self.found(a)
        item.size = b
        item.small = a
        item.next = self.items[(a + 1) % 4]
        other = self.after(a)
        if other is None:
            return 1
        other.next = None
        return self.size_of_found(a)

    def entry_nothing_after(self, a: u8) -> bool:
        self.items[a % 8].next = None
        return self.after(a) is None

    def entry_elsewhere(self, a: u8) -> word:
        place = view(self.ram, Plain, address_of(self.plain))
        place.place = a
        return self.plain.place + address_of(place) - address_of(self.plain)

    def entry_at_address(self, a: u32) -> u32:
        view(self.ram, Fixed, address_of(self.fixed) & 0xFFFF_FFFF).value = a
        return self.fixed.value

    def entry_element(self, a: word) -> word:
        self.items[a].sizes[a] = a
        return self.places[a]

    def entry_signed_element(self, a: i64) -> word:
        self.places[a] = 5
        return self.places[a]

    def entry_fill(self, a: word, b: word, c: word) -> word:
        self.places.fill(a, b, c)
        self.items[0].sizes.fill(a, b, c)
        self.items[2].sizes.copy_from(0, self.items[0].sizes, a, b)
        return self.places[2]

    def entry_counted(self, a: word) -> word:
        total: word = 0
        for size in range(a, a + 3):
            total = total + size - a
        for each in self.places:
            total = (total + each) & 0xFF
        return total

    def entry_place(self, a: word) -> word:
        self.room.size = a
        self.late.place(address_of(self.room), a & 3)
        self.late[a & 1] = a
        return self.late[0] ^ len(self.late)

    def entry_static_refs(self) -> None:
        self.items[0].next = self.second
        self.items[1].next = self.room

    def entry_address(self, a: u8) -> word:
        return address_of(self.items[a % 4])
'''
TOP = {bits: (1 << bits) - 1 for bits in (32, 64)}


@pytest.fixture(scope="module", params=[32, 64])
def lives(request, tmp_path_factory):
    path = tmp_path_factory.mktemp("targets") / "program.py"
    path.write_text(PROGRAM)
    lives = Lives(path, request.param)
    lives.compile(name for name in dir(type(lives.root)) if name.startswith("entry_"))
    return lives


@pytest.fixture
def top(lives):
    """Give the highest word; the RAM is as at the start."""
    lives.reset()
    return TOP[lives.ram.word_bits]


def result(lives, name, *arguments):
    """Return what an entry gives in both lives."""
    assert lives.difference(f"entry_{name}", arguments) is None
    kind, value = lives.outcome
    assert kind == "result"
    return value


def stops(lives, name, *arguments):
    """Return the source line at which both lives panic."""
    assert lives.difference(f"entry_{name}", arguments) is None
    kind, file, line = lives.outcome
    assert (kind, file) == ("panic", "program.py")
    return PROGRAM.splitlines()[line - 1].strip()


def test_a_word_in_a_struct_holds_every_word(lives, top):
    size = lives.ram.word_bits // 8
    for value in (0, 1, top >> 1, (top >> 1) + 1, top):
        assert result(lives, "store", value) == value
    item = address_of(lives.root.items[1])
    assert lives.native.uc.mem_read(item + size, size) == b"\xff" * size
    assert lives.native.uc.mem_read(item + 5 * size, size) == b"\xff" * size


def test_a_word_stops_where_it_does_not_fit(lives, top):
    assert result(lives, "add", top - 5, 5) == top
    assert stops(lives, "add", top - 5, 6) == stops(lives, "add", top, top) == "self.plain.place = a + b"
    assert result(lives, "subtract", 5, 5) == 0
    assert stops(lives, "subtract", 5, 6) == "self.plain.place -= b"
    half = 1 << lives.ram.word_bits // 2
    assert result(lives, "multiply", half, half - 1) == half * half - half
    assert stops(lives, "multiply", half, half) == stops(lives, "multiply", top, top) == "return a * b"


def test_two_words_lie_between(lives, top):
    assert result(lives, "scaled", top, top, top) == top
    assert result(lives, "scaled", top, top - 1, top) == top - 1
    assert stops(lives, "scaled", top, top, 1).startswith("return a * b")
    assert result(lives, "difference", 0, min(top, 1 << 62)) == -min(top, 1 << 62) // 3
    assert result(lives, "remainder_of_difference", 0, top) == -top % -7
    assert result(lives, "remainder_of_difference", top, 0) == top % -7
    assert result(lives, "between", top, 0, -1) is result(lives, "between", top, top - 1, -5) is True
    assert result(lives, "between", 0, top, 0) is False
    assert result(lives, "shift", top, 31) == top


def test_words_are_divided(lives, top):
    for dividend in (0, 1, top // 3, top - 1, top):
        for divisor in (1, 2, 3, top // 2, top):
            assert result(lives, "divide", dividend, divisor) == dividend // divisor
            assert result(lives, "remainder", dividend, divisor) == dividend % divisor
    assert stops(lives, "divide", top, 0) == "return a // b"
    assert stops(lives, "remainder", top, 0) == "return a % b"


def test_words_are_rounded_up(lives, top):
    for value in (0, 1, 4096, 4097, top - 4095):
        assert result(lives, "round_up", value) == -(-value // 4096) * 4096
    assert stops(lives, "round_up", top - 4094) == "return round_up(a, 4096)"
    assert result(lives, "round_up_by_three", top - 2) == top
    assert result(lives, "round_up_by_three", top) == top


def test_more_arguments_than_registers_are_passed(lives, top):
    value = result(lives, "many", top, 255, -1, 65535, top, -128, top >> 1, 1, -(1 << 63))
    assert value == (top ^ top ^ top >> 1 ^ 0xFFFF ^ 0xFFFF ^ 0 ^ 0x80) & 0xFFFF_FFFF


def test_a_place_is_a_result_that_may_fail(lives, top):
    for index in range(1, 4):
        assert result(lives, "find", index, top - index) == top - index
    for number in (4, 0):  # the first item's `small` is 0
        assert lives.difference("entry_find", (number, 1)) is None and lives.outcome == ("error", -230)
    assert result(lives, "nothing_after", 2) is True
    assert stops(lives, "nothing_after", 4) == "self.items[a % 8].next = None"


def test_a_ref_is_the_same_bytes_whatever_a_word_is(lives, top):
    result(lives, "find", 2, 1)
    result(lives, "find", 3, 1)
    place = address_of(lives.root.items[3]) + 2 * lives.ram.word_bits // 8
    assert lives.native.uc.mem_read(place, 4) == b"\x01\0\0\0"


def test_a_static_struct_in_a_ref_is_an_element_of_the_home_array(lives, top):
    assert stops(lives, "static_refs") == "self.items[1].next = self.room"
    assert lives.native.uc.mem_read(address_of(lives.root.items[0]) + 2 * lives.ram.word_bits // 8, 4) == b"\2\0\0\0"


def test_a_struct_is_reached_by_its_address(lives, top):
    assert result(lives, "elsewhere", 77) == 77
    assert result(lives, "at_address", 0xFFFF_FFFF) == 0xFFFF_FFFF
    assert result(lives, "address", 6) == address_of(lives.root.items[2])


def test_an_index_is_checked_as_a_whole_word(lives, top):
    assert result(lives, "element", 2) == 0
    for index in (3, top, 1 << lives.ram.word_bits - 1, top - top // 3):
        assert stops(lives, "element", index) == "self.items[a].sizes[a] = a"
    assert result(lives, "signed_element", 2) == 5
    for index in (-1, 3, 1 << 32, -(1 << 63), (1 << 63) - 1):
        assert stops(lives, "signed_element", index) == "self.places[a] = 5"


def test_a_range_that_words_give_does_not_wrap(lives, top):
    assert result(lives, "fill", 1, 2, top) == top
    for start, count in ((1, 3), (top, 1), (1, top), (top, 2), (top, top), (top - 1, 4)):
        assert stops(lives, "fill", start, count, 7) == "self.places.fill(a, b, c)"
    assert result(lives, "counted", top - 2) == (3 + 2 * 0xFF) & 0xFF


def test_a_table_is_placed_at_a_word(lives, top):
    assert result(lives, "place", top) == 3
    assert stops(lives, "place", 1) == "self.late.place(address_of(self.room), a & 3)"


def test_every_layout_is_asserted_in_the_c(lives):
    text, size = lives.native.compiled.c, lives.ram.word_bits // 8
    assert f'_Static_assert(sizeof(Item) == {6 * size}, "Item");' in text
    assert f'_Static_assert(__builtin_offsetof(Item, sizes) == {3 * size}, "Item.sizes");' in text
    assert f"typedef u{8 * size} word;" in text


def test_a_result_is_packed_with_its_error_where_both_fit(lives):
    heads = re.findall(r"(\w+) kernel_found\((.*)\);", lives.native.compiled.c)
    assert heads == [({32: "u64", 64: "both"}[lives.ram.word_bits], "i32 a")]


def test_another_struct_stands_for_one_where_words_have_64_bits(lives):
    assert lives.difference("entry_few", (3,)) is None
    assert lives.outcome == ("result", {32: 32 + 4 + 24, 64: 64 + 32 + 48}[lives.ram.word_bits])


def test_size_of_is_refused_where_both_lives_would_differ(tmp_path):
    path = tmp_path / "program.py"
    path.write_text(
        PROGRAM + "\n    def entry_size(self, a: u8) -> u8:\n        return size_of(Item) + size_of(Fixed) + a\n"
    )
    with pytest.raises(CompileError, match="the size of a Item depends on the machine's words: ask for a record's"):
        Lives(path, 64).compile(["entry_size"])


@pytest.mark.parametrize("target", TARGETS.values(), ids=lambda target: target.emulation)
@pytest.mark.parametrize("entry", ["entry_find", "entry_nothing", "entry_static_refs"])
def test_c_compiles_without_a_warning_for_its_own_target(target, entry, tmp_path):
    path = tmp_path / "program.py"
    path.write_text(PROGRAM + "\n    def entry_nothing(self) -> None:\n        raise Low\n")
    root, ram = (lives := Lives(path, target.word_bits)).root, lives.ram
    source = tmp_path / "program.c"
    source.write_text(compile_program(root, ram, {entry: getattr(root, entry)}).c)
    elf = ELFFile(BytesIO(compile_c(source, flags=(STRICT_C, *NO_WARNINGS), target=target)))
    assert elf.elfclass == target.word_bits
