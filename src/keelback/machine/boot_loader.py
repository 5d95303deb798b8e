"""The simulated PC's boot loader: the kernel image and the boot parameters in RAM, as a real loader leaves them.

Source: Linux x86 boot protocol 2.15, 32-bit boot protocol.
"""

import struct
from pathlib import Path
from typing import NamedTuple

import keelback.kernel
from keelback.image.kernel_image import CompiledKernel, build_kernel_image, build_symbols, build_text
from keelback.kernel.boot_parameters import MOST_ENTRIES, BootParameters
from keelback.kernel.header import MAGIC, VERSION, ImageHeader
from keelback.kernel.interrupts import STUBS
from keelback.kernel.layout import Layout
from keelback.kernel.memory import MAPS_SIZE
from keelback.kernel.segments import KERNEL_DATA, USER_DATA
from keelback.kernel.threads import TrapFrame
from keelback.lang import PAGE_SIZE, Ram, layout_of, round_up
from keelback.machine.scratch import descriptor

PARAMETERS = 0x10000
"""Where the boot parameters lie: usable memory, read once."""
DESCRIPTORS = 0x11000
"""Where the loader's descriptor table lies, which the kernel starts with: usable memory, until it has its own."""
BOOT_CODE, BOOT_DATA = 0x10, 0x18
DESCRIPTOR_BYTES = 0x20
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


ENTRY = Path(keelback.kernel.__file__).parent / "entry.S"


def make_image(layout: Layout, payload: bytes, compiled: CompiledKernel | None = None) -> bytes:
    """Build the kernel image of a layout with a payload: for a compiled kernel, else for one that is interpreted.

    Raises: ToolchainError; ImageTooLarge.
    """
    text = build_text(ENTRY, _defines(layout), start=layout.kernel_start, text_end=layout.text_end, compiled=compiled)
    records = layout.records_end - layout.text_end
    return build_kernel_image(text, layout_of(ImageHeader), records=records, payload=payload)


def make_symbols(layout: Layout, compiled: CompiledKernel) -> bytes:
    """Return the ELF file of a compiled kernel, as it lies in the image, for debuggers.  Raises: ToolchainError."""
    return build_symbols(ENTRY, _defines(layout), start=layout.kernel_start, compiled=compiled)


def _defines(layout: Layout) -> dict[str, int]:
    return {
        "MAGIC": MAGIC,
        "VERSION": VERSION,
        "LAYOUT": layout.number,
        "PAYLOAD": layout.records_end,
        "ENTRY_STACK": layout.records_end,
        "KERNEL_DATA": KERNEL_DATA,
        "USER_DATA": USER_DATA,
        "FRAME_SIZE": layout_of(TrapFrame).size,
        "STUBS": STUBS,
    }


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


def write_descriptors(ram: Ram) -> None:
    """Write the flat segments that the 32-bit entry starts with."""
    code, data = (descriptor(0, 0xF_FFFF, access, 0xC) for access in (0x9B, 0x93))
    struct.pack_into("<4Q", ram.bytes, DESCRIPTORS, 0, 0, code, data)
