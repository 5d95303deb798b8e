"""A line that is not finished yet: what the runtime has of it before it goes out with one system call."""

from keelback.lang import Array, Struct, inline, u8, u32

LONGEST_LINE = 128


class Line(Struct):
    """Some bytes."""

    text: Array[u8] = inline(LONGEST_LINE)  # first, so that one address stands for both
    count: u32
