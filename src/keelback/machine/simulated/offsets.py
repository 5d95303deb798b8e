"""Where the emulator keeps what its interface leaves out, found out at start-up and never assumed.

A page fault's error code, whether an `int` instruction raised an exception and how many instructions ran are not in
Unicorn's interface.  They are in its memory: in the context that it saves, and in its own structure.  *Where* is found
by provoking known events on a scratch machine.
"""

import ctypes
import mmap
import struct
from dataclasses import dataclass
from functools import cache
from typing import Any

from unicorn import x86_const as x86

from keelback.machine.simulated import scratch
from keelback.machine.simulated.engine import NO_EXCEPTION, Engine, EngineError
from keelback.machine.simulated.models import NARROW, WIDE, Model, Width

MOST_ENGINE_BYTES = 2048
CR0 = 0x8001_0011  # of the scratch machine: paging, write protection, protected mode
IN_EVERY_MSR = 1 << 11


@dataclass(frozen=True)
class Offsets:
    """Where a saved context and Unicorn's own structure keep what the interface leaves out; bytes."""

    width: Width
    general: tuple[int, ...]  # in the order of the width's names
    ip: int
    flags: int
    flags_before: int  # the arithmetic flags before the instruction that a page fault interrupted
    cs: int
    ss: int
    segment: int  # how far the segments' parts lie apart
    mode: int  # the ring among others, in the emulator's own bits
    cr0: int
    cr2: int
    cr3: int
    cr4: int
    msrs: dict[int, int]  # of the model's
    idt: int  # the interrupt descriptor table's base
    idt_limit: int
    task: int  # the task-state segment's base
    error: int
    is_int: int  # not 0 when an `int` instruction raised the exception
    in_flight: int  # the exception that the CPU believes it is delivering
    counter: int  # instructions begun since the run started; in Unicorn's structure


@cache
def offsets(model: Model) -> Offsets:
    """Find the offsets of a CPU model out, once a process.  Raises: EngineError when they can't be told."""
    return _prober(model).offsets()


@cache
def cpuid(model: Model, leaf: int) -> tuple[int, int, int, int]:
    """Return what CPUID of a CPU model says of a leaf: eax, ebx, ecx and edx."""
    return _prober(model).cpuid(leaf, offsets(model).general)


@cache
def _prober(model: Model) -> "_Prober":
    return _Prober(model)


