"""Structs: the typed records that all changing state lives in.

    class Frame(Struct):
        references: u16
        owner: i16

A `Struct` class only declares.  `view(ram, Frame, address)` gives an object whose attributes *are* the bytes at that
address: reading one decodes them, assigning encodes them and panics when the value does not fit.
"""

from functools import cache
from struct import Struct as PackedStruct
from struct import calcsize
from struct import error as StructError
from types import CodeType
from typing import TYPE_CHECKING, Any, Self, TypeVar

from keelback.lang.array import Array, IntegerArray
from keelback.lang.errors import GENERATED, Panic
from keelback.lang.layout import (
    ArrayKind,
    Bits,
    BoolKind,
    EnumKind,
    Field,
    IntegerKind,
    RefKind,
    StructBase,
    StructKind,
    layout_of,
    struct_on,
)
from keelback.lang.ram import Ram

S = TypeVar("S", bound="Struct")


class _StructType(type):
    """Makes struct classes closed: an attribute that is no field raises AttributeError."""

    def __new__(cls, name: str, bases: tuple[type, ...], body: dict[str, Any]) -> type:
        for base in bases:
            if isinstance(base, _StructType) and isinstance(base.__base__, _StructType):
                raise TypeError(f"{name} extends {base.__name__}: a struct extends no other; make that one a field")
        return super().__new__(cls, name, bases, {"__slots__": (), **body})


class Struct(StructBase, metaclass=_StructType):
    """A record in RAM.

    `_address` is where kernel code sees it, `_physical` where its bytes lie: the same but behind a window.
    """

    __slots__ = ("_B", "_H", "_I", "_Q", "_address", "_b", "_h", "_i", "_index", "_inner", "_physical", "_q", "_ram")

    if TYPE_CHECKING:  # these slots are no fields
        _ram: Ram
        _address: int
        _physical: int
        _index: int
        _inner: dict[int, Any]

    def __repr__(self) -> str:
        return f"<{type(self).__name__} at {self._address:#x}>"

    def copy_from(self, other: Self) -> None:
        """Copy another record of the same struct, byte for byte: what is inside it, and what its Refs stand for."""
        if struct_of(other) is not struct_of(self):
            raise Panic(f"a {type(self).__name__} is copied from one of its own, not from {other!r}")
        size = self._touch_whole()
        other._touch_whole()
        content = other._ram.bytes[other._physical : other._physical + size]
        self._ram.bytes[self._physical : self._physical + size] = content

    def clear(self) -> None:
        """Set every byte of the record to zero."""
        size = self._touch_whole()
        self._ram.bytes[self._physical : self._physical + size] = bytes(size)

    def _touch_whole(self) -> int:
        """Return the size in bytes; in strict RAM the machine is told of the access."""
        size = layout_of(struct_of(self), self._ram.word_bits).size
        if self._ram.strict:
            self._ram.use(self._address, self._physical, size)
        return size

    @classmethod
    def of(cls, whole: int = 0, /, **parts: int) -> int:
        """Return the integer of a struct that is one with named bits: `whole`, with the given bits in place of its own.

        Raises: Panic when a part does not fit; TypeError when there are no such bits.
        """
        layout = layout_of(cls)
        value = layout.whole().checked(whole, cls.__name__)
        for name, part in parts.items():
            bits = layout.bits_of(name)
            if bits is None:
                raise TypeError(f"{cls.__name__} has no bits {name}")
            value = value & ~bits.mask | bits_of(part, bits, cls) << bits.low
        return value


def view(ram: Ram, struct: type[S], address: int) -> S:
    """Return the struct of the given class at an address that is mapped to itself: always the same object.

    Raises: Panic when it is not aligned or not in RAM.
    """
    found: S | None = ram.views.get((struct, address))
    if found is None:
        actual = struct_on(struct, ram.word_bits)
        found = make_view(ram, struct, address, address) if actual is struct else view(ram, actual, address)
        ram.views[struct, address] = found
    return found


def view_at(ram: Ram, struct: type[S], address: int, physical: int) -> S:
    """Return `view` of the struct, or a new one when it lies behind a window, whose address means many places."""
    return view(ram, struct, address) if address == physical else make_view(ram, struct, address, physical)


def part_of(record: Struct, struct: type[S], offset: int) -> S:
    """Return a view of the struct that begins `offset` bytes behind the start of a record, as of a page.

    Raises: Panic when it is not aligned or not in RAM.
    """
    ram, actual = record._ram, struct_on(struct, record._ram.word_bits)
    found: S = view_at(ram, actual, record._address + offset, record._physical + offset)
    return found


def make_view(ram: Ram, struct: type[S], address: int, physical: int) -> S:
    """Return a new view of the struct whose bytes lie at `physical` and that kernel code sees at `address`.

    Raises: Panic when it is not aligned or not in RAM.
    """
    made: S = _maker(struct, ram.word_bits, ram.strict)(ram, address, physical)
    return made


