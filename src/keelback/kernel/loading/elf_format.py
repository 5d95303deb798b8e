"""The ELF format, as far as the kernel reads it: little-endian, for an i386 or an x86-64.

Source: System V ABI, chapters 4 (object files) and 5 (program loading); i386 and AMD64 supplements.
"""

from keelback.lang import Struct, at, bit, on_64_bits, u8, u16, u32, word

MAGIC = 0x464C457F
CLASSES = {32: 1, 64: 2}
"""By the bits of an address."""
LITTLE_ENDIAN = 1
EXECUTABLE = 2
SHARED_OBJECT = 3
MACHINES = {32: 3, 64: 62}
LOAD = 1
INTERPRETER = 3


class ElfHeader(Struct):
    """The header at the start of a file."""

    magic: u32
    bits: u8
    byte_order: u8
    type: u16 = at(16)
    machine: u16
    version: u32
    entry: word
    segments: word  # file offset of the program headers
    sections: word
    flags: u32
    size: u16
    segment_size: u16  # bytes of one program header
    segment_count: u16
    section_size: u16
    section_count: u16
    section_names: u16


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


@on_64_bits(Segment)
class WideSegment(Struct):
    """One program header of a file for 64 bits."""

    type: u32
    flags: u32
    can_execute: bool = bit(0)
    can_write: bool = bit(1)
    can_read: bool = bit(2)
    offset: word
    address: word
    file_size: word = at(32)
    memory_size: word
    alignment: word
