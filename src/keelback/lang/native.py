"""Native bodies: single CPU instructions, in Python for the interpreted life and in C for the compiled one."""

from collections.abc import Callable
from typing import TypeVar

from keelback.lang.errors import Panic
from keelback.lang.integers import u32

F = TypeVar("F", bound=Callable[..., object])


def native(c_body: str) -> Callable[[F], F]:
    """Give a function its C body; its Python body must do the same on the simulated machine.

    The C body uses the parameters by their names and ends in `return` where there is a result.
    """

    def mark(function: F) -> F:
        function.c_body = c_body  # type: ignore[attr-defined]
        return function

    return mark


@native("return (u32)__builtin_ctz(value);")
def lowest_bit(value: u32) -> u32:
    """Return the number, from 0 on, of the lowest bit that is set in a `u32` which is not 0 (`bsf`)."""
    if not 0 < value <= 0xFFFF_FFFF:
        raise Panic(f"lowest_bit({value}) is undefined")
    return (value & -value).bit_length() - 1
