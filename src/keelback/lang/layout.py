"""Where each field of a struct lies: the one layout that the interpreted views and the compiled code share.

1. Fields lie in the order of their annotations, each at its natural alignment or at an offset that is given.
2. An integer's alignment is its size, whatever a C compiler for the machine would choose.
3. A struct's alignment is the largest that all its fields have, its size a multiple of that.
4. Every byte between fields is padding and stays zero.
5. Named bits lie in the unsigned integer above them, bit 0 its lowest; no two overlap.
6. A struct may be another one where words have 64 bits: registers of a CPU, which has others there.
"""

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from enum import IntEnum
from functools import cache, cached_property
from math import gcd
from types import UnionType
from typing import Annotated, Any, TypeVar, Union, get_args, get_origin, get_type_hints

from keelback.lang.integers import INTEGER_TYPES, IntegerType


@dataclass(frozen=True)
class IntegerKind:
    """An integer field."""

    type: IntegerType

    @property
    def size(self) -> int:
        """Return the size in bytes."""
        return self.type.size

    @property
    def alignment(self) -> int:
        """Return the alignment in bytes."""
        return self.size


@dataclass(frozen=True)
class BoolKind(IntegerKind):
    """A bool, stored as `u8` 0 or 1."""

    type: IntegerType = INTEGER_TYPES["u8"]


@dataclass(frozen=True)
class EnumKind(IntegerKind):
    """A member of an `IntEnum`, stored as `u8`."""

    type: IntegerType
    enum: Any


@dataclass(frozen=True)
class RefKind(IntegerKind):
    """An element of the home array of a struct, stored as `u32`: its index + 1, or 0 for None."""

    type: IntegerType
    target: Any


@dataclass(frozen=True)
class StructKind:
    """A struct inside another."""

    layout: "StructLayout"

    @property
    def size(self) -> int:
        """Return the size in bytes."""
        return self.layout.size

    @property
    def alignment(self) -> int:
        """Return the alignment in bytes."""
        return self.layout.alignment


@dataclass(frozen=True)
class ArrayKind:
    """An inline array of integers or structs."""

    element: IntegerKind | StructKind
    count: int

    @property
    def size(self) -> int:
        """Return the size in bytes."""
        return self.element.size * self.count

    @property
    def alignment(self) -> int:
        """Return the alignment in bytes."""
        return self.element.alignment


Kind = IntegerKind | StructKind | ArrayKind


@dataclass(frozen=True)
class Field:
    """One field: its name, kind and offset in bytes from the start of the struct."""

    name: str
    kind: Kind
    offset: int


@dataclass(frozen=True)
class Bits:
    """A name for `count` bits, from bit `low` on, of an integer field; a flag is a bool."""

    name: str
    field: Field
    low: int
    count: int
    flag: bool

    @property
    def most(self) -> int:
        """Return the highest number that the bits hold."""
        return (1 << self.count) - 1

    @property
    def mask(self) -> int:
        """Return the bits where they lie in the integer."""
        return self.most << self.low

    @property
    def type_name(self) -> str:
        """Return what the bits take."""
        return "bool" if self.flag else f"{self.count} bits"


@dataclass(frozen=True)
class StructLayout:
    """The layout of one struct type on a machine with a given word size."""

    struct: type
    fields: tuple[Field, ...]
    size: int
    alignment: int
    bits: tuple[Bits, ...] = ()

    def field(self, name: str) -> Field:
        """Return the field called `name`.  Raises: KeyError."""
        return next((each for each in self.fields if each.name == name), None) or _no_field(self.struct, name)

    def bits_of(self, name: str) -> Bits | None:
        """Return the bits called `name`, or None."""
        return next((each for each in self.bits if each.name == name), None)

    def whole(self) -> IntegerType:
        """Return the type of the one integer that the struct has, with names for its bits.

        Raises: TypeError when it is no such struct.
        """
        kind = self.fields[0].kind
        if len(self.fields) != 1 or not self.bits or not isinstance(kind, IntegerKind):
            raise TypeError(f"{self.struct.__name__} is not one integer with named bits")
        return kind.type

    @cached_property
    def codes(self) -> str:
        """Return the `struct` format letters of the integers that lie aligned in the struct itself, each once."""
        integers = [(each.offset, each.kind) for each in self.fields if isinstance(each.kind, IntegerKind)]
        return "".join(sorted({kind.type.code for offset, kind in integers if offset % kind.size == 0}))

    def name_at(self, offset: int) -> str:
        """Return the name of the field at a byte offset: `frame.eax`, `saved[3]`; `padding` between fields."""
        for each in self.fields:
            if each.offset <= offset < each.offset + each.kind.size:
                return each.name + _name_inside(each.kind, offset - each.offset)
        return "padding"


