"""How a CPU delivers a trap in long mode: by 64-bit gates; and what a system call by `syscall` does.

1. What is pushed has always stack segment and pointer, and ends at a multiple of 16.
2. A gate may change to a stack of the task state's, whatever ring was interrupted; from user mode one is always taken,
   and the stack segment is then null.
3. `syscall` changes neither stack nor address space: rcx has where it came from, r11 the flags.

Source: Intel SDM volume 3, sections 6.14 (interrupts in 64-bit mode), 5.8.8 (fast system calls) and 7.7 (task state);
volume 2, INT n and SYSCALL.
"""

from unicorn import x86_const as x86

from keelback.lang import Panic
from keelback.machine.simulated import gates
from keelback.machine.simulated.delivery import CALL, Delivery
from keelback.machine.simulated.long_segments import is_code, long_segments
from keelback.machine.simulated.models import FLAG_MASK, LSTAR, STAR
from keelback.machine.simulated.processor import WITH_ERROR_CODE
from keelback.machine.simulated.ring0_memory import STACK, DeliveryFault
from keelback.machine.simulated.task_switch import NOT_PRESENT, PROTECTION

RING0_STACK, FIRST_STACK = 0x04, 0x24
"""In the task state: ring 0's stack pointer, and the first of those that a gate may name."""
PRESENT = 1 << 47
"""The bit of a descriptor."""
RESUME = 1 << 16


class LongModeDelivery(Delivery):
    """Delivers traps and system calls of a 64-bit processor."""

    def _enter(self, vector: int, error: int, gate: tuple[int, ...], external: int) -> None:
        low, high, top, _ = gate
        state = self.processor.state
        self._check_code(low >> 16, external)
        entry = low & 0xFFFF | high & 0xFFFF_0000 | top << 32
        if not state.width.is_canonical(entry):
            raise DeliveryFault(PROTECTION, external, f"vector {vector} leads to {entry:#x}, which is no address")
        from_user = state.in_user_mode
        if not from_user:
            self.memory.forget()  # where the kernel's stack lies may have changed without a load of cr3
        values: tuple[int, ...] = state.ip, state.selector("cs"), state.flags, state.sp, state.selector("ss")
        if vector in WITH_ERROR_CODE:
            values = error, *values
        stack = (self._stack(high & gates.STACK, external) & ~0xF) - 8 * len(values)
        self.memory.push(stack & state.width.last, values)
        self.entered = vector, False
        self._stand_at(entry, stack & state.width.last, high & gates.KIND)
        if from_user:
            state.segments[len(state.segments) // 2 :] = bytes(len(state.segments) // 2)

    def _stack(self, number: int, external: int) -> int:
        """Return the stack pointer that a gate's entry starts with.  Raises: DeliveryFault."""
        state = self.processor.state
        if number == 0 and not state.in_user_mode:
            return state.sp
        place = state.task + (FIRST_STACK + 8 * (number - 1) if number else RING0_STACK)
        pointer = self._read(place)
        if not state.width.is_canonical(pointer):
            raise DeliveryFault(STACK, external, f"the task state has {pointer:#x} for a stack, which is no address")
        return pointer

    def _read(self, address: int) -> int:
        return self.memory.read(address) | self.memory.read(address + 4) << 32

    def _check_code(self, selector: int, external: int) -> None:
        """Check that a gate's selector is the kernel's.  Raises: DeliveryFault; Panic for that of other 64-bit code."""
        if selector == self.processor.clean.selector("cs"):
            return
        self.processor.state.restore()
        _, base, limit, _ = self.processor.engine.uc.reg_read(x86.UC_X86_REG_GDTR)
        error, why = selector & 0xFFFC | external, f"selector {selector:#x} of a gate is not of 64-bit code for ring 0"
        if selector & ~3 == 0:
            raise DeliveryFault(PROTECTION, external, why)
        if selector & 4 or selector | 7 > limit:
            raise DeliveryFault(PROTECTION, error, why)
        descriptor = self._read(base + (selector & 0xFFF8))
        if not is_code(descriptor | PRESENT):
            raise DeliveryFault(PROTECTION, error, why)
        if not descriptor & PRESENT:
            raise DeliveryFault(NOT_PRESENT, error, why)
        raise Panic(f"selector {selector:#x} of a gate is not the kernel's")

    def enter_by_call(self) -> None:
        """Enter the kernel where LSTAR says, after a `syscall` that the instruction pointer stands behind."""
        state, kernel = self.processor.state, self.processor.clean
        code = state.msr(STAR) >> 32 & 0xFFFC
        if code != kernel.selector("cs"):
            raise Panic(f"STAR has selector {code:#x} for `syscall`, which is not the kernel's")
        self.entered = CALL, False
        state.cx = state.ip
        state.r11 = state.flags
        state.ip = state.msr(LSTAR)
        state.flags &= ~(state.msr(FLAG_MASK) | RESUME)
        self._be_in_ring0()
        long_segments(self.processor.engine.model).load_stack(state, code + 8)
