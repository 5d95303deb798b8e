"""The mover: code behind the payload that moves a kernel down to where it runs, for layouts below 1 MiB."""

from pathlib import Path

from keelback.image.toolchain import assemble, link_flat
from keelback.kernel.boot.boot_parameters import BootParameters
from keelback.kernel.layout import Layout
from keelback.lang import PAGE_SIZE, layout_of, round_up

SOURCE = Path(__file__).parent / "mover.S"
SIZE = 128
"""The bytes that it takes in the file."""


def room_behind(end: int) -> int:
    """Return where the pages start that a mover uses which ends at an address."""
    return round_up(end, PAGE_SIZE)


def build_mover(layout: Layout, size: int) -> bytes:
    """Return the mover of a kernel of a layout, which has `size` bytes, whole words.

    It lies directly behind them.  Raises: ToolchainError.
    """
    place = layout.loaded_at + size
    defines = {
        "KERNEL": layout.kernel_start,
        "END": layout.kernel_start + size,
        "LIMIT": layout.region_limit,
        "LOADED": layout.loaded_at,
        "ROOM": room_behind(place + SIZE),
        "PAGE": PAGE_SIZE,
        "COMMAND_LINE": layout_of(BootParameters).field("command_line").offset,
    }
    objects = {"mover.o": assemble(SOURCE, defines)}
    code = link_flat(objects, f"ENTRY(start) SECTIONS {{ . = {place:#x}; .text : {{ *(.text) }} }}")
    assert len(code) <= SIZE, "the mover has its own size"
    return code.ljust(SIZE, b"\0")
