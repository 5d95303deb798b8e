"""What writing and reading a kept file have in common: its sizes, its kinds, and what a fact may be."""

import hashlib
import struct
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

from keelback.errors import UserError

SIZES: Final = struct.Struct("<IQ")
AFTER_MAGIC: Final = SIZES.size + hashlib.sha256().digest_size
MOST_NUMBER: Final = 1 << 63
MOST_LETTERS: Final = 100

Check = Callable[[Any], bool]


class BadKeptFile(UserError):
    """A file is none of its kind that can be read here; the message says why, behind the file's name."""

    def __init__(self, file: Path, why: str) -> None:
        super().__init__(f"{file}: {why}")


@dataclass(frozen=True)
class Kind:
    """A kind of file: how it is called and made, and what each fact of its header may be."""

    magic: bytes
    name: str
    made_by: str
    format: int
    most_header: int
    facts: Mapping[str, Check]

    @property
    def start(self) -> int:
        """Return where the header begins."""
        return len(self.magic) + AFTER_MAGIC


def number(most: int = MOST_NUMBER, least: int = 0) -> Check:
    """Return what says whether a value is a number of [least, most]."""
    return lambda value: type(value) is int and least <= value <= most


def is_word(value: Any) -> bool:
    """Say whether a value is a short text that can be shown."""
    return isinstance(value, str) and len(value) <= MOST_LETTERS and value.isprintable()


def is_truth(value: Any) -> bool:
    """Say whether a value is true or false."""
    return isinstance(value, bool)


def one_of(*values: Any) -> Check:
    """Return what says whether a value is one of some."""
    return lambda value: value in values


def either(*checks: Check) -> Check:
    """Return what says whether a value is right by one of some checks."""
    return lambda value: any(check(value) for check in checks)


def list_of(check: Check) -> Check:
    """Return what says whether a value is a list of such as are right by a check."""
    return lambda value: isinstance(value, list) and all(map(check, value))


def table_of(names: Check, values: Check) -> Check:
    """Return what says whether a value maps names to values."""
    return lambda value: isinstance(value, dict) and all(map(names, value)) and all(map(values, value.values()))


def record_of(**fields: Check) -> Check:
    """Return what says whether a value has some fields, each right by its check, and no others."""
    return lambda value: (
        isinstance(value, dict) and value.keys() == fields.keys() and all(fields[each](value[each]) for each in fields)
    )
