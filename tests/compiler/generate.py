# ruff: noqa: E501
"""Random Kernel Python programs: text of a module whose class `Root` has entries `entry_0`, `entry_1` …

Everything a program does is bounded: loops are short, functions call earlier ones only.  Intervals are tracked just to
keep most programs within 64 bits, so that few are refused.
"""

import random
import re
from dataclasses import dataclass, field

from compiler import generate_records, generate_ways
from compiler.generate_records import ARRAYS, BOXED, NODE_ARRAYS, Records
from compiler.generate_ways import GLOBALS, Ways
from keelback.compiler.intervals import BINARY, Interval
from keelback.lang.integers import INTEGER_TYPES

HEAD = '''\
"""A random program."""

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
        self.a = (self.a + by) & 0xFF
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
        self.ring.next = (self.ring.next + 1) & 0xFFFF

'''
HEAD += generate_records.HEAD + generate_ways.HEAD
HEAD += """

class Root(Component):
    def __init__(self, records: Region) -> None:
        self.state = records.struct(State)
        self.nodes = records.array(Node, 4)
        self.spare = records.struct(Node)
        self.chest = records.struct(Chest)
        self.corner = self.chest.box.nodes[0]
        self.far_corner = self.chest.boxes[0].nodes[0]
        self.log = Log(records)
        self.ram = records.ram
        self.places = records.table(word)
        self.places.adopt(address_of(records.struct(Words)), 6)
        self.step = 3
        self.limit = 0xFFFF_FFFF
        self.debt = -5
        self.table = (3, -1, 1000, 0x1_0000_0000)
        self.pairs = ((1, 2), (-3, 4), (5, 600))
"""
HEAD += generate_records.ATTRIBUTES + generate_ways.ATTRIBUTES
FIELDS = {
    "self.state": dict(
        u8="u8",
        u16="u16",
        u32="u32",
        u64="u64",
        i8="i8",
        i16="i16",
        i32="i32",
        i64="i64",
        word="word",
        register="u16",
        both="i16",
    ),
    "node": dict(a="u8", b="i16", c="u32", d="i64"),
    "inner": dict(small="i8", wide="u64", place="word"),
}
_ODD = "int int_ both STOP typeof i386 t_1 x_1 x_1_ text error_sentence memcpy main Node_of index_9 größe é result"
ODD_NAMES = _ODD.split()
ODD_TEXTS = ["a", "a", "??=", "???/", "\\x1b[", "\\0", "\\\\", '\\"', "%s", "{{}}", "\\x7f1", "\\t"]
TABLE = ("self.places", ("word", 6))
TYPES = ["u8", "u16", "u32", "u64", "i8", "i16", "i32", "i64", "word"]
I64 = Interval(-(1 << 63), (1 << 63) - 1)
EDGES = [0, 1, 2, 3, 5, 7, 8, 63, 64, 127, 128, 255, 256, 1000, 0x7FFF, 0x8000, 0xFFFF, 0x7FFF_FFFF, 0x8000_0000]
EDGES += [0xFFFF_FFFF, 0x1_0000_0000, 0x7FFF_FFFF_FFFF_FFFF, 0x8000_0000_0000_0000, 0xFFFF_FFFF_FFFF_FFFF]


def interval(name: str, word_bits: int = 32) -> Interval:
    """Return the values of an integer type."""
    integer = INTEGER_TYPES[name].resolved(word_bits)
    return Interval(integer.minimum, integer.maximum)


def near(random: random.Random, name: str, word_bits: int = 32) -> int:
    """Return a number of a type, often at an edge."""
    whole = interval(name, word_bits)
    value = random.choice(EDGES) * random.choice([1, 1, -1]) + random.choice([0, 0, 0, 1, -1])
    return value if whole.low <= value <= whole.high else random.choice([whole.low, whole.high, 0, 1, 2, 3])


@dataclass
class Function:
    """A function that later ones may call."""

    name: str
    parameters: list[str]
    result: str


@dataclass
class Scope:
    """What is known while a function is written: its integers with their intervals, which may be set, and so on."""

    integers: dict[str, Interval] = field(default_factory=dict)
    fixed: set[str] = field(default_factory=set)
    declared: dict[str, str] = field(default_factory=dict)
    bools: list[str] = field(default_factory=list)
    nodes: list[str] = field(default_factory=list)
    colours: list[str] = field(default_factory=list)
    loops: int = 0
    handling: bool = False
    ending: bool = False
    """Within a finally, which nothing leaves."""
    outside: int = 0
    """How many loops are outside the innermost finally."""

    def copy(self) -> "Scope":
        return Scope(
            dict(self.integers), set(self.fixed), dict(self.declared), list(self.bools), list(self.nodes),
            list(self.colours), self.loops, self.handling, self.ending, self.outside,
        )  # fmt: skip


