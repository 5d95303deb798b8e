"""How the CPU delivers a trap to the kernel: by the gate, onto the stack, as tables in RAM say.

1. Where a trap goes and what it pushes is read from the tables that the processor's own registers name.
2. A fault while a trap is delivered is delivered instead, or as a double fault; a third one is a panic of the host's,
   since hardware would reset (`task_switch.py`).

Source: Intel SDM volume 3, sections 6.11 (gates), 6.12.1 (what a handler finds) and 7.2.1 (task-state segment).
"""

from unicorn import x86_const as x86

from keelback.lang import Panic
from keelback.machine.simulated.engine import NO_EXCEPTION
from keelback.machine.simulated.processor import (
    FOR_USERS,
    GATE_KIND,
    GATE_KINDS,
    GATE_PRESENT,
    INTERRUPT_GATE,
    TASK_GATE,
    WITH_ERROR_CODE,
    Processor,
)
from keelback.machine.simulated.ring0_memory import PAGING, DeliveryFault
from keelback.machine.simulated.saved_state import INTERRUPTS, SELECTORS, VIRTUAL_8086
from keelback.machine.simulated.system_registers import NO_TIME_STAMP, TASK_BUSY
from keelback.machine.simulated.task_switch import (
    DOUBLE_FAULT,
    EXTERNAL,
    INVALID_TASK,
    NOT_PRESENT,
    PROTECTION,
    TASK_BYTES,
    Table,
    Task,
    find_task,
    is_double,
    load_task,
    save_task,
)

CR0_TASK_SWITCHED = 1 << 3
NESTED_TASK = 1 << 14
LOST_ON_ENTRY = 1 << 8 | NESTED_TASK | 1 << 16 | VIRTUAL_8086  # trap flag, nested task, resume
ESP0 = 4  # in the task-state segment; ss0 follows


class Delivery:
    """Delivers traps of a processor to the kernel in its ring 0; `entered` is the last, and whether it was in VM86."""

    def __init__(self, processor: Processor) -> None:
        self.processor = processor
        self.memory = processor.ring0_memory
        self.entered = (0, False)
        self._cr4 = 0

    def note_kernel(self) -> None:
        """Notice what the kernel changed, and hide from it that user mode has no time stamps."""
        kernel = self.processor.clean
        self._cr4 = kernel.cr4
        kernel.cr4 |= NO_TIME_STAMP
        self.memory.note_tables(kernel)

    def deliver(self, vector: int, error: int) -> None:
        """Enter the kernel by the gate of a vector, or of the fault that this leads to: eip stands at its first line.

        Raises: Panic where hardware would reset.
        """
        try:
            self._enter_by_gate(vector, error)
        except DeliveryFault as fault:
            if fault.address is not None:
                self.processor.state.cr2 = fault.address
            if vector == DOUBLE_FAULT:
                raise Panic(f"the processor resets, for it can't deliver a double fault: {fault}") from None
            if is_double(vector, fault.vector):
                self.deliver(DOUBLE_FAULT, 0)
            else:
                self.deliver(fault.vector, fault.error)

    def _enter_by_gate(self, vector: int, error: int) -> None:
        """Enter the kernel by the gate of a vector.  Raises: DeliveryFault."""
        low, high = self.memory.gate(vector)
        state, kind = self.processor.state, high & GATE_KIND
        external = EXTERNAL if high & FOR_USERS != FOR_USERS else 0  # only an `int` goes through such a gate
        known = kind in GATE_KINDS
        if not known or not high & GATE_PRESENT:
            why = f"vector {vector} has no gate into the kernel: {high:08x} {low:08x}"
            raise DeliveryFault(NOT_PRESENT if known else PROTECTION, 8 * vector + 2 + external, why)
        if kind == TASK_GATE:
            self._switch_task(low >> 16, (error,) * (vector in WITH_ERROR_CODE))
            return
        if low >> 16 != self.processor.clean.cs:
            raise Panic(f"vector {vector} has no gate into the kernel's code: {high:08x} {low:08x}")
        eflags, from_user = state.flags, state.in_user_mode
        words: tuple[int, ...] = state.ip, state.cs, eflags
        if from_user:
            words = *words, state.sp, state.ss
        else:
            self.memory.forget()  # where the kernel's stack lies may have changed without a load of cr3
        if eflags & VIRTUAL_8086:
            words = *words, state.es, state.ds, state.fs, state.gs
        if vector in WITH_ERROR_CODE:
            words = error, *words
        esp = (self._ring0_stack(external) if from_user else state.sp) - 4 * len(words)
        self.memory.push(esp, words)
        self.entered = vector, bool(eflags & VIRTUAL_8086)
        cleared = LOST_ON_ENTRY | INTERRUPTS if kind == INTERRUPT_GATE else LOST_ON_ENTRY
        state.flags = eflags & ~cleared
        state.sp = esp
        state.ip = high & 0xFFFF_0000 | low & 0xFFFF
        self._be_in_ring0()

    def _be_in_ring0(self) -> None:
        state, kernel = self.processor.state, self.processor.clean
        state.mode = kernel.mode
        state.cr4 = self._cr4
        state.in_flight = NO_EXCEPTION
        state.segments[:] = kernel.segments

    def _ring0_stack(self, external: int) -> int:
        """Return the stack pointer that the task state has for ring 0.  Raises: DeliveryFault."""
        esp, ss = self.memory.read_pair(self.processor.state.task + ESP0)
        if ss & 0xFFFF != self.processor.clean.ss:
            why = f"the task state's stack segment for ring 0 is {ss:#x}, not the kernel's"
            raise DeliveryFault(INVALID_TASK, ss & 0xFFFC | external, why)
        return esp

    def _switch_task(self, selector: int, pushed: tuple[int, ...]) -> None:
        """Do what a task gate does: keep all registers in the present task's state, and take those of another.

        Raises: DeliveryFault, when it can't come after the switch, in the other task.
        """
        state, kernel, engine = self.processor.state, self.processor.clean, self.processor.engine
        state.restore()
        _, *table, _ = engine.uc.reg_read(x86.UC_X86_REG_GDTR)
        number, base, *_ = engine.uc.reg_read(x86.UC_X86_REG_TR)
        task = find_task(self.memory, Table(*table), selector)
        save_task(self.memory, Task(number, base), self._all_registers())
        loaded = load_task(self.memory, task, Task(number, base))
        engine.uc.reg_write(x86.UC_X86_REG_TR, (selector, task.base, TASK_BYTES - 1, TASK_BUSY))
        if state.cr0 & PAGING:
            engine.set_register(x86.UC_X86_REG_CR3, loaded["cr3"])
        state.save()
        self._be_in_ring0()
        self.entered = DOUBLE_FAULT, False
        for name in (*state.width.general, "ip"):
            setattr(state, name, loaded[name])
        state.flags = loaded["flags"] | NESTED_TASK
        state.cr0 |= CR0_TASK_SWITCHED
        self.memory.note_tables(state)
        if (loaded["cs"], loaded["ss"]) != (kernel.cs, kernel.ss):
            raise DeliveryFault(INVALID_TASK, EXTERNAL, f"task {selector:#x} has not the kernel's segments")
        state.sp -= 4 * len(pushed)
        self.memory.push(state.sp, pushed)

    def _all_registers(self) -> dict[str, int]:
        """Return what a task's state keeps, by name."""
        state = self.processor.state
        found = dict(zip(state.width.general, state.general(), strict=True), ip=state.ip, flags=state.flags)
        return found | {name: state.selector(name) for name in SELECTORS}
