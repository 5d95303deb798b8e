"""A bare processor over the scratch machine's tables: user code runs and stops, and there is no kernel."""

import mmap
import struct
from typing import Any, Protocol

from unicorn import x86_const as x86

from keelback.inspect.walk import SCHEMES
from keelback.machine.simulated import scratch
from keelback.machine.simulated.devices import PortBus
from keelback.machine.simulated.models import PENTIUM_III, Model
from keelback.machine.simulated.page_walks import CR4_PAE
from keelback.machine.simulated.processor import Kind, Processor, Stop

TEXT, DATA, SUPERVISOR, MISSING = scratch.USER_TEXT, scratch.USER_DATA, scratch.SUPERVISOR, scratch.MISSING
STACK = DATA + 0xFF0
PAGING, PROTECTION, WRITE_PROTECT, NO_FPU = 1 << 31, 1 << 0, 1 << 16, 0x0A
ENTRY = scratch.RING0_CODE + 0x100
MOVE_STACK = bytes.fromhex("89c4")  # mov esp, eax: where `enter` put the frame's address
PRESENT, WRITABLE, USER = 1, 2, 4
GENERAL = ("edi", "esi", "ebp", "esp", "ebx", "edx", "ecx", "eax")


class Bare:
    """User code at `TEXT`, which it can't write; `DATA` behind it, which it can; `SUPERVISOR` behind that."""

    PLACE = "eip"

    def __init__(self, scheme: str = "i386", model: Model = PENTIUM_III) -> None:
        self.scheme = SCHEMES[scheme]
        self.ram = mmap.mmap(-1, scratch.SIZE)
        scratch.fill(self.ram, scheme)
        self.ram[ENTRY : ENTRY + 6] = MOVE_STACK + scratch.RETURN
        self.length = 1 + len(scratch.RETURN)
        self.cpu = Processor(memoryview(self.ram), PortBus(), model)
        self.cpu.system.load_gdt(scratch.GDT, 6 * 8 - 1, scratch.KERNEL_CODE, scratch.KERNEL_DATA)
        self.cpu.system.load_idt(scratch.IDT, 256 * 8 - 1)
        self.cpu.system.load_ldt(0, 0)
        self.cpu.system.load_task_register(scratch.TASK, scratch.TASK_STATE, 103)
        self.cpu.system.write_control(x86.UC_X86_REG_CR3, scratch.ROOT)
        self.cpu.system.write_control(x86.UC_X86_REG_CR4, CR4_PAE if scheme == "PAE" else 0)
        self.cpu.system.write_control(x86.UC_X86_REG_CR0, PAGING | PROTECTION | WRITE_PROTECT | NO_FPU | 0x10)

    def write(self, address: int, content: bytes) -> None:
        """Put bytes in memory and let the processor forget what it translated from there."""
        self.ram[address : address + len(content)] = content
        self.cpu.forget_code(address & ~0xFFF, 0x2000)

    def map(self, page: int, entry: int) -> None:
        """Set a page-table entry, and drop all translations."""
        place = scratch.PAGE_TABLE + self.scheme.entry_size * (page >> 12)
        struct.pack_into(f"<{self.scheme.format}", self.ram, place, entry)
        self.cpu.system.write_control(x86.UC_X86_REG_CR3, scratch.ROOT)

    def set_gate(self, vector: int, kind: int) -> None:
        """Set the kind (present, privilege level, type) of an interrupt gate."""
        struct.pack_into("<H", self.ram, scratch.IDT + 8 * vector + 4, kind)

    def run(self, code: str | bytes, count: int = 1000, eflags: int = 0x202, eip: int = TEXT, **registers: int) -> Stop:
        """Run user code (bytes or hexadecimal) from `TEXT` on, for at most `count` instructions of it."""
        content = bytes.fromhex(code) if isinstance(code, str) else code
        self.write(eip, content)
        return self.resume(count, eflags, eip, **registers)

    def resume(self, count: int = 1000, eflags: int = 0x202, eip: int = TEXT, **registers: int) -> Stop:
        """Enter user mode at an address, with registers that are 0 unless given."""
        esp = registers.pop("esp", STACK)
        values = [registers.pop(name, 0) for name in GENERAL]
        assert not registers
        segments = (scratch.USER_DATA_SELECTOR, scratch.USER_DATA_SELECTOR)
        frame = (*values, *segments, eip, scratch.USER_CODE, eflags, esp, scratch.USER_DATA_SELECTOR)
        struct.pack_into("<15I", self.ram, scratch.RING0_STACK, *frame)
        stop = self.cpu.enter(ENTRY, scratch.RING0_STACK, self.length + count)
        return stop._replace(begun=stop.begun - self.length)

    def read(self, name: str) -> int:
        """Return a general register by its name."""
        return getattr(self.cpu.state, name.removeprefix("e"))

    def state(self) -> dict[str, Any]:
        """Return all that user mode can see of the processor."""
        state = self.cpu.state
        named = dict(zip(GENERAL, state.general(), strict=True))
        return named | {"eip": state.ip, "eflags": state.flags, "cs": state.cs, "ss": state.ss}


__all__ = ["DATA", "MISSING", "STACK", "SUPERVISOR", "TEXT", "Bare", "Kind", "Stop"]


class Machine(Protocol):
    """A bare processor of either width; `PLACE` is what a run calls the address that it starts at."""

    PLACE: str
    cpu: Processor

    def run(self, code: str | bytes, **start: int) -> Stop:
        """Run user code."""


def trap(machine: Machine, code: str | bytes, **start: int) -> tuple[int, int, int]:
    """Run code that must trap; return vector, error code and place relative to the code's start."""
    stop = machine.run(code, **start)
    assert stop.kind is Kind.TRAP and machine.cpu.state.in_user_mode
    return stop.vector, stop.error, machine.cpu.state.ip - start.get(machine.PLACE, TEXT)


def word(value: int) -> str:
    """Return the bytes of a 32-bit word, in hexadecimal."""
    return struct.pack("<I", value).hex()
