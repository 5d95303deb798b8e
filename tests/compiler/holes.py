"""Holes: what a template leaves open, filled at random: names, integers, conditions, statements.

`«hole»` is filled with what is listed here under its name, `«this|that»` with one of several, innermost first.
In a template `¦` is the operator that would separate alternatives.
"""

import random
import re
from collections.abc import Sequence
from typing import TypeVar

T = TypeVar("T")

TYPES = ("u8", "u8", "u16", "u32", "i8", "i16", "i32", "u64", "i64", "word")
NARROW = ("u8", "u8", "i8", "u16", "i16", "u32", "i32")
EDGES = (0, 1, 2, 3, 7, 8, 31, 32, 63, 127, 128, 255, 256)
WIDE_EDGES = ("0x7FFF_FFFF", "0x8000_0000", "0xFFFF_FFFF", "-0x8000_0000", "(1 << 63) - 1", "-(1 << 63)")
C_WORDS = (
    "int", "int_", "long", "register", "auto", "typeof", "volatile", "restrict", "inline", "asm", "unix", "linux",
    "i386", "signed", "unsigned", "struct_", "char", "text", "both", "t_1", "t_2", "x_1", "x_1_", "padding_0",
    "index_1", "NULL", "STOP", "CHECK", "floor_div", "memcpy", "memset", "panic", "main", "errno", "bool_",
    "error_sentence", "stdin", "abs", "exit", "switch", "case", "default", "goto", "sizeof", "typedef", "union",
    "extern", "const", "static_", "float", "double", "_Bool", "_Static_assert", "__builtin_trap", "__LINE__",
    "__FILE__", "u8_", "size_t", "done_1_end", "tried_2_end", "failed_1", "raised_1", "Node_of", "Node_place",
    "kernel_nodes", "nodes", "spare", "text_", "root", "each_i", "_", "__", "___", "x__", "_x_", "self_",
    "this", "x_y", "X",
)  # fmt: skip
NAMES = {
    "global": ("step", "LIMIT", "ODD", "greeting", "chosen", "Node", "Low", "Part", "State", "Byte", "Limits"),
    "builtin": ("len", "min", "max", "range", "int", "list", "type", "id", "next", "bool", "str", "enumerate", "sum"),
    "c": C_WORDS,
    "method": ("entry", "tick", "twice", "bump", "put", "write", "each", "nodes", "table", "parts", "log"),
    "other": ("é", "ñandú", "straße", "π", "Ω", "变量", "ﬁ", "ª", "total", "x", "value", "result"),
}
TEXTS = (
    '"plain"', '""', '"\\x1b[0m"', '"??="', '"??/"', '"a\\"b"', '"back\\\\slash"', '"\\0"', '"\\0001"', '"\\x7f"',
    '"tab\\t"', '"line\\n"', '"%d %s %%"', '"{{}}"', '"\'"', '"/* */"', '"//"', '"\\x01" "2"', '"a" "b"', '"é"',
)  # fmt: skip
SPECS = ("", "", ":x", ":d", ":#x", ":#010x", ":08x", ":#04x", ":02x", ":02", ":5", ":05d", ":X", ":b", ":,", ":+d",
         "!r", ":>4", ":-4d")  # fmt: skip


