"""Functions that are called seldom: what is left to do where most calls have nothing more to do."""

from collections.abc import Callable
from typing import TypeVar

F = TypeVar("F", bound=Callable[..., object])


def rare(function: F) -> F:
    """Mark a function as one that is called seldom: in C it is no part of its callers, which then take fewer steps."""
    function.is_rare = True  # type: ignore[attr-defined]
    return function
