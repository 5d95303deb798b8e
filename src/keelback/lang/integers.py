"""The integer types of Kernel Python.

Kernel Python's integers are mathematical: arithmetic never wraps.  A type says what may be *stored*: a value
outside its range is a `Panic` where it is stored, passed or returned.  To a type checker every integer type is `int`.
"""

from dataclasses import dataclass
from functools import cached_property
from typing import Annotated, TypeAlias

from keelback.lang.errors import Panic


@dataclass(frozen=True)
class IntegerType:
    """An integer type: its name, width in bits and signedness.

    `bits` is 0 for `word` alone, whose width belongs to the machine: `resolved` gives the real type.
    """

    name: str
    bits: int
    signed: bool

    @cached_property
    def minimum(self) -> int:
        """Return the smallest value that can be stored."""
        return -(1 << (self.bits - 1)) if self.signed else 0

    @cached_property
    def maximum(self) -> int:
        """Return the largest value that can be stored."""
        return (1 << (self.bits - self.signed)) - 1

    @cached_property
    def size(self) -> int:
        """Return the size in bytes."""
        return self.bits // 8

    @cached_property
    def code(self) -> str:
        """Return the `struct` format letter."""
        letter = {8: "b", 16: "h", 32: "i", 64: "q"}[self.bits]
        return letter if self.signed else letter.upper()

    def resolved(self, word_bits: int) -> "IntegerType":
        """Return this type on a machine with `word_bits` bits to a word."""
        return self if self.bits else INTEGER_TYPES[f"u{word_bits}"]

    def checked(self, value: int, what: str) -> int:
        """Return `value` unchanged.

        Raises: Panic when it is no integer (a bool is none) or does not fit; `what` names the place in the message.
        """
        if not isinstance(value, int) or isinstance(value, bool):
            raise Panic(f"{what} takes {self.name}, not {value!r}")
        if not self.minimum <= value <= self.maximum:
            raise Panic(f"{value} does not fit {what}: {self.name}")
        return value


def _integer_types() -> dict[str, IntegerType]:
    widths = (8, 16, 32, 64)
    unsigned = [IntegerType(f"u{bits}", bits, False) for bits in widths]
    signed = [IntegerType(f"i{bits}", bits, True) for bits in widths]
    return {each.name: each for each in [*unsigned, *signed, IntegerType("word", 0, False)]}


INTEGER_TYPES = _integer_types()

u8: TypeAlias = Annotated[int, INTEGER_TYPES["u8"]]
u16: TypeAlias = Annotated[int, INTEGER_TYPES["u16"]]
u32: TypeAlias = Annotated[int, INTEGER_TYPES["u32"]]
u64: TypeAlias = Annotated[int, INTEGER_TYPES["u64"]]
i8: TypeAlias = Annotated[int, INTEGER_TYPES["i8"]]
i16: TypeAlias = Annotated[int, INTEGER_TYPES["i16"]]
i32: TypeAlias = Annotated[int, INTEGER_TYPES["i32"]]
i64: TypeAlias = Annotated[int, INTEGER_TYPES["i64"]]
word: TypeAlias = Annotated[int, INTEGER_TYPES["word"]]
"""An unsigned integer as wide as an address of the machine."""