def address_of(record: Struct) -> int:
    """Return the address at which kernel code sees a struct."""
    return record._address


def struct_of(record: Struct) -> type[Struct]:
    """Return the class that declares a struct: a view's own class is made from it."""
    declared: type[Struct] = type(record).__bases__[0]
    return declared


def size_of(struct: type[Struct] | Struct) -> int:
    """Return the size in bytes of a record, or of all of a struct class.

    Raises: TypeError for a class whose records have other sizes on machines with longer words.
    """
    if isinstance(struct, Struct):
        return layout_of(struct_of(struct), struct._ram.word_bits).size
    sizes = {layout_of(struct, word_bits).size for word_bits in (32, 64)}
    if len(sizes) > 1:
        raise TypeError(f"the size of a {struct.__name__} depends on the machine's words: ask for a record's")
    return sizes.pop()


# Views are made for every record and window of each machine, so what makes those of a struct is text too, once.
_MAKER = """
def make(ram, address, physical):
    if (address | physical) % {alignment}:
        raise Panic(f"{{struct}} at {{address:#x}}: not {alignment}-aligned")
    ram.inside(address, physical, {size})
    made = new()
    made._ram, made._address, made._physical, made._index = ram, address, physical, -1
    {parts}
    return made
"""
_INTEGERS = "made._{code} = ram.integers['{code}'][physical // {size} : (physical + {whole}) // {size}]"


@cache
def _code(text: str) -> CodeType:
    """Return the code of a text; many fields have the same."""
    return compile(text, GENERATED, "exec")


@cache
def _maker(struct: type[Struct], word_bits: int, strict: bool) -> Any:
    """Return what makes a struct's views.

    `_index` is the place in the struct's home array; -1 for what is no element of it.
    """
    layout = layout_of(struct, word_bits)
    parts = [_INTEGERS.format(code=each, size=calcsize(each), whole=layout.size) for each in layout.codes]
    if not all(isinstance(each.kind, IntegerKind) for each in layout.fields):
        parts.append("made._inner = {}")
    text = _MAKER.format(alignment=layout.alignment, size=layout.size, parts="; ".join(parts))
    new = _view_class(layout.struct, word_bits, strict)
    names: dict[str, Any] = {"Panic": Panic, "new": new, "struct": struct.__name__}
    exec(_code(text), names)
    return names["make"]


@cache
def _view_class(struct: type[S], word_bits: int, strict: bool) -> type[S]:
    layout = layout_of(struct, word_bits)
    fields = {each.name: _property(struct, each, strict) for each in layout.fields}
    fields |= {each.name: _bits_property(struct, each, strict) for each in layout.bits}
    body: dict[str, Any] = {"__doc__": struct.__doc__, "__module__": struct.__module__, **fields}
    made: Any = type.__new__(_StructType, struct.__name__, (struct,), {"__slots__": (), **body})
    return made  # type: ignore[no-any-return]


# An attribute read is the commonest thing the kernel does, so its two functions are made as text, once a field,
# with nothing left to look up.
_ACCESSORS = """
def get(self):
    {touch}
    return {read}

def set(self, value):
    {touch}
    try:
        {store}
    except (ValueError, TypeError, KeyError, StructError):
        raise unfit(value) from None
"""
_TOUCH = "self._ram.use(self._address + {offset}, self._physical + {offset}, {size})"


def _property(struct: type, field: Field, strict: bool) -> property:
    kind = field.kind
    if not isinstance(kind, IntegerKind):
        return property(_inner_getter(kind, field.offset), doc=field.name)
    name = f"{struct.__name__}.{field.name}"
    read, stored, type_name, names = _conversion(name, kind)
    raw, store = _access(field)
    touch = _TOUCH.format(offset=field.offset, size=kind.size) if strict else ""
    text = _ACCESSORS.format(touch=touch, read=read.format(raw), store=store.format(stored))
    names |= _names(field)
    names["unfit"] = lambda value: Panic(f"{value!r} does not fit {name}: {type_name}")
    exec(_code(text), names)
    return property(names["get"], names["set"], doc=field.name)


def _access(field: Field) -> tuple[str, str]:
    """Return how the integer of a field is read, and a value stored, as text that uses `_names`."""
    kind = field.kind
    assert isinstance(kind, IntegerKind)
    index, rest = divmod(field.offset, kind.size)
    if rest == 0:
        raw = f"self._{kind.type.code}[{index}]"
        return raw, raw + " = {}"
    first, end = (f"self._physical + {each}" for each in (field.offset, field.offset + kind.size))
    return f"unpack(self._ram.bytes, {first})[0]", f"self._ram.bytes[{first} : {end}] = pack({{}})"


def _names(field: Field) -> dict[str, Any]:
    assert isinstance(field.kind, IntegerKind)
    bytes = PackedStruct("<" + field.kind.type.code)
    return {"pack": bytes.pack, "unpack": bytes.unpack_from, "StructError": StructError}


