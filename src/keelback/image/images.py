"""Kernel images: the image of a layout as it lies in RAM, and the file that a boot loader loads."""

from pathlib import Path

import keelback.kernel
from keelback import __version__
from keelback.image.cache import Entry, find_or_build, key_of
from keelback.image.image_file import UNIT, KernelInRam, build_image_file
from keelback.image.kernel_image import CompiledKernel, ImageTooLarge, build_kernel_image, build_symbols, build_text
from keelback.image.kernels import kernel_of
from keelback.image.mover import SIZE as MOVER_SIZE
from keelback.image.mover import build_mover, room_behind
from keelback.image.places import PLACES_VERSION, build_table
from keelback.image.toolchain import TARGETS
from keelback.kernel.boot.header import MAGIC, VERSION, ImageHeader
from keelback.kernel.boot.memory import MAPS_SIZE
from keelback.kernel.calls.places import TABLE_MAGIC, CodeRange, Place, TableStart
from keelback.kernel.devices.power import DEBUG_EXIT, REFUSED
from keelback.kernel.layout import ENTRY_TABLES, Layout
from keelback.kernel.x86 import segments64
from keelback.kernel.x86.control import EFER
from keelback.kernel.x86.control64 import ENTRY_CR0, ENTRY_CR4, ENTRY_EFER
from keelback.kernel.x86.interrupts import FAST_CALL, STUBS
from keelback.kernel.x86.segments import KERNEL_CODE, KERNEL_DATA, USER_DATA
from keelback.kernel.x86.task_state import TaskState
from keelback.kernel.x86.trap_frame import FROM_SYSCALL, FROM_VIRTUAL_8086, TrapFrame
from keelback.kernel.x86.vectors import SYSTEM_CALL, Vector
from keelback.lang import PAGE_SIZE, address_of, layout_of, round_up

X86 = Path(keelback.kernel.__file__).parent / "x86"
ENTRIES = {32: X86 / "entry.S", 64: X86 / "entry64.S"}
"""The entry code, by the bits of a word."""


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


def text_of(layout: Layout, compiled: CompiledKernel | None) -> bytes:
    """Return the text of an image: entry code, and of a compiled kernel code and read-only data.

    Raises: ToolchainError; ImageTooLarge.
    """
    word_bits = layout.paging.word_bits
    target = TARGETS[word_bits]
    text = build_text(ENTRIES[word_bits], _defines(layout), start=layout.kernel_start, target=target, compiled=compiled)
    _check_room("the kernel's text", text, layout.places - layout.kernel_start)
    return text


def places_of(layout: Layout, compiled: CompiledKernel) -> bytes:
    """Return the table of source places of a compiled kernel.  Raises: ToolchainError; ImageTooLarge."""
    symbols = make_symbols(layout, compiled)

    def build(_work: Path) -> Entry:
        layouts = {"start": layout_of(TableStart), "code": layout_of(CodeRange), "place": layout_of(Place)}
        return Entry(build_table(symbols, layout.places, magic=TABLE_MAGIC, **layouts), "")

    places = find_or_build(key_of("places", PLACES_VERSION, layout.places, TABLE_MAGIC, symbols), build).output
    _check_room("the table of source places", places, layout.text_end - layout.places)
    return places


def _check_room(part: str, content: bytes, room: int) -> None:
    if len(content) > room:
        raise ImageTooLarge(f"{part} has {len(content):,} bytes; there is room for {room:,}")


def make_symbols(layout: Layout, compiled: CompiledKernel) -> bytes:
    """Return the ELF file of a compiled kernel, as it lies in the image, for debuggers.  Raises: ToolchainError."""
    word_bits = layout.paging.word_bits
    entry, target = ENTRIES[word_bits], TARGETS[word_bits]
    return build_symbols(entry, _defines(layout), start=layout.kernel_start, target=target, compiled=compiled)


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


def _defines(layout: Layout) -> dict[str, int]:
    """Return the words that the entry code of a layout takes from Python."""
    return _common_defines(layout) | (_long_mode_defines(layout) if layout.paging.word_bits == 64 else _I386_DEFINES)


def _common_defines(layout: Layout) -> dict[str, int]:
    return {
        "MAGIC": MAGIC,
        "VERSION": VERSION,
        "LAYOUT": layout.number,
        "LEVELS": len(layout.paging.levels),
        "PAYLOAD": layout.records_end,
        "ENTRY_STACK": layout.records_end,
        "KERNEL_DATA": KERNEL_DATA,
        "FRAME_SIZE": layout_of(TrapFrame, layout.paging.word_bits).size,
        "DOUBLE_FAULT": Vector.DOUBLE_FAULT,
        "FROM_VIRTUAL_8086": FROM_VIRTUAL_8086,
        "LAST_EXCEPTION": Vector.LAST_EXCEPTION,
        "MACHINE_CHECK": Vector.MACHINE_CHECK,
        "NON_MASKABLE": Vector.NON_MASKABLE,
        "RESERVED": Vector.RESERVED,
        "STRAYS": layout.text_end,
        "STUBS": STUBS,
        "SYSTEM_CALL": SYSTEM_CALL,
        "DEBUG_EXIT": DEBUG_EXIT,
        "REFUSED": REFUSED,
    }


_I386_DEFINES = {"USER_DATA": USER_DATA}


def _long_mode_defines(layout: Layout) -> dict[str, int]:
    kernel, _ = kernel_of(layout)
    task, task_fields, frame = address_of(kernel.first_cpu.task), layout_of(TaskState, 64), layout_of(TrapFrame, 64)
    fields = ("vector", "error", "rip", "rflags", "rsp")
    return {
        "TABLES": layout.records_limit,
        "ENTRY_TABLES": ENTRY_TABLES,
        "TRAP_STACK": task + task_fields.field("rsp0").offset,
        "USER_STACK": task + task_fields.field("user_stack").offset,
        "USER_END": layout.user_end,
        "KERNEL_CODE": KERNEL_CODE,
        "USER_CODE": segments64.USER_CODE,
        "USER_DATA": segments64.USER_DATA,
        "EFER": EFER,
        "ENTRY_CR0": ENTRY_CR0,
        "ENTRY_CR4": ENTRY_CR4,
        "ENTRY_EFER": ENTRY_EFER,
        "FAST_CALL": FAST_CALL,
        "FROM_SYSCALL": FROM_SYSCALL,
        "DEBUG": Vector.DEBUG,
    } | {f"FRAME_{name.upper()}": frame.field(name).offset for name in fields}
