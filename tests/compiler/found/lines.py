# ruff: noqa
# fmt: off
"""Panics of every kind in statements of several lines: both lives tell the first line of the statement."""

from collections.abc import Iterator

from keelback.lang import *


class Low(KernelError):
    """Something is low."""

    number = -230


class Node(Struct):
    a: u8
    c: u32
    next: "Ref[Node]"
    bytes: Array[u8] = inline(5)


class Log(TextSink):
    def __init__(self, records: Region) -> None:
        self.at = records.struct(Node)

    def put(self, byte: u8) -> None:
        self.at.c = (
            self.at.c * 31
            + byte
        ) & 0xFFFF_FFFF


class Root(Component):
    def __init__(self, records: Region) -> None:
        self.nodes = records.array(Node, 4)
        self.spare = records.struct(Node)
        self.log = Log(records)
        self.table = (1, 2, 3)
        self.picks = (self.inner, self.other)

    def inner(self, n: u8) -> u8:
        return (
            n + 100
        )

    def other(
        self,
        n: u8,
    ) -> u8:
        """Say something
        in two lines."""
        return n

    def each(
        self, n: u8
    ) -> Iterator[u8]:
        for index in range(3):
            yield (
                index
                + n
            )

    def entry_result(self, n: u8) -> u32:
        return self.inner(
            n
        )

    def entry_argument(self, n: u8) -> u32:
        return (
            self
            .other(
                n
                + 100
            )
        )

    def entry_field(self, n: u8) -> None:
        (self
            .spare
            .a) = (
                n + 100
            )

    def entry_element(self, n: u8) -> None:
        self.spare.bytes[
            n
        ] = (
            n * 2
        )

    def entry_read(self, n: u8) -> u32:
        return 1 + (
            self.spare
            .bytes[
                n
            ]
        )

    def entry_fill(self, n: u8) -> None:
        (
            self.spare.bytes
            .fill(0, n, 7)
        )

    def entry_copy(self, n: u8) -> None:
        self.spare.bytes.copy_from(
            n, self.nodes[
                n % 4
            ].bytes,
            0, 3
        )

    def entry_divide(self, n: u8) -> u32:
        return (
            10
            // n
        )

    def entry_shift(self, n: u8) -> u32:
        x = (
            1
            << (n % 8 - 1)
        )
        return x

    def entry_condition(self, n: u8) -> u32:
        if (
            n > 2
            and 10 // (n - 3) > 1
        ): return (
            self.other(n
                + 60))
        elif (n == 1
                and 5 //
                (n - 1)):
            return 3
        return 4

    def entry_choice(self, n: u8) -> u32:
        return (
            self.inner(n)
            if n > 100
            else self.table[
                n % 4
            ]
        )

    def entry_annotated(self, n: u8) -> u32:
        x: u8 = (
            n
            + 60
        )
        x += (
            n
        )
        return x

    def entry_augmented(self, n: u8) -> None:
        self.spare.a = n
        self.spare.a += (
            n +
            30
        )

    def entry_while(self, n: u8) -> u32:
        count: u8 = n
        while (
            count
            and 10 // (count - 2) != 99
        ):
            count = (
                count - 1
            )
        return count

    def entry_range(self, n: u8) -> u32:
        total: u8 = 0
        for i in range(
            0,
            10 // n,
        ):
            total += (
                i * 40
            )
        return total

    def entry_generator(self, n: u8) -> u32:
        total: u32 = 0
        for i in (
            self.each(
                n
            )
        ): total += self.other(
            i * 2)
        return total

    def entry_generator_argument(self, n: u8) -> u32:
        total: u32 = 0
        for i in self.each(
            n
            * 2
        ):
            total += i
        return total

    def entry_text(self, n: u8) -> None:
        self.log.write(
            f"{n}"
            f"{10 // n}"
            f"{self.inner(n)}"
        )

    def entry_assert(self, n: u8) -> None:
        assert (
            n < 3
            or 10 // (n - 5) > 0
        ), (
            "n is small"
        )

    def entry_try(self, n: u8) -> u32:
        try:
            if n == 1:
                raise Low
            return (
                10
                // n
            )
        except (
            Low
        ):
            return self.inner(
                n + 100,
            )
        finally:
            self.spare.c = (
                n +
                7
            )

    def entry_ref(self, n: u8) -> None:
        self.nodes[
            n % 4
        ].next = (
            self.nodes[n % 3]
            if n > 3
            else self.spare
        )

    def entry_pick(self, n: u8) -> u32:
        return self.picks[
            n
        ](
            n + 90
        )

    def entry_two_on_a_line(self, n: u8) -> u32:
        x = (n +
            1); y = 10 // (
            n)
        return x + y

    def entry_tuple(self, n: u8) -> u32:
        x, y = (
            n,
            10 // n,
        )
        (self.spare.a,
            self.spare.bytes[n]) = (
            y,
            x,
        )
        return x

    def entry_extreme(self, n: u8) -> u32:
        return min(
            10 // n,
            self.inner(n),
            max(n,
                self.spare.bytes[n]),
        )

    def entry_beyond_ascii(self, n: u8) -> u32:
        größe = n; é = (größe
            // n)
        return é
