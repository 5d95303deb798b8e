"""The processor of the compiled life: it runs the kernel too, and delivers traps to it as hardware does.

    start ──> begin ──┬─> enter(trap_return …) ──> Stop(TRAP) ──> deliver(vector, error) ──> run_kernel ──┐
                      └───────────────────────────────────────────────────────────────────────────────────┘

1. Where a trap goes and what it pushes is read from the tables in RAM that the processor's own registers name.
2. The kernel runs until it has chosen whom to resume: until `leave`, the trap frame's address in eax.  Before it
   starts programs it stops once, at `booted`.
3. Its ports are the devices; an exception in it goes to the kernel itself.
4. A fault while a trap is delivered is delivered instead, or as a double fault; a third one is a panic of the host's,
   since hardware would reset (`task_switch.py`).
5. Translations of the tables' and the stack's pages are kept, as a TLB keeps them, until the kernel loads cr3
   or is interrupted itself.

Source: Intel SDM volume 3, sections 6.11 (gates), 6.12.1 (what a handler finds) and 7.2.1 (task-state segment).
"""

import struct
from collections.abc import Callable
from operator import itemgetter
from typing import Any

from unicorn import x86_const as x86

from keelback.kernel.x86.interrupts import NON_MASKABLE
from keelback.lang import Panic
from keelback.machine.simulated.boot_loader import BOOT_CODE, BOOT_DATA, DESCRIPTOR_BYTES, DESCRIPTORS
from keelback.machine.simulated.devices import PortBus
from keelback.machine.simulated.engine import GENERAL, INVALID_INSTRUCTION, NO_EXCEPTION, OK
from keelback.machine.simulated.processor import (
    CR4_NO_TIME_STAMP,
    FOR_USERS,
    GATE_PRESENT,
    INTERRUPTS,
    INVALID_OPCODE,
    VIRTUAL_8086,
    WITH_ERROR_CODE,
    Processor,
)
from keelback.machine.simulated.task_switch import (
    DOUBLE_FAULT,
    EXTERNAL,
    INVALID_TASK,
    NOT_PRESENT,
    PAGE_FAULT,
    PROTECTION,
    TASK_BYTES,
    DeliveryFault,
    Memory,
    Table,
    Task,
    find_task,
    is_double,
    load_task,
    save_task,
)

