"""The ELF format, as far as the kernel reads it: 32-bit, little-endian, for an i386.

Source: System V ABI, chapters 4 (object files) and 5 (program loading); i386 supplement.
"""

from keelback.lang import Struct, at, bit, u8, u16, u32

MAGIC = 0x464C457F
CLASS_32 = 1
LITTLE_ENDIAN = 1
EXECUTABLE = 2
SHARED_OBJECT = 3
MACHINE_386 = 3
LOAD = 1
INTERPRETER = 3


class ElfHeader(Struct):
    """The header at the start of a file."""

    magic: u32
    bits: u8
    byte_order: u8
    type: u16 = at(16)
    machine: u16
    entry: u32 = at(24)
    segments: u32  # file offset of the program headers
    segment_size: u16 = at(42)  # bytes of one program header
    segment_count: u16
    section_names: u16 = at(50)  # the last field


class Segment(Struct):
    """One program header."""

    type: u32
    offset: u32  # in the file
    address: u32
    file_size: u32 = at(16)
    memory_size: u32  # what the file does not give is zero
    flags: u32
    can_execute: bool = bit(0)
    can_write: bool = bit(1)
    can_read: bool = bit(2)
    alignment: u32  # the last field

    def is_loaded(self) -> bool:
        """Say whether the segment takes memory of the process."""
        return self.type == LOAD and self.memory_size != 0
