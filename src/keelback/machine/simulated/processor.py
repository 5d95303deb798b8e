"""The simulated PC's processor: the emulator, with the gaps between it and real hardware closed.

    enter(address, eax, count) ──> Stop(SLICE_END | HALT | TRAP vector, error | TIME_STAMP)

1. An `int` instruction needs a gate that user mode may use; without one it is a general protection fault.
2. A port instruction in user mode is a general protection fault, before it has any effect on registers; but `ins` may
   have changed the memory of its first element, which the emulator writes before it asks.
3. An instruction that the emulator does not know is an invalid-instruction fault, `int1` a debug trap, `rdpmc` a
   general protection fault.
4. `sysenter` and `syscall` are not set up: a general protection fault and an invalid-instruction fault.
5. Virtual-8086 mode, which the emulator lets user mode enter by `iret` against the manual, is left as it is: the fault
   that follows, since no page there is the user's, has VM in eflags, as on QEMU.
6. A page fault behind an instruction that sets flags leaves them as that instruction did; the emulator mixes them up
   with older ones.
7. An SSE instruction, which the kernel has not allowed in CR4, is an invalid-instruction fault.
8. `rdtsc` reads virtual time, which the machine keeps: it stops with TIME_STAMP, and `finish_time_stamp` goes on.
"""

from enum import Enum, auto
from operator import itemgetter
from typing import Any, NamedTuple

from unicorn import UC_HOOK_INSN
from unicorn import x86_const as x86

from keelback.lang import Panic
from keelback.machine.simulated.engine import GENERAL, INVALID_INSTRUCTION, NO_EXCEPTION, OK, Engine, offsets
from keelback.machine.simulated.mmu import PageWalker

NO_FPU = 7
INVALID_OPCODE, DEBUG, NOT_PRESENT, PROTECTION, PAGE_FAULT = 6, 1, 11, 13, 14
WITH_ERROR_CODE = frozenset({8, 10, 11, 12, 13, 14, 17})
CR4_NO_TIME_STAMP = 1 << 2
PREFIXES = bytes.fromhex("2e36263e64656667f2f3")
PREFIXES_ALONE = frozenset(bytes([each]) for each in PREFIXES)
PORT_STRINGS = frozenset(bytes([each]) for each in (0x6C, 0x6D, 0x6E, 0x6F))
RDTSC = b"\x0f\x31"
RDPMC = b"\x0f\x33"
INT, INT1, INT3, INTO = 0xCD, 0xF1, 0xCC, 0xCE
LONGEST_INSTRUCTION = 15
DATA_SEGMENTS = (
    x86.UC_X86_REG_DS, x86.UC_X86_REG_ES, x86.UC_X86_REG_FS, x86.UC_X86_REG_GS, x86.UC_X86_REG_SS
)  # fmt: skip
LIMIT_AT_RESET = 0xFFFF
"""Of the local descriptor table, at address 0, that a CPU has after reset until another is loaded, or none."""
GATE_PRESENT = 1 << 15
FOR_USERS = GATE_PRESENT | 3 << 13
INTERRUPTS = 1 << 9
VIRTUAL_8086 = 1 << 17
VIRTUAL_INTERRUPTS = 3 << 19
ARITHMETIC = 0x8D5  # carry, parity, adjust, zero, sign, overflow
OF_THE_RESULT = 0x0C4  # parity, zero, sign


class Kind(Enum):
    """Why the processor stopped."""

    SLICE_END = auto()
    HALT = auto()
    TRAP = auto()
    TIME_STAMP = auto()


class Stop(NamedTuple):
    """Why the processor stopped; vector and error code of a trap.

    `begun` counts the instructions that were begun: with SLICE_END, the last of them did not run any more.
    """

    kind: Kind
    begun: int
    vector: int = 0
    error: int = 0


