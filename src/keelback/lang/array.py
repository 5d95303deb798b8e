"""Arrays: a fixed number of integers or structs in RAM, one after the other.

An index out of range is a `Panic`, a negative one too: nothing counts from the end.
"""

from collections.abc import Iterator
from typing import Any, Generic, TypeVar

from keelback.lang.errors import Panic
from keelback.lang.integers import IntegerType
from keelback.lang.layout import ArrayBase
from keelback.lang.ram import Ram

T = TypeVar("T")


class Array(ArrayBase, Generic[T]):
    """A field of several elements: `saved: Array[u32] = inline(16)`."""

    __slots__ = ("_address", "_count", "_physical", "_ram", "_size")

    def _place(self, ram: Ram, count: int, size: int, address: int, physical: int) -> None:
        self._ram, self._count, self._size, self._address, self._physical = ram, count, size, address, physical

    def __len__(self) -> int:
        return self._count

    def __repr__(self) -> str:
        return f"<{self._count} {self._element_name()} at {self._address:#x}>"

    __hash__ = object.__hash__

    def __eq__(self, other: object) -> bool:
        """Say whether an array of integers has the same elements as another, or holds a text; see `IntegerArray`."""
        return self is other

    def __getitem__(self, index: int) -> T:
        raise NotImplementedError

    def __setitem__(self, index: int, value: T) -> None:
        raise Panic("a struct in an array is changed field by field, not replaced")

    def __iter__(self) -> Iterator[T]:
        return (self[index] for index in range(self._count))

    def copy_from(self, start: int, source: "Array[T]", source_start: int, count: int) -> None:
        """Copy `count` elements of `source` from `source_start` on over those from `start` on; they may overlap.

        Raises: Panic when a range leaves its array or the element types differ; nothing has changed.
        """
        if not isinstance(source, Array) or source._element() is not self._element():
            name = self._element_name()
            raise Panic(f"an array of {name} is copied from one of the same type, not from {source!r}")
        self._check_range(start, count)
        source._check_range(source_start, count)
        self._touch(start, count)
        source._touch(source_start, count)
        size = self._size
        first, other = self._physical + start * size, source._physical + source_start * size
        self._ram.bytes[first : first + count * size] = source._ram.bytes[other : other + count * size]

    def fill(self, start: int, count: int, value: T) -> None:
        """Set the `count` integers from `start` on to `value`.

        Raises: Panic when the range leaves the array or the value does not fit; nothing has changed.
        """
        raise Panic("only arrays of integers are filled")

    def set_text(self, text: str) -> None:
        """Set an array of `u8` to a text constant, zero-padded.  Raises: Panic when it does not fit."""
        raise Panic("only arrays of u8 hold text")

    def clear(self) -> None:
        """Set every byte of the array to zero."""
        self._touch(0, self._count)
        size = self._count * self._size
        self._ram.bytes[self._physical : self._physical + size] = bytes(size)

    def _content(self) -> memoryview:
        """Return the bytes of the array."""
        return self._ram.bytes[self._physical : self._physical + self._count * self._size]

    def _element_size(self) -> int:
        return self._size

    def _element(self) -> Any:
        raise NotImplementedError

    def _element_name(self) -> str:
        raise NotImplementedError

    def _touch(self, start: int, count: int) -> None:
        if self._ram.strict and count:
            offset = start * self._size
            self._ram.use(self._address + offset, self._physical + offset, count * self._size)

    def _no_element(self, index: int) -> Panic:
        return Panic(f"index {index} of an array of {self._count} elements")

    def _check_range(self, start: int, count: int) -> None:
        if start < 0 or count < 0 or start + count > self._count:
            raise Panic(f"[{start}, {start + count}) of an array of {self._count} elements")


class IntegerArray(Array[int]):
    """An array of integers of one type."""

    __slots__ = ("_type", "_view")

    def __init__(self, ram: Ram, type: IntegerType, count: int, address: int, physical: int) -> None:
        size = count * type.size
        ram.inside(address, physical, size)
        self._place(ram, count, type.size, address, physical)
        self._type = type
        self._view = ram.bytes[physical : physical + size].cast(type.code)  # type: ignore[call-overload]

    def __getitem__(self, index: int) -> int:
        if index < 0 or index >= self._count:
            raise self._no_element(index)
        if self._ram.strict:
            self._touch(index, 1)
        return self._view[index]  # type: ignore[no-any-return]

    def __iter__(self) -> Iterator[int]:
        return super().__iter__() if self._ram.strict else iter(self._view)

    def __setitem__(self, index: int, value: int) -> None:
        if index < 0 or index >= self._count:
            raise self._no_element(index)
        if self._ram.strict:
            self._touch(index, 1)
        try:
            self._view[index] = value
        except (ValueError, TypeError):
            raise Panic(f"{value!r} does not fit an element: {self._type.name}") from None

    __hash__ = Array.__hash__

    def __eq__(self, other: object) -> bool:
        """Say whether another array has the same elements, or whether this one holds a text, zero-padded.

        Raises: Panic when the element types differ.
        """
        if isinstance(other, str):
            return self._holds(other)
        if not isinstance(other, Array):
            return NotImplemented
        if other._element() is not self._type:
            raise Panic(f"an array of {self._type.name} is compared with one of the same type, not with {other!r}")
        if other._count != self._count:
            return False
        self._touch(0, self._count)
        other._touch(0, self._count)
        return self._content() == other._content()

    def _holds(self, text: str) -> bool:
        if self._type.name != "u8":
            raise Panic(f"only arrays of u8 hold text, not {self!r}")
        content = text.encode("ascii")
        self._touch(0, self._count)
        return self._content() == content.ljust(self._count, b"\0")

    def set_text(self, text: str) -> None:
        """See `Array`."""
        content = text.encode("ascii")
        if len(content) > self._count or self._type.name != "u8":
            raise Panic(f"{text!r} does not fit an array of {self._count} {self._type.name}")
        self._touch(0, self._count)
        self._view[:] = content.ljust(self._count, b"\0")

    def fill(self, start: int, count: int, value: int) -> None:
        """See `Array`."""
        self._check_range(start, count)
        self._type.checked(value, "an element")
        self._touch(start, count)
        content = value.to_bytes(self._type.size, "little", signed=self._type.signed) * count
        self._view[start : start + count] = memoryview(content).cast(self._type.code)  # type: ignore[call-overload]

    def _element(self) -> IntegerType:
        return self._type

    def _element_name(self) -> str:
        return self._type.name