CONSTANTS = (*map(str, EDGES), "(-1)", "(-2)", *WIDE_EDGES[:1])
ATOMS = (
    "self.spare.a", "self.spare.b", "self.spare.c", "self.spare.words[1]", "self.part.step", "step", "LIMIT",
    "self.limits.high", "self.limits.middle", "len(self.table)", "self.inner.x", "self.element.y", "chosen",
    "self.spare.frame.depth", "self.spare.frame.points[2].y", "self.table[1]", "Low.number", "ODD[3]", "self.first.a",
    "self.last_words[2]", "State.DONE", "len(self.spare.bytes)", "size_of(Node)",
)  # fmt: skip
INTEGERS = (
    "(«i» + «i»)", "(«i» - «i»)", "(«i» * «2|3|-1|5»)", "(«i» & «3|255»)", "(«i» ¦ «i»)", "(«i» ^ «i»)", "-«i»", "~«i»",
    "(«i» >> «0|1|7|31»)", "(«i» << «0|1|4»)", "(«i» // «1|2|-1|-3|7|«i»»)", "(«i» % «1|2|-1|-3|7|«i»»)",
    "min(«i», «i»)", "max(«i», «i»)", "(«i» if «cond» else «i»)", "«call»", "(1 if «cond» else «i»)",
)  # fmt: skip
CALLS = (
    "self.tick(«byte»)", "self.twice(«byte»)", "self.checked(«byte»)", "self.spare.bump(«byte»)", "self.tick(n=«byte»)",
    "self.part.moved(«byte»)", "self.node_of(«byte»).a",
)  # fmt: skip
CONDITIONS = (
    "«i» < «i»", "«i» == «i»", "«i» >= «i»", "«i» < «i» <= «i»", "«i» != «i» == «i»", "(«i» < «i» and «cond»)",
    "(«i» > «i» or «cond»)", "not «cond»", "«i» & 1", "bool(«i» & 3)", "self.yes_if(«byte»)", "self.spare.on",
    "self.maybe(«byte») is None", "self.checked(«byte») < «i» < «call»", "self.spare.next is not None",
    "self.node_of(«byte») is self.first",
)  # fmt: skip
EFFECTS = (
    "self.spare.c = «byte»", "self.tick(«byte»)", "self.spare.words[«small»] = «byte»", "self.spare.on = «cond»",
    "self.nodes[«small»].a = «byte»", "self.log.write(«written»)", "self.spare.bytes[«small»] ^= «byte»",
    "self.nodes[«small»].next = self.nodes[«small»]", "self.spare.frame.depth = «byte»", "self.inner.x -= «byte»",
    "self.spare.frame.points[«small»].x += «byte»", "self.spare.next = self.maybe(«byte»)", "self.element.y = «byte»",
    "self.spare.state = State.«FREE|DONE»", "self.first.b = («byte») - («byte»)",
    "self.spare.longs[«small»] ¦= («byte») << «0|8|31|40|55»",
)  # fmt: skip
RISKY = (
    "self.checked(«byte»)", "self.checked(«byte»)", "self.spare.a = «i»", "self.spare.c = «i» // «i»",
    "self.spare.words[«i»] = 1", "assert «cond»", "self.part.check(«byte»)", "self.nodes[«i»].c = «i»",
    "self.spare.b = self.table[«small»]", "self.spare.bytes.fill(«small», «small», «i»)", "assert «cond», «text»",
    "self.spare.place = «i»",
)  # fmt: skip
WRITTEN = (*TEXTS, "self.names[1]", "greeting", "self.part.title", "self.limits.title", "self.names[«small»]")
FORMATTED = ("{«atom»«spec»}", "{«atom»}", "{«i»:x}", "{«call»}", "-", "{{", "\\n", "%d")
LISTS: dict[str, Sequence[str]] = {
    "const": CONSTANTS,
    "call": CALLS,
    "effect": EFFECTS,
    "risky": RISKY,
    "any": (*EFFECTS, *RISKY),
    "text": TEXTS,
    "spec": SPECS,
    "type": NARROW,
    "wide": TYPES,
    "error": ("Low", "High", "KernelError", "(Low, High)", "(High, Far)", "Low"),
    "raised": ("Low", "High", "Far", "Low"),
    "byte": ("«i» & «1|3|7|0xFF»",),
    "small": ("«i» & «1|3|3|3|7»",),
    "i": INTEGERS,
    "cond": CONDITIONS,
}
HOLE = re.compile(r"«([^«»]*)»")
OR = "¦"


class Holes:
    """What fills the holes of one program; `types` are the integers in scope that any expression may use."""

    def __init__(self, seed: str) -> None:
        self.random = random.Random(seed)
        self.used: set[str] = {"a", "b", "self", "n"}
        self.types = {"a": self.pick(TYPES), "b": self.pick(NARROW)}

    def pick(self, choices: Sequence[T]) -> T:
        return self.random.choice(choices)

    def chance(self, percent: int) -> bool:
        return self.random.randrange(100) < percent

    def name(self) -> str:
        """Return a name that nothing else in the program has, likely one that means something elsewhere."""
        while True:
            found = self.pick(NAMES[self.pick(tuple(NAMES))])
            if found not in self.used:
                self.used.add(found)
                return found

    def one(self, hole: str, depth: int = 2) -> str:
        """Return what fills a hole."""
        return self.fill(f"«{hole}»", depth)

    def fill(self, template: str, depth: int = 2) -> str:
        """Return a text whose holes are filled; expressions are at most so deep."""
        return self._filled(template, depth).replace(OR, "|")

    def _filled(self, text: str, depth: int) -> str:
        while found := HOLE.search(text):
            # What fills a hole has no holes and no `|`, so what is around it is read as it was written.
            filled = self._hole(found[1], depth).replace("|", OR)
            text = text[: found.start()] + filled + text[found.end() :]
        return text

    def _hole(self, hole: str, depth: int) -> str:
        if hole.startswith("known "):
            self.types |= dict.fromkeys(hole[6:].split(","), "u8")
            return "pass"
        deep = depth <= 0 and hole in ("i", "cond", "call")
        if deep or hole == "atom" or (hole == "i" and self.chance(25)):
            return f"{self._atom()} {self.pick(('<', '==', '>='))} {self._atom()}" if hole == "cond" else self._atom()
        if hole == "written":
            return self._written(depth)
        if hole in LISTS:
            return self._filled(self.pick(LISTS[hole]), depth - (hole in ("i", "cond", "call", "any")))
        return self.pick(hole.split("|"))

    def _atom(self) -> str:
        choice = self.random.randrange(10)
        if choice < 6 and self.types:
            name = self.pick(tuple(self.types))
            wide = self.types[name] in ("u64", "i64", "word", "u32", "i32")
            return f"({name} & {self.pick(('0xFF', '0xFFFF', '7'))})" if wide else name
        return self.pick(CONSTANTS if choice < 8 else ATOMS)

    def _written(self, depth: int) -> str:
        if self.chance(50):
            return self._filled(self.pick(WRITTEN), depth)
        return 'f"' + self._filled("".join(self.pick(FORMATTED) for _ in range(3)), min(depth, 1)) + '"'
