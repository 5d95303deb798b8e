# ruff: noqa
"""What a name has where several ways meet: values kept from loops, tuples in tuples, and what may be None."""

from collections.abc import Iterator

from keelback.lang import *


class Low(KernelError):
    """Something is low."""

    number = -230


class Node(Struct):
    a: u8
    c: u32
    next: "Ref[Node]"


class Far(Struct):
    next: "Ref[Far]"
    fill: Array[u8] = inline(0x2_0000)
    value: u32


class Log(TextSink):
    def __init__(self, records: Region) -> None:
        self.node = records.struct(Node)

    def put(self, byte: u8) -> None:
        self.node.c = (self.node.c * 31 + byte) & 0xFFFF_FFFF


class Part(Component):
    def __init__(self, node: Node, step: int) -> None:
        self.node = node
        self.step = step

    def taken(self, n: u8) -> u32:
        if n == self.step:
            raise Low
        return n + self.step

    def up_to(self, n: u8) -> Iterator[u8]:
        for number in range(n % 8):
            yield number + self.step


step = 3
total = 1000
index = 77


class Root(Component):
    def __init__(self, records: Region) -> None:
        self.nodes = records.array(Node, 4)
        self.far = records.array(Far, 2)
        self.log = Log(records)
        self.parts = (Part(self.nodes[0], 1), Part(self.nodes[1], 2), Part(self.nodes[2], 3))
        self.names = ("zero", "one", "two")
        self.pairs = ((1, ("a", self.nodes[1])), (2, ("b", self.nodes[2])))

    def each(self) -> Iterator[u8]:
        for number in (5, 6, 7):
            yield number

    def those(self, n: u8) -> Iterator[u8]:
        for number in (5, 6, 7):
            if number != n % 8:
                yield number

    def maybe(self, n: u8) -> "Ref[Node]":
        return None if n % 3 == 0 else self.nodes[n % 4]

    def entry_global_of_the_same_name(self, n: u8) -> u32:
        for i in range(3):
            step = i + n
            total = step * 2
        return step + total + index

    def entry_value_of_a_round(self, n: u8) -> u32:
        for number in (4, 8, 15):
            kept = number
            if number >= n % 16:
                break
        return kept * 100 + number

    def entry_text_of_a_round(self, n: u8) -> u32:
        best = "none"
        for index, text in enumerate(self.names):
            if index == n % 4:
                best = text
        self.log.write(best)
        return self.log.node.c

    def entry_struct_of_a_round(self, n: u8) -> u32:
        for part in self.parts:
            node = part.node
            if part.step == n % 4:
                break
        node.c = n
        return self.nodes[0].c * 3 + self.nodes[1].c * 5 + self.nodes[2].c

    def entry_value_of_a_failing_round(self, n: u8) -> u32:
        kept = 9
        try:
            for part in self.parts:
                kept = part.step
                self.log.node.c = part.taken(n % 5)
        except Low:
            return kept * 10
        else:
            kept += 1
        finally:
            self.log.node.a = kept
        return kept

    def entry_value_changed_by_a_finally(self, n: u8) -> u32:
        for number in (1, 2, 3):
            try:
                kept = number
                if number == n % 4:
                    break
                if number == n % 8:
                    continue
            finally:
                kept = number * 10
        return kept

    def entry_value_of_a_generator(self, n: u8) -> u32:
        for number in self.each():
            kept = number
            if number == n % 8:
                break
        return kept

    def entry_value_of_some_yields(self, n: u8) -> u32:
        kept = 1
        for number in self.those(n):
            if kept == n % 7:
                continue
            kept = number
        return kept

    def entry_while_true(self, n: u8) -> u32:
        while True:
            found = n % 5
            if found < 7:
                break
        return found

    def entry_ends_in_every_branch(self, n: u8) -> u32:
        if n % 4 == 0:
            found = 1
        elif n % 4 == 1:
            return 7
        elif n % 4 == 2:
            raise Low
        else:
            found = n
        return found

    def entry_bound_by_try_and_handler(self, n: u8) -> u32:
        try:
            found = self.parts[1].taken(n % 4)
        except Low as error:
            found = 0 - error.number
        return found

    def entry_bound_by_else(self, n: u8) -> u32:
        try:
            self.parts[1].taken(n % 4)
        except Low:
            return 1
        else:
            found = n
        return found

    def entry_tuples_in_tuples(self, n: u8) -> u32:
        a, b = 1, n
        (a, b), c = (b % 7, a), b
        (self.nodes[0].a, d), (self.nodes[1].a, e) = (a % 9, b), (c % 9, c)
        for f, (text, node) in self.pairs:
            self.log.write(text)
            node.c = f + n
        return a * 10_000 + b * 100 + c + d + e + self.nodes[2].c + f

    def entry_static_tuple_taken_apart(self, n: u8) -> u32:
        first, (text, node) = self.pairs[1]
        node.c = n
        self.log.write(text)
        return first

    def entry_none_is_followed(self, n: u8) -> u32:
        return self.nodes[n % 4].next.c

    def entry_none_is_stored_through(self, n: u8) -> u32:
        self.far[n % 2].next.value = n
        return 1

    def entry_none_of_a_call(self, n: u8) -> u32:
        self.maybe(n).a = self.nodes[0].a + 1 & 0xFF
        return self.nodes[0].a

    def entry_checked_by_and(self, n: u8) -> u32:
        self.nodes[1].next = self.nodes[2]
        self.nodes[2].c = n
        node = self.maybe(n)
        if node is not None and node.next is not None and node.next.c == n:
            return node.next.c
        return 0

    def entry_checked_by_or(self, n: u8) -> u32:
        node = self.maybe(n)
        if node is None or self.maybe(n + 1 & 0xFF) is None:
            return 1
        return node.a

    def entry_changed_after_the_check(self, n: u8) -> u32:
        node = self.nodes[1]
        node.next = self.nodes[2]
        if node.next is not None:
            self.cut(n)
            return node.next.c
        return 2

    def cut(self, n: u8) -> None:
        if n % 2:
            self.nodes[1].next = None

    def entry_walked_to_the_end(self, n: u8) -> u32:
        self.nodes[0].next = self.nodes[1]
        self.nodes[1].next = self.nodes[2]
        self.nodes[2].next = self.nodes[3] if n % 2 else None
        self.nodes[3].next = None
        count: u32 = 0
        node: Ref[Node] = self.nodes[0]
        while node is not None:
            count += 1
            node.a = count
            node = node.next
        return count

    def entry_walked_too_far(self, n: u8) -> u32:
        self.nodes[0].next = self.nodes[1]
        self.nodes[1].next = None
        node: Ref[Node] = self.nodes[0]
        assert node is not None
        for i in range(n % 4):
            node = node.next
        return node.a

    def entry_none_after_one_way(self, n: u8) -> u32:
        node = self.maybe(n)
        if n % 2:
            assert node is not None
        return node.a

    def entry_number_of_the_handled(self, n: u8) -> u32:
        numbers: u32 = 0
        for i in range(3):
            try:
                self.parts[1].taken((n + i) % 4)
            except Low as error:
                numbers = numbers * 2 - error.number & 0xFFFF
                self.log.write(error.sentence)
        return numbers

    def entry_left_by_a_loop_that_surely_runs(self, n: u8) -> u32:
        for x in range(3):
            try:
                y = x + n
            finally:
                z = x
            node = self.nodes[x]
            name = self.names[x]
            even = n % 2 == x
            following = self.nodes[x].next
            if y > 200:
                break
        self.log.write(name)
        return x + y + z + node.a + (1 if even else 0) + (2 if following is None else 3)

    def entry_left_by_a_generator_that_surely_yields(self, n: u8) -> u32:
        for x in self.three():
            y = x + n
            if y > 200:
                break
        return x + y

    def three(self) -> Iterator[u8]:
        for number in range(3):
            yield number

    def entry_generator_of_an_element(self, n: u8) -> u32:
        total: u32 = 0
        for x in self.parts[1].up_to(n):
            total = total * 16 + x & 0xFFFF
        return total
