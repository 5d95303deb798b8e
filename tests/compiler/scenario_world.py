"""The world of the scenarios: structs, errors, components and helpers that every program of a module shares.

A program is one entry, a method of `Root`, and the methods that it alone calls; a module has many of them.
"""

import ast
import textwrap
from collections.abc import Sequence
from dataclasses import dataclass, replace

HEAD = '''\
from collections.abc import Iterator
from dataclasses import dataclass
from enum import IntEnum

from keelback.lang import *

step = 3
LIMIT = 200
ODD = (1, 3, 5, 7)
Byte = u8
greeting = "global"

if LIMIT > 100:
    chosen = 11
else:
    chosen = 12


class Low(KernelError):
    """Something is low."""

    number = -230


class High(KernelError):
    """Something is high: 100 %, "high" and \\\\ all."""

    number = -255


class Far(KernelError):
    """Something is far."""

    number = -254


class State(IntEnum):
    FREE = 0
    READY = 1
    DONE = 5


def half(n: u8) -> u8:
    return n // 2 if n != 7 else LIMIT + 100


@native("return (value & 7u) * 3u;")
def tripled(value: u32) -> u32:
    return (value & 7) * 3


class Point(Struct):
    x: i16
    y: u8
    link: "Ref[Node]"

    def moved(self, by: i16) -> i16:
        self.x = self.x + by
        return self.x


class Frame(Struct):
    depth: u8
    rest: u8
    extra: u8
    point: Point
    points: Array[Point] = inline(3)
    peer: "Ref[Point]"

    def part(self, index: u8) -> u8:
        return self.depth if index == 0 else self.rest if index == 1 else self.extra

    def signed(self, index: u8) -> i16:
        return self.depth if index == 0 else self.rest


class Node(Struct):
    a: u8
    b: i16
    c: u32
    d: i64
    on: bool
    state: State
    next: "Ref[Node]"
    frame: Frame
    words: Array[i32] = inline(4)
    bytes: Array[u8] = inline(7)
    longs: Array[u64] = inline(3)
    place: word

    def bump(self, by: u8) -> u8:
        self.a = (self.a + by) & 0xFF
        return self.a

    def following(self) -> "Ref[Node]":
        return self.next


def _another() -> type[Struct]:
    class Node(Struct):
        a: u16
        typeof: u8

    return Node


Another = _another()


class text(Struct):
    int: u32
    int_: u32
    double: u8
    padding_0: u32


class Entry(Struct):
    value: u32
    present: bool = bit(0)
    kind: u8 = bits(1, 3)
    top: bool = bit(31)
    frame: u32 = bits(12, 19)

    def taken(self, by: u8) -> bool:
        self.kind = by
        return self.top

    def is_present(self) -> bool:
        return self.present


class Mixed(Struct):
    entry: Entry
    value: u64
    first: u64 = bits(0, 12)
    middle: u64 = bits(12, 40)
    last: bool = bit(63)
    small: u8
    all: u8 = bits(0, 8)
    entries: Array[Entry] = inline(3)


class Wire(Struct):
    limit: u16
    base: u32 = at(2)
    top: bool = bit(31)
    ready: bool = at(7)
    stack: u64 = at(12)
    middle: u64 = bits(12, 40)
    words: Array[u64] = inline(3, at=36)
    link: "Ref[Node]" = at(61)
    shorts: Array[i16] = inline(3, at=67)
    place: word
    entry: Entry = at(88)


class Room(Struct):
    bytes: Array[u8] = inline(64)


class Log(TextSink):
    def __init__(self, records: Region) -> None:
        self.at = records.struct(Node)

    def put(self, byte: u8) -> None:
        self.at.d = (self.at.d * 31 + byte) & 0xFFFF_FFFF
        self.at.c = (self.at.c + 1) & 0xFF


@dataclass(frozen=True)
class Limits:
    low: int
    high: int
    title: str

    @property
    def middle(self) -> int:
        return (self.low + self.high) // 2


class Part(Component):
    def __init__(self, records: Region, step: int, title: str) -> None:
        self.step = step
        self.title = title
        self.limits = Limits(step, step * 10, title)
        self.node = records.struct(Node)

    def moved(self, n: u8) -> u32:
        self.node.c = (self.node.c + n + self.step) & 0xFFFF
        return self.node.c

    def check(self, n: u8) -> u8:
        if n == self.step:
            raise Low
        return n // (self.step - 1)


class Root(Component):
    def __init__(self, records: Region) -> None:
        self.ram = records.ram
        self.nodes = records.array(Node, 4)
        self.points = records.array(Point, 3)
        self.spare = records.struct(Node)
        self.log = Log(records)
        self.parts = (Part(records, 1, "one"), Part(records, 2, "two"), Part(records, 3, "three"))
        self.part = self.parts[1]
        self.names = ("zero", "one", "two", "")
        self.table = (2, 3, 5, 250)
        self.pairs = ((1, "one"), (2, "two"), (3, "three"))
        self.trio = ((1, (2, 3)), (4, (5, 6)))
        self.calls = (self.tick, self.twice, self.checked)
        self.errors = (Low, High)
        self.limits = Limits(4, 9, "limits")
        self.many = (self.limits, Limits(0, 255, "bytes"))
        self.nothing = None
        self.yes = True
        self.state = State.READY
        self.first = self.nodes[0]
        self.last_words = self.nodes[3].words
        self.another = records.struct(Another)
        self.text = records.struct(text)
        self.part_node = records.struct(text)
        self.parts_1__node = records.struct(text)
        self.room = records.struct(Room)
        self.mixed = records.struct(Mixed)
        self.entry = self.mixed.entries[1]
        self.wire = records.struct(Wire)
        self.other_wire = records.struct(Wire)
        self.counts: Table[u16] = records.table(u16)
        self.half = half
        self.kinds = (Node, Point, text)
        self.kinds_of_bits = (Entry, Mixed)
        self.inner = self.spare.frame.point
        self.element = self.spare.frame.points[0]

    def part_moved(self, n: u8) -> u32:
        return n + 1

    def tick(self, n: u8) -> u8:
        self.spare.d = (self.spare.d * 31 + n + 1) & 0xFFFF_FFFF
        return n

    def twice(self, n: u8) -> u32:
        self.spare.c = (self.spare.c + 1) & 0xFF
        return n * 2

    def checked(self, n: u8) -> u8:
        if n % 5 == 3:
            raise Low
        if n % 7 == 4:
            raise High
        return n

    def yes_if(self, n: u8) -> bool:
        self.tick(n)
        return n & 1 == 1

    def node_of(self, n: u8) -> Node:
        self.tick(n)
        return self.nodes[n & 3]

    def maybe(self, n: u8) -> Ref[Node]:
        return self.nodes[n & 3] if n & 4 else None

    def each(self, n: u8) -> Iterator[u8]:
        for i in range(n):
            self.tick(i)
            yield i

    def evens(self, n: u8) -> Iterator[u8]:
        for i in self.each(n):
            if i & 1:
                continue
            yield i

    def linked(self, start: Ref[Node]) -> Iterator[Node]:
        node = start
        rounds: u8 = 0
        while node is not None and rounds < 6:
            yield node
            node = node.next
            rounds += 1
'''


@dataclass(frozen=True)
class Program:
    """A program: the shape that it aims at, the seed of its inputs, and its methods, `entry` the first."""

    shape: str
    seed: str
    text: str

    def entry(self) -> ast.FunctionDef:
        """Return the tree of the entry."""
        return ast.parse(self.text).body[0]  # type: ignore[return-value]

    def with_entry(self, entry: ast.FunctionDef) -> "Program":
        """Return the program with another entry."""
        tree = ast.parse(self.text)
        tree.body[0] = entry
        return replace(self, text=ast.unparse(ast.fix_missing_locations(tree)))

    def is_python(self) -> bool:
        """Say whether CPython compiles it."""
        try:
            compile(self.text, "program", "exec")
        except SyntaxError:
            return False
        return True


def module_text(programs: Sequence[Program]) -> str:
    """Return a module whose `Root` has `entry_0`, `entry_1` … and the helpers `help_0_…` of each."""
    methods = []
    for number, program in enumerate(programs):
        text = program.text.replace("def entry(", f"def entry_{number}(", 1).replace("help_Q", f"help_{number}")
        methods.append(textwrap.indent(text.strip("\n"), "    "))
    return HEAD + "\n" + "\n\n".join(methods) + "\n"