class _Prober:
    """Provokes known events on a scratch machine and looks for their traces."""

    def __init__(self, model: Model) -> None:
        self.ram = mmap.mmap(-1, scratch.SIZE)
        scratch.fill(self.ram)
        self.engine = Engine(self.ram, scratch.SIZE, model)
        self._set_up()
        self.clean = self.engine.new_context()

    def _set_up(self) -> None:
        uc = self.engine.uc
        uc.reg_write(x86.UC_X86_REG_GDTR, (0, scratch.GDT, 6 * 8 - 1, 0))
        uc.reg_write(x86.UC_X86_REG_IDTR, (0, scratch.IDT, 256 * 8 - 1, 0))
        uc.reg_write(x86.UC_X86_REG_CR3, scratch.ROOT)
        uc.reg_write(x86.UC_X86_REG_CR0, CR0)
        uc.reg_write(x86.UC_X86_REG_TR, (scratch.TASK, scratch.TASK_STATE, 103, 0x8B00))
        uc.reg_write(x86.UC_X86_REG_CS, scratch.KERNEL_CODE)
        for register in (x86.UC_X86_REG_DS, x86.UC_X86_REG_ES, x86.UC_X86_REG_SS):
            uc.reg_write(register, scratch.KERNEL_DATA)

    def offsets(self) -> Offsets:
        clean = self.clean.copy_of()
        missing, protected = self._after("a1" + _hex(scratch.MISSING)), self._after("a1" + _hex(scratch.SUPERVISOR))
        write_missing, write_text = (
            self._after("a3" + _hex(scratch.MISSING)),
            self._after("a3" + _hex(scratch.USER_TEXT)),
        )
        halted, int14, int3 = self._after("f4"), self._after("cd0e"), self._after("cc")
        null = self._after("33db8edb8ec3cd80")  # ds and es null, so that ss alone is the user's
        flags = {self._after("cd80", eflags=value): value for value in (0x202, 0xAD7)}
        user, kernel = scratch.USER_CODE, scratch.KERNEL_CODE
        user_data, kernel_data = scratch.USER_DATA_SELECTOR, scratch.KERNEL_DATA
        errors = {missing: 4, protected: 5, write_missing: 6, write_text: 7}
        general = self._find_general()
        cs = self._find({null: user, clean: kernel}, "cs")
        ss = self._find({null: user_data, clean: kernel_data}, "ss")
        return Offsets(
            width=self.engine.model.width,
            general=general,
            ip=self._find_ip(),
            flags=self._find(flags, "the flags"),
            flags_before=self._find_flags_before(),
            cs=cs,
            ss=ss,
            segment=ss - cs,
            mode=self._find_mode(missing, halted, int14, null),
            cr0=self._find({clean: CR0}, "cr0"),
            cr2=self._find({missing: scratch.MISSING, protected: scratch.SUPERVISOR}, "cr2"),
            cr3=self._find_written(x86.UC_X86_REG_CR3, scratch.ROOT, scratch.PAGE_TABLE, "cr3"),
            cr4=self._find_written(x86.UC_X86_REG_CR4, 0, 0x94, "cr4"),
            msrs={register: self._find_msr(register) for register in self.engine.model.msrs},
            idt=self._find({clean: scratch.IDT}, "the interrupt descriptor table"),
            idt_limit=self._find({clean: 256 * 8 - 1}, "the length of that table"),
            task=self._find({clean: scratch.TASK_STATE}, "the task-state segment"),
            error=self._find(errors, "the error code"),
            is_int=self._find({int14: 1, int3: 1, missing: 0, halted: 0}, "the kind of exception"),
            in_flight=self._find({missing: 14, halted: 13, clean: NO_EXCEPTION}, "the exception in flight"),
            counter=self._find_counter(),
        )

    def cpuid(self, leaf: int, general: tuple[int, ...]) -> tuple[int, int, int, int]:
        context = self._after("31c9b8" + _hex(leaf) + "0fa2cd80")
        places = (general[NARROW.general.index(name)] for name in ("ax", "bx", "cx", "dx"))
        eax, ebx, ecx, edx = (struct.unpack_from("<I", context, place)[0] for place in places)
        return eax, ebx, ecx, edx

    def _find_general(self) -> tuple[int, ...]:
        values = [0x5A00_0000 + number * 0x0101_0101 for number in range(8)]
        known = self._after("cd80", registers=tuple(values))
        values[NARROW.general.index("sp")] = scratch.USER_DATA + 0xFF0
        found = [self._find({known: value}, name) for name, value in zip(NARROW.general, values, strict=True)]
        numbers = range(8, 16) if self.engine.model.width is WIDE else ()
        return (*found, *(self._find_written(getattr(x86, f"UC_X86_REG_R{n}"), 0, n << 24, f"r{n}") for n in numbers))

    def _after(self, code: str, count: int = 1000, **start: Any) -> bytes:
        """Return the context after user code (hexadecimal) ran to its end."""
        scratch.write_user(self.ram, bytes.fromhex(code), **start)
        self.engine.uc.ctl_flush_tb()
        self.engine.restore(self.clean)
        self.engine.set_register(x86.UC_X86_REG_ESP, scratch.RING0_STACK)
        self.engine.run(scratch.RING0_CODE, count)
        return self.engine.new_context().copy_of()

    def _find(self, samples: dict[bytes, int], what: str) -> int:
        """Return the one offset at which every context holds its value."""
        places = [
            offset
            for offset in range(0, len(self.clean.bytes) - 3, 4)
            if all(struct.unpack_from("<I", context, offset)[0] == value for context, value in samples.items())
        ]
        return self._only(places, what)

    @staticmethod
    def _only(places: list[int], what: str) -> int:
        if len(places) != 1:
            raise EngineError(f"can't tell where this Unicorn keeps {what}: {len(places)} places fit")
        return places[0]

    def _find_written(self, register: int, before: int, after: int, what: str) -> int:
        """Return where a register is: it changes when it is written."""
        self.engine.restore(self.clean)
        self.engine.set_register(register, after)
        return self._find({self.clean.copy_of(): before, self.engine.new_context().copy_of(): after}, what)

    def _find_msr(self, register: int) -> int:
        """Return where a model-specific register is, as `_find_written` does."""
        self.engine.restore(self.clean)
        self.engine.uc.reg_write(x86.UC_X86_REG_MSR, (register, IN_EVERY_MSR))
        samples = {self.clean.copy_of(): 0, self.engine.new_context().copy_of(): IN_EVERY_MSR}
        return self._find(samples, f"model-specific register {register:#x}")

    def _find_mode(self, *users: bytes) -> int:
        """Return where the ring is: bits that are 0 in ring 0 and 3 in user mode, among others that are the same."""
        places = []
        for offset in range(0, len(self.clean.bytes) - 3, 4):
            kernel, *others = (struct.unpack_from("<I", each, offset)[0] for each in (self.clean.copy_of(), *users))
            if kernel and kernel & 3 == 0 and all(other == kernel | 3 for other in others):
                places.append(offset)
        return self._only(places, "the ring")

    def _find_ip(self) -> int:
        """Return where the instruction pointer is: the end of a slice tells it from where an exception returns to."""
        samples = {self._after("90" * n + "cd80"): scratch.USER_TEXT + n + 2 for n in (1, 5)}
        sliced = {self._after("90" * 20, count=len(scratch.RETURN) + n): scratch.USER_TEXT + n for n in (3, 9)}
        return self._find(samples | sliced, "the instruction pointer")

    def _find_flags_before(self) -> int:
        """Return where the flags are that were computed for the count of instructions, before one that faults."""
        fault = "a3" + _hex(scratch.MISSING)
        samples = {"83f805": 0x91, "0500ffffff": 0x80, "2d00ffffff": 0x01, "05feffffff": 0x55}
        return self._find({self._after("b802000000" + code + fault): flags for code, flags in samples.items()}, "flags")

    def _find_counter(self) -> int:
        """Return where Unicorn's own structure counts instructions: the place that rises as they do."""
        snapshots = []
        for count in (3, 7, 12):
            self._after("90" * count + "cd80")
            structure = ctypes.string_at(self.engine.handle.value, MOST_ENGINE_BYTES)
            begun = count + len(scratch.RETURN) + 1
            snapshots.append([value - begun for value in struct.unpack(f"<{MOST_ENGINE_BYTES // 8}Q", structure)])
        for place, differences in enumerate(zip(*snapshots, strict=True)):
            if not any(differences):
                return place * 8
        raise EngineError("can't tell where this Unicorn counts instructions")


def _hex(address: int) -> str:
    return struct.pack("<I", address).hex()
