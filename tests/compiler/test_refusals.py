# ruff: noqa: E501
"""Every construct that Kernel Python does not have is refused: message, rule, line and column."""

import textwrap
from functools import partial

import pytest

from compiler.compare_lives import Lives
from keelback.compiler import compile_program, passes, source
from keelback.compiler.errors import CompileError
from keelback.compiler.evaluate.arithmetic import Arithmetic
from keelback.compiler.print_c import Printer
from keelback.image.compiled import KERNEL_FLAGS, LARGEST_FRAME, build_object

HEAD = '''\
from collections.abc import Iterator
from dataclasses import dataclass
from enum import IntEnum
from functools import cached_property, wraps

from keelback.lang import *


def marked(method):
    method.mark = True
    return method


def doubled(method):
    @wraps(method)
    def twice(self, n):
        return 2 * method(self, n)

    return twice


class Full(KernelError):
    """It is full."""

    number = -231


class Colour(IntEnum):
    RED = 0


class Item(Struct):
    value: u8
    ready: bool
    colour: Colour
    next: "Ref[Item]"


class Other(Struct):
    wide: u64
    signed: i64
    value: u8
    ready: bool
    colour: Colour
    part: Item
    bytes: Array[u8] = inline(4)
    words: Array[u32] = inline(4)


class Lost(Struct):
    """It has no home array."""

    next: "Ref[Lost]"


class Entry(Struct):
    value: u32
    present: bool = bit(0)
    frame: u32 = bits(12, 20)


class Gate(Struct):
    low: u32
    kind: u8 = bits(0, 4)
    high: u32


class Log(TextSink):
    def put(self, byte: u8) -> None:
        pass


class Weak(TextSink):
    def put(self, byte: u8) -> None:
        raise Full


class Endless(TextSink):
    def put(self, byte: u8) -> None:
        self.write("x")


class Wide(TextSink):
    def put(self, byte: u8, mask: u8 = 3) -> None:
        pass


class Plain(TextSink):
    put = 3


down = range(3, 0, -1)


class Part(Component):
    def __init__(self, step: int) -> None:
        self.step = step


class Field:
    def __get__(self, owner: object, kind: object = None) -> int:
        return 3


class Odd(Component):
    """Its attributes are computed, in every way that there is."""

    described = Field()

    @cached_property
    def cached(self) -> int:
        return 3

    def __bool__(self) -> bool:
        return False

    def __eq__(self, other: object) -> bool:
        return True

    def __add__(self, other: object) -> int:
        return 3

    def __len__(self) -> int:
        return 3


class Finds(Component):
    def __getattr__(self, name: str) -> int:
        return 3


class Shade(IntEnum):
    DARK = 0

    def __add__(self, other: int) -> int:
        return 3


class Shaded(Struct):
    shade: Shade


class Word(str):
    def __str__(self) -> str:
        return "another"


class Row(tuple):
    def __len__(self) -> int:
        return 3


class Settings:
    """No frozen dataclass."""

    step = 3


@dataclass(frozen=True)
class Data:
    item: Other

    @property
    def first(self) -> int:
        return self.item.value


@dataclass(frozen=True)
class Ratio:
    over: int

    @property
    def part(self) -> int:
        return 1 // self.over

    @property
    def start(self) -> int:
        return place.value


@dataclass
class Loose:
    step: int


settings = Settings()
loose = Loose(3)
Byte = u8

class Root(Component):
    def __init__(self, records: Region) -> None:
        self.item = records.struct(Other)
        self.items = records.array(Item, 4)
        self.step = 3
        self.numbers = (1, 2, 3)
        self.names = ("one", "two")
        self.mixed = (None, 1)
        self.parts = (Part(1), Part(2))
        self.lost = records.struct(Lost)
        self.entry_ = records.struct(Entry)
        self.gate = records.struct(Gate)
        self.log = Log()
        self.weak = Weak()
        self.ram = records.ram
        self.other_ram = Ram(1 << 16)
        self.endless, self.wide, self.plain = Endless(), Wide(), Plain()
        self.odd = Odd()
        self.finds = Finds()
        self.shaded = records.struct(Shaded)
        self.data = Data(self.item)
        self.ratio = Ratio(0)
        self.word = Word("a")
        self.row = Row((1, 2))
        global place
        place = self.item

    @property
    def size(self) -> int:
        return 4

    def twice(self, n: u32) -> u64:
        return n * 2

    def two(self) -> u8:
        return 2

    def fails(self, n: u32) -> None:
        if n == 3:
            raise Full

    def each(self, n: u32) -> Iterator[u32]:
        for index in range(n):
            yield index

    def pairs(self) -> Iterator[u32]:
        yield 1
        yield 2

    def guarded(self) -> Iterator[u32]:
        try:
            yield 1
        finally:
            pass

    def again(self, n: u32) -> u32:
        return self.again(n - 1) if n else 0

    def ping(self, n: u32) -> u32:
        return self.pong(n)

    def pong(self, n: u32) -> u32:
        return self.ping(n)

    def link(self, other: Item) -> None:
        self.items[0].next = other

    def those(self, n: u32) -> Iterator[Part]:
        for part in self.parts:
            if part.step != n:
                yield part

    def itself(self, n: u32) -> Iterator[u32]:
        for i in self.itself(n):
            yield i

    def couples(self, n: u32) -> Iterator[tuple[u32, u8]]:
        yield n, 1

    def one_of(self, n: u32) -> Iterator[tuple[u32, u8]]:
        yield self.numbers

    def three_of(self, n: u32) -> Iterator[tuple[u32, u8]]:
        yield n, 1, 2

    def bools(self, n: u32) -> Iterator[tuple[u8, u8]]:
        yield 1, n > 3

    def entry(self, a: u32) -> u32:
'''
# What, the body of `entry`, and the refusal: its line and column count from the body's first.
# fmt: off
NINE_LOOPS = "".join(f"{' ' * depth}for n in self.numbers:\n" for depth in range(9)) + " " * 9
FINALLY = "{0}try: self.fails(a)\n{0}finally:\n"
NESTED_FINALLY = "".join(map(FINALLY.format, (" " * depth for depth in range(14)))) + " " * 14
TOO_MUCH = "more than 10,000 statements"
REFUSED = [
    ("many rounds", NINE_LOOPS + "a = n\nreturn a", f"9:9: unrolled, this function is {TOO_MUCH}: loop over a range [size]"),
    ("many rounds of nothing", NINE_LOOPS + "pass\nreturn a", f"9:9: unrolled, this function is {TOO_MUCH}: loop over a range [size]"),
    ("many copies of a finally", NESTED_FINALLY + "self.fails(a)\nreturn a", f"25:-7: copied for each way out, these are {TOO_MUCH}: name a part of it [size]"),
    ("lambda", "f = lambda: a\nreturn f()", "1:5: Kernel Python has no lambda [expressions]"),
    ("closure", "def inner() -> u32:\n    return a\nreturn inner()", "1:1: Kernel Python has no function within a function [statements]"),
    ("class in a function", "class Inner: pass\nreturn a", "1:1: Kernel Python has no class within a function [statements]"),
    ("comprehension", "return len([each for each in range(a)])", "1:12: Kernel Python has no list comprehension [expressions]"),
    ("generator expression", "return sum(each for each in range(a))", "1:11: Kernel Python has no generator expression [expressions]"),
    ("float", "return a * 1.5", "1:12: Kernel Python has no float constants [expressions]"),
    ("division with a fraction", "return a / 2", "1:8: Kernel Python has no /: // divides integers [operators]"),
    ("power", "return a ** 2", "1:8: Kernel Python has no ** [operators]"),
    ("list", "x = [a]\nreturn 1", "1:5: Kernel Python has no list [expressions]"),
    ("dict", "x = {1: a}\nreturn 1", "1:5: Kernel Python has no dict [expressions]"),
    ("set", "x = {a}\nreturn 1", "1:5: Kernel Python has no set [expressions]"),
    ("dynamic tuple", "x = (a, 1)\nreturn 1", "1:5: a tuple holds static values only [expressions]"),
    ("bytes", 'x = b"abc"\nreturn 1', "1:5: Kernel Python has no bytes constants [expressions]"),
    ("while else", "while a: pass\nelse: pass\nreturn 1", "1:1: a loop has no else [loops]"),
    ("for else", "for i in range(3): pass\nelse: pass\nreturn 1", "1:1: a loop has no else [loops]"),
    ("starred argument", "return self.twice(*self.numbers)", "1:19: Kernel Python has no * before a value [expressions]"),
    ("starred target", "first, *rest = self.numbers\nreturn first", "1:8: Kernel Python has no * before a value [expressions]"),
    ("global", "global x\nreturn a", "1:1: Kernel Python has no global [statements]"),
    ("with", "with self.lock: pass\nreturn a", "1:1: Kernel Python has no with [statements]"),
    ("import", "import os\nreturn a", "1:1: Kernel Python has no import within a function [statements]"),
    ("import from", "from os import path\nreturn a", "1:1: Kernel Python has no import within a function [statements]"),
    ("del", "x = a\ndel x\nreturn a", "2:1: Kernel Python has no del [statements]"),
    ("match", "match a:\n    case 1: pass\nreturn a", "1:1: Kernel Python has no match [statements]"),
    ("walrus", "return (x := a)", "1:9: Kernel Python has no := [expressions]"),
    ("is between integers", "return 1 if a is 3 else 0", "1:13: `is` stands between structs, or a Ref and None [types]"),
    ("in", "return 1 if a in self.numbers else 0", "1:13: Kernel Python has no in [operators]"),
    ("bare except", "try: self.fails(a)\nexcept: pass\nreturn a", "2:1: an except names what it takes [errors]"),
    ("except of another class", "try: self.fails(a)\nexcept ValueError: pass\nreturn a", "2:1: an error is KernelError, one of its classes, or ProcessFault [errors]"),
    ("raise with payload", 'raise Full("why")', "1:1: an error carries nothing: facts go into a record [errors]"),
    ("raise of another class", "raise ValueError", "1:1: an error is KernelError, one of its classes, or ProcessFault [errors]"),
    ("raise of KernelError itself", "raise KernelError", "1:1: KernelError has no number: raise one of its classes [errors]"),
    ("raise alone outside", "raise", "1:1: `raise` alone stands in an except [errors]"),
    ("attribute of an error", "try: self.fails(a)\nexcept Full as error: return error.size\nreturn 0", "2:30: an error has a number and a sentence, nothing else [errors]"),
    ("return in finally", "try: self.fails(a)\nfinally: return 1", "2:10: nothing leaves a finally [errors]"),
    ("raise in finally", "try: self.fails(a)\nfinally: raise Full", "2:10: nothing leaves a finally [errors]"),
    ("break in finally", "while a:\n    try: self.fails(a)\n    finally: break\nreturn 1", "3:14: nothing leaves a finally [errors]"),
    ("generator outside for", "return self.each(3)", "1:8: a generator is used in a for loop [generators]"),
    ("two yields", "for i in self.pairs(): pass\nreturn 1", "1:10: a generator has exactly one yield [generators]"),
    ("several values for one name", "for i in self.couples(a): pass\nreturn 1", "1:5: a target for each of the 2 values yielded [generators]"),
    ("several values for three names", "for i, j, k in self.couples(a): pass\nreturn 1", "1:5: a target for each of the 2 values yielded [generators]"),
    ("several values that are one", "for i, j in self.one_of(a): pass\nreturn 1", "-8:15: this generator yields 2 values, each by itself [generators]"),
    ("too many values", "for i, j in self.three_of(a): pass\nreturn 1", "-5:15: this generator yields 2 values, each by itself [generators]"),
    ("value of another type", "for i, j in self.bools(a): pass\nreturn 1", "-2:18: what is yielded takes u8, not bool [types]"),
    ("annotated beside a field", "x: u8 = 0\nx, self.item.value = a, 3\nreturn x", "2:1: x may not fit, beside a field that is stored: store it alone [locals]"),
    ("annotated beside a field in a loop", "x: u8 = 0\nfor x, self.item.words[0] in ((1, 2), (300, 2)): pass\nreturn x", "2:5: x may not fit, beside a field that is stored: store it alone [locals]"),
    ("yield in try", "for i in self.guarded(): pass\nreturn 1", "1:10: a generator does not yield within a try [generators]"),
    ("yield in an entry", "yield a", "1:1: a generator is used in a for loop [generators]"),
    ("unbounded product", "x = a * a * a\nreturn x", "2:1: can't bound this to 64 bits (0 … 79228162458924105385300197375); annotate it [bounded integers]"),
    ("unbounded loop", "x = a\nwhile x < 1000: x = x * 3\nreturn x", "2:7: can't bound this to 64 bits (0 … 27670116110564327421); annotate it [bounded integers]"),
    ("unbounded shift", "return a << a", "1:8: can't bound this shift below 64; mask it [bounded integers]"),
    ("mixed division", "return self.item.wide // self.item.signed", "1:8: can't hold both sides of // in one 64-bit type; annotate them [bounded integers]"),
    ("unknown name", "return nothing", "1:8: nothing has no value here [names]"),
    ("unknown attribute", "return self.nothing", "1:8: Root has no attribute nothing [attributes]"),
    ("unknown field", "return self.item.nothing", "1:8: Other has no field nothing [attributes]"),
    ("misspelt attribute", "return self.itme", "1:8: Root has no attribute itme; did you mean item or items or itself? [attributes]"),
    ("misspelt field", "return self.item.valeu", "1:8: Other has no field valeu; did you mean value? [attributes]"),
    ("unknown method", "return self.nothing(a)", "1:8: Root has no attribute nothing [attributes]"),
    ("unknown method of a struct", "return self.item.nothing(a)", "1:8: Other has no method nothing [attributes]"),
    ("unknown bits", "return Entry.of(frame=a, dirty=True)", "1:26: Entry has no bits dirty [attributes]"),
    ("unknown bits of a struct", "self.entry_.dirty = True\nreturn a", "1:1: Entry has no field dirty [attributes]"),
    ("bits by position", "return Entry.of(0, a)", "1:8: of takes the whole integer, if any, and bits by name [structs]"),
    ("bits by dict", "return Entry.of(**self.numbers)", "1:17: Entry has no bits None [attributes]"),
    ("bits of a struct of two", "return Gate.of(kind=3)", "1:8: Gate is not one integer with named bits [structs]"),
    ("bits of a struct of none", "return Item.of(value=3)", "1:8: Item is not one integer with named bits [structs]"),
    ("integer for a bit", "self.entry_.present = a\nreturn a", "1:1: Entry.present takes bool, not u32 [types]"),
    ("bool for bits", "return Entry.of(frame=a > 3)", "1:8: Entry.frame takes [0, 1048575], not bool [types]"),
    ("bool for a whole", "return Entry.of(a > 3, frame=1)", "1:8: Entry takes u32, not bool [types]"),
    ("bits of a class", "return Entry.frame", "1:1: a BitRange is no value at run time [values]"),
    ("whole of a struct", "return self.entry_.of(frame=3)", "1:8: Entry.of is asked of the struct's class [structs]"),
    ("copy of another struct", "self.item.copy_from(self.items[0])\nreturn a", "1:1: copy_from of Other takes Other, not Item [types]"),
    ("copy of None", "self.item.copy_from(None)\nreturn a", "1:1: copy_from of Other takes Other, not None [types]"),
    ("copy of an integer", "self.item.copy_from(a)\nreturn a", "1:1: copy_from of Other takes Other, not u32 [types]"),
    ("copy of nothing", "self.item.copy_from()\nreturn a", "1:1: copy_from takes other [calls]"),
    ("clear of a record", "self.item.clear(self.item.part)\nreturn a", "1:1: clear takes no arguments [calls]"),
    ("order of arrays", "return 1 if self.item.bytes < self.item.bytes else 0", "1:13: arrays are compared by == and != [types]"),
    ("identity of arrays", "return 1 if self.item.bytes is self.item.bytes else 0", "1:13: arrays are compared by == and != [types]"),
    ("arrays of different types", "return 1 if self.item.bytes == self.item.words else 0", "1:13: an array of integers can't be compared: Array[u8] and Array[u32] [types]"),
    ("arrays of structs", "return 1 if self.items == self.items else 0", "1:13: an array of integers can't be compared: Array[Item] and Array[Item] [types]"),
    ("array and integer", "return 1 if self.item.bytes != a else 0", "1:13: an array of integers can't be compared: Array[u8] and u32 [types]"),
    ("text and array of words", 'return 1 if "a" == self.item.words else 0', "1:13: an array of integers can't be compared: Array[u32] and text [types]"),
    ("array and text that is not ASCII", 'return 1 if self.item.bytes == "é" else 0', "1:13: text is ASCII: 'é' [text]"),
    ("array and text that is picked", "return 1 if self.item.bytes == self.names[a & 1] else 0", "1:13: an array of integers can't be compared: Array[u8] and text [types]"),
    ("unknown method of an array", "self.item.bytes.append(a)\nreturn a", "1:1: an array has no method append [attributes]"),
    ("call of a builtin", "print(a)\nreturn a", "1:1: Kernel Python can't call 'print' [calls]"),
    ("isinstance", "return 1 if isinstance(a, int) else 0", "1:13: Kernel Python can't call 'isinstance' [calls]"),
    ("getattr", 'return getattr(self, "step")', "1:8: Kernel Python can't call 'getattr' [calls]"),
    ("call with too few arguments", "return self.twice()", "1:8: twice takes n: u32 [calls]"),
    ("argument given twice", "return self.twice(a, n=a)", "1:8: twice takes n: u32 [calls]"),
    ("call with an unknown keyword", "return self.twice(m=a)", "1:8: twice takes n: u32 [calls]"),
    ("ord of two", 'return ord("ab")', "1:8: ord takes a text constant of one character [text]"),
    ("ord of nothing", "return ord()", "1:8: ord takes 1 arguments here, by position [calls]"),
    ("ord of a text that is picked", "return ord(self.names[a & 1])", "1:8: ord takes a text constant of one character [text]"),
    ("ord of an integer", "return ord(self.step)", "1:8: ord takes a text constant of one character [text]"),
    ("ord beyond ASCII", 'return ord("é")', "1:8: text is ASCII: 'é' [text]"),
    ("min of one", "return min(a)", "1:8: min takes 2 arguments here, by position [calls]"),
    ("keyword of min", "return min(a, 3, key=None)", "1:8: min takes 2 arguments here, by position [calls]"),
    ("bool as an integer", "self.item.value = True\nreturn a", "1:1: Other.value takes u8, not bool [types]"),
    ("dynamic bool as an integer", "self.item.value = a > 3\nreturn a", "1:1: Other.value takes u8, not bool [types]"),
    ("integer as a bool", "self.item.ready = 1\nreturn a", "1:1: Other.ready takes bool, not 1 [types]"),
    ("integer as an enum", "self.item.colour = 1\nreturn a", "1:1: Other.colour takes Colour, not 1 [types]"),
    ("enum beyond its members", "self.item.colour = a\nreturn a", "1:1: Other.colour takes Colour, not u32 [types]"),
    ("struct as an integer", "return self.item", "1:1: the result of entry takes u32, not Other [types]"),
    ("None as an integer", "return None", "1:1: the result of entry takes u32, not None [types]"),
    ("arithmetic of bools", "return self.item.ready + a", "1:8: + takes integers [types]"),
    ("bool compared with integer", "return 1 if self.item.ready == a else 0", "1:13: == can't compare bool and u32 [types]"),
    ("structs of two classes", "return 1 if self.item is self.items[0] else 0", "1:13: == can't compare Other and Item [types]"),
    ("ref as a condition", "return 1 if self.items[0].next else 0", "1:13: a condition is a bool or an integer; ask a Ref `is None` [types]"),
    ("and of integers", "return a and 3", "1:8: `and` and `or` take bools, but in a condition [types]"),
    ("change of a component", "self.step = a\nreturn a", "1:1: only fields of structs change [components]"),
    ("change of a struct", "self.item.part = self.item\nreturn a", "1:1: what lies inside a struct is changed in place, as by copy_from [structs]"),
    ("change of an element", "self.items[0] = self.items[1]\nreturn a", "1:1: a struct in an array is changed field by field [structs]"),
    ("delete of an element", "del self.items[0]\nreturn a", "1:1: Kernel Python has no del [statements]"),
    ("index of an integer", "return a[0]", "1:8: only arrays, tables and static tuples have elements [types]"),
    ("bool as an index", "return self.item.bytes[self.item.ready]", "1:8: an index is an integer [types]"),
    ("slice", "return len(self.item.bytes[0:2])", "1:28: Kernel Python has no slice here [expressions]"),
    ("no such element", "return self.numbers[7]", "1:8: no element 7 [tuples]"),
    ("static objects picked at run time", "x = self.mixed[a]\nreturn a", "1:5: only integers, texts and methods are picked from a tuple at run time [tuples]"),
    ("locals of two types", "x = a\nif a: x = self.item\nreturn a", "2:7: x holds values of different types [locals]"),
    ("many values", "for part in self.parts:\n    if a > 3: kept = part\nreturn kept.step", "3:8: kept may have no value here [names]"),
    ("one of many values", "for part in self.parts:\n    if part.step == a: break\nreturn part.step", "3:8: part has no one value here [names]"),
    ("one of many tuples", "for pair in ((1, 2), (3, 4)):\n    kept = pair\n    if a == pair[0]: break\nreturn kept[1]", "4:8: kept has no one value here [names]"),
    ("one of many classes", "for kind in (Item, Other):\n    if a == 3: break\nreturn size_of(kind)", "3:16: kind has no one value here [names]"),
    ("one of many methods", "for method in (self.twice, self.again):\n    if a == 3: break\nreturn method(a)", "3:8: method has no one value here [names]"),
    ("one of many in a try", "try:\n    for part in self.parts:\n        kept = part\n        self.fails(a)\nexcept Full: pass\nreturn kept.step", "6:8: kept has no one value here [names]"),
    ("one of many out of a finally", "for part in self.parts:\n    try:\n        if a == part.step: break\n    finally: kept = part\nreturn kept.step", "5:8: kept has no one value here [names]"),
    ("one of many of a generator", "for part in self.those(a): kept = part\nreturn kept.step", "2:8: kept may have no value here [names]"),
    ("component of two branches", "part = self.parts[0]\nif a: part = self.parts[1]\nreturn part.step", "3:8: part has no one value here [names]"),
    ("component of another round", "part = self.parts[0]\nwhile a:\n    self.fails(part.step)\n    part = self.parts[1]\nreturn a", "3:16: part has no one value here [names]"),
    ("component or number", "part = a\nfor i in range(a):\n    for part in self.parts: pass\nreturn a", "2:1: part is another kind of thing after a round of this loop [names]"),
    ("bound in one branch", "if a: x = 1\nreturn x", "2:8: x may have no value here [names]"),
    ("bound in a loop", "for i in range(a): x = i\nreturn x", "2:8: x may have no value here [names]"),
    ("counter of a loop", "for i in range(a): pass\nreturn i", "2:8: i may have no value here [names]"),
    ("bound in a while", "while a < 3: x = 1\nreturn x", "2:8: x may have no value here [names]"),
    ("bound before a break", "while True:\n    if a: break\n    x = 1\nreturn x", "4:8: x may have no value here [names]"),
    ("bound after a continue", "for i in range(3):\n    if a: continue\n    x = 1\nreturn x", "4:8: x may have no value here [names]"),
    ("bound after its use", "for i in range(3):\n    if i: self.fails(step)\n    step = 1\nreturn a", "2:22: step may have no value here [names]"),
    ("bound in a generator's loop", "for i in self.each(a): x = i\nreturn x", "2:8: x may have no value here [names]"),
    ("bound in a try", "try:\n    self.fails(a)\n    x = 1\nexcept Full: pass\nreturn x", "5:8: x may have no value here [names]"),
    ("bound in a try that a finally follows", "try:\n    self.fails(a)\n    x = 1\nfinally: self.fails(x)\nreturn x", "4:21: x may have no value here [names]"),
    ("bound in an else", "try: self.fails(a)\nexcept Full: pass\nelse: x = 1\nreturn x", "4:8: x may have no value here [names]"),
    ("bound in a handler", "try: self.fails(a)\nexcept Full: x = 1\nreturn x", "3:8: x may have no value here [names]"),
    ("deleted by its handler", "error = a\ntry: self.fails(a)\nexcept Full as error: pass\nreturn error", "4:8: error may have no value here [names]"),
    ("deleted by a handler that breaks", "while True:\n    try: self.fails(a)\n    except Full as error: break\nreturn error.number", "4:8: error may have no value here [names]"),
    ("deleted in another round", "error = a\nfor i in range(3):\n    self.fails(error)\n    try: self.fails(a)\n    except Full as error: pass\nreturn a", "3:16: error may have no value here [names]"),
    ("never bound", "if self.step == 4: x = 1\nreturn x", "2:8: x may have no value here [names]"),
    ("error as a value", "try: self.fails(a)\nexcept Full as error: return error\nreturn a", "2:30: an error is no value: take its number or its sentence [errors]"),
    ("error in another name", "try: self.fails(a)\nexcept Full as error: other = error\nreturn a", "2:31: an error is no value: take its number or its sentence [errors]"),
    ("number of a fault", "try: self.fails(a)\nexcept (Full, ProcessFault) as error: return error.number\nreturn a", "2:46: a ProcessFault has no number and no sentence [errors]"),
    ("None where a struct is wanted", "self.link(self.items[0].next)\nreturn a", "1:1: other in link takes Item, not Ref[Item] [types]"),
    ("None where a struct was checked", "node = self.items[0].next\nif node is not None: self.link(None)\nreturn a", "2:22: other in link takes Item, not None [types]"),
    ("attribute of nothing but None", "x = None\nif a: x = None\nreturn x.value", "3:8: None has no attributes [references]"),
    ("tuple taken apart at run time", "(x, y), z = self.two(), 3\nreturn x", "1:1: only a static tuple is taken apart [statements]"),
    ("tuple of a generator", "for x, y in self.each(a): pass\nreturn a", "1:5: only a static tuple is taken apart [statements]"),
    ("tuple of an array", "for x, y in self.item.words: pass\nreturn a", "1:5: only a static tuple is taken apart [statements]"),
    ("too few values", "x, y = self.numbers\nreturn x", "1:1: 2 targets, 3 values [statements]"),
    ("starred target in a tuple", "x, (y, *z) = 1, (2, 3)\nreturn x", "1:8: Kernel Python has no * before a value [expressions]"),
    ("error with a cause", "try: self.fails(a)\nexcept Full as error: raise Full from error\nreturn a", "2:23: an error carries nothing: it has no cause [errors]"),
    ("message that is made", 'assert a, f"{a}"\nreturn a', "1:1: the message of an assert is a text constant [text]"),
    ("message that is no text", "assert a, 3\nreturn a", "1:1: the message of an assert is a text constant [text]"),
    ("message that is a call", "assert a, self.two()\nreturn a", "1:1: the message of an assert is a text constant [text]"),
    ("format in a format", 'self.log.write(f"{a:{self.step}}")\nreturn a', "1:16: a number's format is one of '', 'd', 'x', '#x', '#010x', '#018x' [text]"),
    ("format of a text", 'self.log.write(f"{self.names[a]:x}")\nreturn a', "1:16: an f-string holds integers, and texts without a format [text]"),
    ("name of a text", 'self.log.write(f"{a=}")\nreturn a', "1:16: a number's format is one of '', 'd', 'x', '#x', '#010x', '#018x' [text]"),
    ("local of a class", "__x = a\nreturn __x", "1:1: __x is another name in each class: start it with one underscore [names]"),
    ("attribute of a class", "return self.__step", "1:8: __step is another name in each class: start it with one underscore [names]"),
    ("argument of a class", "return self.twice(__n=a)", "1:19: __n is another name in each class: start it with one underscore [names]"),
    ("error of a class", "try: self.fails(a)\nexcept Full as __e: pass\nreturn a", "2:1: __e is another name in each class: start it with one underscore [names]"),
    ("arguments in a dict", "return self.twice(**self.numbers)", "1:8: twice takes n: u32 [calls]"),
    ("yield from", "return (yield from self.numbers)", "1:9: Kernel Python has no yield from [expressions]"),
    ("groups of errors", "try: self.fails(a)\nexcept* Full: pass\nreturn a", "1:1: Kernel Python has no except* [statements]"),
    ("descriptor", "return self.odd.described", "1:8: Odd.described is computed: an attribute is a value [properties]"),
    ("cached property", "return self.odd.cached", "1:8: Odd.cached is computed: an attribute is a value [properties]"),
    ("attributes that are found", "return self.finds.step", "1:8: Finds finds its attributes in a way of its own [properties]"),
    ("property that leads to RAM", "return self.data.first", "1:8: Data.first: a property does not lead to RAM; make it a method [properties]"),
    ("property that names what leads to RAM", "return self.ratio.start", "1:8: Ratio.start: a property does not lead to RAM; make it a method [properties]"),
    ("property that fails", "return self.ratio.part", "1:8: Ratio.part: ZeroDivisionError: integer division or modulo by zero [properties]"),
    ("attribute of a plain object", "return settings.step", "1:8: Settings has no attribute step [attributes]"),
    ("attribute of a dataclass that may change", "return loose.step", "1:8: Loose has no attribute step [attributes]"),
    ("attribute of a method", "return self.twice.__name__", "1:8: method has no attribute __name__ [attributes]"),
    ("attribute of a text", "x = self.names[0].upper()\nreturn a", "1:5: str has no attribute upper [attributes]"),
    ("truth of an object", "return 1 if self.odd else 0", "1:13: a condition is a bool or an integer; ask a Ref `is None` [types]"),
    ("truth of a class", "return 1 if Item else 0", "1:13: a condition is a bool or an integer; ask a Ref `is None` [types]"),
    ("truth of a struct", "return 1 if self.item else 0", "1:13: a condition is a bool or an integer; ask a Ref `is None` [types]"),
    ("equality of objects", "return 1 if self.odd == self.parts[0] else 0", "1:13: a Odd is no value at run time [values]"),
    ("equality of structs", "return 1 if self.item == self.item else 0", "1:13: == can't compare structs: write `is` [types]"),
    ("sum of objects", "return self.odd + 1", "1:8: a Odd is no value at run time [values]"),
    ("length of an object", "return len(self.odd)", "1:8: a Odd is no value at run time [values]"),
    ("least of objects", "return min(self.odd, 3)", "1:8: min and max take integers [types]"),
    ("enum with operators", "return self.shaded.shade + 1", "1:8: Shade is no IntEnum with the operators of one [types]"),
    ("member with operators", "return Shade.DARK + 1", "1:8: a Shade is no value at run time [values]"),
    ("text of a class of its own", "self.log.write(self.word)\nreturn a", "1:16: a Word is no value at run time [values]"),
    ("tuple of a class of its own", "return len(self.row)", "1:8: a Row is no value at run time [values]"),
    ("is between constants", "return 1 if self.step is 3 else 0", "1:13: `is` stands between structs, or a Ref and None [types]"),
    ("reversed in a name", "x = reversed(self.numbers)\nfor i in x: pass\nreturn a", "1:5: what reversed and enumerate give is gone over at once, by a loop [loops]"),
    ("element of enumerate", "return enumerate(self.numbers)[0][1]", "1:8: what reversed and enumerate give is gone over at once, by a loop [loops]"),
    ("length of reversed", "return len(reversed(self.numbers))", "1:12: what reversed and enumerate give is gone over at once, by a loop [loops]"),
    ("reversed of enumerate", "for i, j in reversed(enumerate(self.numbers)): pass\nreturn a", "1:22: what reversed and enumerate give is gone over at once, by a loop [loops]"),
    ("address of an array", "return address_of(self.item.words)", "1:8: address_of takes a struct, not Array[u32] [structs]"),
    ("another name of a type", "x: Byte = a\nreturn x", "1:4: write u8: integer types have no other names [annotations]"),
    ("type of another name", "x: settings.u8 = a\nreturn x", "1:4: 'Settings' object has no attribute 'u8' [annotations]"),
    ("annotations that disagree", "if a: x: u8 = 1\nelse: x: u32 = 300\nreturn x", "2:7: x has another type elsewhere [annotations]"),
    ("annotated too late", "x = 300\nx: u8 = 3\nreturn x", "2:1: x gets a value before it is annotated [annotations]"),
    ("annotated in one round", "for x in range(300): x: u8 = 3\nreturn x", "1:22: x gets a value before it is annotated [annotations]"),
    ("parameter annotated again", "a: u8 = 3\nreturn a", "1:1: a gets a value before it is annotated [annotations]"),
    ("annotation that is called", "x: self.two() = 3\nreturn x", "1:4: an annotation names a type [annotations]"),
    ("annotation of nothing", "x: nothing = 3\nreturn x", "1:4: name 'nothing' is not defined [annotations]"),
    ("tuples and numbers in order", "return 1 if self.numbers > 3 else 0", "1:13: '>' not supported between instances of 'tuple' and 'int' [types]"),
    ("size of what is no record", "return size_of(self)", "1:8: size_of takes a record or a struct class [structs]"),
    ("size of a number", "return size_of(3)", "1:8: size_of takes a record or a struct class [structs]"),
    ("size of a parameter", "return size_of(a)", "1:8: size_of takes a record or a struct class [structs]"),
    ("size of a truth", "return size_of(a == 3)", "1:8: size_of takes a record or a struct class [structs]"),
    ("address of a parameter", "return address_of(a)", "1:8: address_of takes a struct, not u32 [structs]"),
    ("view of no struct", "return view(self.ram, Part, a).step", "1:8: view takes a struct class [structs]"),
    ("view of another RAM", "return view(self.other_ram, Other, a).value", "1:8: view takes the RAM that the program's records lie in [structs]"),
    ("least of texts", "x = min(self.names[0], self.names[1])\nreturn a", "1:5: min and max take integers [types]"),
    ("backwards static range", "for i in down: pass\nreturn a", "1:1: the step of a range is a constant above 0 [loops]"),
    ("a sink in its put", "self.endless.write(\"x\")\nreturn a", "-198:9: calls form no cycle [recursion]"),
    ("a sink of two bytes", "self.wide.write(\"x\")\nreturn a", "1:1: the put of a text sink takes one byte [text]"),
    ("a sink without a method", "self.plain.write(\"x\")\nreturn a", "1:1: the put of a text sink is a method [text]"),
    ("generator of itself", "for i in self.itself(a): pass\nreturn a", "-15:18: calls form no cycle [recursion]"),
    ("two targets", "x = y = a\nreturn x", "1:1: one target an assignment [statements]"),
    ("unpacking", "x, y = self.two()\nreturn x", "1:1: only a static tuple is taken apart [statements]"),
    ("local without value", "x: u32\nreturn a", "1:1: an annotated local has a value [statements]"),
    ("expression without effect", "a + 1\nreturn a", "1:1: an expression without effect [statements]"),
    ("return without a value", "if a: return\nreturn a", "1:7: entry returns a value [functions]"),
    ("generator that never yields", "return a\nyield a", "2:1: a generator is used in a for loop [generators]"),
    ("no result", "if a: return 1", "0:5: entry may end without a result [functions]"),
    ("loop over an integer", "for i in a: pass\nreturn a", "1:10: a loop goes over a range, an array, a static tuple or a generator [loops]"),
    ("backwards range", "for i in range(9, 0, -1): pass\nreturn a", "1:1: the step of a range is a constant above 0 [loops]"),
    ("range of bools", "for i in range(self.item.ready): pass\nreturn a", "1:1: a range goes from integer to integer [types]"),
    ("target of a range", "for self.item.value in range(3): pass\nreturn a", "1:1: `for name in range(…)` [loops]"),
    ("reversed of an array", "for i in reversed(self.item.bytes): pass\nreturn a", "1:10: reversed takes a static tuple [loops]"),
    ("recursion", "return self.again(a)", "-32:16: calls form no cycle [recursion]"),
    ("mutual recursion", "return self.ping(a)", "-29:16: calls form no cycle [recursion]"),
    ("property of a component", "return self.size", "1:8: Root.size: only frozen dataclasses have properties [properties]"),
    ("dynamic text", "x = str(a)\nreturn a", "1:5: Kernel Python can't call 'str' [calls]"),
    ("f-string outside a sink", 'x = f"{a}"\nreturn a', "1:5: Kernel Python has no f-string here [expressions]"),
    ("format", 'self.log.write(f"{a:>8}")\nreturn a', "1:16: a number's format is one of '', 'd', 'x', '#x', '#010x', '#018x' [text]"),
    ("negative in hexadecimal", 'self.log.write(f"{self.item.signed:x}")\nreturn a', "1:16: a number in hexadecimal is not negative; mask it [text]"),
    ("repr in a text", 'self.log.write(f"{a!r}")\nreturn a', "1:16: a number's format is one of '', 'd', 'x', '#x', '#010x', '#018x' [text]"),
    ("bool in a text", 'self.log.write(f"{self.item.ready}")\nreturn a', "1:16: an f-string holds integers, and texts without a format [text]"),
    ("text too long", 'self.item.bytes.set_text("much too long")\nreturn a', "1:1: a text constant that fits the array [text]"),
    ("copy of another type", "self.item.bytes.copy_from(0, self.item.words, 0, 1)\nreturn a", "1:1: arrays of one type are copied [types]"),
    ("round up to a variable", "return round_up(a, a)", "1:8: round_up takes a constant alignment above 0 [calls]"),
    ("view of what has a home", "return view(self.ram, Item, a).value", "1:8: Item has a home array: index it [structs]"),
    ("attribute of an integer", "return a.real", "1:8: no attribute real [attributes]"),
    ("ref without a home array", "self.lost.next = None\nreturn a", "1:1: Lost has no home array [references]"),
    ("read of a ref without a home array", "return 1 if self.lost.next is None else 0", "1:13: Lost has no home array [references]"),
    ("constant division by zero", "return 1 // 0", "1:8: integer division or modulo by zero [operators]"),
    ("write of nothing", "self.log.write()\nreturn a", "1:1: write takes text [calls]"),
    ("write of two texts", 'self.log.write("a", "b")\nreturn a', "1:1: write takes text [calls]"),
    ("write by another keyword", 'self.log.write(txt="a")\nreturn a', "1:1: write takes text [calls]"),
    ("write of an integer", "self.log.write(a)\nreturn a", "1:16: a text constant [text]"),
    ("text beyond ASCII", 'self.log.write("Größe")\nreturn a', "1:16: text is ASCII: 'ö' [text]"),
    ("f-string beyond ASCII", 'self.log.write(f"é{a}")\nreturn a', "1:16: text is ASCII: 'é' [text]"),
    ("column behind what is beyond ASCII", 'if "é" == "é": x = nothing\nreturn a', "1:20: nothing has no value here [names]"),
    ("array text beyond ASCII", 'self.item.bytes.set_text("é")\nreturn a', "1:1: text is ASCII: 'é' [text]"),
    ("array text of u32", 'self.item.words.set_text("x")\nreturn a', "1:1: an array has no method set_text [attributes]"),
    ("array text by another keyword", 'self.item.bytes.set_text(txt="a")\nreturn a', "1:1: set_text takes text [calls]"),
    ("message beyond ASCII", 'assert a, "é"\nreturn a', "1:11: text is ASCII: 'é' [text]"),
    ("message with a zero byte", 'assert a, "a\\0b"\nreturn a', "1:11: the message of an assert ends at its first zero byte [text]"),
    ("fill of two", "self.item.bytes.fill(0, 1)\nreturn a", "1:1: fill takes start, count, value [calls]"),
    ("fill of four", "self.item.bytes.fill(0, 1, 2, 3)\nreturn a", "1:1: fill takes start, count, value [calls]"),
    ("fill by another keyword", "self.item.bytes.fill(0, 1, byte=3)\nreturn a", "1:1: fill takes start, count, value [calls]"),
    ("fill with a bool", "self.item.bytes.fill(0, 1, a > 1)\nreturn a", "1:1: an element takes u8, not bool [types]"),
    ("fill of a bool count", "self.item.bytes.fill(0, a > 1, 7)\nreturn a", "1:1: a range of an array is told by integers [types]"),
    ("fill from a text", 'self.item.bytes.fill("a", 1, 7)\nreturn a', "1:1: a range of an array is told by integers [types]"),
    ("copy of three", "self.item.bytes.copy_from(0, self.item.bytes, 0)\nreturn a", "1:1: copy_from takes start, source, source_start, count [calls]"),
    ("copy from a bool", "self.item.bytes.copy_from(0, self.item.bytes, True, 1)\nreturn a", "1:1: a range of an array is told by integers [types]"),
    ("clear of a part", "self.items.clear(1)\nreturn a", "1:1: clear takes no arguments [calls]"),
    ("bool as an index of a tuple", "return self.numbers[a > 1]", "1:8: an index is an integer [types]"),
    ("bool as an index of methods", "return (self.twice, self.twice)[a > 1](a)", "1:8: an index is an integer [types]"),
    ("no such method of a tuple", "return (self.twice, self.twice)[2](a)", "1:8: no element 2 [tuples]"),
    ("element of an empty tuple", "return ()[a]", "1:8: an empty tuple has no element [tuples]"),
    ("text as an index", 'return self.numbers["a"]', "1:8: no element a [tuples]"),
    ("text many times", 'return len("a" * (1 << 40))', "1:12: * takes integers [types]"),
    ("large constant shift", "return 1 << (1 << 40)", "1:8: can't bound this shift below 256; mask it [bounded integers]"),
    ("negative constant shift", "return 1 << -1", "1:8: negative shift count [operators]"),
    ("constant division by zero", "return 1 // 0", "1:8: integer division or modulo by zero [operators]"),
    ("min of texts", 'return min("a", "b")', "1:8: min and max take integers [types]"),
    ("min of None", "return min(a, None)", "1:8: min and max take integers [types]"),
    ("constants that have no order", 'return 1 if 1 < "a" else 2', "1:13: '<' not supported between instances of 'int' and 'str' [types]"),
    ("address of an integer", "return address_of(a)", "1:8: address_of takes a struct, not u32 [structs]"),
    ("address of None", "return address_of(None)", "1:8: address_of takes a struct, not None [structs]"),
    ("size of no struct", "return size_of(int)", "1:8: size_of takes a record or a struct class [structs]"),
    ("view of no struct", "return view(self.ram, int, a)", "1:8: view takes a struct class [structs]"),
    ("view of no RAM", "return view(a, Other, a).value", "1:8: view takes the RAM that the program's records lie in [structs]"),
    ("a failing sink", 'self.weak.write("x")\nreturn a', "1:-7: the put of a text sink raises no error [text]"),
]
# What, a method, the body of the entry that calls it (None: it is the entry), and the refusal, counted from the method.
REFUSED_METHODS = [
    ("coroutine", "async def other(self) -> u32:\n    return 1", "return self.other()", "1:1: Kernel Python has no async def [statements]"),
    ("native coroutine", '@native("return 1;")\nasync def other(self) -> u32:\n    return 1', "return self.other()", "2:1: Kernel Python has no async def [statements]"),
    ("lambda as a method", "other = lambda self: 1", "self.other()\nreturn a", "1:-3: no definition of Root.<lambda> is found [functions]"),
    ("any arguments", "def other(self, *rest: u32) -> u32:\n    return 1", "return self.other()", "1:18: Kernel Python has no * parameter [functions]"),
    ("any keywords", "def other(self, **rest: u32) -> u32:\n    return 1", "return self.other()", "1:19: Kernel Python has no ** parameter [functions]"),
    ("any arguments of a native body", '@native("return 1;")\ndef other(self, *rest: u32) -> u32:\n    return 1', "return self.other()", "2:18: Kernel Python has no * parameter [functions]"),
    ("any arguments of a generator", "def other(self, *rest: u32) -> Iterator[u32]:\n    yield 1", "for i in self.other(): pass\nreturn a", "1:18: Kernel Python has no * parameter [functions]"),
    ("keyword-only parameter", "def other(self, *, n: u32) -> u32:\n    return n", "return self.other(n=a)", "1:20: Kernel Python has no keyword-only parameter [functions]"),
    ("keyword-only parameter by position", "def other(self, *, n: u32) -> u32:\n    return n", "return self.other(a)", "1:20: Kernel Python has no keyword-only parameter [functions]"),
    ("keyword-only parameter of an entry", "def other(self, *, n: u32) -> u32:\n    return n", None, "1:20: Kernel Python has no keyword-only parameter [functions]"),
    ("positional-only parameter", "def other(self, n: u32, /) -> u32:\n    return n", "return self.other(a)", "1:11: Kernel Python has no positional-only parameter [functions]"),
    ("static method", "@staticmethod\ndef other(n: u32) -> u32:\n    return n", "return self.other(a)", "1:2: Kernel Python has no decorator but @native, @rare and @replaces [functions]"),
    ("class method", "@classmethod\ndef other(cls, n: u32) -> u32:\n    return n", "return self.other(a)", "1:2: Kernel Python has no decorator but @native, @rare and @replaces [functions]"),
    ("decorator that marks", "@marked\ndef other(self, n: u32) -> u32:\n    return n", "return self.other(a)", "1:2: Kernel Python has no decorator but @native, @rare and @replaces [functions]"),
    ("decorator that wraps", "@doubled\ndef other(self, n: u32) -> u32:\n    return n", "return self.other(a)", "1:2: Kernel Python has no decorator but @native, @rare and @replaces [functions]"),
    ("decorator above native", '@marked\n@native("return n;")\ndef other(self, n: u32) -> u32:\n    return n', "return self.other(a)", "1:2: Kernel Python has no decorator but @native, @rare and @replaces [functions]"),
    ("decorator of a generator", "@marked\ndef other(self) -> Iterator[u32]:\n    yield 1", "for i in self.other(): pass\nreturn a", "1:2: Kernel Python has no decorator but @native, @rare and @replaces [functions]"),
    ("decorator of a method picked at run time", "@staticmethod\ndef other(n: u32) -> u32:\n    return n", "return (self.twice, self.other)[a](a)", "6:12: only methods in a static tuple are picked at run time [calls]"),
    ("rare generator", "@rare\ndef other(self) -> Iterator[u32]:\n    yield 1", "for i in self.other(): pass\nreturn a", "1:2: a generator is a part of who loops over it: it can't be @rare [generators]"),
    ("result without annotation", "def other(self, n: u32):\n    return n", "return 1 if self.other(a) is None else 0", "2:5: the result of other needs a type of Kernel Python [functions]"),
    ("result without a width", "def other(self, n: u32) -> int:\n    return n", "return 1 if self.other(a) is None else 0", "2:5: the result of other needs a type of Kernel Python [functions]"),
    ("result of nothing", "def other(self) -> None:\n    return self.fails(3)", "self.other()\nreturn a", "2:5: the result of other needs a type of Kernel Python [functions]"),
    ("parameter without annotation", "def other(self, n) -> u32:\n    return n", "return self.other(a)", "5:12: n of other needs an annotation [calls]"),
    ("parameter of a generator without annotation", "def other(self, n) -> Iterator[u32]:\n    yield n", "for i in self.other(a): pass\nreturn a", "5:14: n of other needs an annotation [calls]"),
    ("variable of the function outside", "def made(outer: int) -> object:\n    def other(self, n: u32) -> u32:\n        return n + outer\n    return other\n\nother = made(3)", "return self.other(a)", "3:20: outer belongs to the function outside [names]"),
    ("parameter of a type by another name", "def other(self, n: Byte) -> u32:\n    return n", "return self.other(a)", "1:20: write u8: integer types have no other names [annotations]"),
    ("result of a type by another name", "def other(self) -> Byte:\n    return 1", "return self.other()", "1:20: write u8: integer types have no other names [annotations]"),
    ("yielded type by another name", "def other(self) -> Iterator[Byte]:\n    yield 1", "for i in self.other(): pass\nreturn a", "1:20: write u8: integer types have no other names [annotations]"),
    ("generator in a text", "def other(self) -> 'Iterator[u8]':\n    yield 1", "for i in self.other(): pass\nreturn a", "1:20: write u8: integer types have no other names [annotations]"),
    ("parameter of an unknown type", "def other(self, n: 'Nothing') -> u32:\n    return 1", "return self.other(a)", "1:-3: name 'Nothing' is not defined [annotations]"),
    ("property of a component in a method", "@property\ndef other(self) -> u32:\n    return 1", "return self.other", "6:12: Root.other: only frozen dataclasses have properties [properties]"),
    ("parameter of a class", "def other(self, __n: u32) -> u32:\n    return 1", "return self.other(a)", "1:17: __n is another name in each class: start it with one underscore [names]"),
    ("parameter of an entry without annotation", "def other(self, n) -> u32:\n    return n", None, "1:17: n of other needs an annotation [functions]"),
    ("parameter of an entry without a width", "def other(self, n: int) -> u32:\n    return n", None, "1:17: n of other can't be int, which is no type of Kernel Python [functions]"),
    ("parameter of an entry of two types", "def other(self, n: u32 | None) -> u32:\n    return 1", None, "1:17: n of other can't be u32 | None, which is no type of Kernel Python [functions]"),
    ("parameter of two types", "def other(self, n: u32 | None) -> u32:\n    return 1", "return self.other(a)", "5:12: n of other can't be u32 | None, which is no type of Kernel Python [calls]"),
]
# fmt: on


