# ruff: noqa
"""What was found by reading: cases that a random program seldom has."""

from collections.abc import Iterator
from enum import IntEnum

from keelback.lang import *


class Low(KernelError):
    """Something is low."""

    number = -230


class Lower(Low):
    """Something is lower."""

    number = -225


class Lowest(Lower):
    """Something is lowest."""

    number = -240


class Colour(IntEnum):
    RED = 0
    BLUE = 7


class Item(Struct):
    value: u8
    next: "Ref[Item]"
    words: Array[u32] = inline(4)


class Items(Component):
    def __init__(self, records: Region) -> None:
        self.first = records.struct(Item)

    def put_text(self, value: u8) -> u8:
        self.first.value = value
        return value


class Log(TextSink):
    def __init__(self, records: Region) -> None:
        self.item = records.struct(Item)

    def put(self, byte: u8) -> None:
        self.item.words[self.item.value % 4] = byte
        self.item.value = (self.item.value + 1) & 0xFF


class Root(Component):
    def __init__(self, records: Region) -> None:
        self.items = records.array(Item, 4)
        self.spare = records.struct(Item)
        self.log = Log(records)
        self.register = Items(records)
        self.second = self.items[1]
        self.numbers = (1, 2, 3)

    def each(self, stop: u8) -> Iterator[u8]:
        for number in range(stop):
            yield number * 3

    def entry_break_in_unrolled(self, a: u32) -> i32:
        number = 9
        for number in self.numbers:
            if number > a % 5:
                break
        return number

    def entry_target_once(self, a: u32) -> i32:
        for number in self.numbers:
            found = number
            if number >= a % 5:
                break
        return found * 10 + number

    def entry_bound_in_rounds(self, a: u32) -> i32:
        found = 0
        for number in self.numbers:
            if a >> number & 1:
                kept = number
                found = (found * 4 + kept) & 0xFFFF
        return found

    def entry_while_changes_target(self, a: u32) -> i32:
        total = 0
        for number in self.numbers:
            while number < a % 9:
                number = number % 100 + 2
            total = total % 1000 + number
        return total

    def entry_fill_with_element(self, a: u8) -> u32:
        words = self.items[a % 4].words
        words[0] = a
        words.fill(0, 4, words[0] + 1)
        return words[3]

    def entry_array_of_ref(self, a: u8) -> u32:
        self.items[0].next = self.items[1]
        item = self.items[0].next
        if item is not None:
            item.words.fill(0, self.moved(), a)
        return self.items[1].words[0]

    def moved(self) -> u8:
        self.items[0].next = self.items[2]
        return 2

    def entry_text_reads_sink(self, a: u8) -> u8:
        self.log.write(f"{self.log.item.value}:{self.log.item.value}{a:x}")
        return self.log.item.value

    def entry_raise_has_own_number(self, a: u8) -> None:
        if a % 3 == 0:
            raise Low
        if a % 3 == 1:
            raise Lower
        raise Lowest

    def entry_catch_below(self, a: u8) -> i32:
        try:
            self.entry_raise_has_own_number(a)
        except Lower as error:
            return error.number
        return 0

    def entry_mixed_comparison(self, a: u64, b: i64) -> u32:
        low, high, both = min(a, b), max(b, a), 1 if a == b else 0
        return (low & 0xFF) + (high & 0xFF) + both + (8 if b < a else 0) + (16 if a <= b else 0) + (32 if a != b else 0)

    def entry_outside_home(self, a: u8) -> None:
        item = self.spare if a & 1 else self.items[2]
        self.items[0].next = item

    def entry_static_in_home(self, a: u8) -> bool:
        self.items[a % 4].next = self.second
        return self.items[a % 4].next is self.items[1]

    def entry_static_outside_home(self, a: u8) -> None:
        self.items[0].value = a
        if a & 1:
            self.items[0].next = self.spare

    def three_times(self, number: u8, times: u8 = 3) -> u32:
        return number * times

    def thrice(self, number: u8, times: u8 = 300) -> Iterator[u32]:
        for each in range(3):
            yield number * times

    def entry_defaults(self, a: u8) -> u32:
        return self.three_times(a) + self.three_times(times=a, number=2) * 1000

    def entry_default_does_not_fit(self, a: u8) -> u32:
        total: u32 = 0
        for each in self.thrice(a, 2):
            total += each
        if a & 1:
            for each in self.thrice(a):
                total += each
        return total

    def entry_yield_does_not_fit(self, a: u8) -> u32:
        total: u32 = 0
        for each in self.each(a):
            total += each
        return total

    def entry_bound_after_generator(self, a: u8) -> u32:
        seen, later = 0, 0
        for each in self.each(a % 4 + 1):
            if each > 3:
                seen = each
            else:
                seen = 100
            later = seen + 1
        return later + seen

    def entry_copies_of_a_loop(self, a: u8) -> u32:
        try:
            if a & 1:
                raise Low
            if a & 2:
                return 1
        except Low:
            return 2
        finally:
            for index in range(4):
                if index == 2:
                    self.items[3].value = index
            while self.items[3].value < 9:
                self.items[3].value += 1
        return 3

    def entry_names_of_c(self, items: u8) -> u32:
        t_1 = items + 1
        result_1 = self.items[t_1 % 4].value
        register_first, text, panic = items, 2, 3
        self.register.put_text(register_first)
        self.log.write("x")
        return t_1 + result_1 + register_first + text + panic + self.spare.value

    def entry_double_negation(self, a: i32) -> i64:
        return --a + --(-3) + ~-a

    def entry_parameter_does_not_fit(self, a: i32) -> u8:
        return self.register.put_text(a)

    def entry_lowest_bit(self, a: u32) -> u32:
        return lowest_bit(a & 0xF0)

    def entry_rare(self, a: u32, b: u32) -> u32:
        try:
            return a if a < b else self._late(a, b)
        except Lower:
            return 7

    @rare
    def _late(self, a: u32, b: u32) -> u32:
        if a == b:
            raise Lower
        self.items[3].value = a & 0xFF
        return a - b

    def entry_range_from_above(self, a: u32) -> u32:
        rounds: u32 = 0
        for number in range(a + 1, 5):
            rounds = rounds + 1
            if rounds > 7:
                return rounds + (number & 1)
        return rounds

    def entry_loop_that_always_leaves(self, a: u32) -> u32:
        for number in range(4, 9):
            return number + (a & 3)

    def entry_choice_with_a_word(self, a: i8, b: u64) -> u32:
        return 1 if (a if b & 1 else 0xFFFF_FFFF) < b else 0

    def entry_least_of_what_a_loop_leaves(self, a: u8) -> u32:
        for number in range(3):
            left = a + 249 + number
        return left
