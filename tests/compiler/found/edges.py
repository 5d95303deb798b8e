# ruff: noqa
"""Edges: texts of any bytes, the smallest numbers, indices from the end, structs inside structs."""

from collections.abc import Iterator

from keelback.lang import *


class Low(KernelError):
    """It is "low": \\ ??= ??/ %d %s ."""

    number = -230


class Leaf(Struct):
    a: u8
    next: "Ref[Leaf]"
    parts: Array[u16] = inline(3)


class Twig(Struct):
    b: u16
    leaf: Leaf
    leaves: Array[Leaf] = inline(2)


class Branch(Struct):
    c: u32
    twig: Twig
    twigs: Array[Twig] = inline(2)
    first: "Ref[Leaf]"


class Holder(Struct):
    next: "Ref[Alone]"


class Alone(Struct):
    """Only Refs reach its home array."""

    value: u8


class Log(TextSink):
    def __init__(self, records: Region) -> None:
        self.at = records.struct(Branch)

    def put(self, code: u8) -> None:
        self.at.c = (self.at.c * 31 + code) & 0xFFFF_FFFF


class Root(Component):
    def __init__(self, records: Region) -> None:
        self.leaves = records.array(Leaf, 4)
        self.branch = records.struct(Branch)
        self.branches = records.array(Branch, 2)
        self.holder = records.struct(Holder)
        self.alone = records.array(Alone, 2)
        self.log = Log(records)
        self.first_leaf = self.branch.twig.leaves[0]
        self.second_leaf = self.branch.twig.leaves[1]
        self.deep_leaf = self.branches[0].twigs[0].leaves[0]
        self.first_twig = self.branch.twigs[0]
        self.first_branch = self.branches[0]
        self.inner_leaf = self.branch.twig.leaf
        self.parts = self.branch.twig.leaves[0].parts
        self.late = records.table(u32)
        self.numbers = (-1, 5, 1 << 62)
        self.texts = ("\0a", "\x7f\x1b[0m\r\n\t", '"\\', "??=??/", "%s", "\\n")
        self.picks = (self.same, self.more)

    def same(self, n: u8) -> u32:
        return n

    def more(self, n: u8) -> u32:
        return n * 3

    def entry_control(self, n: u8) -> None:
        self.log.write("\0\x01\x1b[0m\x7f\a\b\f\v\r\n\t1")

    def entry_quotes(self, n: u8) -> None:
        self.log.write("\"'\\'\"\\\\ \\n \\x41 \\0 7")

    def entry_trigraphs(self, n: u8) -> None:
        self.log.write("??= ???/ ????( ??)??'??<??!??>??-??/")

    def entry_format(self, n: u8) -> None:
        self.log.write(f'\x1b{n}\0{{}}??={n:x}"\\{n}7 %s %d')

    def entry_picked_text(self, n: u8) -> None:
        self.log.write(self.texts[n % 6])

    def entry_sentence(self, n: u8) -> None:
        try:
            raise Low
        except Low as error:
            self.log.write(error.sentence)

    def entry_every_byte(self, n: u8) -> None:
        self.log.write("\x10\x11\x12\x13\x14\x15\x16\x17\x18\x19\x1a\x1c\x1d\x1e\x1f!")

    def entry_message(self, n: u8) -> None:
        assert n < 3, '\x1b[0m ??= " \\ %s \x7f\n'

    def entry_condition(self, n: u8) -> None:
        assert n != 3 or self.texts[0] == 'é??="\\\n'

    def entry_modulo(self, a: i64, b: i64) -> i64:
        return a % b

    def entry_modulo_of_the_smallest(self, n: u8) -> i64:
        left: i64 = -(1 << 63) + n // 128
        right: i64 = -1 - n // 8 % 3
        return left % right

    def entry_divide_of_the_smallest(self, n: u8) -> i64:
        left: i32 = -(1 << 31) + n // 128
        right: i32 = -1 - n // 8 % 3
        return left // right

    def entry_modulo_minus_one(self, a: i64) -> i64:
        return a % -1

    def entry_divide(self, a: i32, b: i32) -> i32:
        return a // (b | 1) & 0xFFFF

    def entry_modulo_small(self, a: i8, b: i8) -> i8:
        return a % b

    def entry_divide_small(self, a: i8, b: i8) -> i8:
        return a // b

    def entry_divide_32(self, a: i32, b: i32) -> i32:
        return a // b

    def entry_negative(self, a: i32) -> i64:
        return -a // 2 + -(a // 2)

    def entry_from_the_end(self, n: i8) -> i64:
        return self.numbers[n]

    def entry_last(self, n: u8) -> i64:
        return self.numbers[-1] + self.numbers[-3] + n

    def entry_pick_from_the_end(self, n: i8) -> u32:
        return self.picks[n](7)

    def entry_pick_known(self, n: u8) -> u32:
        return self.picks[1](n) + self.picks[-2](n)

    def entry_text_from_the_end(self, n: i8) -> None:
        self.log.write(self.texts[n])

    def entry_ref_to_one_level(self, n: u8) -> None:
        self.leaves[0].next = self.branch.twig.leaf if n & 1 else self.leaves[n % 4]

    def entry_ref_to_two_levels(self, n: u8) -> None:
        self.leaves[0].next = self.branches[n & 1].twigs[n >> 1 & 1].leaves[n >> 2 & 1] if n & 8 else self.leaves[3]

    def entry_ref_to_static(self, n: u8) -> None:
        if n & 1:
            self.leaves[1].next = self.inner_leaf
        if n & 2:
            self.branch.first = self.deep_leaf
        if n & 4:
            self.branch.first = self.leaves[2]

    def entry_ref_by_parameter(self, n: u8) -> None:
        self.link(self.first_leaf if n & 1 else self.leaves[1])

    def link(self, leaf: Leaf) -> None:
        leaf.next = self.leaves[0]
        self.leaves[3].next = leaf

    def entry_ref_inside_follows(self, n: u8) -> u32:
        self.branch.twig.leaf.next = self.leaves[n % 4]
        self.branch.twigs[1].leaves[0].next = self.branch.twig.leaf.next
        found = self.branch.twigs[1].leaves[0].next
        if found is None:
            return 9
        found.a = n
        return self.leaves[n % 4].a

    def entry_element_0(self, n: u8) -> u32:
        self.first_leaf.a = n
        self.first_leaf.parts[2] = n * 2
        self.parts[0] = n * 3
        self.deep_leaf.a = n
        self.first_twig.b = n * 4
        self.first_twig.leaves[0].a = 3
        self.first_branch.c = n
        self.second_leaf.a = 1
        return self.branch.twig.leaves[0].parts[0] + self.branches[0].twigs[0].leaves[0].a

    def entry_is_element_0(self, n: u8) -> bool:
        return self.first_leaf is self.branch.twig.leaves[n % 2]

    def entry_only_by_ref(self, n: u8) -> u32:
        return 1 if self.holder.next is None else self.holder.next.value

    def entry_place_of_a_table(self, n: u8) -> u32:
        self.late.place(count=2, base=n * 4 - n // 200)
        self.late[1] = n
        return self.late[0] + len(self.late)

    def entry_swap(self, t_1: u8) -> u32:
        t_2: u8 = 3
        t_2, t_1 = t_1, t_2
        return t_2 * 1000 + t_1

    def each(self, t: u8) -> Iterator[u32]:
        for t_1 in range(2):
            t, other = t_1, t
            yield t * 10 + other

    def entry_inlined_twice(self, t: u8) -> u32:
        total: u32 = 0
        for t_1 in self.each(t):
            for t_2 in self.each(t_1 & 0xFF):
                total += t_1 * t_2 + t
        return total

    def entry_fill_by_names_of_loops(self, i: u8) -> u32:
        n = i % 3
        words = self.branch.twig.leaf.parts
        words.fill(n, 3 - n, i)
        words.fill(value=n, count=1, start=n)
        words.copy_from(0, count=2, source_start=1, source=self.parts)
        return words[2]
