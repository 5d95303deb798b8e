"""The processor of the compiled life: it runs the kernel too, and delivers traps to it as hardware does.

    start ──> begin ──┬─> enter(trap_return …) ──> Stop(TRAP) ──> deliver(vector, error) ──> run_kernel ──┐
                      └───────────────────────────────────────────────────────────────────────────────────┘

1. Where a trap goes and what it pushes is read from the tables in RAM that the processor's own registers name.
2. The kernel runs until it has chosen whom to resume: until `leave`, the trap frame's address in eax.  Before it
   starts programs it stops once, at `booted`.
3. Its ports are the devices; an exception in it is a panic.
4. Translations of the tables' and the stack's pages are kept, as a TLB keeps them, until the kernel loads cr3.

Source: Intel SDM volume 3, sections 6.11 (gates), 6.12.1 (what a handler finds) and 7.2.1 (task-state segment).
"""

import struct
from collections.abc import Callable
from operator import itemgetter
from typing import Any

from unicorn import x86_const as x86

from keelback.kernel.x86.interrupts import NON_MASKABLE
from keelback.lang import Panic
from keelback.machine.boot_loader import BOOT_CODE, BOOT_DATA, DESCRIPTOR_BYTES, DESCRIPTORS
from keelback.machine.devices import PortBus
from keelback.machine.engine import GENERAL, INVALID_INSTRUCTION, NO_EXCEPTION, OK
from keelback.machine.processor import (
    CR4_NO_TIME_STAMP,
    INTERRUPTS,
    INVALID_OPCODE,
    VIRTUAL_8086,
    WITH_ERROR_CODE,
    Processor,
)

CR0_PROTECTED, CR0_PAGING = 0x11, 1 << 31
EFLAGS_FIXED = 1 << 1
LOST_ON_ENTRY = 1 << 8 | 1 << 14 | 1 << 16 | VIRTUAL_8086  # trap flag, nested task, resume
GATE_KIND, INTERRUPT_GATE, TRAP_GATE = 0x9F00, 0x8E00, 0x8F00
ESP0 = 4  # in the task-state segment; ss0 follows
PAIR = struct.Struct("<II")
WORDS = tuple(struct.Struct(f"<{count}I") for count in range(11))
CALL = 5
"""Bytes of the call before `leave`."""
MOST_INSTRUCTIONS = 1 << 32
MOST_EXCEPTIONS = 4
"""As many exceptions of ring 0 are delivered until one is to be served without another."""
NON_MASKABLE_STUB = 2
"""Instructions of the stub that counts non-maskable interrupts."""
LONGEST_STUB = 64
TABLE_MASK = 0xFFFF_F000


