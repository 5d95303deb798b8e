"""The kernel's objects inside gdb: its parts and structs out of RAM, and how gdb shows them.

gdb has a Python of its own, with none of our packages, so this imports gdb's module and nothing of ours.  What it
can't know by the symbols it is told by `load`: a description as `description.py` makes it.
"""

import json
import re
from collections.abc import Iterator, Sequence
from enum import IntEnum
from pathlib import Path
from typing import Any, overload

import gdb  # type: ignore[import-untyped]

KERNEL: dict[str, Any] = {}
"""The description."""
ENUMS: dict[str, Any] = {}
LEAST_ADDRESS = 1 << 20
"""Below lies nothing of the kernel's and no program; few of its counts reach so far."""
NUMBER = "u32"
"""The type in C that addresses have."""


def load(description: Path) -> None:
    """Take the description in a file, and let gdb show structs by it."""
    KERNEL.update(json.loads(description.read_text()))
    ENUMS.update({name: Member(name, members) for name, members in KERNEL["enums"].items()})  # type: ignore[call-arg]
    gdb.pretty_printers.append(printer_for)


class Member(IntEnum):
    """A member of one of the kernel's enums."""

    def __repr__(self) -> str:
        return f"{type(self).__name__}.{self.name}"


class Address(int):
    """A number that is an address, in this kernel: it is shown in hexadecimal."""

    def __repr__(self) -> str:
        return f"{int(self):#x}"


def number(value: int) -> int:
    """Return a number of the kernel's, as an `Address` where it is large enough for one."""
    return Address(value) if value >= LEAST_ADDRESS else value


class Part:
    """A part of the kernel that is not in RAM: a component, a frozen dataclass or a tuple."""

    def __init__(self, number: int) -> None:
        self._part = KERNEL["parts"][number]

    def __getattr__(self, name: str) -> Any:
        part = self._part
        if name in part["attributes"]:
            return part_of(part["attributes"][name])
        if name in part["constants"]:
            constant = part["constants"][name]
            return number(constant) if type(constant) is int else constant
        raise AttributeError(f"{part['class']} has no attribute {name!r}; it has {', '.join(dir(self))}")

    def __getitem__(self, index: int) -> Any:
        """Return an element of a tuple, or of a component's table."""
        if self._part["class"] != "tuple":
            return self.table[index]
        if str(index) not in self._part["attributes"]:
            raise IndexError(f"index {index} of a tuple of {len(self)} elements")
        return getattr(self, str(index))

    def __len__(self) -> int:
        return len(self._part["attributes"] if self._part["class"] == "tuple" else self.table)

    def __dir__(self) -> list[str]:
        return [*self._part["attributes"], *self._part["constants"]]

    def __repr__(self) -> str:
        return f"<{self._part['class']}: {', '.join(dir(self))}>"


class Record:
    """A struct in RAM."""

    def __init__(self, value: Any) -> None:
        self._value = value

    def __getattr__(self, name: str) -> Any:
        return read_field(self._value, name)

    def __eq__(self, other: object) -> bool:
        return isinstance(other, Record) and self._value.address == other._value.address

    def __hash__(self) -> int:
        return int(self._value.address)

    def __dir__(self) -> list[str]:
        return [*KERNEL["structs"][self._value.type.name]]

    def __repr__(self) -> str:
        return place_of(self._value.type.name, int(self._value.address))


class Elements(Sequence[Any]):
    """An array or a table in RAM."""

    def __init__(self, name: str, element: str, address: int, count: int) -> None:
        self.name, self.element, self.address, self.length = name, element, address, count
        self.size = gdb.lookup_type(element).sizeof

    def __len__(self) -> int:
        return self.length

    @overload
    def __getitem__(self, index: int) -> Any: ...
    @overload
    def __getitem__(self, index: slice) -> list[Any]: ...
    def __getitem__(self, index: int | slice) -> Any:
        if isinstance(index, slice):
            return [self[each] for each in range(*index.indices(self.length))]
        if not 0 <= index < self.length:
            raise IndexError(f"index {index} of an array of {self.length} elements")
        return in_python(value_at(self.element, self.address + index * self.size))

    def index_at(self, address: int) -> int | None:
        """Return the index of the element that starts at an address, None where none does."""
        index, rest = divmod(address - self.address, self.size)
        return index if rest == 0 and 0 <= index < self.length else None

    def __repr__(self) -> str:
        return f"[{', '.join(map(repr, self))}]"


def part_of(number: int) -> Any:
    """Return the part with a number."""
    part = KERNEL["parts"][number]
    if "struct" in part:
        return Record(value_at(part["struct"], part["address"]))
    if "record" in part:
        table = value_at("TableRecord", part["record"])
        return Elements(part["name"], part["element"], int(table["base"]), int(table["count"]))
    if "element" in part:
        return Elements(part["name"], part["element"], part["address"], part["count"])
    return Part(number)


def place_of(struct: str, address: int) -> str:
    """Return what the struct at an address is called: `threads[3]`."""
    for number, part in enumerate(KERNEL["parts"]):
        if part.get("struct") == struct and part["address"] == address:
            return str(part["name"])
        if part.get("element") == struct and (index := part_of(number).index_at(address)) is not None:
            return f"{re.sub('[.]table$', '', part['name'])}[{index}]"
    return f"<{struct} at {address:#x}>"


# Values of C's, as Python reads them.


