"""A stand-in for BIOS and chipset around the 16-bit code: memory map, A20 gate, screen, and nothing else.

The code runs on Unicorn in real mode, a PC's first mode.  Interrupts reach Python, as they would reach the BIOS; a BIOS
call or port that nobody expects fails the test.
"""

import struct
from collections.abc import Sequence
from typing import Any

from unicorn import UC_ARCH_X86, UC_HOOK_INSN, UC_HOOK_INTR, UC_HOOK_MEM_READ, UC_MODE_16, Uc
from unicorn import x86_const as x86

MEMORY = 4 << 20
WRAPPED = 0x10_0000, 0x10_FFFF  # what real mode reaches above 1 MiB
SMAP = 0x534D4150
CARRY, INTERRUPTS = 0x001, 0x200
FLAGS = INTERRUPTS | 2  # what BIOS calls leave; the arithmetic flags can't be kept, Unicorn has them wrong in a hook
SLOW = 3  # looks at the keyboard controller until it is ready
CMOS, KEYBOARD_DATA, KEYBOARD, SYSTEM_PORT = 0x70, 0x60, 0x64, 0x92


class Bios:
    """A machine that has loaded `content` at an address, and whose BIOS answers as the attributes say.

    `e820`: the entries (base, size, type), or None where the BIOS has no such call; `ends_by_carry`: it marks the end
    by an error after the last entry.  `e801`: ax, bx and, if it likes, cx, dx; or None.  `e88`: KiB, or None.
    `silent`: calls that it doesn't know leave the registers and flags alone.  `a20_by`: what opens the gate.
    `restarted`: int 19h was called.
    """

    def __init__(self, content: bytes, address: int) -> None:
        self.e820: Sequence[tuple[int, int, int]] | None = ()
        self.ends_by_carry = False
        self.e801: tuple[int, ...] | None = None
        self.e88: int | None = None
        self.silent = False
        self.conventional = 639
        self.a20_open, self.a20_by = True, ""
        self.calls: list[str] = []
        self.screen = b""
        self.ports: list[tuple[int, int]] = []
        self.restarted = False
        self._keyboard_command, self._busy = 0, SLOW
        self._opens_after: int | None = None  # so many looks at memory above 1 MiB or at the keyboard's state
        self.uc = Uc(UC_ARCH_X86, UC_MODE_16)
        self.uc.mem_map(0, MEMORY)
        self.uc.mem_write(address, content)
        self.uc.hook_add(UC_HOOK_INTR, self._interrupt)
        self.uc.hook_add(UC_HOOK_INSN, self._out, None, 1, 0, x86.UC_X86_INS_OUT)
        self.uc.hook_add(UC_HOOK_INSN, self._in, None, 1, 0, x86.UC_X86_INS_IN)
        self.uc.hook_add(UC_HOOK_MEM_READ, self._read_high, None, *WRAPPED)

    def run(self, code_segment: int, offset: int, *, until: int = MEMORY, **registers: int) -> None:
        """Run from an address in real mode to another, to a halt, or to a restart of the machine."""
        for name, value in registers.items():
            self.write(name, value)
        self.write("cs", code_segment)
        self.uc.emu_start(16 * code_segment + offset, until)

    def read(self, register: str) -> int:
        """Return a register by its name."""
        return int(self.uc.reg_read(getattr(x86, f"UC_X86_REG_{register.upper()}")))

    def write(self, register: str, value: int) -> None:
        """Set a register by its name."""
        self.uc.reg_write(getattr(x86, f"UC_X86_REG_{register.upper()}"), value)

    # BIOS calls.

    def _interrupt(self, _uc: Uc, number: int, _data: Any) -> None:
        assert self.read("eflags") & INTERRUPTS, "a BIOS waits for interrupts"
        ax = self.read("ax")
        call = {0x10: self._print, 0x12: self._conventional, 0x16: self._key, 0x19: self._restart}.get(number)
        if number == 0x15:
            call = {0xE820: self._e820, 0xE801: self._e801, 0x2401: self._open_a20}.get(ax)
            call = self._e88 if ax >> 8 == 0x88 else call
        assert call is not None, f"int {number:#x}, ax {ax:#x}"
        self.calls.append(call.__name__.strip("_"))
        call()

    def _print(self) -> None:
        assert self.read("ah") == 0x0E and self.read("bh") == 0
        self.screen += bytes((self.read("al"),))

    def _conventional(self) -> None:
        self.write("ax", self.conventional)

    def _key(self) -> None:
        assert self.read("ah") == 0

    def _restart(self) -> None:
        self.restarted = True
        self.uc.emu_stop()

    def _e820(self) -> None:
        index = self.read("ebx")
        if self.e820 is None or index >= len(self.e820):
            self.write("ebx", 0xDEADBEEF)  # means nothing beside an error
            return self._fail()
        assert self.read("edx") == SMAP and self.read("ecx") == 20
        self.uc.mem_write(16 * self.read("es") + self.read("di"), struct.pack("<QQI", *self.e820[index]))
        last = index + 1 == len(self.e820) and not self.ends_by_carry
        self._succeed(eax=SMAP, ebx=0 if last else index + 1, ecx=20)

    def _e801(self) -> None:
        if self.e801 is None:
            return self._fail()
        self._succeed(**dict(zip(("ax", "bx", "cx", "dx"), self.e801, strict=False)))

    def _e88(self) -> None:
        if self.e88 is None:
            return self._fail()
        self.write("ax", self.e88)  # the flags stay: some BIOSes leave them alone

    def _open_a20(self) -> None:
        if self.a20_by != "bios":
            return self._fail()
        self.a20_open = True
        self._succeed()

    def _fail(self) -> None:
        if not self.silent:
            self.write("ah", 0x86)
            self.write("eflags", FLAGS | CARRY)

    def _succeed(self, **results: int) -> None:
        for name, value in results.items():
            self.write(name, value)
        self.write("eflags", FLAGS)

    # The chipset.

    def _in(self, _uc: Uc, port: int, _size: int, _data: Any) -> int:
        if port == KEYBOARD:
            self._busy = max(self._busy - 1, 0)
            self._time_passes()
            return 0x1E if self._busy else 0x1C
        assert port == SYSTEM_PORT, f"in {port:#x}"
        return 0x01 if self.a20_by == "port" else 0x00

    def _out(self, _uc: Uc, port: int, _size: int, value: int, _data: Any) -> None:
        self.ports.append((port, value))
        if port in (KEYBOARD, KEYBOARD_DATA):
            assert not self._busy
            self._busy = SLOW
        if port == KEYBOARD:
            self._keyboard_command = value
        elif port == KEYBOARD_DATA:
            assert self._keyboard_command == 0xD1  # write the output port
            assert value & 1, "that would reset the machine"
            if self.a20_by == "keyboard" and value & 2:
                self._opens_after = SLOW
        elif port == SYSTEM_PORT:
            assert not value & 1, "that would reset the machine"
            if self.a20_by == "port" and value & 2:
                self._opens_after = 1000
        else:
            assert port == CMOS, f"out {port:#x}"

    def _time_passes(self) -> None:
        if self._opens_after is not None:
            self._opens_after -= 1
            self.a20_open |= self._opens_after <= 0

    def _read_high(self, uc: Uc, _access: int, address: int, size: int, _value: int, _data: Any) -> None:
        """Let a read above 1 MiB find what lies 1 MiB lower while the gate is closed."""
        if not self.a20_open:
            self._time_passes()
            uc.mem_write(address, bytes(uc.mem_read(address - WRAPPED[0], size)))