_BITS_ACCESSORS = """
def get(self):
    {touch}
    return ({raw} >> {low} & {most}){test}

def set(self, value):
    number = fitted(value, bits, struct)
    {touch}
    {store}
"""


def _bits_property(struct: type, bits: Bits, strict: bool) -> property:
    kind, offset = bits.field.kind, bits.field.offset
    assert isinstance(kind, IntegerKind)
    raw, store = _access(bits.field)
    text = _BITS_ACCESSORS.format(
        touch=_TOUCH.format(offset=offset, size=kind.size) if strict else "",
        raw=raw,
        low=bits.low,
        most=bits.most,
        store=store.format(f"{raw} & {kind.type.maximum & ~bits.mask} | number << {bits.low}"),
        test=" != 0" if bits.flag else "",
    )
    names: dict[str, Any] = {"fitted": bits_of, "bits": bits, "struct": struct, **_names(bits.field)}
    exec(_code(text), names)
    return property(names["get"], names["set"], doc=bits.name)


def bits_of(value: int, bits: Bits, struct: type) -> int:
    """Return the number that some bits of a struct get by a value.  Raises: Panic when it does not fit."""
    if isinstance(value, int) and 0 <= value <= bits.most:
        return int(value)
    raise Panic(f"{value!r} does not fit {struct.__name__}.{bits.name}: {bits.type_name}")


def _conversion(name: str, kind: IntegerKind) -> tuple[str, str, str, dict[str, Any]]:
    """Return how a raw integer is read and a value stored, as text, its type's name, and the names the text uses."""
    if isinstance(kind, BoolKind):
        return "{} != 0", "numbers[value]", "bool", {"numbers": {False: 0, True: 1}}
    if isinstance(kind, EnumKind):
        members = _Members(kind.enum, name)
        return "members[{}]", "numbers[value]", kind.enum.__name__, {"members": members, "numbers": dict(members)}
    if isinstance(kind, RefKind):
        names = {"target": kind.target, "place": _place_in_home(kind.target)}
        return "self._ram.homes[target][{0} - 1] if {0} else None", "place(self, value)", "Ref", names
    return "{}", "value", kind.type.name, {}


class _Members(dict[int, Any]):
    """The members of an enum by value; any other value in RAM is a panic."""

    def __init__(self, enum: Any, name: str) -> None:
        super().__init__({int(each): each for each in enum})
        self.name = name

    def __missing__(self, value: int) -> Any:
        raise Panic(f"{self.name} holds {value}, which names no member")


def _place_in_home(target: type) -> Any:
    def place(holder: Struct, value: Struct | None) -> int:
        if value is None:
            return 0
        if not isinstance(value, target) or value._index < 0 or value._ram is not holder._ram:
            raise Panic(f"a Ref[{target.__name__}] takes an element of its home array or None, not {value!r}")
        return value._index + 1

    return place


def _inner_getter(kind: Any, offset: int) -> Any:
    def get(self: Struct) -> Any:
        inner = self._inner.get(offset)
        if inner is None:
            inner = self._inner[offset] = _make_inner(self, kind, offset)
        return inner

    return get


def _make_inner(outer: Struct, kind: StructKind | ArrayKind, offset: int) -> Any:
    ram, address, physical = outer._ram, outer._address + offset, outer._physical + offset
    if isinstance(kind, StructKind):
        return view_at(ram, kind.layout.struct, address, physical)
    return make_array(ram, kind.element, kind.count, address, physical)


def make_array(ram: Ram, element: IntegerKind | StructKind, count: int, address: int, physical: int) -> Array[Any]:
    """Return a view of an array: `count` elements that the kernel sees at `address` and that lie at `physical`."""
    if isinstance(element, StructKind):
        return StructArray(ram, element.layout.struct, count, address, physical, indexed=False)
    return IntegerArray(ram, element.type, count, address, physical)


class StructArray(Array[S]):
    """An array of structs in RAM; each element is always the same object."""

    __slots__ = ("_indexed", "_struct", "_views")

    def __init__(self, ram: Ram, struct: type[S], count: int, address: int, physical: int, *, indexed: bool) -> None:
        self._place(ram, count, layout_of(struct, ram.word_bits).size, address, physical)
        ram.inside(address, physical, self._size * count)
        self._struct, self._indexed = struct, indexed
        self._views: list[S | None] = [None] * count

    def __getitem__(self, index: int) -> S:
        if index < 0 or index >= self._count:
            raise self._no_element(index)
        return self._views[index] or self._make(index)

    def _element(self) -> type[S]:
        return self._struct

    def _element_name(self) -> str:
        return self._struct.__name__

    def _make(self, index: int) -> S:
        address, physical = self._address + index * self._size, self._physical + index * self._size
        made = self._views[index] = view_at(self._ram, self._struct, address, physical)
        if self._indexed:
            made._index = index
        return made
