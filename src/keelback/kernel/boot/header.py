"""The header of the kernel image: how builder, machine and kernel find each other.

`entry.S` lays it out at the start of the image; the builder fills in the payload's size and the build id.
"""

from keelback.lang import Array, Struct, inline, u8, u32

MAGIC = 0x4B45454C
"""`KEEL`, as big-endian bytes."""
VERSION = 4


class ImageHeader(Struct):
    """The first bytes of the image in RAM, at `Layout.kernel_start`."""

    jump: Array[u8] = inline(16)  # the 32-bit entry: a jump over the header
    magic: u32  # MAGIC
    version: u32  # VERSION
    layout: u32  # Layout.number
    levels: u32  # of the page tables of that layout: 2 i386, 3 PAE, 4 x86-64
    payload: u32  # address of the payload
    payload_size: u32  # bytes
    trap_return: u32  # address of the code that restores the trap frame eax points to
    idle: u32  # address of the code that waits for interrupts in ring 0
    leave: u32  # address that the kernel returns to, the address of a trap frame in eax; a call ends just before it
    booted: u32  # address that the kernel passes once, when all of it is up and no program has started
    listen: u32  # address at which the kernel, not up yet, lets an interrupt in that waits
    build_id: Array[u8] = inline(16)  # the start of the SHA-256 of all the rest
