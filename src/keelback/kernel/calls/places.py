"""Source places: the image's table that turns an address of compiled code into lines of Python.

    layout.places ┬ TableStart
                  ├ ranges: where code of another place starts, lowest first
                  ├ places
                  └ texts: names of files and functions, zero-terminated

The builder writes it behind the text, from the debug information; an image for the interpreted life has none.
A function that was inlined is a place of its own, whose `caller` is the place of the call.
"""

from keelback.kernel.layout import Layout
from keelback.lang import Array, Component, Region, Struct, Table, inline, u8, u16, u32, view, word

TABLE_MAGIC = 0x43414C50
"""`PLAC` as bytes."""
LONGEST_NAME = 64


class TableStart(Struct):
    """The start of the table; all zero where there is none.  Addresses are of the kernel's."""

    magic: u32
    ranges: u32
    range_count: u32
    places: u32
    place_count: u32
    texts: u32


class CodeRange(Struct):
    """Code from `start` to the next range's start has one place."""

    start: u32
    place: u32  # its number, from 1; 0: nobody knows


class Place(Struct):
    """A line of source."""

    file: u16  # where the file's name is, from the first text on
    function: u16  # where the function's name is
    line: u16  # 0: of several lines, of none, or beyond what 16 bits say
    caller: u16  # the number, from 1, of the place that this was inlined at; 0: it was not


class Name(Struct):
    """A zero-terminated text."""

    text: Array[u8] = inline(LONGEST_NAME)


class Places(Component):
    """The table, as it lies in the image."""

    def __init__(self, records: Region, layout: Layout) -> None:
        self.ram = records.ram
        self.head = view(records.ram, TableStart, layout.places)
        self.ranges: Table[CodeRange] = records.table(CodeRange)
        self.table: Table[Place] = records.table(Place)

    def start(self) -> None:
        """Use the table, if the image has one."""
        if self.head.magic == TABLE_MAGIC:
            self.ranges.adopt(self.head.ranges, self.head.range_count)
            self.table.adopt(self.head.places, self.head.place_count)

    def find(self, address: word) -> u32:
        """Return the number of the place of an address, the innermost; 0 when nobody knows."""
        first: u32 = 0
        end: u32 = len(self.ranges)
        while first < end:
            middle: u32 = (first + end) // 2
            if self.ranges[middle].start <= address:
                first = middle + 1
            else:
                end = middle
        return self.ranges[first - 1].place if first > 0 else 0

    def name(self, offset: u16) -> Name:
        """Return a name of a place."""
        return view(self.ram, Name, self.head.texts + offset)
