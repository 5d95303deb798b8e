"""Kernel images: the image of a layout as it lies in RAM, and the file that a boot loader loads."""

from functools import lru_cache
from pathlib import Path

from keelback import __version__
from keelback.image.cache import Entry, find_or_build, key_of
from keelback.image.image_file import UNIT, KernelInRam, build_image_file
from keelback.image.kernel_image import CompiledKernel, ImageTooLarge, build_kernel_image, check_room
from keelback.image.linked import MOST_KERNELS, make_symbols, text_of
from keelback.image.mover import SIZE as MOVER_SIZE
from keelback.image.mover import build_mover, room_behind
from keelback.image.places import PLACES_VERSION, build_table
from keelback.kernel.boot.header import ImageHeader
from keelback.kernel.boot.memory import MAPS_SIZE
from keelback.kernel.calls.places import TABLE_MAGIC, CodeRange, Place, TableStart
from keelback.kernel.layout import Layout
from keelback.lang import PAGE_SIZE, layout_of, round_up


def make_image(layout: Layout, payload: bytes, compiled: CompiledKernel | None = None) -> bytes:
    """Build the kernel image of a layout with a payload: for a compiled kernel, else for one that is interpreted.

    Raises: ToolchainError; ImageTooLarge.
    """
    text = text_of(layout, compiled)
    places = places_of(layout, compiled) if compiled is not None else b""
    if len(payload) > (most := most_payload(layout)):
        raise ImageTooLarge(
            f"the programs take {len(payload):,} bytes; in the {layout.name} layout there is room for {max(most, 0):,}"
        )
    records = layout.records_end - layout.text_end
    read_only = text.ljust(layout.places - layout.kernel_start, b"\0")
    read_only += places.ljust(layout.text_end - layout.places, b"\0")
    return build_kernel_image(read_only, layout_of(ImageHeader), records=records, payload=payload)


@lru_cache(MOST_KERNELS)
def places_of(layout: Layout, compiled: CompiledKernel) -> bytes:
    """Return the table of source places of a compiled kernel.  Raises: ToolchainError; ImageTooLarge."""
    symbols = make_symbols(layout, compiled)

    def build(_work: Path) -> Entry:
        layouts = {"start": layout_of(TableStart), "code": layout_of(CodeRange), "place": layout_of(Place)}
        return Entry(build_table(symbols, layout.places, magic=TABLE_MAGIC, **layouts), "")

    places = find_or_build(key_of("places", PLACES_VERSION, layout.places, TABLE_MAGIC, symbols), build).output
    check_room("the table of source places", places, layout.text_end - layout.places)
    return places


def most_payload(layout: Layout) -> int:
    """Return how many bytes of payload leave room for the least of all that follows it in the kernel region."""
    return layout.region_limit - layout.records_end - MAPS_SIZE - layout.boot_stack - layout.zone_least


def room_for(image_size: int) -> int:
    """Return how many bytes of usable memory an image needs to find out how much memory the machine has."""
    return round_up(image_size, PAGE_SIZE) + MAPS_SIZE


def make_image_file(layout: Layout, image: bytes) -> bytes:
    """Return the file by which boot loaders load an image of a layout.  Raises: ToolchainError."""
    return build_image_file(
        KernelInRam(
            start=layout.loaded_at,
            content=image,
            payload=layout.records_end - layout.kernel_start,
            room=room_loaded(layout, len(image)),
            version=f"Keelback {__version__}, {layout.name} layout",
            mover=mover_of(layout, len(image)),
        )
    )


def mover_of(layout: Layout, size: int) -> bytes:
    """Return what moves an image of a layout down; nothing where it is loaded in its place.  Raises: ToolchainError."""
    moved = round_up(size, UNIT)
    return build_mover(layout, moved) if layout.loaded_at != layout.kernel_start else b""


def room_loaded(layout: Layout, size: int) -> int:
    """Return how many bytes of usable memory an image of a layout needs where a boot loader loads it."""
    if layout.loaded_at == layout.kernel_start:
        return room_for(size)
    return room_behind(layout.loaded_at + round_up(size, UNIT) + MOVER_SIZE) + 2 * PAGE_SIZE - layout.loaded_at
