"""A bare 64-bit processor over the scratch machine's memory: user code runs and stops, and there is no kernel.

It has the trap frame and the selectors of a 64-bit kernel: user data lies before user code, as `sysret` wants it.
"""

import mmap
import struct
from typing import Any

from unicorn import x86_const as x86

from keelback.inspect.walk import SCHEMES
from keelback.machine.simulated import scratch
from keelback.machine.simulated.devices import PortBus
from keelback.machine.simulated.models import (
    CALLS_ENABLED,
    CORE_2_DUO,
    EFER,
    FLAG_MASK,
    LONG_MODE_ENABLED,
    LSTAR,
    NO_EXECUTE_ENABLED,
    STAR,
)
from keelback.machine.simulated.page_walks import CR4_PAE
from keelback.machine.simulated.processor import Processor, Stop
from machine.bare import DATA, ENTRY, NO_FPU, PAGING, PROTECTION, STACK, TEXT, WRITE_PROTECT, Kind

GENERAL = (
    "r15", "r14", "r13", "r12", "r11", "r10", "r9", "r8", "rdi", "rsi", "rbp", "rbx", "rdx", "rcx", "rax"
)  # fmt: skip
KERNEL_CODE, KERNEL_DATA, USER_DATA, USER_CODE, TASK = 0x08, 0x10, 0x23, 0x2B, 0x30
WIDE_CODE, FLAT_DATA = 0xA, 0xC
TASK_BYTES = 104
FRAME = scratch.RING0_STACK
POP_ALL = "415f 415e 415d 415c 415b 415a 4159 4158 5f 5e 5d 5b 5a 59 58"
MOVE_STACK, DROP_TWO = "4889c4", "4883c410"
RETURN = bytes.fromhex(f"{MOVE_STACK} {POP_ALL} {DROP_TWO} 48cf")
LENGTH = 1 + len(GENERAL) + 2
CALL_ENTRY, TRAP_ENTRY = scratch.RING0_CODE + 0x200, scratch.RING0_CODE + 0x300
MASKED = 0x4_4700  # what a kernel lets `syscall` clear: AC, NT, DF, IF, TF


def write_segments(ram: Any) -> None:
    """Write the descriptor table of a 64-bit kernel."""
    code, data = scratch.descriptor(0, 0, 0x9B, WIDE_CODE), scratch.descriptor(0, 0xF_FFFF, 0x93, FLAT_DATA)
    user_data, user_code = (each | 3 << 45 for each in (data, code))
    task = scratch.descriptor(scratch.TASK_STATE, TASK_BYTES - 1, 0x89, 0)
    struct.pack_into("<8Q", ram, scratch.GDT, 0, code, data, 0, user_data, user_code, task, 0)


class LongBare:
    """User code at `TEXT`, which it can't write; `DATA` behind it, which it can; `SUPERVISOR` behind that."""

    PLACE = "rip"

    def __init__(self, efer: int = NO_EXECUTE_ENABLED | CALLS_ENABLED) -> None:
        self.ram = mmap.mmap(-1, scratch.SIZE)
        scratch.write_page_tables(self.ram, "x86-64")
        write_segments(self.ram)
        for vector in range(256):
            self.set_gate(vector, 0xEE00 if vector == 0x80 else 0x8E00)
        self.ram[ENTRY : ENTRY + len(RETURN)] = RETURN
        self.cpu = Processor(memoryview(self.ram), PortBus(), CORE_2_DUO)
        system = self.cpu.system
        system.write_control(x86.UC_X86_REG_CR3, scratch.ROOT)
        system.write_control(x86.UC_X86_REG_CR4, CR4_PAE)
        system.write_msr(EFER, LONG_MODE_ENABLED | efer)
        system.write_control(x86.UC_X86_REG_CR0, PAGING | PROTECTION | WRITE_PROTECT | NO_FPU | 0x10)
        system.load_gdt(scratch.GDT, 8 * 8 - 1, KERNEL_CODE, KERNEL_DATA)
        system.load_idt(scratch.IDT, 256 * 16 - 1)
        system.load_ldt(0, 0)
        system.load_task_register(TASK, scratch.TASK_STATE, TASK_BYTES - 1)
        system.write_msr(STAR, (USER_CODE - 0x10) << 48 | KERNEL_CODE << 32)
        system.write_msr(LSTAR, CALL_ENTRY)
        system.write_msr(FLAG_MASK, MASKED)

    def write(self, address: int, content: bytes) -> None:
        """Put bytes in memory and let the processor forget what it translated from there."""
        self.ram[address : address + len(content)] = content
        self.cpu.forget_code(address & ~0xFFF, 0x2000)

    def map(self, page: int, entry: int) -> None:
        """Set an entry of the page table, and drop all translations."""
        struct.pack_into("<Q", self.ram, scratch.PAGE_TABLE + 8 * (page >> 12), entry)
        self.cpu.system.write_control(x86.UC_X86_REG_CR3, scratch.ROOT)

    def map_far(self, page: int, entry: int, tables: int = 0x1A000) -> None:
        """Map a page anywhere, by three tables of its own at a place."""
        levels = SCHEMES["x86-64"].levels
        places = (scratch.ROOT, tables, tables + 0x1000, tables + 0x2000)
        for level, place, value in zip(levels, places, (*(each | 7 for each in places[1:]), entry), strict=True):
            struct.pack_into("<Q", self.ram, place + 8 * (page >> level.shift & 0x1FF), value)
        self.cpu.system.write_control(x86.UC_X86_REG_CR3, scratch.ROOT)

    def set_gate(
        self, vector: int, kind: int, stack: int = 0, entry: int = TRAP_ENTRY, code: int = KERNEL_CODE
    ) -> None:
        """Set an interrupt gate: kind (present, privilege level, type), stack of the task state, place and segment."""
        words = code << 16 | entry & 0xFFFF, entry & 0xFFFF_0000 | kind | stack, entry >> 32, 0
        struct.pack_into("<4I", self.ram, scratch.IDT + 16 * vector, *words)

    def run(
        self, code: str | bytes, count: int = 1000, rip: int = TEXT, place: int | None = None, **start: int
    ) -> Stop:
        """Run user code (bytes or hexadecimal) from `rip` on, which physically is at `place`, or the same."""
        self.write(rip if place is None else place, bytes.fromhex(code) if isinstance(code, str) else code)
        return self.resume(count, rip, **start)

    def resume(self, count: int = 1000, rip: int = TEXT, rflags: int = 0x202, rsp: int = STACK, **others: int) -> Stop:
        """Enter user mode at an address, with registers that are 0 unless given."""
        values = [others.pop(name, 0) for name in GENERAL]
        assert not others
        struct.pack_into("<22Q", self.ram, FRAME, *values, 0, 0, rip, USER_CODE, rflags, rsp, USER_DATA)
        stop = self.cpu.enter(ENTRY, FRAME, LENGTH + count)
        return stop._replace(begun=stop.begun - LENGTH)

    def read(self, name: str) -> int:
        """Return a general register by its name."""
        return getattr(self.cpu.state, name if name[1].isdigit() else name.removeprefix("r"))

    def state(self) -> dict[str, int]:
        """Return all that user mode can see of the processor."""
        state = self.cpu.state
        named = {name: self.read(name) for name in (*GENERAL, "rsp")}
        return named | {"rip": state.ip, "rflags": state.flags, "cs": state.selector("cs"), "ss": state.selector("ss")}


__all__ = ["DATA", "STACK", "TEXT", "Kind", "LongBare", "Stop"]