class Ring0Processor(Processor):
    """A processor whose ring 0 runs the kernel; `kernel_instructions` counts what it ran there.

    An element of a string instruction counts as one.
    """

    def __init__(self, memory: memoryview, ports: PortBus, *, listen: int, booted: int, leave: int) -> None:
        """Take RAM, the devices, and the addresses where the kernel stops.

        It stops once where it first lets an interrupt in, once when it is up, and whenever it returns.
        """
        self.ports = ports
        self.listen = listen
        self.booted = booted
        self.leave = leave
        self.kernel_instructions = 0
        self._in_kernel = False
        self._kernels_cr4 = 0
        self._space = -1
        self._translations: dict[int, int] = {}
        self._gate_places: dict[int, int] = {}
        self._known_tables: tuple[int, ...] = ()
        self._entered = (0, False)
        self._stubs: dict[tuple[int, bool], int] = {}
        super().__init__(memory)
        self._find_places()
        self.engine.stop_at(leave)

    def _find_places(self) -> None:
        at = self.offsets
        self._esp, self._esi = (at.general[GENERAL.index(name)] // 4 for name in ("esp", "esi"))
        self._eip, self._eflags, self._cs, self._ss = (place // 4 for place in (at.eip, at.eflags, at.cs, at.ss))
        self._cr0, self._cr3, self._cr4, self._mode = (place // 4 for place in (at.cr0, at.cr3, at.cr4, at.mode))
        self._gates_base, self._gates_limit = at.gates // 4, at.gates_limit // 4
        self._task, self._in_flight = at.task // 4, at.in_flight // 4
        self._tables = itemgetter(self._cr0, self._cr3, self._gates_base, self._gates_limit, self._task)
        self._pushed = itemgetter(self._eip, self._cs, self._eflags, self._esp, self._ss)
        step = at.segment // 4
        self._data_selectors = itemgetter(self._cs - step, *(self._ss + step * number for number in (1, 2, 3)))
        segments = slice(at.cs, at.ss + at.segment)
        self._segments = memoryview(self.stopped.bytes).cast("B")[segments]
        self._kernel_segments = memoryview(self.clean.bytes).cast("B")[segments]

    # Running the kernel.

    def start(self, address: int, parameters: int, interrupt: Callable[[], int | None] = lambda: None) -> bool:
        """Run the kernel from the 32-bit entry until it is up; return whether it is, and has not halted instead.

        `interrupt` returns the vector that the CPU takes where the kernel first lets one in.

        Raises: Panic, as `run_kernel` does.
        """
        uc = self.engine.uc
        self.load_gdt(DESCRIPTORS, DESCRIPTOR_BYTES - 1, BOOT_CODE, BOOT_DATA)
        uc.reg_write(x86.UC_X86_REG_CR0, CR0_PROTECTED)
        uc.reg_write(x86.UC_X86_REG_CR4, 0)
        self.engine.save(self.clean)
        self.engine.save(self.stopped)
        for offset in self.offsets.general:
            self._state[offset // 4] = 0
        self._state[self._esi] = parameters
        self._state[self._eflags] = EFLAGS_FIXED
        self._state[self._eip] = address
        if not self._start_to(self.listen):
            return False
        vector = interrupt()
        if vector is not None:
            self._note_state()
            self.deliver(vector, 0)
            self._run_some(NON_MASKABLE_STUB)
        return self._start_to(self.booted)

    def _start_to(self, address: int) -> bool:
        """Run on to an address that the kernel passes once; return whether it came there, and did not halt."""
        stop = self.engine.stop_at(address)
        came = self._run_to(address)
        self.engine.pass_by(stop)
        self.engine.save(self.stopped)
        return came

    def begin(self) -> int:
        """Let the kernel that is up start its programs; return what `run_kernel` does."""
        self.kernel_instructions -= 1  # the one that it stopped at was counted
        return self.run_kernel()

    def run_kernel(self) -> int:
        """Run on in ring 0 until the kernel has chosen; return the address of the trap frame, 0 when it halted.

        Raises: Panic when an exception can't be delivered, or one follows another.
        """
        if not self._run_to(self.leave):
            return 0
        self._note_state()
        return self._clean[self._eax]

    def _run_to(self, address: int) -> bool:
        """Run on in ring 0 to an address at which the engine stops; return whether it came there and did not halt.

        An exception goes to the kernel itself, which may have a gate for it.
        """
        status = self._run_ring0()
        for _ in range(MOST_EXCEPTIONS):
            if not self.engine.caught and status != INVALID_INSTRUCTION:
                break
            self._deliver_to_itself(status)
            status = self._run_ring0()
        if self.engine.caught or status != OK or self._counter.value > MOST_INSTRUCTIONS:
            raise self._mistake(status)
        return self._clean[self._eip] == address

    def _run_ring0(self) -> int:
        self.engine.restore(self.stopped)
        self._in_kernel = True
        status = self.engine.run(self._state[self._eip], MOST_INSTRUCTIONS)
        self._in_kernel = False
        self.engine.save(self.clean)
        self.kernel_instructions += self._counter.value
        return status

    def _deliver_to_itself(self, status: int) -> None:
        """Enter the kernel by the gate of the exception that it met."""
        mistake = self._mistake(status)
        vector = self.engine.caught.popitem()[1] if self.engine.caught else INVALID_OPCODE
        error = self._clean[self.offsets.error // 4] if vector in WITH_ERROR_CODE else 0
        self._note_state()
        self.engine.save(self.stopped)
        try:
            self.deliver(vector, error)
        except Panic:
            raise mistake from None

    def _note_state(self) -> None:
        """Notice what the kernel changed, and hide from it that user mode has no time stamps."""
        kernel = self._clean
        self._kernels_cr4 = kernel[self._cr4]
        kernel[self._cr4] |= CR4_NO_TIME_STAMP
        tables = self._tables(kernel)
        if tables != self._known_tables:
            self._known_tables = tables
            self._space = tables[1] & TABLE_MASK if tables[0] & CR0_PAGING else -1
            self._translations.clear()
            self._gate_places.clear()

    def _mistake(self, status: int) -> Panic:
        """Return the panic for a run of the kernel that ended in no way in which it may."""
        kernel, at = self._clean, self.offsets
        place = f"in ring 0 at {kernel[at.eip // 4]:#010x}"
        if self.engine.caught:
            vector = next(iter(self.engine.caught.values()))
            error = kernel[at.error // 4] if vector in WITH_ERROR_CODE else 0
            return Panic(f"vector {vector} {place}, error {error:#x}, cr2 {kernel[at.cr2 // 4]:#010x}")
        if status == INVALID_INSTRUCTION:
            return Panic(f"vector {INVALID_OPCODE} {place}, error 0x0, cr2 {kernel[at.cr2 // 4]:#010x}")
        if status != OK:
            return Panic(f"the processor stopped {place}: {self.engine.strerror(status)}")
        return Panic(f"the kernel did not end within {MOST_INSTRUCTIONS:,} instructions; it is {place}")

    # Traps.

    def deliver(self, vector: int, error: int) -> None:
        """Enter the kernel by the gate of a vector; `run_kernel` goes on there.

        Raises: Panic where hardware would fault again.
        """
        low, high = self._gate_words(vector)
        kernel, state = self._clean, self._state
        if high & GATE_KIND not in (INTERRUPT_GATE, TRAP_GATE) or low >> 16 != kernel[self._cs]:
            raise Panic(f"vector {vector} has no gate into the kernel's code: {high:08x} {low:08x}")
        eip, cs, eflags, esp, ss = self._pushed(state)
        from_user = self.in_user_mode
        words = (eip, cs, eflags, esp, ss) if from_user else (eip, cs, eflags)
        if eflags & VIRTUAL_8086:
            words += self._data_selectors(state)
        if vector in WITH_ERROR_CODE:
            words = (error, *words)
        esp = (self._ring0_stack() if from_user else esp) - 4 * len(words)
        self._push(esp, words)
        self._entered = vector, bool(eflags & VIRTUAL_8086)
        cleared = LOST_ON_ENTRY | INTERRUPTS if high & GATE_KIND == INTERRUPT_GATE else LOST_ON_ENTRY
        state[self._eflags] = eflags & ~cleared
        state[self._esp] = esp
        state[self._eip] = high & 0xFFFF_0000 | low & 0xFFFF
        state[self._mode] = kernel[self._mode]
        state[self._cr4] = self._kernels_cr4
        state[self._in_flight] = NO_EXCEPTION
        self._segments[:] = self._kernel_segments

    def take_non_maskable(self) -> None:
        """Let the kernel's stub take a non-maskable interrupt, and come back to where the processor stands."""
        self.deliver(NON_MASKABLE, 0)
        self._run_some(NON_MASKABLE_STUB)
        self._state[self._cr4] |= CR4_NO_TIME_STAMP

    def run_stub(self) -> None:
        """Run the entry stub alone, up to the call of the kernel: the trap frame is then in RAM."""
        count = self._stubs.get(self._entered, 0)
        if count:
            self._run_some(count)
        else:
            count = self._stubs[self._entered] = self._step_through_stub()
        self.kernel_instructions += count

    def _step_through_stub(self) -> int:
        """Run the entry stub an instruction at a time; return how many it has."""
        for count in range(1, LONGEST_STUB):
            self._run_some(1)
            if self._state[self._eip] == self.leave - CALL:
                return count
        raise Panic(f"the entry stub of vector {self._entered[0]} does not lead to the kernel")

    def _run_some(self, count: int) -> None:
        self.engine.restore(self.stopped)
        self.engine.run(self.eip, count)
        self.engine.save(self.stopped)

    def _ring0_stack(self) -> int:
        """Return the stack pointer that the task state has for ring 0."""
        esp, ss = PAIR.unpack_from(self.memory, self._physical(self._state[self._task] + ESP0))
        if ss & 0xFFFF != self._clean[self._ss]:
            raise Panic(f"the task state's stack segment for ring 0 is {ss:#x}, not the kernel's")
        return int(esp)

    def _push(self, address: int, words: tuple[int, ...]) -> None:
        if address & 0xFFF <= 0x1000 - 4 * len(words):
            WORDS[len(words)].pack_into(self.memory, self._physical(address), *words)
            return
        for number, word in enumerate(words):
            struct.pack_into("<I", self.memory, self._physical(address + 4 * number), word)

    # Tables.

    def _gate_words(self, vector: int) -> tuple[int, int]:
        """Return both words of a gate; none is present beyond the table's limit."""
        place = self._gate_places.get(vector)
        if place is None:
            if 8 * vector + 7 > self._state[self._gates_limit]:
                return 0, 0
            place = self._gate_places[vector] = self._physical(self._state[self._gates_base] + 8 * vector)
        return PAIR.unpack_from(self.memory, place)

    def _gate(self, vector: int) -> int:
        return self._gate_words(vector)[1]

    def _physical(self, address: int) -> int:
        """Return where an address of ring 0's lies.  Raises: Panic when that is not RAM."""
        page = address >> 12
        frame = self._translations.get(page)
        if frame is None:
            frame = self._translations[page] = self._translate(address)
        return frame | address & 0xFFF

    def _translate(self, address: int) -> int:
        if self._space < 0:
            frame = address & TABLE_MASK
        else:
            translation = self.walker.walk(self._space, address)
            frame = translation.frame << 12 if translation else len(self.memory)
        if frame >= len(self.memory):
            raise Panic(f"a trap needs {address:#010x}, where there is no RAM")
        return frame

    # Ports.

    def _port_read(self, uc: Any, port: int, size: int, data: Any) -> int:
        if not self._in_kernel:
            return super()._port_read(uc, port, size, data)
        return int.from_bytes(bytes(self.ports.read(port + number) for number in range(size)), "little")

    def _port_written(self, uc: Any, port: int, size: int, value: int, data: Any) -> None:
        if self._in_kernel:
            self.ports.write(port, value)
        else:
            super()._port_written(uc, port, size, value, data)
