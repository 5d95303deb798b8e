"""The link page of a library that is built; `abi/link_page.py` draws it."""

from __future__ import annotations

import struct
from collections.abc import Mapping
from typing import Final

from keelback.abi.link_page import MAGIC, MOST_EXPORTS, NAME_SIZE

PAGE_SIZE: Final = 4096
HEAD: Final = struct.Struct("<4I")
EXPORT: Final = struct.Struct(f"<{NAME_SIZE}sI")


def make_link_page(size: int, exports: Mapping[str, int]) -> bytes:
    """Return the link page of an image of `size` bytes; exports are offsets from the page's start, by name.

    Raises:
        ValueError: there is no export or there are too many, or a name is too long or not ASCII.
    """
    if not exports:
        raise ValueError("it exports nothing")
    if len(exports) > MOST_EXPORTS:
        raise ValueError(f"it has {len(exports)} exports; {MOST_EXPORTS} are the most")
    for name in exports:
        if len(name) >= NAME_SIZE or not name.isascii():
            raise ValueError(f"export {name!r}: a name has at most {NAME_SIZE - 1} ASCII characters")
    rows = [EXPORT.pack(name.encode(), offset) for name, offset in sorted(exports.items())]
    return (HEAD.pack(MAGIC, size, len(rows), 0) + b"".join(rows)).ljust(PAGE_SIZE, b"\0")
