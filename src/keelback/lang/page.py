"""Pages: the unit in which an MMU maps memory, 4 KiB, and in which frames are counted."""

from keelback.lang.array import Array
from keelback.lang.integers import u8
from keelback.lang.layout import inline
from keelback.lang.struct import Struct

PAGE_SIZE = 4096
PAGE_SHIFT = 12


class Page(Struct):
    """The bytes of one page."""

    bytes: Array[u8] = inline(PAGE_SIZE)
