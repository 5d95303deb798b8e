"""The link page of a library: where its exports lie.  It is the page in front of the library's image.

    0x000  magic    "LINK"
    0x004  size     bytes of the image behind the page, .bss too
    0x008  count    of exports, at most 127
    0x00c           unused, 0
    0x010  exports  32 bytes each, sorted by name:  name, 28 bytes zero-padded │ offset from the page's start

All numbers are little-endian and have 32 bits.  Programs read it by the classes of `user/library.py`.
"""

from __future__ import annotations

import struct
from collections.abc import Mapping
from typing import Final

PAGE_SIZE: Final = 4096
MAGIC: Final = 0x4B4E494C
NAME_SIZE: Final = 28
MOST_EXPORTS: Final = 127
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
