"""Static objects of a kernel: built once, then frozen, constants to the compiler."""

from collections import deque
from collections.abc import Iterator
from dataclasses import fields, is_dataclass
from enum import Enum
from types import FunctionType, MethodType
from typing import Any

from keelback.lang.array import Array
from keelback.lang.ram import Ram
from keelback.lang.records import name_record
from keelback.lang.struct import Struct
from keelback.lang.table import Table

_PLAIN = (int, str, bytes, bool, Enum, type(None), type, FunctionType, MethodType)


class Component:
    """A part of the kernel that exists once.

    Its attributes are set while it is built, then `freeze` closes it: all state that changes lives in RAM.
    """

    def __setattr__(self, name: str, value: object) -> None:
        self._check_open(name)
        object.__setattr__(self, name, value)

    def __delattr__(self, name: str) -> None:
        self._check_open(name)
        object.__delattr__(self, name)

    def _check_open(self, name: str) -> None:
        if getattr(self, "_frozen", False):
            owner = type(self).__name__
            raise AttributeError(f"{owner}.{name}: a frozen component never changes; keep state in a Struct")


class HostObject:
    """A part of the host that a component may hold but the compiler never enters: the machine's own objects."""


def freeze(root: Component) -> None:
    """Freeze `root` and every component below it, and give each RAM object its name, the attribute path.

    Raises: TypeError naming the attribute that holds a value no static object may hold (a list, a dict …); nothing
    is frozen then.
    """
    for path, part in list(static_parts(root)):
        if isinstance(part, Component):
            object.__setattr__(part, "_frozen", True)
        elif isinstance(part, (Struct, Array, Table)):
            name_record(part, path)


def static_parts(root: Component) -> Iterator[tuple[str, Any]]:
    """Yield (attribute path, object) for all that is reachable from `root`, each object once, outer before inner."""
    seen: set[int] = set()
    waiting: deque[tuple[str, Any]] = deque([("", root)])
    while waiting:
        path, part = waiting.popleft()
        if isinstance(part, MethodType):
            part = part.__self__
        if id(part) in seen or isinstance(part, _PLAIN):
            continue
        seen.add(id(part))
        yield path, part
        waiting += _inner_parts(path, part)


def _is_frozen(part: Any) -> bool:
    return bool(type(part).__dataclass_params__.frozen)


def _inner_parts(path: str, part: Any) -> list[tuple[str, Any]]:
    if isinstance(part, Component):
        prefix = path and path + "."
        return [(prefix + name, value) for name, value in vars(part).items() if name != "_frozen"]
    if isinstance(part, tuple):
        return [(f"{path}[{index}]", value) for index, value in enumerate(part)]
    if is_dataclass(part) and _is_frozen(part):
        return [(f"{path}.{each.name}", getattr(part, each.name)) for each in fields(part)]
    if isinstance(part, (Struct, Array, Table, Ram, HostObject)):
        return []
    advice = "use a tuple, a frozen dataclass or a Struct"
    raise TypeError(f"{path} is a {type(part).__name__}, which no static object may hold; {advice}")
