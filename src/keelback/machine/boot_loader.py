"""The simulated PC's boot loader: the kernel image and the boot parameters in RAM, as a real loader leaves them.

Source: Linux x86 boot protocol 2.15, 32-bit boot protocol.
"""

import struct
from pathlib import Path
from typing import NamedTuple

import keelback.kernel
from keelback.image.kernel_image import build_kernel_image, build_text
from keelback.kernel.boot_parameters import MOST_ENTRIES, BootParameters
from keelback.kernel.header import MAGIC, VERSION, ImageHeader
from keelback.kernel.layout import Layout
from keelback.kernel.memory import MAPS_SIZE
from keelback.kernel.segments import USER_DATA
from keelback.lang import PAGE_SIZE, Ram, layout_of, round_up

PARAMETERS = 0x10000
"""Where the boot parameters lie: usable memory, read once."""
USABLE, RESERVED = 1, 2


class BiosEntry(NamedTuple):
    """One range of the BIOS memory map: [base, base + size), of a type."""

    base: int
    size: int
    type: int


def usual_memory_map(size: int) -> tuple[BiosEntry, ...]:
    """Return the map of a PC with `size` bytes of RAM: conventional memory, BIOS, and the rest from 1 MiB."""
    return (
        BiosEntry(0, 0x9FC00, USABLE),
        BiosEntry(0x9FC00, 0x400, RESERVED),
        BiosEntry(0xF0000, 0x10000, RESERVED),
        BiosEntry(0x10_0000, max(size - 0x10_0000, 0), USABLE),
    )


def make_image(layout: Layout, payload: bytes) -> bytes:
    """Build the kernel image of a layout with a payload.  Raises: ToolchainError."""
    entry = Path(keelback.kernel.__file__).parent / "entry.S"
    defines = {
        "MAGIC": MAGIC,
        "VERSION": VERSION,
        "LAYOUT": layout.number,
        "PAYLOAD": layout.records_end,
        "USER_DATA": USER_DATA,
    }
    text = build_text(entry, defines, start=layout.kernel_start, text_end=layout.text_end)
    records = layout.records_end - layout.text_end
    return build_kernel_image(text, layout_of(ImageHeader), records=records, payload=payload)


class TooLittleMemory(Exception):
    """The machine has no room for the kernel image; the message says how much it needs."""


def load_image(ram: Ram, layout: Layout, image: bytes) -> None:
    """Put an image where it belongs.

    Raises: TooLittleMemory when RAM ends before what the kernel needs to find out how much memory it has.
    """
    needed = layout.kernel_start + round_up(len(image), PAGE_SIZE) + MAPS_SIZE
    if needed > ram.size:
        kib = -(-needed // 1024)
        raise TooLittleMemory(
            f"too little memory: the kernel image and its maps need {kib:,} KiB, "
            f"the machine has {ram.size // 1024:,} KiB"
        )
    ram.bytes[layout.kernel_start : layout.kernel_start + len(image)] = image


def write_parameters(ram: Ram, memory_map: tuple[BiosEntry, ...]) -> int:
    """Write the boot parameters with a BIOS memory map; return their address.

    Raises: ValueError when the map has more than 128 entries.
    """
    if len(memory_map) > MOST_ENTRIES:
        raise ValueError(f"a BIOS memory map has at most {MOST_ENTRIES} entries, not {len(memory_map)}")
    layout = layout_of(BootParameters)
    ram.bytes[PARAMETERS + layout.field("map_entries").offset] = len(memory_map)
    place = PARAMETERS + layout.field("map").offset
    for entry in memory_map:
        struct.pack_into("<QQI", ram.bytes, place, *entry)
        place += 20
    return PARAMETERS
