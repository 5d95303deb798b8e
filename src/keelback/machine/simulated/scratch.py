"""A scratch machine: the smallest 32-bit system with a user mode, for asking a CPU emulator how it behaves.

0x0000  not mapped        0x4000  GDT              0x8000  code of ring 0     0x10000  user text, read-only
0x1000  root table        0x5000  task state       0x9000  stack of ring 0    0x11000  user data
0x2000  page table        0x6000  IDT                                         0x12000  supervisor page

The tables between these two, of schemes that have more than two levels, are at 0x3000 and 0x7000.
"""

import struct
from typing import Any

from keelback.inspect.walk import SCHEMES

ROOT, PAGE_TABLE, GDT, TASK_STATE, IDT, RING0_CODE, RING0_STACK = (n << 12 for n in (1, 2, 4, 5, 6, 8, 9))
BETWEEN = 0x3000, 0x7000
USER_TEXT, USER_DATA, SUPERVISOR, MISSING = (n << 12 for n in (0x10, 0x11, 0x12, 0x20))
SIZE = 0x20000
KERNEL_CODE, KERNEL_DATA, USER_CODE, USER_DATA_SELECTOR, TASK = 0x08, 0x10, 0x1B, 0x23, 0x28

# popal; pop ds; pop es; iret: as many instructions as bytes
RETURN = bytes.fromhex("611f07cf")


def descriptor(base: int, limit: int, access: int, flags: int) -> int:
    """Return a segment descriptor as 64 bits."""
    low = limit & 0xFFFF | (base & 0xFF_FFFF) << 16
    return low | access << 40 | (limit >> 16 & 0xF) << 48 | flags << 52 | (base >> 24) << 56


def fill(ram: Any, scheme: str = "i386") -> None:
    """Write the tables of the scratch machine into `SIZE` bytes of RAM, page tables by a scheme of `walk.SCHEMES`."""
    write_page_tables(ram, scheme)
    segments = [descriptor(0, 0xFFFFF, access, 0xC) for access in (0x9B, 0x93, 0xFB, 0xF3)]
    struct.pack_into("<6Q", ram, GDT, 0, *segments, descriptor(TASK_STATE, 103, 0x8B, 0))
    gates = [KERNEL_CODE << 16 | RING0_CODE | (0x8E00 | (0x6000 if n == 0x80 else 0)) << 32 for n in range(256)]
    struct.pack_into("<256Q", ram, IDT, *gates)
    ram[RING0_CODE : RING0_CODE + len(RETURN)] = RETURN


def write_page_tables(ram: Any, scheme: str) -> None:
    """Map every page of RAM but the first to itself."""
    user, form, levels = {USER_TEXT: 5, USER_DATA: 7}, SCHEMES[scheme].format, SCHEMES[scheme].levels
    tables = (ROOT, *BETWEEN[: len(levels) - 2], PAGE_TABLE)
    for level, table, lower in zip(levels, tables, tables[1:], strict=False):
        struct.pack_into(f"<{form}", ram, table, lower | (7 if level.has_rights else 1))
    for page in range(1 << 12, SIZE, 1 << 12):
        place = PAGE_TABLE + (page >> 12) * SCHEMES[scheme].entry_size
        struct.pack_into(f"<{form}", ram, place, page | user.get(page, 3))


def write_user(ram: Any, code: bytes, registers: tuple[int, ...] = (0,) * 8, eflags: int = 0x202) -> None:
    """Put code at `USER_TEXT` and a frame on ring 0's stack that `RETURN` starts it by.

    `registers` are edi, esi, ebp, unused, ebx, edx, ecx, eax; the user's stack is the top of `USER_DATA`.
    """
    ram[USER_TEXT : USER_TEXT + len(code)] = code
    stack = USER_DATA + 0xFF0
    segments = (USER_DATA_SELECTOR, USER_DATA_SELECTOR)
    frame = (*registers, *segments, USER_TEXT, USER_CODE, eflags, stack, USER_DATA_SELECTOR)
    struct.pack_into("<15I", ram, RING0_STACK, *frame)
