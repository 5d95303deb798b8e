"""What the boot loader hands over: the page of boot parameters with the command line and the BIOS memory map.

Source: Linux x86 boot protocol 2.15 ("zero page"), ACPI 6.5 section 15 (address map types).
"""

from keelback.lang import Array, Component, Region, Struct, Table, at, inline, u8, u32, view, word

USABLE = 1
MOST_ENTRIES = 128


class BiosRange(Struct):
    """One entry of the BIOS memory map, 20 bytes as the BIOS writes it."""

    base_low: u32
    base_high: u32
    size_low: u32
    size_high: u32
    type: u32  # USABLE, or some kind of not


class BootParameters(Struct):
    """The part of the boot parameters that the kernel reads, each field at its offset in the protocol."""

    map_entries: u8 = at(0x1E8)  # how many entries of the map are valid
    command_line: u32 = at(0x228)  # where its zero-terminated text lies; 0 when there is none
    map: Array[BiosRange] = inline(MOST_ENTRIES, at=0x2D0)


class BiosMemoryMap(Component):
    """The BIOS memory map, as it was given, in memory of the kernel's own."""

    def __init__(self, records: Region) -> None:
        self.table: Table[BiosRange] = records.table(BiosRange)

    def copy(self, parameters: word, destination: word) -> None:
        """Copy the map out of the boot parameters at an address; at most `MOST_ENTRIES` entries."""
        given = view(self.table.ram, BootParameters, parameters)
        count = min(given.map_entries, MOST_ENTRIES)
        self.table.place(destination, count)
        self.table.elements.copy_from(0, given.map, 0, count)
