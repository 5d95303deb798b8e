"""Which classes a body reaches: those of all that it names a member of, followed from what its method is given.

A value's type is an object of the live kernel, where it is one, else a class or what a signature says: `Array[u8]`.
"""

import ast
import inspect
import sys
from collections.abc import Iterable, Iterator, Mapping
from enum import Enum
from types import NoneType, UnionType
from typing import Any, Union, get_args, get_origin, get_type_hints

from keelback.lang import Component, Struct
from keelback.lang.layout import StructKind
from keelback.lang.struct import StructArray, struct_of
from keelback.lang.table import Table

OURS = "keelback."


def reached_by(body: ast.FunctionDef, owner: Any, names: Mapping[str, Any]) -> Iterator[type]:
    """Yield the classes that a method's body reaches; `owner` is its component, `names` are those of its module."""
    method = getattr(owner if isinstance(owner, type) else type(owner), body.name)
    follower = _Follower(dict(names) | _hints(method) | {"self": owner})
    follower.follow(body.body)
    yield from follower.found


def elements_of(value: Any) -> Any:
    """Return the type of what an array or an iterator yields, None where that is not known."""
    if isinstance(value, Table):
        return value._element.layout.struct if isinstance(value._element, StructKind) else None
    if isinstance(value, StructArray):
        return value._struct
    return next(iter(get_args(value)), None)


def is_listed(kind: Any) -> bool:
    """Say whether a class is one of those whose members a body names."""
    if not isinstance(kind, type) or not kind.__module__.startswith(OURS):
        return False
    return issubclass(kind, Component | Struct | Enum) or hasattr(kind, "__dataclass_fields__")


class _Follower:
    """Follows types through statements, in their order; `found` has the classes that are reached."""

    def __init__(self, names: dict[str, Any]) -> None:
        self.names = names
        self.found: dict[type, None] = {}

    def follow(self, nodes: Iterable[ast.AST]) -> None:
        """Follow statements, and all expressions in them."""
        for node in nodes:
            match node:
                case ast.For():
                    self._bind(node.target, elements_of(self.type_of(node.iter)))
                case ast.Assign():
                    found = self.type_of(node.value)
                    for target in node.targets:
                        self._bind(target, found)
                    continue
                case ast.AnnAssign(target=ast.Name(name), value=ast.expr() as value):
                    self.names[name] = self.type_of(value)
                    continue
                case ast.expr():
                    self.type_of(node)
                    continue
            self.follow(ast.iter_child_nodes(node))

    def _bind(self, target: ast.AST, found: Any) -> None:
        if isinstance(target, ast.Name):
            self.names[target.id] = found
        elif isinstance(target, ast.Tuple):
            for each, kind in zip(target.elts, get_args(found), strict=False):
                self._bind(each, kind)
        else:
            self.follow([target])

    def type_of(self, node: ast.expr) -> Any:
        """Return the type of an expression, None where that is not known."""
        match node:
            case ast.Name():
                return self.names.get(node.id)
            case ast.Attribute():
                return self._member(_plain(self.type_of(node.value)), node.attr)
            case ast.Subscript():
                self.type_of(node.slice)
                return elements_of(_plain(self.type_of(node.value)))
            case ast.Call():
                self.follow([*node.args, *(each.value for each in node.keywords)])
                called = self.type_of(node.func)
                return called if isinstance(called, type) else _hints(called).get("return")
            case ast.IfExp():
                self.type_of(node.test)
                one, other = self.type_of(node.body), self.type_of(node.orelse)
                return one or other
        self.follow(ast.iter_child_nodes(node))
        return None

    def _member(self, base: Any, name: str) -> Any:
        """Return the type of a member of something, whose class is reached by that."""
        if isinstance(base, Struct):
            base = struct_of(base)
        class_ = base if isinstance(base, type) else type(base)
        if not is_listed(class_):
            return None
        self.found[class_] = None
        if issubclass(class_, Struct) and name in (hints := _hints(class_)):
            return hints[name]
        found = getattr(base, name, None)
        return _hints(found.fget).get("return") if isinstance(found, property) else found


def _plain(kind: Any) -> Any:
    """Return a type without the None that it may be, too."""
    if get_origin(kind) in (Union, UnionType):
        return next((each for each in get_args(kind) if each is not NoneType), None)
    return kind


def _hints(documented: Any) -> dict[str, Any]:
    """Return the types of a class's fields, or of a method's arguments and result, as far as they are known."""
    if not (inspect.isroutine(documented) or inspect.isclass(documented)):
        return {}
    try:
        return get_type_hints(documented, vars(sys.modules[documented.__module__]))
    except (NameError, TypeError):
        return {}
