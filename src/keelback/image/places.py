"""The table of source places: from a kernel's debug information to what the kernel itself can read."""

import struct

from keelback.image.kernel_image import check_room
from keelback.inspect.source_places import SourcePlace, source_places
from keelback.lang.layout import StructLayout

PLACES_VERSION = 4
"""What this module makes of the same input; part of the name of what is kept of it."""
MOST_LINE = (1 << 16) - 1
"""What a place can say; of a line further down it says that it knows none."""
MOST_TEXTS = 1 << 16
"""Bytes of names: a place knows them by 16 bits.  A kernel's have a third of it."""


def build_table(
    elf: bytes, address: int, *, magic: int, start: StructLayout, code: StructLayout, place: StructLayout
) -> bytes:
    """Return the table for an ELF file's code, to lie at an address; the layouts are those of its parts.

    Raises: ImageTooLarge where the names of its functions are too many.
    """
    ranges = source_places(elf)
    numbers: dict[SourcePlace, int] = {}
    for _, each in ranges:
        _number(each, numbers)
    texts = _Texts()
    places = address + start.size + code.size * len(ranges)
    head = struct.pack(
        "<6I", magic, address + start.size, len(ranges), places, len(numbers), places + place.size * len(numbers)
    )
    table = b"".join(struct.pack("<II", begin, numbers[each] if each else 0) for begin, each in ranges)
    for each in numbers:
        caller = numbers[each.caller] if each.caller else 0
        line = each.line if each.line <= MOST_LINE else 0
        table += struct.pack("<4H", texts.place(each.file), texts.place(each.function), line, caller)
    return head.ljust(start.size, b"\0") + table + texts.content


def _number(place: SourcePlace | None, numbers: dict[SourcePlace, int]) -> None:
    while place is not None and place not in numbers:
        numbers[place] = len(numbers) + 1
        place = place.caller


class _Texts:
    """Zero-terminated texts, each once."""

    def __init__(self) -> None:
        self.content = b""
        self._places: dict[str, int] = {}

    def place(self, text: str) -> int:
        """Return where a text is, from the first on.  Raises: ImageTooLarge."""
        if text not in self._places:
            self._places[text] = len(self.content)
            self.content += text.encode("ascii", "replace") + b"\0"
            check_room("the table of source places, of names alone,", self.content, MOST_TEXTS)
        return self._places[text]
