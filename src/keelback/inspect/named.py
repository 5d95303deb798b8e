"""Values of a kernel's records by their names, and names by addresses: `processes.table[2].state`."""

import re
from typing import Any

from keelback.kernel.kernel import Kernel
from keelback.lang import Array, Panic, Struct, Table, address_of, layout_of, name_of, size_of, static_parts
from keelback.lang.layout import RefKind
from keelback.lang.struct import struct_of

STEP = re.compile(r"\.?([A-Za-z]\w*)|\[(\d+)\]")


class NoName(Exception):
    """Words are not the name of a record or a field; the message says what they are."""


def value_at(kernel: Kernel, name: str) -> Any:
    """Return the value of a field by its name, the number of the record that it stands for, or the bytes of a record.

    Raises: NoName.
    """
    steps = [(match[1], match[2]) for match in STEP.finditer(name)]
    if "".join(f".{each}" if each else f"[{index}]" for each, index in steps).lstrip(".") != name or not steps:
        raise NoName(f"{name!r} is no name of a record")
    holder: Any = None
    found: Any = kernel
    try:
        for each, index in steps:
            holder, found = found, getattr(found, each) if each else found[int(index)]
        if _is_reference(holder, steps[-1][0]):
            return None if found is None else found._index
        return _content(found)
    except (AttributeError, LookupError, TypeError, Panic):
        raise NoName(f"the kernel's records have no {name}") from None


def _is_reference(holder: Any, name: str) -> bool:
    """Say whether a field holds the number of a record that lies elsewhere."""
    if not isinstance(holder, Struct) or not name:
        return False
    return isinstance(layout_of(struct_of(holder), holder._ram.word_bits).field(name).kind, RefKind)


def _content(found: Any) -> Any:
    """Return a value of a field, or the bytes of a record or an array.  Raises: TypeError for what is none."""
    if found is None or isinstance(found, int):
        return found
    if isinstance(found, Table):
        start, size, ram = found.record.base, found.record.count * found.element_size, found.ram
    elif isinstance(found, Array):
        start, size, ram = found._address, len(found) * found._element_size(), found._ram
    elif isinstance(found, Struct):
        start, size, ram = address_of(found), size_of(found), found._ram
    else:
        raise TypeError(f"{type(found).__name__} is not in RAM")
    return bytes(ram.bytes[start : start + size])


class Names:
    """The names of what lies where in a kernel's RAM, as its tables lie now."""

    def __init__(self, kernel: Kernel) -> None:
        self._ram = kernel.spaces.ram
        self._tables = [(path, part) for path, part in static_parts(kernel) if isinstance(part, Table)]

    def at(self, address: int) -> str | None:
        """Return the name of the field at an address, in a record or in a table; None where there is none."""
        for path, table in self._tables:
            if 0 <= address - table.record.base < len(table) * table.element_size:
                index, rest = divmod(address - table.record.base, table.element_size)
                element = table[index]
                field = f".{layout_of(struct_of(element)).name_at(rest)}" if isinstance(element, Struct) else ""
                return f"{path}[{index}]{field}"
        name = name_of(self._ram, address)
        return None if name.startswith("0x") else name