class Unrun(Lives):
    """A module that is compiled and nothing more, so that its Python needs no checks."""

    code = partial(compile, mode="exec")


def refusal(text, entry, directory):
    """Return the error that compiling one method of a program raises."""
    path = directory / "program.py"
    path.write_text(text)
    source._definitions.cache_clear()
    lives = Unrun(path)
    with pytest.raises(CompileError) as caught:
        compile_program(lives.root, lives.ram, {"entry": getattr(lives.root, entry)})
    return caught.value


def refusal_of_body(body, directory):
    """Return the error that compiling a body raises, and the line before it."""
    return refusal(HEAD + textwrap.indent(body, " " * 8) + "\n", "entry", directory), HEAD.count("\n")


@pytest.mark.filterwarnings("ignore::SyntaxWarning")
@pytest.mark.parametrize(("body", "expected"), [each[1:] for each in REFUSED], ids=[each[0] for each in REFUSED])
def test_construct_is_refused_with_its_rule_and_place(body, expected, tmp_path):
    error, first = refusal_of_body(body, tmp_path)
    column = error.column - 8 if error.line > first else error.column
    assert f"{error.line - first}:{column}: {error.message} [{error.rule}]" == expected


@pytest.mark.parametrize(
    ("method", "body", "expected"), [each[1:] for each in REFUSED_METHODS], ids=[each[0] for each in REFUSED_METHODS]
)
def test_method_is_refused_with_its_rule_and_place(method, body, expected, tmp_path):
    before, entry, after = HEAD.rpartition("    def entry")
    text = before + textwrap.indent(method, "    ") + "\n\n" + entry + after
    text += textwrap.indent(body or "return a", " " * 8) + "\n"
    error, first = refusal(text, "entry" if body else "other", tmp_path), before.count("\n")
    assert f"{error.line - first}:{error.column - 4}: {error.message} [{error.rule}]" == expected


