"""What is known at one point of a function: what each name has, and which structs are there.

There is one join, for every statement where ways meet:

1. A name that has a value on each way has one after it; any other name may have none.
2. A static value is still known if it is the same on each way; else it is the local's that holds it, if one does.
3. What is known not to be None on each way is known not to be None after it.
"""

from collections.abc import Iterable
from dataclasses import dataclass, field, replace
from functools import cache
from typing import Any, NamedTuple

from keelback.compiler import ir
from keelback.compiler.program import Static
from keelback.compiler.types import Pointer
from keelback.compiler.walk import expressions_in
from keelback.lang.layout import RefKind


class Name(NamedTuple):
    """A Python name: the function at hand, or the generator inlined into it, by its suffix, and the name there."""

    suffix: str
    name: str

    @property
    def variable(self) -> str:
        """Return what a local of this name is called in the tree."""
        return self.name + self.suffix


@dataclass(frozen=True)
class Binding:
    """What a name has: a value that is known, the local that holds it, or both; neither for one of several values."""

    static: Static | None = None
    local: str | None = None

    def join(self, other: "Binding") -> "Binding":
        """Return what is known where one of two ways was taken."""
        same = self.static is not None and other.static is not None and _same(self.static.value, other.static.value)
        return Binding(self.static if same else None, self.local if self.local == other.local else None)


Place = tuple[Any, ...]
"""A local, or a place in RAM, without the types that it has in a tree."""


@dataclass
class Environment:
    """What is known at a point that can be reached."""

    names: dict[Name, Binding] = field(default_factory=dict)
    present: frozenset[Place] = frozenset()
    """Where structs are that are not None."""

    def copy(self) -> "Environment":
        """Return what can change by itself."""
        return Environment(dict(self.names), self.present)

    def set_local(self, name: str, value: ir.Expression) -> None:
        """Take note that a local gets a value."""
        there = self.is_present(value)
        self.present = frozenset(each for each in self.present if ("local", name) not in _parts(each))
        if there:
            self.present |= {("local", name)}

    def store(self, store: ir.StoreField) -> None:
        """Take note that a field gets a value: one that is no Ref makes no other a Ref's."""
        if isinstance(store.field.kind, RefKind):
            self.ram_changed()
            place = self.is_present(store.value) and place_of(ir.FieldValue(store.value.type, store.base, store.field))
            self.present |= {place} if place else set()
        elif any(isinstance(each, ir.StructAt) for each in expressions_in(store.base)):
            self.ram_changed()

    def ram_changed(self) -> None:
        """Take note that any field may have changed."""
        self.present = frozenset(each for each in self.present if each[0] == "local")

    def is_present(self, value: ir.Expression) -> bool:
        """Say whether a struct is known not to be None."""
        if not isinstance(value.type, Pointer):
            return False
        return not value.type.optional or place_of(value) in self.present


def joined(ways: Iterable[Environment | None]) -> Environment | None:
    """Return what is known where several ways meet; None if none of them is ever taken."""
    taken = [each for each in ways if each is not None]
    if not taken:
        return None
    found = taken[0].copy()
    for other in taken[1:]:
        both = [name for name in found.names if name in other.names]
        found.names = {name: found.names[name].join(other.names[name]) for name in both}
        found.present &= other.present
    return found


def before_rounds(start: Environment, bound: set[Name], deleted: set[Name], locals: set[str]) -> Environment:
    """Return what is known when any round of a loop starts that gives some names values and deletes some."""
    names = {
        name: replace(binding, static=None) if name in bound else binding
        for name, binding in start.names.items()
        if name not in deleted
    }
    changed = {("local", each) for each in locals}
    kept = (each for each in start.present if each[0] == "local" and each not in changed)
    return Environment(names, frozenset(kept))


def after_final(before: Environment, bound: set[Name], end: Environment) -> Environment:
    """Return what is known on one way through a finally that may give some names values; `end` is what all have."""
    names = {name: each for name, each in before.names.items() if name not in bound}
    return Environment({**names, **{name: end.names[name] for name in bound if name in end.names}}, end.present)


def unlike(start: Environment, end: Environment) -> Name | None:
    """Return a name that is something else at the end of a loop's round than what `before_rounds` says of it."""
    return next((name for name, each in start.names.items() if each.join(end.names.get(name, NOTHING)) != each), None)


NOTHING = Binding()


def _same(left: Any, right: Any) -> bool:
    if isinstance(left, tuple) and isinstance(right, tuple):
        return len(left) == len(right) and all(map(_same, left, right))
    if type(left) is type(right) and isinstance(left, (int, str)):
        return bool(left == right)
    return left is right


def place_of(value: ir.Expression) -> Place | None:
    """Return what tells a place from others; None for what is not simple enough."""
    if isinstance(value, ir.Local):
        return ("local", value.name)
    if isinstance(value, ir.Constant):
        return ("constant", value.value)
    if isinstance(value, ir.StaticPlace):
        return ("static", value.address)
    if isinstance(value, (ir.FieldValue, ir.FieldPlace)):
        base = place_of(value.base)
        return base and ("field", value.field.offset, base)
    if isinstance(value, ir.ElementPlace):
        base, index = place_of(value.base), place_of(value.index)
        return base and index and ("element", base, index)
    return None


@cache
def _parts(place: Place) -> frozenset[Place]:
    """Return a place and all that it lies in or is found by."""
    return frozenset({place}).union(*(_parts(each) for each in place if isinstance(each, tuple)))
