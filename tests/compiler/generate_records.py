# ruff: noqa: E501
"""What random programs do with records: whole ones, named bits, and whether arrays are the same."""

from typing import Any

from keelback.compiler.intervals import Interval

HEAD = """
class Entry(Struct):
    value: u32
    present: bool = bit(0)
    kind: u8 = bits(1, 3)
    top: bool = bit(31)
    frame: u32 = bits(12, 19)

    def move(self, by: u8) -> u32:
        self.frame = (self.frame + by) & 0x7FFFF
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
"""
ATTRIBUTES = """\
        self.page = records.struct(Page)
        self.entry = self.page.entries[2]
        self.wire = self.page.wires[1]
"""
ARRAYS = {
    "self.state.longs": ("u64", 4), "self.state.words": ("word", 3), "self.state.shorts": ("i16", 6), "self.state.bytes": ("u8", 8),
    "self.state.inner.parts": ("u16", 3), "self.page.wire.words": ("u64", 2), "self.wire.shorts": ("i16", 3),
}  # fmt: skip
NODE_ARRAYS = {"bytes": ("u8", 5), "words": ("i32", 4), "inner.parts": ("u16", 3)}
BOXED = [
    "self.chest.box.node",
    "self.chest.box.nodes[1]",
    "self.chest.boxes[1].nodes[0]",
    "self.corner",
    "self.far_corner",
]
"""Nodes that a Ref can't stand for."""
NUMBERS = {
    "entry": {"kind": 3, "frame": 19, "value": 32},
    "wire": {"limit": 16, "base": 32, "stack": 64, "middle": 40, "place": 32},
    "wide": {"some": 5, "first": 12, "middle": 40, "all": 16, "value": 64, "low": 8, "small": 16},
}
FLAGS = {"entry": ("present", "top"), "wide": ("flag", "last"), "wire": ("odd", "ready")}


class Records:
    """Writes expressions and statements of records; part of a `Unit`."""

    def bits_place(self: Any, struct: str) -> str:
        """Write a struct with named bits."""
        if struct == "wide":
            return "self.page.wide"
        if struct == "wire":
            return self.random.choice(["self.page.wire", "self.wire", f"self.page.wires[{self.small(1, 2)}]"])  # type: ignore[no-any-return]
        return self.random.choice(["self.page.entry", "self.entry", f"self.page.entries[{self.small(1, 3)}]"])

    def named_bits(self: Any, depth: int) -> tuple[str, Interval]:
        """Write an integer out of a struct with named bits."""
        if self.some(0.3):
            return self.whole(depth), Interval(0, 0xFFFF_FFFF)
        if self.some(0.1):
            return f"{self.bits_place('entry')}.move({self.argument('u8', depth)})", Interval(0, 0xFFFF_FFFF)
        struct = self.random.choice(["entry", "wide", "wire"])
        name, count = self.random.choice(list(NUMBERS[struct].items()))
        return f"{self.bits_place(struct)}.{name}", Interval(0, (1 << count) - 1)

    def whole(self: Any, depth: int) -> str:
        """Write an integer that is built out of named bits."""
        given = [self.fitting("u32", depth - 1)] if self.some(0.4) else []
        for name in self.random.sample(["present", "kind", "top", "frame"], self.random.randint(0, 4)):
            flag = name in FLAGS["entry"]
            given.append(f"{name}={self.boolean(depth - 1) if flag else self.part(NUMBERS['entry'][name], depth - 1)}")
        return f"Entry.of({', '.join(given)})"

    def part(self: Any, count: int, depth: int) -> str:
        """Write an integer that fits so many bits, most of the time."""
        text, bounds = self.integer(depth)
        return (
            text if bounds in Interval(0, (1 << count) - 1) or self.some(0.03) else f"({text} & {(1 << count) - 1:#x})"
        )

    def flag(self: Any) -> str:
        """Write a bool out of a struct with named bits."""
        struct = self.random.choice(["entry", "wide", "wire"])
        name = self.random.choice([*FLAGS[struct], "is_top()"] if struct == "entry" else FLAGS[struct])
        return f"{self.bits_place(struct)}.{name}"

    def store_bits(self: Any, indent: int, size: int) -> None:
        struct = self.random.choice(["entry", "entry", "wide", "wire"])
        place = self.bits_place(struct)
        if self.some(0.3):
            self.write(indent, f"{place}.{self.random.choice(FLAGS[struct])} = {self.boolean(2)}")
        elif struct == "entry" and self.some(0.4):
            self.write(indent, f"{place}.value = {self.whole(3)}")
        else:
            name, count = self.random.choice(list(NUMBERS[struct].items()))
            if self.some(0.3):
                self.write(indent, f"{place}.{name} {self.random.choice(['+', '^', '|', '&'])}= {self.part(count, 2)}")
            else:
                self.write(indent, f"{place}.{name} = {self.part(count, 3)}")

    def arrays(self: Any, depth: int) -> str:
        """Write a comparison of arrays, or of one with a text."""
        sign = self.random.choice(["==", "==", "!="])
        texts = [f'"{each}"' for each in ("", "a", "\\0", "\\1\\0\\0", "abcde", "abcdef", "\\7\\7")]
        names = [name for name, (kind, _) in NODE_ARRAYS.items() if kind == "u8"]
        if self.some(0.3):
            first, second = f"{self.node(1)}.{names[0]}", str(self.random.choice(texts))
            return f"({first} {sign} {second})" if self.some(0.7) else f"({second} {sign} {first})"
        kind = self.random.choice(["u8", "u16", "i32", "u64"])
        found = [name for name, (other, _) in ARRAYS.items() if other == kind]
        found += [f"{self.node(1)}.{name}" for name, (other, _) in NODE_ARRAYS.items() if other == kind] * 3
        return f"({self.random.choice(found)} {sign} {self.random.choice(found)})"

    # Whole records.

    def whole_record(self: Any, indent: int, size: int) -> None:
        """A record that is cleared, or copied over another of its struct."""
        kind = self.random.choice(["node", "node", "inner", "entry", "box", "wire"])
        if kind == "box":
            places = ["self.chest.box", "self.chest.boxes[1]", f"self.chest.boxes[{self.small(1, 2)}]"]
            first, second = self.random.choice(places), self.random.choice(places)
        else:
            first, second = self.record(kind), self.record(kind)
        self.write(indent, f"{first}.clear()" if self.some(0.2) else f"{first}.copy_from({second})")

    def record(self: Any, kind: str) -> str:
        """Write a record of a struct."""
        if kind == "entry" and self.some(0.3):
            return f"{self.bits_place('wire')}.last"
        if kind in ("entry", "wire"):
            return self.bits_place(kind)  # type: ignore[no-any-return]
        if kind == "node":
            others = [self.node(1), "self.spare", *BOXED]
            if self.some(0.1):  # None, maybe
                others = ["self.state.first", f"{self.node(1)}.next"]
            return str(self.random.choice(others))
        return str(self.random.choice(["self.state.inner", "self.state.inners[1]", f"{self.node(1)}.inner"]))
