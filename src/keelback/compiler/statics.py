"""What is constant in a static object, and which operators mean on constants what they mean when the program runs.

Python lets a class compute what looks like a value: by a property, another descriptor, `__getattr__`, `__eq__` …
What is computed could read RAM, so it is no constant.
"""

import operator
from dataclasses import dataclass, fields, is_dataclass
from enum import Enum, IntEnum
from functools import cache
from types import FunctionType, MemberDescriptorType, MethodType, ModuleType
from typing import Any

from keelback.lang.array import Array
from keelback.lang.component import Component, HostObject
from keelback.lang.ram import Ram
from keelback.lang.struct import Struct
from keelback.lang.table import Table
from keelback.near import did_you_mean, near_names

OPERATORS = {f"__{name.strip('_')}__" for name in operator.__all__} | {"__bool__", "__len__", "__divmod__"}
OPERATORS |= {"__r" + name[2:] for name in OPERATORS}
LIVE = (Struct, Array, Table, Component, Ram, HostObject)
"""What leads to RAM."""
ABSENT = object()


@dataclass(frozen=True)
class Passing:
    """What `reversed` or `enumerate` gives, which can be gone over once."""

    elements: tuple[Any, ...]


class NoConstantError(Exception):
    """An attribute that is no constant; `rule` and the message say why."""

    def __init__(self, rule: str, message: str) -> None:
        self.rule = rule
        super().__init__(message)


def is_plain(value: Any) -> bool:
    """Say whether Python's own operators work on a constant: a number, a text, None, or a tuple of such."""
    if isinstance(value, Enum):
        return is_plain_enum(type(value))
    return type(value) in (int, bool, str, type(None)) or (is_tuple(value) and all(map(is_plain, value)))


def folds(left: Any, right: Any) -> bool:
    """Say whether an operator of two static values is one of Python's own."""
    return all(is_plain(each) or is_tuple(each) for each in (left, right))


def is_plain_enum(enum: Any) -> bool:
    """Say whether the members of an enum are compared and computed with as integers."""
    return issubclass(enum, IntEnum) and not has_operators(enum, IntEnum)


def is_tuple(value: Any) -> bool:
    """Say whether a value is a tuple whose elements Python itself finds."""
    return isinstance(value, tuple) and not has_operators(type(value), tuple) and not _defines(value, "__iter__", tuple)


def is_struct(value: Any) -> bool:
    """Say whether a value is a class of records."""
    return isinstance(value, type) and issubclass(value, Struct) and value is not Struct


@cache
def has_operators(kind: type, base: type) -> bool:
    """Say whether a class has an operator of its own that the one it is made from does not have."""
    return any(_in_class(kind, name) is not _in_class(base, name) for name in OPERATORS)


def _defines(value: Any, name: str, base: type) -> bool:
    return _in_class(type(value), name) is not _in_class(base, name)


def _in_class(kind: type, name: str) -> Any:
    """Return what a class has under a name, as it stands there."""
    for each in kind.__mro__:
        if name in each.__dict__:
            return each.__dict__[name]
    return ABSENT


def constant(owner: Any, name: str) -> Any:
    """Return an attribute of a static object.  Raises: NoConstantError."""
    kind = type(owner)
    if isinstance(owner, ModuleType):
        found = vars(owner).get(name, ABSENT)
    elif isinstance(owner, type):
        found = _of_class(owner, name)
    elif isinstance(owner, Enum):
        found = _of_member(owner, name)
    elif isinstance(owner, Component):
        found = _of_instance(owner, name, vars(owner))
    elif is_dataclass(owner) and kind.__dataclass_params__.frozen:
        found = _of_dataclass(owner, name)
    elif isinstance(owner, tuple) and name in getattr(kind, "_fields", ()):
        found = getattr(owner, name)
    else:
        found = ABSENT
    if found is ABSENT:
        known = (each for each in dir(owner) if each[0] != "_") if isinstance(owner, Component) else ()
        near = did_you_mean(near_names(name, known))
        raise NoConstantError("attributes", f"{kind.__name__} has no attribute {name}{near}")
    return found


def _of_class(owner: type, name: str) -> Any:
    if issubclass(owner, Enum):
        return owner.__members__.get(name, ABSENT)
    found = _in_class(owner, name)
    if isinstance(found, FunctionType) or not hasattr(type(found), "__get__"):
        return found
    if isinstance(found, (staticmethod, classmethod)):
        return getattr(owner, name)
    raise _computed(owner, name)


def _of_member(owner: Enum, name: str) -> Any:
    found = _in_class(type(owner), name)
    if isinstance(found, FunctionType) or found is vars(Enum).get(name, ABSENT):
        return getattr(owner, name)
    if isinstance(found, property):
        return _property_of(owner, name, found)
    return ABSENT


def _of_instance(owner: Any, name: str, own: dict[str, Any]) -> Any:
    """Return an attribute of an object whose own ones are known; methods are bound."""
    kind = type(owner)
    if (
        _in_class(kind, "__getattribute__") is not object.__getattribute__
        or _in_class(kind, "__getattr__") is not ABSENT
    ):
        raise NoConstantError("properties", f"{kind.__name__} finds its attributes in a way of its own")
    found = _in_class(kind, name)
    if isinstance(found, property):
        message = f"{kind.__name__}.{name}: only frozen dataclasses have properties"
        raise NoConstantError("properties", message)
    if hasattr(type(found), "__set__") or hasattr(type(found), "__delete__"):
        raise _computed(kind, name)
    if name in own:
        return own[name]
    if isinstance(found, (FunctionType, staticmethod, classmethod)):
        return getattr(owner, name)
    if hasattr(type(found), "__get__"):
        raise _computed(kind, name)
    return found


def _of_dataclass(owner: Any, name: str) -> Any:
    found = _in_class(type(owner), name)
    if isinstance(found, property):
        return _property_of(owner, name, found)
    own = {each.name: object.__getattribute__(owner, each.name) for each in fields(owner)}
    if isinstance(found, MemberDescriptorType) and name in own:
        return own[name]
    return _of_instance(owner, name, own)


def _property_of(owner: Any, name: str, found: property) -> Any:
    """Return what a property is, where neither its owner nor what its function names leads to RAM."""
    kind, function = type(owner), found.fget
    if not isinstance(function, FunctionType) or leads_to_ram(owner) or any(map(leads_to_ram, _named_by(function))):
        raise NoConstantError(
            "properties", f"{kind.__name__}.{name}: a property does not lead to RAM; make it a method"
        )
    try:
        return getattr(owner, name)
    except Exception as error:
        raise NoConstantError("properties", f"{kind.__name__}.{name}: {type(error).__name__}: {error}") from None


def _named_by(function: FunctionType) -> list[Any]:
    cells = [each.cell_contents for each in function.__closure__ or ()]
    return cells + [function.__globals__[name] for name in function.__code__.co_names if name in function.__globals__]


def leads_to_ram(value: Any) -> bool:
    """Say whether a static object is, or holds, a part of RAM or of the kernel."""
    if isinstance(value, MethodType):
        return leads_to_ram(value.__self__)
    if isinstance(value, tuple):
        return any(map(leads_to_ram, value))
    if is_dataclass(value) and not isinstance(value, type):
        return any(leads_to_ram(getattr(value, each.name)) for each in fields(value))
    return isinstance(value, LIVE)


def _computed(kind: type, name: str) -> NoConstantError:
    return NoConstantError("properties", f"{kind.__name__}.{name} is computed: an attribute is a value")