def _no_field(struct: type, name: str) -> Field:
    raise KeyError(f"{struct.__name__} has no field {name}")


def _name_inside(kind: Kind, offset: int) -> str:
    if isinstance(kind, StructKind):
        return "." + kind.layout.name_at(offset)
    if isinstance(kind, ArrayKind):
        index, rest = divmod(offset, kind.element.size)
        return f"[{index}]" + _name_inside(kind.element, rest)
    return ""


@dataclass(frozen=True)
class Inline:
    """What `inline` and `at` leave in a class body: how many elements there are, 0: no array, and at which offset."""

    count: int
    at: int | None


def inline(count: int, at: int | None = None) -> Any:
    """Say how many elements an `Array` field has, `saved: Array[u32] = inline(16)`, and its offset, if not the next."""
    if count < 1:
        raise ValueError(f"inline({count}): an inline array has at least one element")
    return Inline(count, at)


def at(offset: int) -> Any:
    """Place a field at an offset in bytes, whatever its alignment: `stack: u64 = at(4)`."""
    return Inline(0, offset)


@dataclass(frozen=True)
class BitRange:
    """What `bit` and `bits` leave in a class body."""

    low: int
    count: int
    flag: bool


def bit(number: int) -> Any:
    """Name a bit of the unsigned integer above: `present: bool = bit(0)`."""
    return BitRange(number, 1, True)


def bits(low: int, count: int) -> Any:
    """Name `count` bits, from bit `low` on, of the unsigned integer above: `frame: u32 = bits(12, 20)`."""
    return BitRange(low, count, False)


class StructBase:
    """What the layout knows of a `Struct`; the views are in `struct.py`."""

    __slots__ = ()


class ArrayBase:
    """What the layout knows of an `Array`; the views are in `array.py`."""

    __slots__ = ()


_ON_64_BITS: dict[type, type] = {}
T = TypeVar("T", bound=type)


def on_64_bits(struct: type) -> Callable[[T], T]:
    """Let the struct class that follows stand for another where words have 64 bits.

    Whatever asks for the other one there has this one, so it has all methods of the other that are used there.
    """

    def put(wide: T) -> T:
        _ON_64_BITS[struct] = wide
        return wide

    return put


def struct_on(struct: Any, word_bits: int) -> Any:
    """Return the class that stands for a struct on a machine with `word_bits` bits to a word."""
    return _ON_64_BITS.get(struct, struct) if word_bits == 64 else struct


@cache
def layout_of(struct: Any, word_bits: int = 32) -> StructLayout:
    """Return the layout of a `Struct` class.

    Raises: TypeError naming the field whose annotation no struct may have.
    """
    struct = struct_on(struct, word_bits)
    placed: list[Field] = []
    named: list[Bits] = []
    end, alignment = 0, 1
    for name, kind in _kinds(struct, word_bits):
        if isinstance(kind, BitRange):
            named.append(_named(struct, name, kind, placed[-1:], named))
            continue
        offset = _offset(struct, name, kind, end)
        placed.append(Field(name, kind, offset))
        end, alignment = offset + kind.size, max(alignment, gcd(offset, kind.alignment))
    if not placed:
        raise TypeError(f"{struct.__name__} has no fields")
    return StructLayout(struct, tuple(placed), round_up(end, alignment), alignment, tuple(named))


def _offset(struct: Any, name: str, kind: Kind, end: int) -> int:
    """Return where a field lies that follows what ends at `end`."""
    given = vars(struct).get(name)
    if given is None or given.at is None:
        return round_up(end, kind.alignment)
    where, offset = f"{struct.__name__}.{name}", int(given.at)
    if offset < end:
        raise TypeError(f"{where}: the field before ends at {end:#x}, after {offset:#x}")
    inner = kind.element if isinstance(kind, ArrayKind) else kind
    if isinstance(inner, StructKind) and offset % inner.alignment:
        raise TypeError(f"{where}: {inner.layout.struct.__name__} lies {inner.alignment}-aligned, not at {offset:#x}")
    return offset


