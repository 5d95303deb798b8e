"""Tables: arrays whose place and length are settled once, when the machine boots.

The frame table has one element a frame of the memory that is installed, so its size is not known when the kernel is
built.  A `Table` is a static record {base, count}, written once, and the elements that it points to.
"""

from collections.abc import Iterator
from typing import Any, Generic, TypeVar

from keelback.lang.errors import Panic
from keelback.lang.integers import word
from keelback.lang.layout import IntegerKind, StructKind, integer_type, layout_of
from keelback.lang.ram import Ram
from keelback.lang.struct import Struct, make_array

T = TypeVar("T")


class TableRecord(Struct):
    """Where a table lies; all zero means not placed yet, and has no elements."""

    base: word
    count: word


class Table(Generic[T]):
    """An array of integers or structs placed at boot."""

    __slots__ = ("_element", "_elements", "_placed", "ram", "record")

    def __init__(self, ram: Ram, element: Any, record: TableRecord) -> None:
        integer, bits = integer_type(element), ram.word_bits
        self._element = IntegerKind(integer.resolved(bits)) if integer else StructKind(layout_of(element, bits))
        self.ram = ram
        self.record = record
        self._placed = (0, 0)
        self._elements: Any = None

    @property
    def element_size(self) -> int:
        """Return the size of one element in bytes."""
        return self._element.size

    def place(self, base: int, count: int) -> None:
        """Settle where the table lies: `count` elements from `base` on, all of whose bytes become zero.

        Raises: Panic when it was placed before, or does not lie aligned in RAM; nothing has changed.
        """
        self.adopt(base, count)
        self.elements.clear()

    def adopt(self, base: int, count: int) -> None:
        """Settle where the table lies: `count` elements that are at `base` already.

        Raises: Panic when it was placed before, or does not lie aligned in RAM; nothing has changed.
        """
        record = self.record
        if record.base:
            raise Panic("a table is placed once")
        if base <= 0 or base % self._element.alignment or count < 0:
            raise Panic(f"a table of {count} elements can't lie at {base:#x}")
        self.ram.inside(base, base, count * self._element.size)
        record.base = base
        record.count = count

    def __len__(self) -> int:
        return self.record.count

    def __getitem__(self, index: int) -> T:
        return self.elements[index]  # type: ignore[no-any-return]

    def __setitem__(self, index: int, value: T) -> None:
        self.elements[index] = value

    def __iter__(self) -> Iterator[T]:
        return iter(self.elements)

    def fill(self, start: int, count: int, value: T) -> None:
        """Set `count` integers from `start` on to `value`.  Raises: Panic, as `Array.fill` does."""
        self.elements.fill(start, count, value)

    @property
    def elements(self) -> Any:
        """Return the elements as an array.  Raises: Panic when the table is not placed or not in RAM."""
        record = self.record
        where = (record.base, record.count)
        if where != self._placed:
            self._elements = make_array(self.ram, self._element, record.count, record.base, record.base)
            self._placed = where
        if not record.base:
            raise Panic("a table is used before it is placed")
        return self._elements
