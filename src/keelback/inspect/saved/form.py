"""What writing and reading a saved machine have in common: sizes, and the facts of a header."""

import hashlib
import struct
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

from keelback.errors import UserError
from keelback.inspect.moment import Stands

MAGIC: Final = b"Keelback machine\n"
FORMAT: Final = 1
SIZES: Final = struct.Struct("<IQ")
RUN: Final = struct.Struct("<QQ")
START: Final = len(MAGIC) + SIZES.size + hashlib.sha256().digest_size
MOST_HEADER: Final = 1 << 16
MOST_CONSOLE: Final = 1 << 26
"""A console's last bytes, as many as this, are kept."""
MOST_NUMBER: Final = 1 << 63
MOST_LETTERS: Final = 100


class BadSavedFile(UserError):
    """A file is no saved machine that can be read here; the message says why, behind the file's name."""

    def __init__(self, file: Path, why: str) -> None:
        super().__init__(f"{file}: {why}")


@dataclass(frozen=True)
class Facts:
    """What a header says; `memory` and `console` are in bytes, `records` a digest."""

    format: int
    build: str
    layout: str
    paging: str
    records: str
    memory: int
    machine: str
    stands: str
    time: int
    traps: int | None
    console: int


FACTS: Final = tuple(Facts.__dataclass_fields__)
_WORDS = ("build", "layout", "paging", "records", "machine")


def is_fact(name: str, value: Any) -> bool:
    """Say whether a value can be what a header says of a name."""
    if name == "stands":
        return value in [each.value for each in Stands]
    if name in _WORDS:
        return isinstance(value, str) and len(value) <= MOST_LETTERS and value.isprintable()
    most = MOST_CONSOLE if name == "console" else MOST_NUMBER
    return (name == "traps" and value is None) or (type(value) is int and 0 <= value <= most)