def value_at(type_name: str, address: int) -> Any:
    """Return what gdb sees at an address.  Raises: gdb.error when there is no machine, for gdb then sees zeros."""
    if not gdb.selected_inferior().pid:
        raise gdb.error("The machine has ended.")
    return gdb.Value(address).cast(gdb.lookup_type(type_name).pointer()).dereference()


def in_python(value: Any) -> Any:
    """Return a value of gdb's as the kernel's Python has it, and as it is where that has none."""
    plain = value.type.strip_typedefs()
    if value.type.name in KERNEL["structs"]:
        return Record(value)
    if plain.code == gdb.TYPE_CODE_PTR and plain.target().name in KERNEL["structs"]:
        return Record(value.dereference()) if int(value) else None
    if plain.code == gdb.TYPE_CODE_BOOL:
        return bool(value)
    if plain.code != gdb.TYPE_CODE_INT:
        return value
    return number(int(value)) if value.type.name == NUMBER else int(value)


def read_field(struct: Any, name: str) -> Any:
    """Return a field of a struct.  Raises: AttributeError."""
    kinds, c_fields = KERNEL["structs"][struct.type.name], struct.type.strip_typedefs()
    if name not in kinds:
        raise AttributeError(f"{struct.type.name} has no field {name!r}; it has {', '.join(kinds)}")
    how, what = kinds[name]
    if how in ("flag", "bits"):
        whole, low, most = what
        found = int(read_field(struct, whole)) >> low & most
        return bool(found) if how == "flag" else found
    return READERS[how](struct[name if c_fields.has_key(name) else f"{name}$"], what)  # a word of C's is marked


def _read_enum(value: Any, enum: str) -> int:
    number = int(value)
    return ENUMS[enum](number) if number in set(ENUMS[enum]) else number


def _read_ref(value: Any, struct: str) -> Any:
    return part_of(KERNEL["homes"][struct])[int(value) - 1] if int(value) else None


def _read_text(value: Any, element: str) -> Any:
    """Return zero-padded bytes as a text if they are one."""
    elements = _read_array(value, element)
    text = bytes(elements).rstrip(b"\0").decode("latin-1")
    return text if text.isascii() and text.isprintable() else elements


def _read_array(value: Any, element: str) -> Elements:
    return Elements("", element, int(value.address), value.type.range()[1] + 1)


READERS = {
    "plain": lambda value, what: in_python(value),
    "address": lambda value, what: Address(value),
    "bool": lambda value, what: bool(int(value)),
    "enum": _read_enum,
    "ref": _read_ref,
    "text": _read_text,
    "array": _read_array,
}


# Values as gdb shows them.


class StructPrinter:
    """Shows a struct: what C has no notion of as Python would show it."""

    def __init__(self, value: Any) -> None:
        self.value = value

    def children(self) -> Iterator[tuple[str, Any]]:
        """Yield each field's name and what to show of it."""
        for name in KERNEL["structs"][self.value.type.name]:
            yield name, self._shown(name)

    def _shown(self, name: str) -> Any:
        try:
            value = read_field(self.value, name)
        except Exception as error:  # a damaged struct is what one wants to see
            return f"<{error}>"
        how, _what = KERNEL["structs"][self.value.type.name][name]
        if (how == "plain" and not isinstance(value, Address)) or isinstance(value, Elements):
            return in_gdb(value)
        return repr(value)


class PointerPrinter:
    """Shows a pointer to a struct: the element that it points to."""

    def __init__(self, value: Any) -> None:
        self.value = value

    def to_string(self) -> str:
        """Return the name of what it points to."""
        return place_of(self.value.type.strip_typedefs().target().name, int(self.value)) if int(self.value) else "None"


class NumberPrinter:
    """Shows a number that can only be an address."""

    def __init__(self, value: Any) -> None:
        self.value = value

    def to_string(self) -> str:
        """Return it in hexadecimal."""
        return f"{int(self.value):#x}"


def printer_for(value: Any) -> StructPrinter | PointerPrinter | NumberPrinter | None:
    """Return what shows a value, None where gdb does it well, as for one that is optimised out."""
    plain = value.type.strip_typedefs()
    if value.is_optimized_out:
        return None
    if value.type.name in KERNEL["structs"]:
        return StructPrinter(value)
    if plain.code == gdb.TYPE_CODE_INT and value.type.name == NUMBER and int(value) >= LEAST_ADDRESS:
        return NumberPrinter(value)
    is_pointer = plain.code == gdb.TYPE_CODE_PTR and plain.target().name in KERNEL["structs"]
    return PointerPrinter(value) if is_pointer else None


def in_gdb(value: Any) -> Any:
    """Return the value of gdb's that stands for one of Python's, and any other as it is."""
    if isinstance(value, Record):
        return value._value
    if isinstance(value, Elements) and value.length:
        array = gdb.lookup_type(value.element).array(value.length - 1)
        return gdb.Value(value.address).cast(array.pointer()).dereference()
    return value


def in_c(value: Any) -> str | None:
    """Return a C expression for a value, None when only Python has such a one."""
    value = in_gdb(value)
    if isinstance(value, gdb.Value) and value.address is not None:
        return f"*({value.type.pointer()}) {int(value.address):#x}"
    if isinstance(value, gdb.Value):
        gdb.set_convenience_variable("value", value)
        return "$value"
    return str(value) if isinstance(value, int) and type(value) in (int, Address) else None
