"""What writing and reading a saved machine have in common: its kind of file, and the facts of its header."""

import struct
from dataclasses import dataclass
from typing import Final

from keelback.inspect.kept.form import Kind, either, is_word, number, one_of
from keelback.inspect.moment import Stands

RUN: Final = struct.Struct("<QQ")
MOST_CONSOLE: Final = 1 << 26
"""A console's last bytes, as many as this, are kept."""


@dataclass(frozen=True)
class Facts:
    """What a header says; `memory` and `console` are in bytes, `records` a digest."""

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


KIND: Final = Kind(
    magic=b"Keelback machine\n",
    name="saved machine",
    made_by="`keelback snapshot FILE`",
    format=1,
    most_header=1 << 16,
    facts={
        **dict.fromkeys(("build", "layout", "paging", "records", "machine"), is_word),
        "memory": number(),
        "stands": one_of(*(each.value for each in Stands)),
        "time": number(),
        "traps": either(number(), one_of(None)),
        "console": number(MOST_CONSOLE),
    },
)