def test_refusal_shows_the_source_line(tmp_path):
    error, first = refusal_of_body("return a * 1.5", tmp_path)
    assert str(error) == (
        f"{tmp_path}/program.py:{first + 1}:20: Kernel Python has no float constants [expressions]\n"
        "            return a * 1.5\n"
        "                       ^"
    )


def test_a_source_that_python_reads_as_another_text_is_refused_with_its_line(tmp_path):
    error = refusal(f"\n# coding: latin-1\n{HEAD}        return a\n", "entry", tmp_path)
    assert (error.line, error.rule) == (2, "source")
    assert error.message == "a source is UTF-8, and this line says that it is not; take the line out"


def test_mistake_of_the_compilers_tells_the_source_that_it_was_at(tmp_path, monkeypatch):
    def fail(self, node):
        raise ZeroDivisionError("in the compiler\nitself")

    monkeypatch.setattr(Arithmetic, "value_BinOp", fail)
    error, first = refusal_of_body("if a:\n    x = (\n        a + 1)\nreturn a", tmp_path)
    assert f"{error.line - first}:{error.column - 8}: {error.message} [{error.rule}]" == (
        "2:5: the compiler failed here, which is a fault of Keelback's: ZeroDivisionError: in the compiler [compiler]"
    )


@pytest.mark.parametrize("name", ["verify", "lower_exceptions", "find_raises"])
def test_mistake_of_a_later_pass_tells_the_function_that_it_was_at(name, tmp_path, monkeypatch):
    def fail(*arguments):
        raise AssertionError

    monkeypatch.setattr(passes, name, fail)
    error, first = refusal_of_body("return a", tmp_path)
    assert (error.line, error.rule) == (first, "compiler")
    assert error.message == "the compiler failed here, which is a fault of Keelback's: AssertionError"


