"""The simulated PC's boot loader: kernel image, boot parameters and CPU, as a real loader leaves them.

Source: Linux x86 boot protocol 2.15, 32-bit boot protocol.
"""

import os
import struct
from typing import NamedTuple

from unicorn import x86_const as x86

from keelback.errors import UserError
from keelback.image.boot_protocol import LONGEST_COMMAND_LINE
from keelback.image.images import room_for
from keelback.kernel.boot.boot_parameters import MOST_ENTRIES, BootParameters
from keelback.kernel.devices.screen import SCREEN
from keelback.kernel.layout import Layout
from keelback.lang import PAGE_SIZE, Ram, layout_of
from keelback.machine.simulated.processor import Processor
from keelback.machine.simulated.scratch import descriptor

PARAMETERS = 0x10000
"""Where the boot parameters lie: usable memory, read once."""
DESCRIPTORS = 0x11000
"""Where the loader's descriptor table lies, which the kernel starts with: usable memory, until it has its own."""
COMMAND_LINE = 0x12000
"""Where the command line lies: usable memory, read once."""
BOOT_CODE, BOOT_DATA = 0x10, 0x18
DESCRIPTOR_BYTES = 0x20
CR0_PROTECTED = 0x11
EFLAGS_FIXED = 1 << 1
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


def claimed_end(memory_map: tuple[BiosEntry, ...]) -> int:
    """Return where the memory ends that a map claims to be usable, at most 4 GiB."""
    return min(max((each.base + each.size for each in memory_map if each.type == USABLE), default=0), 1 << 32)


class TooLittleMemory(UserError):
    """The machine has no room for the kernel image, or no screen; the message says how much it needs."""


def check_room(start: int, room: int, memory: int) -> None:
    """Check that `memory` bytes are enough for the `room` from a place on that an image needs, and for the screen.

    Raises: TooLittleMemory.
    """
    ends = {"the kernel image and its maps need": start + room, "the screen needs": SCREEN + PAGE_SIZE}
    for who, end in ends.items():
        if end > memory:
            raise TooLittleMemory(
                f"too little memory: {who} {-(-end // 1024):,} KiB, the machine has {memory // 1024:,} KiB"
            )


def load_image(ram: Ram, layout: Layout, image: bytes) -> None:
    """Put an image where it belongs.

    Raises: TooLittleMemory when RAM ends before what the kernel needs to find out how much memory it has.
    """
    check_room(layout.kernel_start, room_for(len(image)), ram.size)
    ram.bytes[layout.kernel_start : layout.kernel_start + len(image)] = image


def write_parameters(ram: Ram, memory_map: tuple[BiosEntry, ...], command_line: str = "") -> int:
    """Write the boot parameters with a BIOS memory map and a command line; return their address.

    Raises: ValueError when the map has more than 128 entries or the command line more than 2,047 bytes.
    """
    text = os.fsencode(command_line)
    if len(text) > LONGEST_COMMAND_LINE:
        raise ValueError(f"a command line has at most {LONGEST_COMMAND_LINE} bytes, not {len(text)}")
    if len(memory_map) > MOST_ENTRIES:
        raise ValueError(f"a BIOS memory map has at most {MOST_ENTRIES} entries, not {len(memory_map)}")
    layout = layout_of(BootParameters)
    ram.bytes[PARAMETERS + layout.field("map_entries").offset] = len(memory_map)
    place = PARAMETERS + layout.field("map").offset
    for entry in memory_map:
        struct.pack_into("<QQI", ram.bytes, place, *entry)
        place += 20
    if text:
        ram.bytes[COMMAND_LINE : COMMAND_LINE + len(text)] = text
        struct.pack_into("<I", ram.bytes, PARAMETERS + layout.field("command_line").offset, COMMAND_LINE)
    return PARAMETERS


def write_descriptors(ram: Ram) -> None:
    """Write the flat segments that the 32-bit entry starts with."""
    code, data = (descriptor(0, 0xF_FFFF, access, 0xC) for access in (0x9B, 0x93))
    struct.pack_into("<4Q", ram.bytes, DESCRIPTORS, 0, 0, code, data)


def stand_at_entry(processor: Processor, address: int, parameters: int) -> None:
    """Stand at the 32-bit entry: flat segments, paging and interrupts off, the parameters' address in esi."""
    processor.system.load_gdt(DESCRIPTORS, DESCRIPTOR_BYTES - 1, BOOT_CODE, BOOT_DATA)
    processor.engine.uc.reg_write(x86.UC_X86_REG_CR0, CR0_PROTECTED)
    processor.engine.uc.reg_write(x86.UC_X86_REG_CR4, 0)
    processor.clean.save()
    state = processor.state
    state.save()
    for name in state.width.general:
        setattr(state, name, 0)
    state.si = parameters
    state.flags = EFLAGS_FIXED
    state.ip = address
