"""How a CPU delivers a trap in 32-bit protected mode: by gates of interrupts, traps and tasks; what `sysenter` does.

`sysenter` says nothing of where it came from, and leaves all flags but two: with TF among them, a debug trap comes
before the kernel's first instruction.

Source: Intel SDM volume 3, sections 6.12.1 (what a handler finds), 7.2.1 (task-state segment), 20.3.1 (what
virtual-8086 mode pushes), 5.8.7 (fast system calls) and 17.3.1.4 (single step); volume 2, SYSENTER.
"""

from unicorn import x86_const as x86

from keelback.lang import Panic
from keelback.machine.simulated import gates
from keelback.machine.simulated.delivery import CALL, NESTED_TASK, STEPPED_CALL, TRAP_FLAG, Delivery
from keelback.machine.simulated.models import SYSENTER_CS, SYSENTER_EIP, SYSENTER_ESP
from keelback.machine.simulated.processor import DEBUG, NOT_NULL, WITH_ERROR_CODE
from keelback.machine.simulated.ring0_memory import PAGING, DeliveryFault
from keelback.machine.simulated.saved_state import INTERRUPTS, SELECTORS, VIRTUAL_8086
from keelback.machine.simulated.system_registers import TASK_BUSY
from keelback.machine.simulated.task_switch import (
    DOUBLE_FAULT,
    EXTERNAL,
    INVALID_TASK,
    TASK_BYTES,
    Table,
    Task,
    find_task,
    load_task,
    save_task,
)

CR0_TASK_SWITCHED = 1 << 3
ESP0 = 4  # in the task-state segment; ss0 follows


class ProtectedModeDelivery(Delivery):
    """Delivers traps of a 32-bit processor."""

    def _enter(self, vector: int, error: int, gate: tuple[int, ...], external: int) -> None:
        low, high = gate
        state, kind = self.processor.state, high & gates.KIND
        if kind == gates.TASK:
            self._switch_task(low >> 16, (error,) * (vector in WITH_ERROR_CODE))
            return
        if low >> 16 != self.processor.clean.cs:
            raise Panic(f"vector {vector} has no gate into the kernel's code: {high:08x} {low:08x}")
        flags, from_user = state.flags, state.in_user_mode
        words: tuple[int, ...] = state.ip, state.cs, flags
        if from_user:
            words = *words, state.sp, state.ss
        else:
            self.memory.forget()  # where the kernel's stack lies may have changed without a load of cr3
        if flags & VIRTUAL_8086:
            words = *words, state.es, state.ds, state.fs, state.gs
        if vector in WITH_ERROR_CODE:
            words = error, *words
        stack = (self._ring0_stack(external) if from_user else state.sp) - 4 * len(words)
        self.memory.push(stack, words)
        self.entered = vector, bool(flags & VIRTUAL_8086)
        self._stand_at(high & 0xFFFF_0000 | low & 0xFFFF, stack, kind)

    def enter_by_call(self) -> None:
        """Enter the kernel after a `sysenter`, and by the gate of debug traps where that is a program's single step."""
        state, kernel = self.processor.state, self.processor.clean
        code = state.msr(SYSENTER_CS) & NOT_NULL
        if (code, code + 8) != (kernel.selector("cs"), kernel.selector("ss")):
            raise Panic(f"the code segment for `sysenter` is {code:#x}, which is not the kernel's")
        self.entered = CALL, False
        state.flags &= ~(VIRTUAL_8086 | INTERRUPTS)
        state.sp, state.ip = state.msr(SYSENTER_ESP), state.msr(SYSENTER_EIP)
        self._be_in_ring0()
        if state.flags & TRAP_FLAG:
            self.deliver(DEBUG, 0)
            if self.entered[0] == DEBUG:
                self.entered = STEPPED_CALL, False

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
