"""The kernel as plain data: what a program that has neither its classes nor its objects needs to read its RAM.

A part is a static object, known by its number.  In RAM it is a struct {struct, address}, an array {element, address,
count} or a table {element, record}; any other holds parts by name, `attributes`, and values, `constants`.
"""

import re
from collections import defaultdict
from collections.abc import Callable, Mapping
from dataclasses import fields, is_dataclass
from inspect import getmembers
from pathlib import Path
from typing import Any, get_type_hints

from keelback.inspect.methods import SOURCES, Method, methods_of
from keelback.kernel.kernel import Kernel
from keelback.lang import Array, Component, Ram, Struct, Table, address_of, layout_of, static_parts
from keelback.lang.integers import INTEGER_TYPES
from keelback.lang.layout import (
    ArrayKind,
    Bits,
    BoolKind,
    EnumKind,
    IntegerKind,
    Kind,
    RefKind,
    StructKind,
    integer_type,
    struct_on,
)
from keelback.lang.replacing import REPLACED
from keelback.lang.struct import StructArray, struct_of

Data = dict[str, Any]
WORD = INTEGER_TYPES["word"]
ADDRESS = re.compile(r"(^|_)(address|[er]ip|[er]sp0?|[er]bp|cr2|cr3)$")
"""The names of what holds an address, whatever its type."""


def describe(kernel: Kernel, ram: Ram) -> Data:
    """Return the description of a kernel whose records are in `ram`.

    `names` are the parts that a name alone stands for, `selves` those whose methods are C functions with such a start,
    `homes` those that a Ref to a struct counts in; `structs` have the kinds of their fields by name.
    `methods` are those of each source, by its file's name; `replaced` says in which file and line a user's own method
    stands for one.
    """
    found = dict(static_parts(kernel))
    numbers = {id(part): number for number, part in enumerate(found.values())}
    names, structs = _names(kernel, numbers), _Structs(ram.word_bits)
    shown = _shown(found, numbers, names)
    return {
        "parts": [{"name": shown[path], **_part(part, numbers, structs)} for path, part in found.items()],
        "names": names,
        "selves": {re.sub(r"\W", "_", path) or "kernel": numbers[id(part)] for path, part in found.items()},
        "homes": {struct.__name__: numbers[id(home)] for struct, home in ram.homes.items()},
        "structs": structs.kinds,
        "enums": structs.enums,
        "methods": {name: [_method(each) for each in methods_of(path)] for name, path in sorted(SOURCES.items())},
        "replaced": {each.name: _place(each.own) for each in REPLACED},
    }


def _method(method: Method) -> Data:
    """Return a method: its name, its lines [first, end), its parameters, its locals, and those that hold addresses."""
    addresses = [name for name in (*method.parameters, *method.locals) if name in method.words or ADDRESS.search(name)]
    return method._replace(words=tuple(addresses))._asdict()


def _place(own: Callable[..., Any]) -> tuple[str, int]:
    """Return the file and the line of a user's function, behind its decorators."""
    file, first = Path(own.__code__.co_filename), own.__code__.co_firstlineno
    return file.name, min((each.first for each in methods_of(file) if each.first >= first), default=first)


def _part(part: Any, numbers: Mapping[int, int], structs: "_Structs") -> Data:
    """Return a part: where it lies in RAM, or what it holds."""
    if isinstance(part, Struct):
        return {"struct": structs.add(struct_of(part)), "address": address_of(part)}
    if isinstance(part, Table):
        return {"element": structs.element(part._element), "record": address_of(part.record)}
    if isinstance(part, Array):
        element = structs.add(part._struct) if isinstance(part, StructArray) else part._element_name()
        return {"element": element, "address": part._address, "count": len(part)}
    held = _held(part)
    return {
        "class": type(part).__name__,
        "attributes": {name: numbers[id(value)] for name, value in held.items() if id(value) in numbers},
        "constants": {name: value for name, value in held.items() if isinstance(value, (int, str))},
    }


