# ruff: noqa
# 64 bits: a local that is never read, of which more was seen in a later round
from collections.abc import Iterator
from enum import IntEnum
from keelback.lang import *


class Colour(IntEnum):
    RED = 0
    GREEN = 1
    BLUE = 2
    GREY = 7


class Low(KernelError):
    """Something is low."""

    number = -230


class Lower(Low):
    """Something is lower."""

    number = -225


class High(KernelError):
    """Something is high."""

    number = -235


class Inner(Struct):
    small: i8
    wide: u64
    place: word
    parts: Array[u16] = inline(3)


class Node(Struct):
    a: u8
    b: i16
    colour: Colour
    c: u32
    ready: bool
    d: i64
    next: "Ref[Node]"
    inner: Inner
    bytes: Array[u8] = inline(5)
    words: Array[i32] = inline(4)

    def bump(self, by: u8) -> u32:
        self.a = self.a + by & 255
        return self.a * 3

    def link(self, other: "Node") -> None:
        self.next = other


class Box(Struct):
    """Nodes that are no elements of the home array."""

    node: Node
    nodes: Array[Node] = inline(2)


class Chest(Struct):
    box: Box
    boxes: Array[Box] = inline(2)


class State(Struct):
    register: u16
    both: i16
    u8: u8
    u16: u16
    u32: u32
    u64: u64
    i8: i8
    i16: i16
    i32: i32
    i64: i64
    word: word
    flag: bool
    colour: Colour
    first: "Ref[Node]"
    inner: Inner
    inners: Array[Inner] = inline(2)
    longs: Array[u64] = inline(4)
    words: Array[word] = inline(3)
    shorts: Array[i16] = inline(6)
    bytes: Array[u8] = inline(8)


class Words(Struct):
    words: Array[word] = inline(6)


class Ring(Struct):
    next: u32
    bytes: Array[u8] = inline(64)


class Log(TextSink):
    def __init__(self, records: Region) -> None:
        self.ring = records.struct(Ring)

    def put(self, byte: u8) -> None:
        self.ring.bytes[self.ring.next % 64] = byte
        self.ring.next = self.ring.next + 1 & 65535


class Entry(Struct):
    value: u32
    present: bool = bit(0)
    kind: u8 = bits(1, 3)
    top: bool = bit(31)
    frame: u32 = bits(12, 19)

    def move(self, by: u8) -> u32:
        self.frame = self.frame + by & 524287
        return self.value

    def is_top(self) -> bool:
        return self.top


class Wide(Struct):
    low: u8
    flag: bool = bit(7)
    some: u8 = bits(0, 5)
    value: u64
    first: u64 = bits(0, 12)
    middle: u64 = bits(12, 40)
    last: bool = bit(63)
    small: u16
    all: u16 = bits(0, 16)


class Wire(Struct):
    limit: u16
    base: u32 = at(2)
    odd: bool = bit(31)
    ready: bool = at(7)
    stack: u64 = at(12)
    middle: u64 = bits(12, 40)
    words: Array[u64] = inline(2, at=36)
    next: "Ref[Node]" = at(53)
    shorts: Array[i16] = inline(3, at=59)
    place: word
    last: Entry = at(80)


class Page(Struct):
    wire: Wire
    wires: Array[Wire] = inline(2)
    entry: Entry
    entries: Array[Entry] = inline(3)
    wide: Wide


class Part(Component):
    def __init__(self, node: Node, step: int) -> None:
        self.node = node
        self.step = step

    def scaled(self, n: u8) -> u32:
        return n * self.step + self.node.a


alpha, beta, gamma = (11, 250, 4294967297)


class Root(Component):
    def __init__(self, records: Region) -> None:
        self.nodes = records.array(Node, 4)

    def find_8(self) -> Node:
        n4: i8 = 1
        for i5 in range(3):
            x6 = n4
            typeof, x8 = (i5 + 1, x6)
        i5 = n4
        return self.nodes[0]

    def entry_8(self, a: u32, b: i32, c: i64) -> u64:
        if self.nodes[1] is self.find_8():
            b ^= 1
        return c
