"""The link page of a library: where its exports lie.  It is the page in front of the library's image.

    0x000  magic    "LINK"
    0x004  size     bytes of the image behind the page, .bss too
    0x008  count    of exports, at most 127
    0x00c           unused, 0
    0x010  exports  32 bytes each, sorted by name:  name, 28 bytes zero-padded │ offset from the page's start

All numbers are little-endian and have 32 bits.  The builder writes it, the programs read it; the kernel never looks.
"""

from keelback.lang import Array, Struct, inline, u8, u32

MAGIC = 0x4B4E494C
NAME_SIZE = 28
MOST_EXPORTS = 127


class Export(Struct):
    """One function that a library lets others call."""

    name: Array[u8] = inline(NAME_SIZE)  # zero-padded
    offset: u32  # from the start of the link page


class LinkPage(Struct):
    """The page in front of a library's image; the exports are sorted by name."""

    magic: u32
    size: u32  # bytes of the image behind the page
    count: u32
    unused: u32
    exports: Array[Export] = inline(MOST_EXPORTS)