class Processor:
    """A 32-bit x86 CPU over a machine's RAM; `registers` and the properties tell its state after a stop."""

    def __init__(self, memory: memoryview) -> None:
        self.memory = memory
        self.words = memory.cast("I")
        self.walker = PageWalker(memory)
        self.engine = Engine(memory, len(memory))
        self.offsets = offsets()
        self.clean = self.engine.new_context()
        self.stopped = self.engine.new_context()
        self.before = self.engine.new_context()
        self._state = memoryview(self.stopped.bytes).cast("B").cast("I")
        self._before = memoryview(self.before.bytes).cast("B").cast("I")
        self._clean = memoryview(self.clean.bytes).cast("B").cast("I")
        self._eax = self.offsets.general[GENERAL.index("eax")] // 4
        self._general = itemgetter(*(offset // 4 for offset in self.offsets.general))
        self._counter = self.engine.counter(self.offsets.counter)
        self._refused: int | None = None
        self._refused_after = 0
        self._gates = 0
        self._hook()
        self.write_control(x86.UC_X86_REG_CR4, 0)
        self.load_ldt(0, LIMIT_AT_RESET)

    # State.

    def registers(self) -> tuple[int, ...]:
        """Return edi, esi, ebp, esp, ebx, edx, ecx and eax."""
        return self._general(self._state)  # type: ignore[no-any-return]

    def _register(self, offset: int) -> int:
        return self._state[offset // 4]

    @property
    def eip(self) -> int:
        """Return the instruction pointer."""
        return self._register(self.offsets.eip)

    @property
    def eflags(self) -> int:
        """Return the flags."""
        return self._register(self.offsets.eflags)

    @property
    def cs(self) -> int:
        """Return the code selector."""
        return self._register(self.offsets.cs)

    @property
    def ss(self) -> int:
        """Return the stack selector."""
        return self._register(self.offsets.ss)

    @property
    def cr2(self) -> int:
        """Return the address of the last page fault."""
        return self._register(self.offsets.cr2)

    @property
    def in_user_mode(self) -> bool:
        """Say whether the processor stopped in ring 3, where virtual-8086 mode is too."""
        return self.cs & 3 == 3 or self.in_virtual_8086

    @property
    def in_virtual_8086(self) -> bool:
        """Say whether the processor stopped in virtual-8086 mode."""
        return bool(self.eflags & VIRTUAL_8086)

    @property
    def takes_interrupts(self) -> bool:
        """Say whether the processor stopped with interrupts on."""
        return bool(self.eflags & INTERRUPTS)

    # What only ring 0 can change.

    def read_control(self, register: int) -> int:
        """Return a control register, by Unicorn's number for it."""
        self.engine.restore(self.clean)
        value = int(self.engine.uc.reg_read(register))
        return value & ~CR4_NO_TIME_STAMP if register == x86.UC_X86_REG_CR4 else value

    def write_control(self, register: int, value: int) -> None:
        """Set a control register; writing cr3 drops every translation."""
        self.engine.restore(self.clean)
        self.engine.set_register(register, value | (CR4_NO_TIME_STAMP if register == x86.UC_X86_REG_CR4 else 0))
        self.engine.save(self.clean)

    def load_gdt(self, base: int, limit: int, code: int, data: int) -> None:
        """Use a descriptor table, and its selectors for ring 0's code and data."""
        self.engine.restore(self.clean)
        uc = self.engine.uc
        uc.reg_write(x86.UC_X86_REG_GDTR, (0, base, limit, 0))
        uc.reg_write(x86.UC_X86_REG_CS, code)
        for register in DATA_SEGMENTS:
            uc.reg_write(register, data)
        self.engine.save(self.clean)

    def load_ldt(self, base: int, limit: int) -> None:
        """Use the local descriptor table at `base`, whatever its selector; one with limit 0 has no descriptors."""
        self.engine.restore(self.clean)
        self.engine.uc.reg_write(x86.UC_X86_REG_LDTR, (0, base, limit, 0x8200))
        self.engine.save(self.clean)

    def write_msr(self, register: int, value: int) -> None:
        """Set a model-specific register."""
        self.engine.restore(self.clean)
        self.engine.uc.reg_write(x86.UC_X86_REG_MSR, (register, value))
        self.engine.save(self.clean)

    def load_idt(self, base: int, limit: int) -> None:
        """Use an interrupt descriptor table.  Raises: Panic when it is not in RAM."""
        if base + limit >= len(self.memory):
            raise Panic(f"the interrupt descriptor table lies at {base:#x}, where there is no RAM")
        self.engine.restore(self.clean)
        self.engine.uc.reg_write(x86.UC_X86_REG_IDTR, (0, base, limit, 0))
        self.engine.save(self.clean)
        self._gates = base

    def load_task_register(self, selector: int, base: int, limit: int) -> None:
        """Use the task-state segment at `base`."""
        self.engine.restore(self.clean)
        self.engine.uc.reg_write(x86.UC_X86_REG_TR, (selector, base, limit, 0x8B00))
        self.engine.save(self.clean)

    def forget_code(self, address: int, size: int) -> None:
        """Forget what was translated from the code at an address that ring 0 has mapped: it is about to change."""
        self.engine.restore(self.clean)
        self.engine.uc.ctl_remove_cache(address, address + size)

    # Running.

    def enter(self, address: int, eax: int, count: int) -> Stop:
        """Run in ring 0 from an address, with a value in eax, for at most `count` instructions (1 or more)."""
        self._clean[self._eax] = eax
        self.engine.restore(self.clean)
        return self._run(address, count)

    def go_on(self, count: int) -> Stop:
        """Run on from the last stop, for at most `count` instructions, which may be none."""
        if count == 0:  # to the emulator it would mean without end
            return Stop(Kind.SLICE_END, 1)
        self._state[self.offsets.in_flight // 4] = NO_EXCEPTION
        self.engine.restore(self.stopped)
        return self._run(self.eip, count)

    def finish_time_stamp(self, time: int) -> None:
        """Give the `rdtsc` that stopped the processor its result."""
        for name, value in (("eax", time & 0xFFFF_FFFF), ("edx", time >> 32 & 0xFFFF_FFFF)):
            self._state[self.offsets.general[GENERAL.index(name)] // 4] = value
        self._skip(len(RDTSC))

    def _run(self, address: int, count: int) -> Stop:
        self._refused = None
        status = self.engine.run(address, count)
        self.engine.save(self.stopped)
        begun: int = self._counter.value
        if self.engine.caught:
            return self._trap(begun, self.engine.caught.popitem()[1])
        if self._refused is not None:
            return self._undo(self._refused_after, self._refused)
        if status == INVALID_INSTRUCTION:
            return self._invalid(begun)
        if status != OK:
            raise Panic(f"the processor stopped at {self.eip:#010x}: {self.engine.strerror(status)}")
        if begun > count:
            return Stop(Kind.SLICE_END, begun)
        if self.in_user_mode:
            raise Panic(f"the processor stopped at {self.eip:#010x} in user mode, for no reason that it gives")
        return Stop(Kind.HALT, begun)

    def _trap(self, begun: int, vector: int) -> Stop:
        if self.in_virtual_8086:
            # The emulator's `iret` of ring 0 would leave these two to the next program; a CPU's does not.
            self._state[self.offsets.eflags // 4] &= ~VIRTUAL_INTERRUPTS
            return Stop(Kind.TRAP, begun, vector, self._error_of(vector))
        if self._register(self.offsets.is_int):
            return self._software_interrupt(begun, vector)
        if vector == PROTECTION and self._instruction().startswith(RDTSC):
            return Stop(Kind.TIME_STAMP, begun)
        if vector == PAGE_FAULT:
            # The emulator takes a page table outside RAM for an empty one; this walk panics.
            self.walker.walk(self._register(self.offsets.cr3), self.cr2)
            self._correct_flags()
            if self._is_port_string():
                return Stop(Kind.TRAP, begun, PROTECTION)
        if vector == NO_FPU and self._is_sse():
            return Stop(Kind.TRAP, begun, INVALID_OPCODE)
        return Stop(Kind.TRAP, begun, vector, self._error_of(vector))

    def _error_of(self, vector: int) -> int:
        """Return the error code that the CPU pushes with an exception, 0 where it pushes none."""
        return self._register(self.offsets.error) if vector in WITH_ERROR_CODE else 0

    def _correct_flags(self) -> None:
        """Let eflags be what it was before the instruction that faulted.

        The emulator keeps flags as operands and the kind of operation.  Before an instruction it turns them into flags
        to be counted by, in the operand's place, and a fault then takes these for the operand (its pull request 2373).
        What is no such mixture has other bits there, or has its flags in both places.
        """
        before, eflags = self._register(self.offsets.flags_before), self.eflags
        if not before & ~ARITHMETIC and not (before ^ eflags) & OF_THE_RESULT:
            self._state[self.offsets.eflags // 4] = eflags & ~ARITHMETIC | before

    def _software_interrupt(self, begun: int, vector: int) -> Stop:
        """Let an `int` instruction, which eip stands behind, trap if its gate lets it."""
        if self._gate(vector) & FOR_USERS == FOR_USERS:
            return Stop(Kind.TRAP, begun, vector)
        self._state[self.offsets.eip // 4] = self._start_of_int(vector)
        return self._forbidden_int(begun, vector)

    def _forbidden_int(self, begun: int, vector: int) -> Stop:
        present = self._gate(vector) & GATE_PRESENT
        return Stop(Kind.TRAP, begun, PROTECTION if present else NOT_PRESENT, vector * 8 + 2)

    def _undo(self, begun: int, vector: int) -> Stop:
        """Take back an instruction that hardware would have refused."""
        for offset in (*self.offsets.general, self.offsets.eip):
            self._state[offset // 4] = self._before[offset // 4]
        return Stop(Kind.TRAP, begun, vector)

    def _invalid(self, begun: int) -> Stop:
        """Tell what instruction the emulator calls invalid; eip stands at it."""
        instruction = self._instruction()
        if instruction.startswith(bytes([INT, INVALID_OPCODE])):
            if not self._gate_for_users(INVALID_OPCODE):
                return self._forbidden_int(begun, INVALID_OPCODE)
            self._skip(2)
        elif instruction.startswith(bytes([INT1])):
            self._skip(1)
            return Stop(Kind.TRAP, begun, DEBUG)
        elif instruction.startswith(RDPMC):
            return Stop(Kind.TRAP, begun, PROTECTION)
        return Stop(Kind.TRAP, begun, INVALID_OPCODE)

    # What the emulator calls within a run.

    def _hook(self) -> None:
        uc = self.engine.uc
        uc.hook_add(UC_HOOK_INSN, self._port_read, None, 1, 0, x86.UC_X86_INS_IN)
        uc.hook_add(UC_HOOK_INSN, self._port_written, None, 1, 0, x86.UC_X86_INS_OUT)
        uc.hook_add(UC_HOOK_INSN, self._sysenter, None, 1, 0, x86.UC_X86_INS_SYSENTER)
        uc.hook_add(UC_HOOK_INSN, self._syscall, None, 1, 0, x86.UC_X86_INS_SYSCALL)
        uc.ctl_flush_tb()

    def _port_read(self, _uc: Any, _port: int, size: int, _data: Any) -> int:
        self._refuse(PROTECTION)
        destination = self._before[self.offsets.general[GENERAL.index("eax")] // 4]
        return destination & (1 << 8 * size) - 1

    def _port_written(self, _uc: Any, _port: int, _size: int, _value: int, _data: Any) -> None:
        self._refuse(PROTECTION)

    def _sysenter(self, _uc: Any, _data: Any) -> None:
        self._refuse(PROTECTION)

    def _syscall(self, _uc: Any, _data: Any) -> None:
        self._refuse(INVALID_OPCODE)

    def _refuse(self, vector: int) -> None:
        self.engine.save(self.before)
        self._refused = vector
        self._refused_after = self._counter.value  # the emulator may begin one more before it stops
        self.engine.stop()

    # Looking at memory.

    def _gate(self, vector: int) -> int:
        return self.words[(self._gates + 8 * vector + 4) // 4]

    def _gate_for_users(self, vector: int) -> bool:
        return self._gate(vector) & FOR_USERS == FOR_USERS

    def _code(self, start: int, count: int) -> bytes:
        """Return up to `count` bytes of code from an address on, fewer where a page is missing."""
        found = bytearray()
        directory = self._register(self.offsets.cr3)
        for address in range(start, start + count):
            translation = self.walker.walk(directory, address & 0xFFFF_FFFF)
            place = translation.frame << 12 | address & 0xFFF if translation else len(self.memory)
            if place >= len(self.memory):
                break
            found.append(self.memory[place])
        return bytes(found)

    def _instruction(self) -> bytes:
        """Return the instruction that eip stands at, without its prefixes."""
        return self._code(self.eip, LONGEST_INSTRUCTION).lstrip(PREFIXES)

    def _skip(self, length: int) -> None:
        """Let eip stand behind the instruction that it stands at, `length` bytes without its prefixes."""
        prefixes = len(self._code(self.eip, LONGEST_INSTRUCTION)) - len(self._instruction())
        self._state[self.offsets.eip // 4] = self.eip + prefixes + length & 0xFFFF_FFFF

    def _start_of_int(self, vector: int) -> int:
        """Return the address of the `int` that eip stands behind; what reads as its prefixes is taken for them."""
        last = self._code(self.eip - 1, 1)
        length = 1 if (vector, last) in ((3, bytes([INT3])), (4, bytes([INTO]))) else 2
        start = self.eip - length
        while self.eip - start < LONGEST_INSTRUCTION and self._code(start - 1, 1) in PREFIXES_ALONE:
            start -= 1
        return start & 0xFFFF_FFFF

    def _is_sse(self) -> bool:
        """Say whether the instruction is one of SSE, which CR4 does not let anybody use."""
        # Imported here: few programs do this.
        from capstone import CS_ARCH_X86, CS_MODE_32, Cs
        from capstone.x86_const import X86_GRP_SSE1, X86_GRP_SSE2

        decoder = Cs(CS_ARCH_X86, CS_MODE_32)
        decoder.detail = True
        code = self._code(self.eip, LONGEST_INSTRUCTION)
        return any({X86_GRP_SSE1, X86_GRP_SSE2} & set(each.groups) for each in decoder.disasm(code, self.eip, 1))

    def _is_port_string(self) -> bool:
        """Say whether the instruction is `ins` or `outs`, whose ports come before their memory."""
        return self._instruction()[:1] in PORT_STRINGS
