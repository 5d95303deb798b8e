"""The whole program: which specialisations of which functions there are, and what everything is called.

A function is specialised for the static objects that it is called with: its `self`, and parameters that are static.
"""

import ast
import re
from collections.abc import Callable, Iterator, Mapping, Sequence
from enum import IntEnum
from types import FunctionType, MethodType
from typing import Any, NamedTuple

from keelback.compiler import ir
from keelback.compiler.errors import CompileError
from keelback.compiler.names import C_WORDS
from keelback.compiler.reads import Reads
from keelback.compiler.source import definition_of, file_of, hints_of
from keelback.compiler.types import BOOLEAN, VOID, ArrayPointer, Pointer, Type, integer
from keelback.lang.component import Component, static_parts
from keelback.lang.integers import INTEGER_TYPES
from keelback.lang.layout import integer_type, ref_target, struct_on
from keelback.lang.ram import Ram
from keelback.lang.struct import Struct


class Static(NamedTuple):
    """A value that is known when the program is compiled."""

    value: Any


Value = Static | ir.Expression
Where = tuple[str, int, int]
"""File, line and column in the source."""


class Specialisation(NamedTuple):
    """What a function is compiled for: by parameter, a static value or a type."""

    function: Any  # a FunctionType, which a type checker would take for a method here
    parameters: tuple[tuple[str, Static | Type], ...]


class Program:
    """All functions that are reached from the entries, each once for each specialisation."""

    def __init__(self, root: Component, ram: Ram) -> None:
        self.root = root
        self.ram = ram
        self.word_bits = ram.word_bits
        self.widest = 2 * ram.word_bits
        """How many bits what lies between two stored values may have."""
        self.paths = {id(part): path for path, part in static_parts(root)}
        self.kept: list[Any] = []  # static values whose ids are keys below
        self.keys: dict[Any, ir.FunctionKey] = {}
        self.waiting: list[tuple[Specialisation, ir.FunctionKey]] = []
        self.functions: dict[str, ir.Function] = {}
        self.made_from: dict[str, tuple[Specialisation, Reads]] = {}
        """Which specialisation each is, and what was read for it."""
        self.names: set[str] = set()
        self.raised: set[int] = set()
        """The numbers of the errors that are raised anywhere."""
        self.calls: dict[str, dict[str, Where]] = {}
        """Which functions each calls, and where first."""
        self.at: Where = ("", 0, 1)
        """Where the source is that a pass works on."""

    def each(self, names: Sequence[str]) -> Iterator[ir.Function]:
        """Yield the functions of some names, each of which is then what a pass works on."""
        for name in names:
            self.at = (*self.functions[name].place, 1)
            yield self.functions[name]

    def enter(self, entries: Mapping[str, Callable[..., Any]]) -> None:
        """Ask for methods of static objects by the names that they have in C."""
        for name, method in entries.items():
            self.entry(method, name)

    def entry(self, method: Callable[..., Any], name: str) -> ir.FunctionKey:
        """Ask for a method of a static object, callable from outside by a given name."""
        assert isinstance(method, MethodType) and isinstance(method.__func__, FunctionType)
        hints = hints_of(method.__func__)
        parameters: list[tuple[str, Static | Type]] = [("self", Static(method.__self__))]
        for parameter in definition_of(method.__func__).args.args[1:]:
            type = self.type_of(hints.get(parameter.arg))
            if type == VOID:
                message, file = untyped(parameter, method.__name__), file_of(method)
                raise CompileError("functions", message, file, parameter.lineno, parameter.col_offset + 1)
            parameters.append((parameter.arg, type))
        return self.request(Specialisation(method.__func__, tuple(parameters)), name)

    def request(self, wanted: Specialisation, name: str = "") -> ir.FunctionKey:
        """Return the key of a specialisation, which will be compiled."""
        parts = tuple(self._identity(value) for _, value in wanted.parameters)
        known = self.keys.get((wanted.function, parts))
        if known is None:
            result = self.type_of(hints_of(wanted.function).get("return", type(None)))
            known = ir.FunctionKey(self._new_name(name or self._name(wanted)), result)
            self.keys[wanted.function, parts] = known
            self.waiting.append((wanted, known))
        return known

    def _identity(self, value: Static | Type) -> Any:
        if not isinstance(value, Static):
            return value
        self.kept.append(value.value)
        return ("static", id(value.value))

    def type_of(self, annotation: Any) -> Type:
        """Return the type that an annotation of a parameter, result or local stands for; Void for one that is none."""
        if (number := integer_type(annotation)) is not None:
            return integer(number.resolved(self.word_bits))
        if (target := ref_target(annotation)) is not None:
            return Pointer(target, True)
        if annotation is bool:
            return BOOLEAN
        if isinstance(annotation, type) and issubclass(annotation, IntEnum):
            return integer(INTEGER_TYPES["u8"], annotation)
        if isinstance(annotation, type) and issubclass(annotation, Struct):
            return Pointer(struct_on(annotation, self.word_bits))
        return VOID

    def refuse_recursion(self) -> None:
        """Refuse a call that is part of a cycle of calls.  Raises: CompileError."""
        for caller, called in self.calls.items():
            for callee, where in called.items():
                if caller in self._reached(callee):
                    raise CompileError("recursion", "calls form no cycle", *where)

    def _reached(self, function: str) -> set[str]:
        found, waiting = set[str](), [function]
        while waiting:
            if (name := waiting.pop()) not in found:
                found.add(name)
                waiting += self.calls.get(name, {})
        return found

    # Names.

    def _name(self, wanted: Specialisation) -> str:
        owner = dict(wanted.parameters).get("self")
        function = wanted.function.__name__.strip("_")
        if isinstance(owner, Static):
            path = self.paths.get(id(owner.value), type(owner.value).__name__)
            return _identifier(f"{path or 'kernel'}_{function}")
        if isinstance(owner, Pointer):
            return _identifier(f"{owner.struct.__name__}_{function}")
        if isinstance(owner, ArrayPointer):
            return _identifier(f"array_{function}")
        return _identifier(function)

    def _new_name(self, name: str) -> str:
        wanted, number = name, 2
        while wanted in self.names or wanted in C_WORDS:
            wanted, number = f"{name}_{number}", number + 1
        self.names.add(wanted)
        return wanted


def _identifier(text: str) -> str:
    words = re.sub(r"(?<=[a-z0-9])(?=[A-Z])", "_", text)
    name = re.sub(r"\W+", "_", words, flags=re.ASCII).strip("_").lower()
    return name if name and not name[0].isdigit() else f"function_{name}"


def untyped(parameter: ast.arg, function: str) -> str:
    """Return why a parameter of a function has no type that a value has at run time."""
    if parameter.annotation is None:
        return f"{parameter.arg} of {function} needs an annotation"
    return (
        f"{parameter.arg} of {function} can't be {ast.unparse(parameter.annotation)}, which is no type of Kernel Python"
    )
