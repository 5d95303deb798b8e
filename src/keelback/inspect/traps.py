"""Trap frames, read from RAM as quickly as can be: who trapped, and with what registers."""

import struct
from typing import NamedTuple

from keelback.kernel.kernel import Kernel
from keelback.kernel.processes.scheduler import CpuState
from keelback.kernel.x86.vectors import SYSTEM_CALL
from keelback.lang import address_of, layout_of, size_of

WORD = struct.Struct("<I")
CALL_SIZE = 2  # of `int 0x80`, and of `syscall`


class Registers(NamedTuple):
    """The words of a trap frame, in its order (`kernel/x86/trap_frame.py`)."""

    edi: int = 0
    esi: int = 0
    ebp: int = 0
    unused: int = 0
    ebx: int = 0
    edx: int = 0
    ecx: int = 0
    eax: int = 0
    vector: int = 0
    error: int = 0
    eip: int = 0
    cs: int = 0
    eflags: int = 0
    esp: int = 0
    ss: int = 0

    @property
    def instruction(self) -> int:
        """Return the address of the instruction that was interrupted."""
        return self.eip

    @property
    def stack(self) -> int:
        """Return the stack pointer."""
        return self.esp

    @property
    def number(self) -> int:
        """Return the number of the system call."""
        return self.eax

    @property
    def result(self) -> int:
        """Return what the system call returned."""
        return self.eax

    @property
    def arguments(self) -> tuple[int, ...]:
        """Return the arguments of the system call."""
        return self.ebx, self.esi, self.edi, self.ebp, self.edx

    def by_number(self) -> dict[int, int]:
        """Return the registers that a way through the stack begins with, by DWARF's numbers."""
        return {3: self.ebx, 4: self.esp, 5: self.ebp, 6: self.esi, 7: self.edi, 8: self.eip}

    @property
    def place(self) -> int:
        """Return the address of the instruction that trapped, or was to be next."""
        return place_of_trap(self.vector, self.instruction)


class Registers64(NamedTuple):
    """The same of a CPU in long mode."""

    r15: int = 0
    r14: int = 0
    r13: int = 0
    r12: int = 0
    r11: int = 0
    r10: int = 0
    r9: int = 0
    r8: int = 0
    rdi: int = 0
    rsi: int = 0
    rbp: int = 0
    rbx: int = 0
    rdx: int = 0
    rcx: int = 0
    rax: int = 0
    vector: int = 0
    error: int = 0
    rip: int = 0
    cs: int = 0
    rflags: int = 0
    rsp: int = 0
    ss: int = 0

    @property
    def instruction(self) -> int:
        """Return the address of the instruction that was interrupted."""
        return self.rip

    @property
    def stack(self) -> int:
        """Return the stack pointer."""
        return self.rsp

    @property
    def number(self) -> int:
        """Return the number of the system call."""
        return self.rax

    @property
    def result(self) -> int:
        """Return what the system call returned."""
        return self.rax

    @property
    def arguments(self) -> tuple[int, ...]:
        """Return the arguments of the system call."""
        return self.rbx, self.rsi, self.rdi, self.rbp, self.rdx

    def by_number(self) -> dict[int, int]:
        """Return the registers that a way through the stack begins with, by DWARF's numbers."""
        kept = {12: self.r12, 13: self.r13, 14: self.r14, 15: self.r15}
        return {3: self.rbx, 6: self.rbp, 7: self.rsp, **kept, 16: self.rip}

    @property
    def place(self) -> int:
        """Return the address of the instruction that trapped, or was to be next."""
        return place_of_trap(self.vector, self.instruction)


AnyRegisters = Registers | Registers64
FRAMES: dict[int, tuple[struct.Struct, type[AnyRegisters]]] = {
    32: (struct.Struct("<15I"), Registers),
    64: (struct.Struct("<15QI4xI4x5Q"), Registers64),
}
"""How a trap frame lies in RAM, by the bits of a word."""


def place_of_trap(vector: int, instruction: int) -> int:
    """Return the address of the instruction that trapped, or was to be next; a frame has what follows a call."""
    return instruction - CALL_SIZE if vector == SYSTEM_CALL else instruction


class TrapFrames:
    """The trap frames of a kernel, only read."""

    def __init__(self, kernel: Kernel) -> None:
        self._bytes = kernel.spaces.ram.contents
        self._threads = address_of(kernel.threads.table[0])
        self._size = size_of(kernel.threads.table[0])
        self._frame, self._registers = FRAMES[kernel.layout.paging.word_bits]
        self._current = address_of(kernel.first_cpu) + layout_of(CpuState).field("current").offset

    def current(self) -> int:
        """Return the number of the thread that has trapped, or runs next when the trap was served."""
        return int(WORD.unpack_from(self._bytes, self._current)[0])

    def of(self, thread: int) -> AnyRegisters:
        """Return the registers in a thread's trap frame."""
        return self._registers(*self._frame.unpack_from(self._bytes, self._threads + thread * self._size))
