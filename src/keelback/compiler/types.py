"""The types of the compiler's tree: what a value is at run time."""

from dataclasses import dataclass
from functools import cache
from typing import Any

from keelback.compiler.intervals import Interval, interval_of
from keelback.lang.integers import INTEGER_TYPES, IntegerType
from keelback.lang.layout import BoolKind, EnumKind, IntegerKind, Kind, RefKind, StructKind


@dataclass(frozen=True)
class Integer:
    """An integer between two bounds; with `enum`, a member of that `IntEnum`."""

    interval: Interval
    enum: Any = None

    def __str__(self) -> str:
        low, high = self.interval.low, self.interval.high
        names = [each.name for each in INTEGER_TYPES.values() if each.bits and interval_of(each) == self.interval]
        return self.enum.__name__ if self.enum else (names or [f"{low}" if low == high else f"[{low}, {high}]"])[0]


@dataclass(frozen=True)
class Boolean:
    """True or False."""

    def __str__(self) -> str:
        return "bool"


@dataclass(frozen=True)
class Pointer:
    """A struct in RAM; with `optional`, or None."""

    struct: type
    optional: bool = False

    def __str__(self) -> str:
        if self.struct is NoneType:
            return "None"
        return f"Ref[{self.struct.__name__}]" if self.optional else self.struct.__name__


@dataclass(frozen=True)
class ArrayPointer:
    """An array in RAM of `count` elements, each an integer type or a struct."""

    element: IntegerType | type
    count: int

    def __str__(self) -> str:
        return f"Array[{self.element.name if isinstance(self.element, IntegerType) else self.element.__name__}]"


@dataclass(frozen=True)
class Text:
    """Constant text."""

    def __str__(self) -> str:
        return "text"


@dataclass(frozen=True)
class Void:
    """No value."""


I32, U32, I64, U64 = (INTEGER_TYPES[name] for name in ("i32", "u32", "i64", "u64"))
I128, U128 = IntegerType("i128", 128, True), IntegerType("u128", 128, False)
"""Two words of 64 bits: what lies between a machine's values, never what is stored."""


@cache
def smallest(interval: Interval, widest: int) -> IntegerType:
    """Return the smallest C type of 32 bits or more that holds an interval, of at most `widest` bits."""
    types = [each for each in (I32, U32, I64, U64, I128, U128) if each.bits <= widest]
    return next((each for each in types if interval in interval_of(each)), types[-1])  # else its low bits are used


Type = Integer | IntegerType | Boolean | Pointer | ArrayPointer | Text | Void

BOOLEAN, TEXT, VOID = Boolean(), Text(), Void()


def integer(type: IntegerType, enum: Any = None) -> Integer:
    """Return the type of a value that a declared type holds."""
    return Integer(interval_of(type), enum)


def element_of(kind: IntegerKind | StructKind) -> IntegerType | type:
    """Return what an array of elements of a kind is made of."""
    return kind.layout.struct if isinstance(kind, StructKind) else kind.type


def held_by(kind: Kind) -> Type:
    """Return the type of what a field holds; a Ref holds the element itself, a struct or an array is its place."""
    match kind:
        case BoolKind():
            return BOOLEAN
        case EnumKind():
            return integer(kind.type, kind.enum)
        case RefKind():
            return Pointer(kind.target, True)
        case IntegerKind():
            return integer(kind.type)
        case StructKind():
            return Pointer(kind.layout.struct)
    return ArrayPointer(element_of(kind.element), kind.count)


def promoted(type: Type) -> Type:
    """Return what C makes of a value by itself where it computes: an integer of less than 32 bits becomes an `i32`."""
    return I32 if isinstance(type, IntegerType) and type.bits < 32 else type


def exactly(value: int) -> Integer:
    """Return the type of a constant."""
    return Integer(Interval(int(value), int(value)))


def join(left: Type, right: Type) -> Type | None:
    """Return the type of a place that holds both, None when no place does."""
    if left == right:
        return left
    if isinstance(left, Integer) and isinstance(right, Integer):
        return Integer(left.interval.join(right.interval), left.enum if left.enum is right.enum else None)
    if isinstance(left, Pointer) and isinstance(right, Pointer):
        return _join_pointers(left, right)
    return None


def _join_pointers(left: Pointer, right: Pointer) -> Pointer | None:
    structs = {left.struct, right.struct} - {NoneType}
    if len(structs) > 1:
        return None
    return Pointer(structs.pop() if structs else NoneType, left.optional or right.optional)


NoneType = type(None)
NONE = Pointer(NoneType, True)
"""The type of None before it is known which struct it is none of."""