class Unit(Ways, Records):
    """One entry with the functions that only it calls."""

    def __init__(self, number: int, seed: str, word_bits: int = 32) -> None:
        self.random = random.Random(seed)
        self.word_bits = word_bits
        self.widest = 2 * word_bits
        self.number = number
        self.lines: list[str] = []
        self.attributes: list[str] = []
        self.functions: list[Function] = []
        self.finders: list[Function] = []
        """Functions whose result is a node."""
        self.searchers: list[Function] = []
        """Functions whose result is a node or None."""
        self.generators: list[tuple[str, list[str]]] = []
        self.twins: dict[str, str] = {}
        """The generators that yield two values, and the type of the second."""
        self.methods = ""
        self.count = 0
        self.odd_names = list(ODD_NAMES)
        self.scope = Scope()
        self.result = "i64"
        self.calm = False
        """Whether no expression panics."""
        self.names_of_function()

    def one(self, *weighted: tuple[float, object]) -> object:
        """Choose among things with weights."""
        return self.random.choices([each for _, each in weighted], [weight for weight, _ in weighted])[0]

    def some(self, chance: float) -> bool:
        return self.random.random() < chance

    def new(self, stem: str) -> str:
        self.count += 1
        if self.odd_names and self.some(0.05):
            return self.odd_names.pop(self.random.randrange(len(self.odd_names)))
        return stem if stem in ("state", "nodes") else f"{stem}{self.count}"

    def interval(self, kind: str) -> Interval:
        return interval(kind, self.word_bits)

    def signed(self) -> Interval:
        """Return the bounds of the widest signed integer."""
        return Interval(-(1 << self.widest - 1), (1 << self.widest - 1) - 1)

    # Expressions: text and interval.

    def integer(self, depth: int) -> tuple[str, Interval]:
        """Write an integer expression that two words hold."""
        for _ in range(20):
            text, bounds = self.any_integer(depth)
            if bounds.fits(self.widest):
                return text, bounds
            if self.some(0.5):
                mask = self.random.choice([0xFF, 0xFFFF, 0xFFFF_FFFF, 0x7FFF_FFFF_FFFF_FFFF, 0xFFFF_FFFF_FFFF_FFFF])
                return f"({text} & {mask:#x})", Interval(0, mask)
        return "1", Interval(1, 1)

    def any_integer(self, depth: int) -> tuple[str, Interval]:
        if depth <= 0 or self.some(0.15):
            return self.leaf()
        kind: str = self.one(
            (10, "binary"), (3, "leaf"), (1.5, "unary"), (1.5, "choice"), (1.5, "extreme"), (2, "call"), (2, "element"),
            (0.5, "builtin"), (0.7, "picked"), (0.4, "mask"), (0.8, "named_bits"),
        )  # type: ignore[assignment]  # fmt: skip
        return getattr(self, kind)(depth)  # type: ignore[no-any-return]

    def leaf(self, depth: int = 0) -> tuple[str, Interval]:
        choices: list[tuple[str, Interval]] = []
        value = self.constant() if self.some(0.3) else self.random.randrange(-9, 20)
        choices.append((f"{value}" if value >= 0 else f"({value})", Interval(value, value)))
        choices += self.random.choices(list(self.scope.integers.items()), k=3) if self.scope.integers else []
        name, kind = self.random.choice(list(FIELDS["self.state"].items()))
        choices.append((f"self.state.{name}", self.interval(kind)))
        choices.append((f"self.{self.random.choice(['step', 'limit', 'debt'])}", Interval(-5, 0xFFFF_FFFF)))
        if self.scope.nodes:
            name, kind = self.random.choice(list(FIELDS["node"].items()))
            choices.append((f"{self.random.choice(self.scope.nodes)}.{name}", self.interval(kind)))
        choices.append(
            (f"self.state.inner.{self.random.choice(['small', 'wide', 'place'])}", self.interval("u64").join(I64))
        )
        choices += [(each, Interval(GLOBALS[each], GLOBALS[each])) for each in self.visible]
        text, bounds = self.random.choice(choices)
        if text.startswith("self.state.inner."):
            bounds = self.interval(FIELDS["inner"][text.rpartition(".")[2]])
        if text in ("self.step", "self.limit", "self.debt"):
            bounds = {"step": Interval(3, 3), "limit": Interval(0xFFFF_FFFF, 0xFFFF_FFFF), "debt": Interval(-5, -5)}[
                text[5:]
            ]
        return text, bounds

    def constant(self) -> int:
        """Return a number of a type, or one that only what lies between stored values can be."""
        if self.word_bits == 64 and self.some(0.1):
            return self.random.choice([1, -1]) * (1 << self.random.randrange(62, 126)) + self.random.choice([-1, 0, 1])
        return near(self.random, self.random.choice(TYPES), self.word_bits)

    def small(self, depth: int, count: int) -> str:
        """Write an integer expression between 0 and count - 1, most of the time."""
        text, bounds = self.integer(depth)
        if bounds.low >= 0 and bounds.high < count:
            return text
        if self.some(0.02):
            return text
        return f"{text} % {count}" if self.some(0.7) else str(self.random.randrange(count))

    def binary(self, depth: int) -> tuple[str, Interval]:
        left, first = self.integer(depth - 1)
        right, second = self.integer(depth - 1)
        sign = self.random.choice(["+", "+", "-", "-", "*", "//", "%", "<<", ">>", "&", "|", "^"])
        if sign in ("//", "%"):
            if self.calm or self.some(0.8):
                right, second = self.random.choice(
                    [
                        ("7", Interval(7, 7)),
                        ("(-3)", Interval(-3, -3)),
                        ("(-1)", Interval(-1, -1)),
                        (f"({right} | -2)", BINARY["|"](second, Interval(-2, -2))),
                        (f"({right} | 1)", second),
                        ("16", Interval(16, 16)),
                    ]
                )
                if right.startswith("(") and right.endswith("| 1)"):
                    low, high = (self.signed().low if second.low < 0 else 1), max(second.high, 1) | 1
                    second = Interval(low, (1 << max(high.bit_length(), (-low - 1).bit_length() if low < 0 else 0)) - 1)
            joined = first.join(second)
            if (joined.low < 0 and joined not in self.signed()) or second == Interval(0, 0):
                return left, first
        if sign in ("<<", ">>"):
            places = self.random.choice([3, 8, 31, 32, 33, 40]) if sign == ">>" else self.random.choice([3, 8, 31])
            right, second = f"({right} % {places})", Interval(0, places - 1)
            if not self.calm and self.some(0.1):
                right, second = f"({right} - 1)", Interval(-1, places - 2)
            if self.some(0.3):
                right, second = str(places), Interval(places, places)
        low = 1 if second.low == 0 and sign in ("//", "%") else second.low
        bounds = BINARY[sign](first, Interval(low, max(low, second.high)))
        if sign in ("//", "%") and bounds.low < 0 and bounds not in self.signed():
            return left, first
        return f"({left} {sign} {right})", bounds

    def mask(self, depth: int) -> tuple[str, Interval]:
        texts = [self.integer(depth - 1)[0] for _ in range(3)]
        signs = [self.random.choice(["+", "-", "*", "*", "^"]) for _ in range(2)]
        mask = self.random.choice([0xFF, 0xFFFF_FFFF, 0xFFFF_FFFF_FFFF])
        return f"(({texts[0]} {signs[0]} {texts[1]} {signs[1]} {texts[2]}) & {mask:#x})", Interval(0, mask)

    def unary(self, depth: int) -> tuple[str, Interval]:
        text, bounds = self.integer(depth - 1)
        if self.some(0.5):
            return f"(-{text})", Interval(-bounds.high, -bounds.low)
        return f"(~{text})", Interval(~bounds.high, ~bounds.low)

    def choice(self, depth: int) -> tuple[str, Interval]:
        condition = self.boolean(depth - 1)
        left, first = self.integer(depth - 1)
        right, second = self.integer(depth - 1)
        return f"({left} if {condition} else {right})", first.join(second)

    def extreme(self, depth: int) -> tuple[str, Interval]:
        name, pick = self.random.choice([("min", min), ("max", max)])
        pairs = [self.integer(depth - 1) for _ in range(self.random.choice([2, 2, 3]))]
        low, high = pick(each.low for _, each in pairs), pick(each.high for _, each in pairs)
        return f"{name}({', '.join(text for text, _ in pairs)})", Interval(low, high)

    def element(self, depth: int) -> tuple[str, Interval]:
        array, (kind, count) = self.array() if self.some(0.9) else TABLE
        return f"{array}[{self.small(depth - 1, count)}]", self.interval(kind)

    def array(self) -> tuple[str, tuple[str, int]]:
        if self.some(0.4):
            name, kind = self.random.choice(list(NODE_ARRAYS.items()))
            return f"{self.node(0)}.{name}", kind
        return self.random.choice(list(ARRAYS.items()))

    def builtin(self, depth: int) -> tuple[str, Interval]:
        text, bounds = self.integer(depth - 1)
        kind = self.random.randrange(6)
        if kind == 5:
            letter = self.random.choice(["a", " ", "~", "0", "@"])  # within an f-string, too
            return f"ord('{letter}')", Interval(0, 127)
        if kind == 0:
            return f"lowest_bit({text} & 0xFFFF | 4)", Interval(0, 31)
        if kind == 1 and bounds.high < 1 << 40:
            return f"round_up({text}, 8)", Interval(bounds.low, bounds.high + 8)
        if kind == 2:
            return f"len({self.array()[0]})", Interval(0, 8)
        if kind == 3:
            return "len(self.table)", Interval(4, 4)
        # No type holds every difference of two words of 64 bits.
        places = [f"address_of({each})" for each in (self.node(1), "self.nodes[0]")]
        if self.some(0.5):
            return f"({places[0]} // 4 - {places[1]} // 4)", Interval(-(1 << 62), 1 << 62)
        return f"({places[0]} - {places[1]} & 0xFFFF_FFFF)", Interval(0, 0xFFFF_FFFF)

    def picked(self, depth: int) -> tuple[str, Interval]:
        if self.methods and self.some(0.5):
            return f"self.{self.methods}[{self.index(depth)}]({self.argument('u8', depth)})", self.interval("i32")
        return f"self.table[{self.index(depth)}]", Interval(-1, 1 << 32)

    def index(self, depth: int) -> str:
        """Write an index of a static tuple, most of the time in range; a negative one counts from the end."""
        if self.some(0.2):
            return f"({self.integer(depth - 1)[0]} % {self.random.choice([8, 8, 8, 10])} - 4)"
        return f"{self.integer(depth - 1)[0]} % 4" if self.some(0.8) else str(self.random.randrange(4))

    def call(self, depth: int) -> tuple[str, Interval]:
        if self.some(0.3):
            return f"{self.node(depth - 1)}.bump({self.argument('u8', depth)})", self.interval("u32")
        if not self.functions or self.scope.loops > 1:
            return self.leaf()
        function = self.random.choice(self.functions)
        arguments = [self.argument(each, depth) for each in function.parameters]
        return f"self.{function.name}({', '.join(arguments)})", self.interval(function.result)

    def argument(self, kind: str, depth: int) -> str:
        if kind == "node":
            return self.node(depth - 1)
        if kind == "bool":
            return self.boolean(depth - 1)
        if kind == "colour":
            return self.colour()
        if kind.startswith("array "):
            found = [name for name, (element, _) in ARRAYS.items() if element == kind[6:]]
            found += [f"{self.node(0)}.{name}" for name, (element, _) in NODE_ARRAYS.items() if element == kind[6:]]
            return self.random.choice(found)
        return self.fitting(kind, depth - 1)

    def fitting(self, kind: str, depth: int, unfit: float = 0.03) -> str:
        """Write an integer that fits a type, most of the time."""
        text, bounds = self.integer(depth)
        return text if bounds in self.interval(kind) or self.some(unfit) else self.squeezed(text, self.interval(kind))

    def squeezed(self, text: str, bounds: Interval) -> str:
        if bounds.low == 0 and bounds.high & bounds.high + 1 == 0 and self.some(0.6):
            return f"({text} & {bounds.high:#x})"
        if self.some(0.5) or bounds.high > 1 << 40:
            return f"min(max({text}, {bounds.low}), {bounds.high})"
        return f"({text} % {max(bounds.high, 1)})" if bounds.high > 0 else str(bounds.low)

    def node(self, depth: int) -> str:
        if self.scope.nodes and self.some(0.6):
            return self.random.choice(self.scope.nodes)
        if self.some(0.03):
            return self.random.choice(BOXED)
        if depth > 0 and self.finders and self.scope.loops < 2 and self.some(0.3):
            finder = self.random.choice(self.finders)
            return f"self.{finder.name}({', '.join(self.argument(each, depth) for each in finder.parameters)})"
        return f"self.nodes[{self.small(depth, 4)}]"

    def colour(self) -> str:
        choices = [f"Colour.{name}" for name in ("RED", "GREEN", "BLUE", "GREY")] + self.scope.colours * 2
        return self.random.choice([*choices, "self.state.colour", f"{self.node(0)}.colour"])

    def boolean(self, depth: int) -> str:
        kind: str = self.one(
            (5, "compare"), (2, "chain"), (3 if depth > 0 else 0, "combined"), (1.5, "not"), (1, "leaf"), (1, "none"),
            (0.7, "is"), (0.7, "colour"), (0.3, "number"), (0.7, "flag"), (0.5, "arrays"),
        )  # type: ignore[assignment]  # fmt: skip
        compare = lambda: self.random.choice(["<", "<=", ">", ">=", "==", "!="])  # noqa: E731
        if kind in ("compare", "chain"):
            operands = [
                self.integer(depth - 1)[0] for _ in range(2 if kind == "compare" else self.random.choice([3, 3, 4]))
            ]
            return "(" + operands[0] + "".join(f" {compare()} {each}" for each in operands[1:]) + ")"
        if kind == "combined":
            sign = self.random.choice([" and ", " or "])
            return "(" + sign.join(self.boolean(depth - 1) for _ in range(self.random.choice([2, 2, 3]))) + ")"
        if kind == "not":
            return f"(not {self.boolean(depth - 1)})"
        if kind == "none":
            return f"({self.random.choice(['self.state.first', self.node(0) + '.next'])} is{self.random.choice([' not', ''])} None)"
        if kind == "is":
            return f"({self.node(depth - 1)} is {self.node(depth - 1)})"
        if kind == "colour":
            return f"({self.colour()} {self.random.choice(['==', '!='])} {self.colour()})"
        if kind == "arrays":
            return self.arrays(depth)
        if kind == "flag":
            return self.flag()
        if kind == "number":
            return f"(bool({self.integer(depth - 1)[0]}))"
        return self.random.choice(["self.state.flag", f"{self.node(0)}.ready", *self.scope.bools * 2])

    # Statements.

    def write(self, indent: int, text: str) -> None:
        if '"' not in text and self.some(0.2):
            text = self.spread(text, indent)
        self.lines.append("    " * indent + text)

    def spread(self, text: str, indent: int) -> str:
        """Write a statement over several lines, broken behind brackets."""
        pieces = re.split(r"(?<=[(\[])", text)
        return (
            "".join(each + self.random.choice(["", "\n" + "    " * (indent + 1)]) for each in pieces[:-1]) + pieces[-1]
        )

    def block(self, indent: int, size: int, *, ends: bool = False) -> None:
        """Write a block; what it binds is not known after it."""
        outer, self.scope = self.scope, self.scope.copy()
        for _ in range(self.random.randint(1, max(1, size))):
            self.statement(indent, size)
        if ends and self.scope.loops > self.scope.outside and self.some(0.7):
            self.write(indent, self.random.choice(["break", "continue"]))
        self.scope = outer

    def statement(self, indent: int, size: int) -> None:
        deep = 1.0 if size > 1 and indent < 7 else 0.0
        inner = 0.0 if self.scope.ending else 1.0
        kind: str = self.one(
            (4, "assign"), (2, "annotated"), (4, "again"), (4, "store"), (2, "store_element"), (2, "augment"),
            (1, "pair"), (1, "blockwise"), (1, "store_other"), (1.2, "store_bits"), (0.5, "whole_record"), (1, "new_node"), (0.7, "call_it"), (0.6, "log"), (0.4, "check"),
            (3 * deep, "if_"), (1.2 * deep, "while_"), (2 * deep, "for_range"), (0.8 * deep, "for_array"),
            (0.9 * deep, "for_static"), (1.2 * deep if self.generators else 0, "for_generator"), (3 * deep, "try_"),
            (0.7 * inner, "raise_"), (0.35 * inner, "return_"), (0.8 * inner if self.scope.loops > self.scope.outside else 0, "leave"),
            (0.5 * deep, "follow"), (deep, "split"), (0.7 * deep, "caught"), (0.8 * deep, "surely"),
            (0.6 * deep, "over_parts"), (0.3, "over_words"), (0.6, "nested_tuple"), (0.1, "unchecked"), (0.5, "guarded"),
            (0.3, "walk"),
        )  # type: ignore[assignment]  # fmt: skip
        getattr(self, kind)(indent, size)

    def assign(self, indent: int, size: int) -> None:
        text, bounds = self.integer(3)
        if self.some(0.1):
            name = self.new("flag")
            self.write(indent, f"{name} = {self.boolean(2)}")
            self.scope.bools.append(name)
            return
        name = self.new_or_shadowing(
            self, self.random.choice(["x", "x", "x", "t_", "result_", "failed_", "raised_", "error_", "state", "nodes"])
        )
        self.write(indent, f"{name} = {text}")
        self.scope.integers[name] = bounds

    def annotated(self, indent: int, size: int) -> None:
        name, kind = self.new("n"), self.random.choice(TYPES)
        self.write(indent, f"{name}: {kind} = {self.fitting(kind, 3)}")
        self.scope.integers[name], self.scope.declared[name] = self.interval(kind), kind

    def again(self, indent: int, size: int) -> None:
        names = [name for name in self.scope.integers if name not in self.scope.fixed]
        if not names:
            return self.store(indent, size)
        name = self.random.choice(names)
        bounds = self.scope.integers[name]
        if name in self.scope.declared and self.some(0.3):
            sign = self.random.choice(["+", "-", "^", "|", "&", ">>", "*"])
            right = "3" if sign in (">>", "*") else self.fitting("u8", 1)
            if sign != "*" or bounds.high < 1 << 60:
                return self.write(indent, f"{name} {sign}= {right}")
        text, found = self.integer(3)
        unfit = name in self.scope.declared and self.some(0.04)
        self.write(indent, f"{name} = {text if found in bounds or unfit else self.squeezed(text, bounds)}")

    def place(self) -> tuple[str, str]:
        """Write a field and its type."""
        owner = self.random.choice(["self.state", "self.state.inner", "self.state.inners[1]", "node", "node.inner"])
        fields = FIELDS["inner" if "inner" in owner else owner]
        name, kind = self.random.choice(list(fields.items()))
        owner = owner.replace("node", self.node(1))
        if fields is FIELDS["inner"] and self.some(0.15):
            owner = f"view(self.ram, Inner, address_of({owner}))"
        return f"{owner}.{name}", kind

    def store(self, indent: int, size: int) -> None:
        target, kind = self.place()
        self.write(indent, f"{target} = {self.fitting(kind, 3)}")

    def store_element(self, indent: int, size: int) -> None:
        array, (kind, count) = self.array() if self.some(0.9) else TABLE
        self.write(indent, f"{array}[{self.small(2, count)}] = {self.fitting(kind, 2)}")

    def augment(self, indent: int, size: int) -> None:
        if self.some(0.5):
            target, _ = self.place()
        else:
            array, (_, count) = self.array()
            target = f"{array}[{self.small(2, count)}]"
        sign = self.random.choice(["+", "-", "^", "|", "&", ">>", "//", "%"])
        right = self.fitting("u8", 2)
        if sign == ">>":
            right = f"{right} % 9"
        elif sign in ("//", "%"):
            right = f"({right} | 1)"
        self.write(indent, f"{target} {sign}= {right}")

    def pair(self, indent: int, size: int) -> None:
        names = [name for name in self.scope.integers if name in self.scope.declared and name not in self.scope.fixed]
        if len(names) < 2:
            first, second = self.new("x"), self.new("x")
            (left, one), (right, other) = self.integer(2), self.integer(2)
            self.write(indent, f"{first}, {second} = {left}, {right}")
            self.scope.integers |= {first: one, second: other}
            return
        first, second = self.random.sample(names, 2)
        kinds = [self.scope.declared[each] for each in (first, second)]
        right = [self.squeezed(name, self.interval(kind)) for name, kind in zip((second, first), kinds, strict=True)]
        self.write(indent, f"{first}, {second} = {right[0]}, {right[1]}")

    def blockwise(self, indent: int, size: int) -> None:
        action = self.random.randrange(5)
        array, (kind, count) = self.array() if action < 4 else TABLE
        if action == 0:
            self.write(indent, f"{array}.clear()")
        elif action in (1, 4):
            start = self.random.randrange(count)
            size, value = self.small(2, count - start + 1), self.fitting(kind, 2)
            by_name = self.some(0.3)
            arguments = f"value={value}, count={size}, start={start}" if by_name else f"{start}, {size}, {value}"
            self.write(indent, f"{array}.fill({arguments})")
        else:
            others = [name for name, (other, _) in ARRAYS.items() if other == kind]
            others += [f"{self.node(1)}.{name}" for name, (other, _) in NODE_ARRAYS.items() if other == kind]
            starts = [self.small(1, 2) for _ in range(2)]
            self.write(
                indent, f"{array}.copy_from({starts[0]}, {self.random.choice(others)}, {starts[1]}, {self.small(2, 3)})"
            )

    def store_other(self, indent: int, size: int) -> None:
        kind = self.random.randrange(4)
        if kind == 0:
            self.write(
                indent, f"{self.random.choice(['self.state.flag', self.node(1) + '.ready'])} = {self.boolean(2)}"
            )
        elif kind == 1:
            self.write(indent, f"{self.random.choice(['self.state', self.node(1)])}.colour = {self.colour()}")
        else:
            spare = self.random.choice(["self.spare", *BOXED]) if self.some(0.15) else "None"
            value = self.random.choice(
                [self.node(2), self.node(2), "None", spare, "self.state.first", self.node(1) + ".next"]
            )
            self.write(indent, f"{self.random.choice(['self.state.first', self.node(1) + '.next'])} = {value}")

    def new_node(self, indent: int, size: int) -> None:
        name = self.new("node")
        self.write(indent, f"{name} = {self.node(2)}")
        self.scope.nodes.append(name)

    def follow(self, indent: int, size: int) -> None:
        name = self.new("near")
        found = ["self.state.first", self.node(1) + ".next"]
        if self.searchers and self.scope.loops < 2:
            searcher = self.random.choice(self.searchers)
            call = f"self.{searcher.name}({', '.join(self.argument(each, 1) for each in searcher.parameters)})"
            found += [call] * 3
        self.write(indent, f"{name} = {self.random.choice(found)}")
        self.write(indent, f"if {name} is not None:")
        outer, self.scope = self.scope, self.scope.copy()
        self.scope.nodes += [name] * 2
        self.block(indent + 1, size - 1)
        self.scope = outer

    def call_it(self, indent: int, size: int) -> None:
        if self.some(0.3):
            return self.write(indent, f"{self.node(1)}.link({self.node(1)})")
        text, _ = self.call(3)
        self.write(
            indent,
            text
            if text.endswith(")") and "(" in text and not text.startswith("(")
            else f"self.state.i64 = {self.squeezed(text, I64)}",
        )

    def log(self, indent: int, size: int) -> None:
        parts = []
        for _ in range(self.random.choice([1, 2, 2])):
            text, bounds = self.integer(1)
            if '"' in text:  # Python before 3.12 has no such quotes within an f-string
                text, bounds = self.leaf()
            if not bounds.fits(64):
                text, bounds = f"({text} & 0xFFFF_FFFF_FFFF_FFFF)", self.interval("u64")
            formats = ["", ":d"] if bounds.low < 0 else ["", ":x", ":#x", ":#010x", ":#018x"]
            parts.append("{" + text + self.random.choice(formats) + "}")
        odd = self.random.choice(ODD_TEXTS)
        self.write(indent, f'self.log.write(f"{odd}{"-".join(parts)}")')

    def check(self, indent: int, size: int) -> None:
        self.write(indent, f"assert {self.boolean(2)} or {self.integer(1)[0]} != 3")

    def raise_(self, indent: int, size: int) -> None:
        if self.scope.handling and self.some(0.4):
            return self.write(indent, f"if {self.boolean(1)}: raise")
        error = self.random.choice(["Low", "Lower", "High", "ProcessFault"])
        self.write(indent, f"if {self.boolean(1)}: raise {error}")

    def return_(self, indent: int, size: int) -> None:
        self.write(indent, f"if {self.boolean(1)}: return{' ' + self.returned(2) if self.result else ''}")

    def leave(self, indent: int, size: int) -> None:
        self.write(indent, f"if {self.boolean(1)}: {self.random.choice(['break', 'continue'])}")

    def if_(self, indent: int, size: int) -> None:
        self.write(indent, f"if {self.boolean(2)}:")
        self.block(indent + 1, size - 1, ends=self.some(0.1) and not self.scope.ending)
        if self.some(0.3):
            self.write(indent, f"elif {self.boolean(2)}:")
            self.block(indent + 1, size - 1)
        if self.some(0.4):
            self.write(indent, "else:")
            self.block(indent + 1, size - 1)

    def in_loop(self, indent: int, size: int, name: str = "", bounds: Interval | None = None) -> None:
        outer, self.scope = self.scope, self.scope.copy()
        if name and bounds:
            self.scope.integers[name] = bounds
            if self.some(0.7):
                self.scope.fixed.add(name)
        self.scope.loops += 1
        self.block(indent + 1, size - 1, ends=self.some(0.15))
        self.scope = outer

    def while_(self, indent: int, size: int) -> None:
        name = self.new("w")
        self.write(indent, f"{name}: u8 = 0")
        self.scope.fixed.add(name)
        self.scope.integers[name] = Interval(0, 255)
        more = f" and {self.boolean(2)}" if self.some(0.5) else ""
        self.write(indent, f"while {name} < {self.random.randint(1, 5)}{more}:")
        self.write(indent + 1, f"{name} += 1")
        self.in_loop(indent, size)

    def for_range(self, indent: int, size: int) -> None:
        name = self.new("i")
        low = self.random.choice([0, 0, 1, -2])
        stop = str(self.random.randint(1, 6)) if self.some(0.5) else f"{self.small(2, 6)}"
        if not stop.isdigit():
            stop = f"min({stop}, 6)"
        start = f"{low}, " if low or self.some(0.2) else ""
        step = f", {self.random.randint(1, 3)}" if start and self.some(0.3) else ""
        self.write(indent, f"for {name} in range({start}{stop}{step}):")
        self.in_loop(indent, size, name, Interval(-2, 6))

    def for_array(self, indent: int, size: int) -> None:
        name = self.new("e")
        if self.some(0.3):
            outer, self.scope = self.scope, self.scope.copy()
            self.write(indent, f"for {name} in self.nodes:")
            self.scope.nodes.append(name)
            self.in_loop(indent, size)
            self.scope = outer
            return
        array, (kind, _) = self.array()
        self.write(indent, f"for {name} in {array}:")
        self.in_loop(indent, size, name, self.interval(kind))

    def for_static(self, indent: int, size: int) -> None:
        name = self.new("s")
        if self.some(0.3):
            other = self.new("s")
            self.write(indent, f"for {name}, {other} in {self.random.choice(['self.pairs', 'reversed(self.pairs)'])}:")
            self.scope.integers[other] = Interval(2, 600)
            self.in_loop(indent, size, name, Interval(-3, 5))
            del self.scope.integers[other]
            return
        if self.some(0.3):  # known before and after too
            self.write(indent, f"{name} = 7")
            self.scope.integers[name] = Interval(-1, 1 << 32)
            self.scope.fixed.add(name)
        source = self.random.choice(["self.table", "(1, 2, 3)", "reversed(self.table)", "(self.step, 5)"])
        self.write(indent, f"for {name} in {source}:")
        self.in_loop(indent, size, name, Interval(-1, 1 << 32))
        if self.some(0.5):  # a static tuple is not empty, so its target has a value after it
            self.scope.integers[name] = Interval(-1, 1 << 32)

    def for_generator(self, indent: int, size: int) -> None:
        generator, parameters = self.random.choice(self.generators)
        name = self.new("g")
        arguments = ", ".join(self.argument(each, 2) for each in parameters)
        twin = self.twins.get(generator)
        if twin is None:
            self.write(indent, f"for {name} in self.{generator}({arguments}):")
            return self.in_loop(indent, size, name, self.interval("i32"))
        other = self.new("h")
        if twin != "node" and self.some(0.15):
            self.write(indent, f"for {name}, self.state.{twin} in self.{generator}({arguments}):")
            return self.in_loop(indent, size, name, self.interval("i32"))
        self.write(indent, f"for {name}, {other} in self.{generator}({arguments}):")
        outer, self.scope = self.scope, self.scope.copy()
        if twin == "node":
            self.scope.nodes.append(other)
        else:
            self.scope.integers[other] = self.interval(twin)
        self.in_loop(indent, size, name, self.interval("i32"))
        self.scope = outer

    def try_(self, indent: int, size: int) -> None:
        self.write(indent, "try:")
        self.block(indent + 1, size - 1)
        if self.some(0.6) and not self.scope.ending:
            self.write(indent + 1, self.random.choice(["raise Low", "raise High", "raise Lower", "self.state.u8 = 1"]))
        form = self.random.choice(["except", "except", "finally", "both"])
        if form != "finally":
            taken = ["Low", "High", "Lower", "KernelError", "(Low, High)", "(Lower, ProcessFault)", "ProcessFault"]
            for error in self.random.sample(taken, self.random.choice([1, 1, 2])):
                named = self.some(0.4) and "Fault" not in error
                self.write(indent, f"except {error} as error:" if named else f"except {error}:")
                if named:
                    self.write(indent + 1, "self.state.i32 = error.number")
                outer, self.scope = self.scope, self.scope.copy()
                self.scope.handling = not self.scope.ending
                self.block(indent + 1, size - 1, ends=self.some(0.1) and not self.scope.ending)
                self.scope = outer
            if self.some(0.3):
                self.write(indent, "else:")
                self.block(indent + 1, size - 1)
        if form != "except":
            self.write(indent, "finally:")
            outer, self.scope = self.scope, self.scope.copy()
            # A finally has no exits at all, not even of its own loops.
            self.scope.ending, self.scope.handling, self.scope.outside = True, False, 99
            self.block(indent + 1, size - 1)
            self.scope = outer

    # Functions.

    def function(self, name: str, parameters: list[tuple[str, str]], result: str, size: int) -> None:
        self.scope, self.result = Scope(), result
        self.names_of_function()
        declared = []
        for parameter, kind in parameters:
            annotation = {"node": "Node", "bool": "bool", "colour": "Colour"}.get(kind, kind)
            if kind.startswith("array "):
                annotation = f"Array[{kind[6:]}]"
            declared.append(f"{parameter}: {annotation}")
            if kind in TYPES:
                self.scope.integers[parameter], self.scope.declared[parameter] = self.interval(kind), kind
            elif kind == "node":
                self.scope.nodes.append(parameter)
            elif kind == "bool":
                self.scope.bools.append(parameter)
            elif kind == "colour":
                self.scope.colours.append(parameter)
        results = {"": "None", "node": "Node", "ref": '"Ref[Node]"'}
        self.write(1, f"def {name}({', '.join(['self', *declared])}) -> {results.get(result, result)}:")
        arrays = [(each, kind) for each, kind in parameters if kind.startswith("array ")]
        for each, kind in arrays:
            self.write(2, f"{each}[{self.small(1, 3)}] = {self.fitting(kind[6:], 1)}")
        for _ in range(self.random.randint(1, 4)):
            self.statement(2, size)
        if result:
            self.write(2, f"return {self.returned(3)}")
        self.lines.append("")

    def returned(self, depth: int) -> str:
        """Write a result of the function at hand."""
        if self.result == "node":
            return self.node(depth)
        if self.result == "ref":
            return self.random.choice([self.node(depth), "None", "self.state.first", self.node(1) + ".next"])
        return self.fitting(self.result, depth)

    def generator(self, name: str, parameters: list[tuple[str, str]]) -> None:
        self.scope = Scope(ending=True, outside=99)
        self.names_of_function()
        for parameter, kind in parameters:
            self.scope.integers[parameter], self.scope.declared[parameter] = self.interval(kind), kind
        kind = self.random.choice(["u8", "u16", "i16", "i32"])
        declared = "".join(f", {parameter}: {each}" for parameter, each in parameters)
        twin = self.random.choice(["node", "u8", "i16", "u64"]) if self.some(0.4) else ""
        self.twins |= {name: twin} if twin else {}
        yielded = f"tuple[{kind}, {twin.replace('node', 'Node')}]" if twin else kind
        self.write(1, f"def {name}(self{declared}) -> Iterator[{yielded}]:")
        if self.some(0.5):
            self.statement(2, 1)
        counter = self.new("k")
        source = self.random.choice(["range(3)", "range(1, 5)", "(4, 5)", "self.state.bytes", "while"])
        if source == "while":
            self.write(2, f"{counter}: u8 = 0")
            self.write(2, f"while {counter} < 3:")
            self.write(3, f"{counter} += 1")
        else:
            self.write(2, f"for {counter} in {source}:")
        self.scope.integers[counter] = Interval(0, 255)
        self.scope.fixed.add(counter)
        if self.some(0.5):
            self.write(3, f"if {self.boolean(1)}:")
            self.write(4, "continue")
        also = "" if not twin else f", {self.node(2) if twin == 'node' else self.fitting(twin, 2)}"
        self.write(3, f"yield {self.fitting(kind, 2)}{also}")
        if self.some(0.5):
            self.statement(3, 1)
        self.lines.append("")

    def text(self) -> list[str]:
        """Return the methods of the unit."""
        number, kinds = self.number, [*TYPES, "node", "bool", "colour", "array u8", "array u16", "array word"]
        if self.some(0.5):
            parameters = [("start", self.random.choice(TYPES))] if self.some(0.6) else []
            self.generator(f"each_{number}", parameters)
            self.generators.append((f"each_{number}", [kind for _, kind in parameters]))
        for helper in range(self.random.choice([0, 1, 2])):
            parameters = [(f"p{index}", self.random.choice(kinds)) for index in range(self.random.randint(0, 3))]
            name, result = f"help_{number}_{helper}", self.random.choice(TYPES)
            self.function(name, parameters, result, 2)
            self.functions.append(Function(name, [kind for _, kind in parameters], result))
        if self.some(0.5):
            parameters = [(f"p{index}", self.random.choice(kinds)) for index in range(self.random.randint(0, 2))]
            result, found = self.random.choice([("node", self.finders), ("ref", self.searchers)])
            self.function(f"find_{number}", parameters, result, 2)
            found.append(Function(f"find_{number}", [kind for _, kind in parameters], result))
        if self.some(0.25):
            names = [f"pick_{number}_{index}" for index in range(4)]
            for name in names:
                self.function(name, [("p", "u8")], "i32", 1)
            self.methods = f"picks_{number}"
            self.attributes.append(f"        self.{self.methods} = ({', '.join(f'self.{name}' for name in names)})")
        parameters = [("a", "u32"), ("b", "i32"), ("c", self.random.choice(["i64", "u64", "u8", "i8", "word"]))]
        self.function(f"entry_{number}", parameters, self.random.choice([*TYPES, "i64", "u64", ""]), 3)
        return self.lines


def write_units(seed: str, count: int, word_bits: int = 32) -> list[Unit]:
    """Return units whose text has been written."""
    units = [Unit(number, f"{seed}.{number}", word_bits) for number in range(count)]
    for unit in units:
        unit.text()
    return units


def module_text(units: list[Unit]) -> str:
    """Return the module of some units."""
    lines = [line for unit in units for line in unit.attributes]
    for unit in units:
        lines += ["", *unit.lines[:-1]]
    return HEAD + "\n".join(lines) + "\n"


def inputs(seed: str, types: list[str], count: int) -> list[tuple[int, ...]]:
    """Return arguments of an entry."""
    numbers = random.Random(seed)
    return [tuple(near(numbers, each) for each in types) for _ in range(count)]
