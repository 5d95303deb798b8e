"""What tells one specialisation of a function from others in every process that makes the same program."""

import sys
from types import FunctionType
from typing import Any

from keelback.compiler.program import Specialisation, Static
from keelback.compiler.types import Type
from keelback.lang.component import Component, static_parts
from keelback.lang.replacing import REPLACED

Identity = tuple[Any, ...]
PLAIN = (int, str, type(None))


def function_identity(function: Any) -> tuple[str, str]:
    """Return the module and the path of a function; of one that replaces another, those of the place that it has."""
    for each in REPLACED:
        if each.own is function:
            return each.owner.__module__, f"{each.owner.__qualname__}.{function.__name__}"
    return function.__module__, function.__qualname__


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
        function: Any = sys.modules[module]
        for name in path.split("."):
            function = vars(function)[name]
        assert isinstance(function, FunctionType)
        return Specialisation(function, tuple((name, self._value(*each)) for name, each in parameters))

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
