"""What tells specialisations of functions, and what was read for them, from others.

It is the same in every process that makes the same program.
"""

import sys
from collections.abc import Iterator
from dataclasses import fields, is_dataclass
from enum import Enum
from types import BuiltinFunctionType, FunctionType, MethodType, ModuleType
from typing import Any

from keelback.compiler.print_c import short_path
from keelback.compiler.program import Specialisation, Static
from keelback.compiler.reads import Reads
from keelback.compiler.statics import LIVE, NoConstantError, constant
from keelback.compiler.types import Type
from keelback.lang.component import Component, static_parts
from keelback.lang.replacing import REPLACED

Identity = tuple[Any, ...]
PLAIN = (int, str, type(None))
Read = tuple[Any, ...]
"""Tells what was read: the place of a function whose definition it was, or an owner and the name of its attribute."""


def function_identity(function: Any) -> tuple[str, str]:
    """Return the module and the path of a function; of one that replaces another, those of the place that it has."""
    for each in REPLACED:
        if each.own is function:
            return each.owner.__module__, f"{each.owner.__qualname__}.{function.__name__}"
    return function.__module__, function.__qualname__


def _at(module: str, path: str) -> Any:
    """Return what stands at a path of a module.  Raises: LookupError."""
    found: Any = sys.modules[module]
    for name in path.split("."):
        found = vars(found)[name]
    return found


class Identities:
    """Identities of what is specialised for the static objects of a program."""

    def __init__(self, root: Component) -> None:
        self.parts = dict(static_parts(root))
        self.paths = {id(part): path for path, part in self.parts.items()}

    def of(self, wanted: Specialisation) -> Identity | None:
        """Return the identity of a specialisation, None for one that has none."""
        parameters = [(name, self._value_identity(value)) for name, value in wanted.parameters]
        module, path = function_identity(wanted.function)
        if "<" in path or any(each is None for _, each in parameters):
            return None
        return (module, path), *parameters

    def specialisation(self, identity: Identity) -> Specialisation:
        """Return the specialisation that an identity tells, of the function that is in its place now."""
        (module, path), *parameters = identity
        function = _at(module, path)
        assert isinstance(function, FunctionType)
        return Specialisation(function, tuple((name, self._value(*each)) for name, each in parameters))

    def reads(self, noted: Reads) -> Iterator[Read]:
        """Yield what tells each thing that was noted as read; what an owner without a place has came from another."""
        yield from (("definition", *function_identity(each)) for each in noted.functions)
        for owner, name in noted.attributes.values():
            if (told := self._owner(owner)) is not None:
                yield "attribute", told, name

    def content(self, read: Read) -> Identity | None:
        """Return what tells the content of what was read from any other; None where nothing does, or it is gone."""
        try:
            if read[0] == "attribute":
                return self._told(constant(self._owner_of(read[1]), read[2]))
            function = _at(*read[1:])
        except (LookupError, NoConstantError):
            return None
        code = function.__code__
        return short_path(code.co_filename), code.co_firstlineno, code.co_name

    def _owner(self, owner: Any) -> Identity | None:
        """Return what tells who has an attribute."""
        if (path := self.paths.get(id(owner))) is not None:
            return "part", path
        if isinstance(owner, ModuleType):
            return "module", owner.__name__
        return ("class", owner.__module__, owner.__qualname__) if isinstance(owner, type) else None

    def _owner_of(self, told: Identity) -> Any:
        """Return the owner that is told.  Raises: LookupError."""
        kind, *place = told
        return self.parts[place[0]] if kind == "part" else sys.modules[place[0]] if kind == "module" else _at(*place)

    def _told(self, value: Any) -> Identity | None:
        """Return what tells a static value from others; a part that leads to RAM by its path, whatever it has."""
        kind = type(value)
        if isinstance(value, LIVE):
            path = self.paths.get(id(value))
            return None if path is None else ("part", path, kind.__module__, kind.__qualname__)
        if isinstance(value, Enum) or kind in (*PLAIN, bool, bytes):
            return kind.__module__, kind.__qualname__, repr(value)
        if isinstance(value, (type, ModuleType, BuiltinFunctionType)):
            return "named", getattr(value, "__module__", ""), getattr(value, "__qualname__", value.__name__)
        if isinstance(value, FunctionType):
            return "function", *function_identity(value)
        if isinstance(value, MethodType):
            inner: tuple[Any, ...] = (value.__func__, value.__self__)
        elif isinstance(value, tuple):
            inner = value
        elif is_dataclass(value):
            inner = tuple(getattr(value, each.name) for each in fields(value))
        else:
            return None
        told = tuple(map(self._told, inner))
        return None if None in told else (kind.__module__, kind.__qualname__, told)

    def _value_identity(self, value: Static | Type) -> tuple[str, Any] | None:
        if not isinstance(value, Static):
            return "type", value
        if (path := self.paths.get(id(value.value))) is not None:
            return "part", path
        if type(value.value) in (*PLAIN, bool):
            return "plain", (type(value.value).__name__, value.value)
        if isinstance(value.value, type):
            return "class", value.value
        return None

    def _value(self, kind: str, value: Any) -> Static | Type:
        if kind == "type":
            found: Type = value
            return found
        return Static(self.parts[value] if kind == "part" else value[1] if kind == "plain" else value)
