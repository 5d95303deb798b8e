"""The setup header: what kernel image file and boot loader tell each other.

It lies across the end of the boot sector and the start of the setup code.  Where all files of ours have the same value
in a field, that value stands here; the others are the builder's.

Source: Linux x86 boot protocol 2.15, "the real-mode kernel header".
"""

import struct
from typing import Final, NamedTuple

SECTOR: Final = 512
SETUP_SIZE: Final = 8 * SECTOR
"""Bytes of boot sector and setup code together."""
VERSION_SIZE: Final = 64
"""Bytes of the text at the end of the setup code that says which kernel it is."""
LONGEST_COMMAND_LINE: Final = 2047
"""Bytes of a command line, without the zero byte behind it."""
STACK: Final = 0x8000
"""The top of the setup code's stack, and the end of all memory that it needs, from where the file's start lies."""

BOOT_FLAG: Final = 0xAA55
HDRS: Final = int.from_bytes(b"HdrS", "little")
PROTOCOL: Final = 0x020F  # 2.15
HEADER, HEADER_END = 0x1F1, 0x26C
_SHORT_JUMP: Final = 0xEB  # its distance, counted from behind it, is the next byte


class HeaderField(NamedTuple):
    """A field of the setup header: its offset in the file, how `struct` packs it, its fixed value, and what it says.

    The value is None where it is the builder's.
    """

    name: str
    offset: int
    format: str
    value: int | None
    meaning: str


FIELDS: Final = tuple(
    HeaderField(*field)
    for field in (
        ("setup_sects", 0x1F1, "B", SETUP_SIZE // SECTOR - 1, "sectors of setup code"),
        ("root_flags", 0x1F2, "H", 1, "mount the root read-only"),
        ("syssize", 0x1F4, "I", None, "kernel and payload, in units of 16 bytes"),
        ("ram_size", 0x1F8, "H", 0, ""),
        ("vid_mode", 0x1FA, "H", 0xFFFF, "leave the screen's mode as it is"),
        ("root_dev", 0x1FC, "H", 0, ""),
        ("boot_flag", 0x1FE, "H", BOOT_FLAG, "this is a boot sector"),
        ("jump", 0x200, "H", _SHORT_JUMP | (HEADER_END - 0x202) << 8, "the 16-bit entry: jump over this header"),
        ("header", 0x202, "I", HDRS, "HdrS: this is a setup header"),
        ("version", 0x206, "H", PROTOCOL, "of the boot protocol: 2.15"),
        ("realmode_swtch", 0x208, "I", 0, ""),
        ("start_sys_seg", 0x20C, "H", 0x1000, "obsolete"),
        ("kernel_version", 0x20E, "H", SETUP_SIZE - VERSION_SIZE - SECTOR, "where the version text is, less 0x200"),
        ("type_of_loader", 0x210, "B", 0, ""),
        ("loadflags", 0x211, "B", 1, "load the kernel above 1 MiB"),
        ("setup_move_size", 0x212, "H", STACK, "bytes that old loaders have to move"),
        ("code32_start", 0x214, "I", None, "the 32-bit entry"),
        ("ramdisk_image", 0x218, "I", 0, ""),
        ("ramdisk_size", 0x21C, "I", 0, ""),
        ("bootsect_kludge", 0x220, "I", 0, ""),
        ("heap_end_ptr", 0x224, "H", STACK - 0x200, "memory for setup, less 0x200"),
        ("ext_loader_ver", 0x226, "B", 0, ""),
        ("ext_loader_type", 0x227, "B", 0, ""),
        ("cmd_line_ptr", 0x228, "I", 0, ""),
        ("initrd_addr_max", 0x22C, "I", 0x7FFF_FFFF, "highest address of an initial RAM disk"),
        ("kernel_alignment", 0x230, "I", 0x1000, "of a kernel that can be moved"),
        ("relocatable_kernel", 0x234, "B", 0, ""),
        ("min_alignment", 0x235, "B", 12, "the same, as a power of two"),
        ("xloadflags", 0x236, "H", 0, ""),
        ("cmdline_size", 0x238, "I", LONGEST_COMMAND_LINE, "longest command line"),
        ("hardware_subarch", 0x23C, "I", 0, ""),
        ("hardware_subarch_data", 0x240, "Q", 0, ""),
        ("payload_offset", 0x248, "I", None, "from the kernel's start to the payload"),
        ("payload_length", 0x24C, "I", None, "bytes of the payload"),
        ("setup_data", 0x250, "Q", 0, ""),
        ("pref_address", 0x258, "Q", None, "where the kernel is loaded"),
        ("init_size", 0x260, "I", None, "bytes of memory needed there to start"),
        ("handover_offset", 0x264, "I", 0, ""),
        ("kernel_info_offset", 0x268, "I", 0, ""),
    )
)
"""All fields, in order; those that are zero say that there is nothing of the kind, or are the loader's to write."""
_FIELDS: Final = {field.name: field for field in FIELDS}


def read_field(file: bytes, name: str) -> int:
    """Return a field of the setup header."""
    field = _FIELDS[name]
    return int(struct.unpack_from(f"<{field.format}", file, field.offset)[0])


def write_header(file: bytearray, values: dict[str, int]) -> None:
    """Write the whole setup header; `values` are the fields that have no fixed value, all of them."""
    for field in FIELDS:
        value = values[field.name] if field.value is None else field.value
        struct.pack_into(f"<{field.format}", file, field.offset, value)