def _named(struct: Any, name: str, range: BitRange, above: list[Field], others: list[Bits]) -> Bits:
    """Return the bits that a range names in the field above it."""
    where, hint = f"{struct.__name__}.{name}", get_type_hints(struct, include_extras=True)
    kinds = [each.kind for each in above if type(each.kind) is IntegerKind and not each.kind.type.signed]
    if not kinds or integer_type(hint[above[0].name]) is INTEGER_TYPES["word"]:
        raise TypeError(f"{where}: bits lie in a u8, u16, u32 or u64 right above them")
    if range.low < 0 or range.count < 1 or range.low + range.count > 8 * kinds[0].size:
        raise TypeError(f"{where}: bits {range.low} to {range.low + range.count - 1} of a {kinds[0].type.name}")
    taken = integer_type(hint[name])
    fits = taken is not None and not taken.signed and range.count <= taken.bits
    if not (hint[name] is bool if range.flag else fits):
        raise TypeError(f"{where}: a bit is a bool, bits are an unsigned integer that holds them")
    found = Bits(name, above[0], range.low, range.count, range.flag)
    for other in others:
        if other.field is found.field and other.mask & found.mask:
            raise TypeError(f"{where}: the same bits as {other.name}")
    return found


def round_up(value: int, alignment: int) -> int:
    """Return the lowest multiple of `alignment` that is at least `value`."""
    return -(-value // alignment) * alignment


def _kinds(struct: type, word_bits: int) -> Iterator[tuple[str, Kind | BitRange]]:
    for name, annotation in get_type_hints(struct, include_extras=True).items():
        given = vars(struct).get(name)
        if name.startswith("_") or not (given is None or isinstance(given, (Inline, BitRange))):
            raise TypeError(f"{struct.__name__}.{name}: a field has no leading underscore, no default and no method")
        if any(name in vars(base) for base in struct.__mro__[1:]):
            raise TypeError(f"{struct.__name__}.{name}: every struct has a method of that name")
        if isinstance(given, BitRange):
            yield name, given
            continue
        kind = _kind(annotation, given.count if isinstance(given, Inline) else 0, word_bits)
        if kind is None or (isinstance(given, Inline) and (given.count > 0) != isinstance(kind, ArrayKind)):
            raise TypeError(f"{struct.__name__}.{name}: {annotation!r} is no field type; see docs/kernel-python.md")
        yield name, kind


def _kind(annotation: Any, count: int, word_bits: int) -> Kind | None:
    if (integer := integer_type(annotation)) is not None:
        return IntegerKind(integer.resolved(word_bits))
    if (target := ref_target(annotation)) is not None:
        return RefKind(INTEGER_TYPES["u32"], target)
    origin = get_origin(annotation)
    if isinstance(origin, type) and issubclass(origin, ArrayBase) and count:
        element = _kind(get_args(annotation)[0], 0, word_bits)
        return ArrayKind(element, count) if isinstance(element, StructKind) or type(element) is IntegerKind else None
    return _class_kind(annotation, word_bits) if isinstance(annotation, type) else None


def _class_kind(annotation: type, word_bits: int) -> Kind | None:
    if annotation is bool:
        return BoolKind()
    if issubclass(annotation, IntEnum):
        return EnumKind(INTEGER_TYPES["u8"], annotation) if all(0 <= each <= 255 for each in annotation) else None
    return _struct_kind(annotation, word_bits) if issubclass(annotation, StructBase) else None


def _struct_kind(struct: Any, word_bits: int) -> StructKind:
    return StructKind(layout_of(struct, word_bits))


def integer_type(annotation: Any) -> IntegerType | None:
    """Return the integer type that an annotation names, or None."""
    if get_origin(annotation) is Annotated:
        return next((each for each in get_args(annotation)[1:] if isinstance(each, IntegerType)), None)
    return None


def ref_target(annotation: Any) -> type | None:
    """Return the struct class that a `Ref[...]` annotation points to, or None."""
    if get_origin(annotation) in (Union, UnionType):
        inner = [each for each in get_args(annotation) if each is not type(None)]
        if len(inner) == 1 and isinstance(inner[0], type) and issubclass(inner[0], StructBase):
            return inner[0]
    return None
