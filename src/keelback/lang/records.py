"""Static records: regions of RAM in which structs, arrays and tables are placed when a kernel is built."""

from typing import Any, TypeVar

from keelback.lang.array import Array
from keelback.lang.layout import layout_of, round_up, struct_on
from keelback.lang.ram import Ram, Record
from keelback.lang.struct import Struct, StructArray, struct_of, view
from keelback.lang.table import Table, TableRecord

S = TypeVar("S", bound=Struct)
T = TypeVar("T")
ALIGNMENT = 16


class NoRoom(ValueError):
    """A region is full."""


class Region:
    """The stretch [start, end) of RAM; records are placed in it one after the other, each 16-aligned.

    Raises: ValueError when a bound is not 16-aligned or lies outside RAM.
    """

    def __init__(self, ram: Ram, start: int, end: int) -> None:
        if start % ALIGNMENT or end % ALIGNMENT or not 0 <= start < end <= ram.size:
            raise ValueError(f"[{start:#x}, {end:#x}) is no 16-aligned region of a RAM of {ram.size:#x} bytes")
        self.ram = ram
        self.start = start
        self.end = end
        self.next = start

    def struct(self, struct: type[S], alignment: int = ALIGNMENT) -> S:
        """Place one struct.  Raises: NoRoom."""
        return view(self.ram, struct, self._reserve(struct, 0, alignment))

    def array(self, struct: type[S], count: int) -> Array[S]:
        """Place an array of structs, the home that every `Ref` to that struct counts from.

        Raises: ValueError when the struct has a home already or `count` is less than 1; NoRoom.
        """
        if count < 1:
            raise ValueError(f"an array of {count} {struct.__name__}: it has at least one element")
        if struct in self.ram.homes:
            raise ValueError(f"{struct.__name__} has its home array already: a Ref counts from one")
        address = self._reserve(struct, count, ALIGNMENT)
        made = StructArray(self.ram, struct, count, address, address, indexed=True)
        self.ram.homes[struct] = made
        return made

    def table(self, element: type[T]) -> Table[T]:
        """Place the record of a table.  Raises: NoRoom."""
        return Table(self.ram, element, self.struct(TableRecord))

    def _reserve(self, struct: type, count: int, alignment: int) -> int:
        struct = struct_on(struct, self.ram.word_bits)
        size = layout_of(struct, self.ram.word_bits).size * max(count, 1)
        address, padded = round_up(self.next, alignment), round_up(size, ALIGNMENT)
        if address + padded > self.end:
            raise NoRoom(f"no room for {size:#x} bytes at {address:#x}: the region ends at {self.end:#x}")
        self.ram.add_record(Record("", address, padded, struct, count))
        self.next = address + padded
        return address


def name_of(ram: Ram, address: int) -> str:
    """Return the name of what lies at an address: `processes.table[2].state`, or the address in hexadecimal.

    A record that no frozen component holds is called by its class.
    """
    for record in ram.records:
        if record.address <= address < record.end:
            return (record.name or record.struct.__name__) + _name_inside(ram, record, address - record.address)
    return f"{address:#010x}"


def _name_inside(ram: Ram, record: Record, offset: int) -> str:
    layout = layout_of(record.struct, ram.word_bits)
    index, rest = divmod(offset, layout.size)
    if index >= max(record.count, 1):
        return ".padding"
    place = f"[{index}]" if record.count else ""
    return f"{place}.{layout.name_at(rest)}"


def name_record(value: Struct | Array[Any] | Table[Any], name: str) -> None:
    """Give the record that a static object stands for, if it is a whole one, its name, once."""
    whole: Any = value.record if isinstance(value, Table) else value
    if isinstance(whole, Struct):
        whole._ram.name_record(whole._address, struct_of(whole), 0, name)
    elif isinstance(whole, StructArray):
        whole._ram.name_record(whole._address, whole._struct, len(whole), name)
