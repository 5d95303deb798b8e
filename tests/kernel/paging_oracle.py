"""The emulated CPU's own walk of page tables, in 32-bit, PAE and long mode: what a program at ring 3 finds at a page.

It gets a copy of memory with the tables and a root, and nothing else of ours.  A user frame's bytes start with a jump
to itself, for fetches, and have the frame's number at 4.
"""

import struct

from unicorn import UC_ARCH_X86, UC_HOOK_INTR, UC_MODE_32, UC_MODE_64, Uc, UcError
from unicorn import x86_const as x86

from keelback.machine.simulated.scratch import descriptor

GDT, STACK = 0x1D_F800, 0x1D_F400
"""In the highest page of the kernel zone, which no table uses."""
KERNEL_CODE = 0x13_F000
"""Where the kernel's text may be, behind all records."""
CODE32, DATA, CODE64, USER_DATA, USER32, USER64 = 0x08, 0x10, 0x18, 0x23, 0x2B, 0x33
FRAME = 4096
PAGING, WRITE_PROTECT, PROTECTED = 1 << 31, 1 << 16, 1
LARGE_PAGES, PAE, EFER, NXE = 1 << 4, 1 << 5, 0xC000_0080, 1 << 11
READ, WRITE, FETCH = "read", "write", "fetch"
PROBES = {READ: bytes.fromhex("8b4604 ebfe"), WRITE: bytes.fromhex("830600 8b4604 ebfe"), FETCH: bytes.fromhex("ffe6")}


class Oracle:
    """A CPU that runs by the tables of one space; `code_page` is a user page that it may fetch from."""

    def __init__(self, scheme: str, memory: bytes, start: int, frames: range, root: int, code_page: int) -> None:
        self.long = scheme == "x86-64"
        self.uc = uc = Uc(UC_ARCH_X86, UC_MODE_64 if self.long else UC_MODE_32)
        uc.mem_map(0, frames.stop * FRAME)
        uc.mem_write(start, memory)
        for frame in frames:
            uc.mem_write(frame * FRAME, b"\xeb\xfe\0\0" + struct.pack("<I", frame))
        self.code_page = code_page
        self.code_frame = 0
        self.faulted = False
        segments = ((0x9B, 0xC), (0x93, 0xC), (0x9B, 0xA), (0xF3, 0xC), (0xFB, 0xC), (0xFB, 0xA))
        table = [0, *(descriptor(0, 0xFFFFF, access, flags) for access, flags in segments)]
        uc.mem_write(GDT, struct.pack("<7Q", *table))
        uc.mem_write(KERNEL_CODE, bytes.fromhex("48cf" if self.long else "cf"))
        uc.reg_write(x86.UC_X86_REG_GDTR, (0, GDT, 7 * 8 - 1, 0))
        uc.reg_write(x86.UC_X86_REG_CR4, LARGE_PAGES if scheme == "i386 with large pages" else 0)
        if scheme in ("PAE", "x86-64"):
            uc.reg_write(x86.UC_X86_REG_MSR, (EFER, uc.reg_read(x86.UC_X86_REG_MSR, EFER) | NXE))
            uc.reg_write(x86.UC_X86_REG_CR4, uc.reg_read(x86.UC_X86_REG_CR4) | PAE)
        self.root = root * FRAME
        uc.reg_write(x86.UC_X86_REG_CR3, self.root)
        uc.reg_write(x86.UC_X86_REG_CR0, uc.reg_read(x86.UC_X86_REG_CR0) | PAGING | WRITE_PROTECT | PROTECTED)
        code = CODE64 if self.long else CODE32
        for register, selector in (("CS", code), ("DS", DATA), ("SS", DATA), ("ES", DATA)):
            uc.reg_write(getattr(x86, f"UC_X86_REG_{register}"), selector)
        uc.hook_add(UC_HOOK_INTR, self._fault)
        self.clean = uc.context_save()

    def _fault(self, uc: Uc, number: int, data: object) -> None:
        self.faulted = self.faulted or number == 14
        assert number == 14, number
        uc.emu_stop()

    def probe(self, address: int, access: str) -> int | None:
        """Return the frame that a program at ring 3 reaches at an address by an access, None where it faults."""
        uc, code = self.uc, PROBES[access]
        uc.context_restore(self.clean)
        uc.ctl_flush_tb()
        uc.reg_write(x86.UC_X86_REG_CR3, self.root)
        uc.mem_write(self.code_frame * FRAME + 16, code)
        words = (self.code_page + 16, USER64 if self.long else USER32, 0x2, self.code_page, USER_DATA)
        uc.mem_write(STACK, struct.pack("<5Q" if self.long else "<5I", *words))
        names = ("RSP", "RSI", "RAX", "RIP") if self.long else ("ESP", "ESI", "EAX", "EIP")
        esp, esi, eax, eip = (getattr(x86, f"UC_X86_REG_{name}") for name in names)
        uc.reg_write(esp, STACK)
        uc.reg_write(esi, address)
        uc.reg_write(eax, 0)
        self.faulted = False
        try:
            uc.emu_start(KERNEL_CODE, 0, count=6)
        except UcError:
            return None if self.faulted else -1
        if self.faulted:
            return None
        if access == FETCH:
            assert uc.reg_read(eip) == address
            return self.probe(address, READ)
        return int(uc.reg_read(eax))