C_ERRORS = {
    "body": ('@native("return n +;")', 1, "native", "the C compiler refuses this body: expected expression"),
    "name": ('@native("return m;")', 1, "native", "the C compiler refuses this body: use of undeclared identifier 'm'"),
}


@pytest.mark.parametrize(("native", "line", "rule", "message"), C_ERRORS.values(), ids=C_ERRORS)
def test_what_the_c_compiler_refuses_is_told_in_the_python(native, line, rule, message, tmp_path):
    path, before = tmp_path / "program.py", HEAD.rpartition("    def entry")[0]
    path.write_text(f"{before}    {native}\n    def other(self, n: u32) -> u32:\n        return n\n")
    source._definitions.cache_clear()
    lives = Lives(path)
    compiled = compile_program(lives.root, lives.ram, {"other": lives.root.other})
    with pytest.raises(CompileError) as caught:
        build_object(compiled, "program")
    assert (caught.value.file, caught.value.line) == (str(path), before.count("\n") + line)
    assert (caught.value.rule, caught.value.message) == (rule, message)


def test_a_function_of_a_kernel_takes_no_more_stack_than_its_guard_can_catch(tmp_path):
    path, before = tmp_path / "program.py", HEAD.rpartition("    def entry")[0]
    body = "volatile char room[SIZE]; room[n % SIZE] = 1; return room[0];"
    for size in (900, 4000):
        text = f"""    @native("{body.replace("SIZE", str(size))}")\n    def other(self, n: u32) -> u32:\n        return n\n"""
        path.write_text(before + text)
        source._definitions.cache_clear()
        lives = Lives(path)
        compiled = compile_program(lives.root, lives.ram, {"other": lives.root.other})
        build_object(compiled, "program")
        if size < LARGEST_FRAME:
            build_object(compiled, "kernel", KERNEL_FLAGS)
    with pytest.raises(CompileError) as caught:
        build_object(compiled, "kernel", KERNEL_FLAGS)
    assert (caught.value.file, caught.value.line, caught.value.rule) == (str(path), before.count("\n") + 1, "stack")
    assert caught.value.message.startswith("this takes 4,")
    assert caught.value.message.endswith(" bytes of stack, and no function of a kernel may take more than 1,024")


def test_what_the_compiler_printed_wrongly_is_its_own_fault(tmp_path, monkeypatch):
    monkeypatch.setattr(Printer, "print_Check", lambda self, statement, indent, depth: "    no C;\n")
    path = tmp_path / "program.py"
    path.write_text(HEAD + "        assert (\n            a > 3\n        )\n        return a\n")
    source._definitions.cache_clear()
    lives = Lives(path)
    with pytest.raises(CompileError) as caught:
        build_object(compile_program(lives.root, lives.ram, {"entry": lives.root.entry}), "program")
    assert (caught.value.file, caught.value.line) == (str(path), HEAD.count("\n") + 1)
    assert caught.value.message.startswith("the C compiler refuses what this became, which is a fault of Keelback's: ")
