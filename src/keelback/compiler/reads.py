"""What is read of a program to compile a function: definitions, and what modules, classes and static objects have.

What is noted is told from others in every process that makes the same program (`identities`).
"""

from collections.abc import Iterator
from contextlib import contextmanager
from contextvars import ContextVar
from dataclasses import dataclass, field
from types import FunctionType
from typing import Any


@dataclass
class Reads:
    """What was read: functions whose definitions were, and attributes, by who has them and by name."""

    functions: dict[FunctionType, None] = field(default_factory=dict)
    attributes: dict[tuple[int, str], tuple[Any, str]] = field(default_factory=dict)
    """By the id of the owner, which may have no hash."""


_reads: ContextVar[Reads | None] = ContextVar("reads", default=None)


@contextmanager
def noting_reads() -> Iterator[Reads]:
    """Note what is read meanwhile."""
    found = Reads()
    before = _reads.set(found)
    try:
        yield found
    finally:
        _reads.reset(before)


def note_definition(function: FunctionType) -> None:
    """Note that the definition of a function is read."""
    if (reads := _reads.get()) is not None:
        reads.functions[function] = None


def note_attribute(owner: Any, name: str) -> None:
    """Note that what a module, a class or a static object has under a name is read."""
    if (reads := _reads.get()) is not None:
        reads.attributes[id(owner), name] = owner, name