def _held(part: Any) -> Data:
    """Return what a part that is not in RAM holds, by name, properties too; a tuple's elements by their index."""
    if isinstance(part, Component):
        return {name: value for name, value in vars(part).items() if name != "_frozen"}
    if isinstance(part, tuple):
        return {str(index): value for index, value in enumerate(part)}
    if not is_dataclass(part):
        return {}
    properties = [name for name, value in getmembers(type(part)) if isinstance(value, property)]
    return {name: getattr(part, name) for name in (*(each.name for each in fields(part)), *properties)}


def _names(kernel: Kernel, numbers: Mapping[int, int]) -> dict[str, int]:
    """Return the parts by the names that do for them: the kernel's attributes, and what only one part is called."""
    called: dict[str, set[int]] = defaultdict(set)
    for _path, part in static_parts(kernel):
        for name, value in _held(part).items():
            if id(value) in numbers and not isinstance(part, tuple):
                called[name].add(numbers[id(value)])
    alone = {name: min(found) for name, found in called.items() if len(found) == 1}
    return alone | {name: numbers[id(value)] for name, value in vars(kernel).items() if id(value) in numbers}


def _shown(found: Mapping[str, Any], numbers: Mapping[int, int], names: Mapping[str, int]) -> dict[str, str]:
    """Return the shortest name of each part, by its path."""
    shown = {"": "kernel"}
    for path, part in list(found.items())[1:]:
        outer, dot, last = re.match(r"(.*?)(\.?)(\w+|\[\d+\])$", path).groups()  # type: ignore[union-attr]
        shown[path] = last if not outer or names.get(last) == numbers[id(part)] else shown[outer] + dot + last
    return shown


class _Structs:
    """The structs that parts consist of, and the enums of their fields."""

    def __init__(self, word_bits: int) -> None:
        self.word_bits = word_bits
        self.kinds: dict[str, dict[str, tuple[str, Any]]] = {}
        self.enums: dict[str, dict[str, int]] = {}

    def add(self, struct: type) -> str:
        """Note a struct and those inside it; return its name."""
        struct = struct_on(struct, self.word_bits)
        name = struct.__name__
        if name not in self.kinds:
            self.kinds[name] = {}
            self.kinds[name] |= self.fields(struct)
            self.kinds[name] |= {each.name: self.bits(each) for each in layout_of(struct, self.word_bits).bits}
        return name

    def bits(self, bits: Bits) -> tuple[str, Any]:
        """Return how named bits are read, and of which integer from where on, and the highest number in them."""
        return "flag" if bits.flag else "bits", (bits.field.name, bits.low, bits.most)

    def element(self, kind: IntegerKind | StructKind) -> str:
        """Note what an array consists of; return its name."""
        return self.add(kind.layout.struct) if isinstance(kind, StructKind) else kind.type.name

    def fields(self, struct: type) -> dict[str, tuple[str, Any]]:
        """Return how each field is read, those that hold an address too, and the name of what it holds."""
        kinds = {each.name: self.kind(each.kind) for each in layout_of(struct, self.word_bits).fields}
        hints = get_type_hints(struct, include_extras=True)
        addresses = {name for name in kinds if integer_type(hints.get(name)) is WORD or ADDRESS.search(name)}
        return {
            name: ("address" if how == "plain" and name in addresses else how, what)
            for name, (how, what) in kinds.items()
        }

    def kind(self, kind: Kind) -> tuple[str, str]:
        """Return how a field is read, and the name of what it holds."""
        if isinstance(kind, EnumKind):
            self.enums[kind.enum.__name__] = {each.name: int(each) for each in kind.enum}
            return "enum", kind.enum.__name__
        if isinstance(kind, RefKind):
            return "ref", kind.target.__name__
        if isinstance(kind, ArrayKind):
            element = self.element(kind.element)
            return "text" if element == "u8" else "array", element
        return "bool" if isinstance(kind, BoolKind) else "plain", self.element(kind)