CR0_PROTECTED, CR0_TASK_SWITCHED, CR0_PAGING = 0x11, 1 << 3, 1 << 31
EFLAGS_FIXED = 1 << 1
LOST_ON_ENTRY = 1 << 8 | 1 << 14 | 1 << 16 | VIRTUAL_8086  # trap flag, nested task, resume
NESTED_TASK = 1 << 14
GATE_KIND, INTERRUPT_GATE, TRAP_GATE, TASK_GATE = 0x1F00, 0x0E00, 0x0F00, 0x0500
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
ALL = 0xFFFF_FFFF
TASK_LIMIT, BUSY_TASK = TASK_BYTES - 1, 0x8B00


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
        self._translations: dict[tuple[int, bool], int] = {}
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
        self._task, self._in_flight, self._cr2 = at.task // 4, at.in_flight // 4, at.cr2 // 4
        self._tables = itemgetter(self._cr0, self._cr3, self._gates_base, self._gates_limit, self._task)
        self._pushed = itemgetter(self._eip, self._cs, self._eflags, self._esp, self._ss)
        step = at.segment // 4
        self._data_selectors = itemgetter(self._cs - step, *(self._ss + step * number for number in (1, 2, 3)))
        self._selectors = {
            name: self._cs + step * number
            for name, number in (("es", -1), ("cs", 0), ("ss", 1), ("ds", 2), ("fs", 3), ("gs", 4))
        }
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
        """Enter the kernel by the gate of the exception that it met.  Raises: Panic when the processor resets."""
        mistake = self._mistake(status)
        vector = self.engine.caught.popitem()[1] if self.engine.caught else INVALID_OPCODE
        error = self._clean[self.offsets.error // 4] if vector in WITH_ERROR_CODE else 0
        self._note_state()
        self.engine.save(self.stopped)
        try:
            self.deliver(vector, error)
        except Panic as reset:
            raise Panic(f"{mistake.message}; {reset.message}") from None

    def _note_state(self) -> None:
        """Notice what the kernel changed, and hide from it that user mode has no time stamps."""
        kernel = self._clean
        self._kernels_cr4 = kernel[self._cr4]
        kernel[self._cr4] |= CR4_NO_TIME_STAMP
        self._note_tables(kernel)

    def _note_tables(self, kernel: memoryview) -> None:
        """Forget the translations when other tables are in use."""
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
        """Enter the kernel by the gate of a vector, or of the fault that this leads to; `run_kernel` goes on there.

        Raises: Panic where hardware would reset.
        """
        try:
            self._enter_by_gate(vector, error)
        except DeliveryFault as fault:
            if fault.address is not None:
                self._state[self._cr2] = fault.address
            if vector == DOUBLE_FAULT:
                raise Panic(f"the processor resets, for it can't deliver a double fault: {fault}") from None
            if is_double(vector, fault.vector):
                self.deliver(DOUBLE_FAULT, 0)
            else:
                self.deliver(fault.vector, fault.error)

    def _enter_by_gate(self, vector: int, error: int) -> None:
        """Enter the kernel by the gate of a vector.  Raises: DeliveryFault."""
        low, high = self._gate_words(vector)
        kernel, state, kind = self._clean, self._state, high & GATE_KIND
        external = EXTERNAL if high & FOR_USERS != FOR_USERS else 0  # only an `int` goes through such a gate
        known = kind in (INTERRUPT_GATE, TRAP_GATE, TASK_GATE)
        if not known or not high & GATE_PRESENT:
            why = f"vector {vector} has no gate into the kernel: {high:08x} {low:08x}"
            raise DeliveryFault(NOT_PRESENT if known else PROTECTION, 8 * vector + 2 + external, why)
        if kind == TASK_GATE:
            self._switch_task(low >> 16, (error,) * (vector in WITH_ERROR_CODE))
            return
        if low >> 16 != kernel[self._cs]:
            raise Panic(f"vector {vector} has no gate into the kernel's code: {high:08x} {low:08x}")
        eip, cs, eflags, esp, ss = self._pushed(state)
        from_user = self.in_user_mode
        words = (eip, cs, eflags, esp, ss) if from_user else (eip, cs, eflags)
        if eflags & VIRTUAL_8086:
            words += self._data_selectors(state)
        if vector in WITH_ERROR_CODE:
            words = (error, *words)
        if not from_user:
            self._translations.clear()  # where the kernel's stack lies may have changed without a load of cr3
        esp = (self._ring0_stack(external) if from_user else esp) - 4 * len(words)
        self._push(esp, words)
        self._entered = vector, bool(eflags & VIRTUAL_8086)
        cleared = LOST_ON_ENTRY | INTERRUPTS if kind == INTERRUPT_GATE else LOST_ON_ENTRY
        state[self._eflags] = eflags & ~cleared
        state[self._esp] = esp
        state[self._eip] = high & 0xFFFF_0000 | low & 0xFFFF
        self._be_in_ring0()

    def _be_in_ring0(self) -> None:
        state, kernel = self._state, self._clean
        state[self._mode] = kernel[self._mode]
        state[self._cr4] = self._kernels_cr4
        state[self._in_flight] = NO_EXCEPTION
        self._segments[:] = self._kernel_segments

    def _switch_task(self, selector: int, pushed: tuple[int, ...]) -> None:
        """Do what a task gate does: keep all registers in the present task's state, and take those of another.

        Raises: DeliveryFault, when it can't come after the switch, in the other task.
        """
        uc, state, memory = self.engine.uc, self._state, Memory(self.memory, self._physical)
        self.engine.restore(self.stopped)
        _, *table, _ = uc.reg_read(x86.UC_X86_REG_GDTR)
        number, base, *_ = uc.reg_read(x86.UC_X86_REG_TR)
        task = find_task(memory, Table(*table), selector)
        save_task(memory, Task(number, base), self._all_registers())
        loaded = load_task(memory, task, Task(number, base))
        uc.reg_write(x86.UC_X86_REG_TR, (selector, task.base, TASK_LIMIT, BUSY_TASK))
        if state[self._cr0] & CR0_PAGING:
            self.engine.set_register(x86.UC_X86_REG_CR3, loaded["cr3"])
        self.engine.save(self.stopped)
        self._be_in_ring0()
        self._entered = DOUBLE_FAULT, False
        for name, value in loaded.items():
            if name in GENERAL:
                state[self.offsets.general[GENERAL.index(name)] // 4] = value
        state[self._eip], state[self._eflags] = loaded["eip"], loaded["eflags"] | NESTED_TASK
        state[self._cr0] |= CR0_TASK_SWITCHED
        self._note_tables(state)
        if (loaded["cs"], loaded["ss"]) != (self._clean[self._cs], self._clean[self._ss]):
            raise DeliveryFault(INVALID_TASK, EXTERNAL, f"task {selector:#x} has not the kernel's segments")
        state[self._esp] -= 4 * len(pushed)
        self._push(state[self._esp], pushed)

    def _all_registers(self) -> dict[str, int]:
        """Return what a task's state keeps, by name."""
        found = dict(zip(GENERAL, self.registers(), strict=True), eip=self.eip, eflags=self.eflags)
        return found | {name: self._state[place] & 0xFFFF for name, place in self._selectors.items()}

    def take_non_maskable(self) -> None:
        """Let the kernel's stub take a non-maskable interrupt, and come back to where the processor stands."""
        self.deliver(NON_MASKABLE, 0)
        self._run_some(NON_MASKABLE_STUB)
        self._state[self._cr4] |= CR4_NO_TIME_STAMP

    def run_stub(self) -> None:
        """Run the entry stub alone, up to the call of the kernel: the trap frame is then in RAM."""
        if self._entered[0] == DOUBLE_FAULT:
            return
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

    def _ring0_stack(self, external: int) -> int:
        """Return the stack pointer that the task state has for ring 0.  Raises: DeliveryFault."""
        esp, ss = PAIR.unpack_from(self.memory, self._physical(self._state[self._task] + ESP0))
        if ss & 0xFFFF != self._clean[self._ss]:
            why = f"the task state's stack segment for ring 0 is {ss:#x}, not the kernel's"
            raise DeliveryFault(INVALID_TASK, ss & 0xFFFC | external, why)
        return int(esp)

    def _push(self, address: int, words: tuple[int, ...]) -> None:
        """Write words from an address on, the last first, as pushes do.  Raises: DeliveryFault."""
        if 0 <= address & 0xFFF <= 0x1000 - 4 * len(words):
            last = self._physical(address + 4 * len(words) - 4 & ALL, True)
            WORDS[len(words)].pack_into(self.memory, last - 4 * len(words) + 4, *words)
            return
        for number, word in reversed(list(enumerate(words))):
            struct.pack_into("<I", self.memory, self._physical(address + 4 * number & ALL, True), word)

    # Tables.

    def _gate_words(self, vector: int) -> tuple[int, int]:
        """Return both words of a gate; none is present beyond the table's limit.  Raises: DeliveryFault."""
        place = self._gate_places.get(vector)
        if place is None:
            if 8 * vector + 7 > self._state[self._gates_limit]:
                return 0, 0
            place = self._gate_places[vector] = self._physical(self._state[self._gates_base] + 8 * vector)
        return PAIR.unpack_from(self.memory, place)

    def _gate(self, vector: int) -> int:
        return self._gate_words(vector)[1]

    def _physical(self, address: int, writing: bool = False) -> int:
        """Return where an address of ring 0's lies.  Raises: DeliveryFault; Panic when that is not RAM."""
        page = address >> 12, writing
        frame = self._translations.get(page)
        if frame is None:
            frame = self._translations[page] = self._translate(address, writing)
        return frame | address & 0xFFF

    def _translate(self, address: int, writing: bool) -> int:
        frame = address & TABLE_MASK
        if self._space >= 0:
            translation = self.walker.walk(self._space, address)
            if translation is None or (writing and not translation.writable):
                error = (translation is not None) | writing << 1
                raise DeliveryFault(PAGE_FAULT, error, f"a trap needs {address:#010x}, which is not mapped", address)
            frame = translation.frame << 12
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
