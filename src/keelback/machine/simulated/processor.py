"""The simulated PC's processor: the emulator, with the gaps between it and real hardware closed.

    enter(address, ax, count) ──> Stop(SLICE_END | HALT | TRAP vector, error | TIME_STAMP | CALL)

1. An `int` instruction needs a gate that user mode may use; without one it is a general protection fault.
2. A port instruction in user mode is a general protection fault, before it has any effect on registers; but `ins` may
   have changed the memory of its first element, which the emulator writes before it asks.
3. An instruction that the emulator does not know is an invalid-instruction fault, `int1` a debug trap, `rdpmc` a
   general protection fault.
4. `sysenter` is a general protection fault where it has no code segment to enter, as on a 64-bit CPU; `syscall` is an
   invalid-instruction fault on a 32-bit CPU, or where EFER does not allow it.
5. Virtual-8086 mode, which the emulator lets user mode enter by `iret` against the manual, is left as it is: the fault
   that follows, since no page there is the user's, has VM in its flags, as on QEMU.
6. A page fault behind an instruction that sets flags leaves them as that instruction did; the emulator mixes them up
   with older ones.
7. An instruction of SSE, which the kernel has not allowed in CR4, or of AVX is an invalid-instruction fault.
8. `rdtsc` reads virtual time, which the machine keeps: it stops with TIME_STAMP, and `finish_time_stamp` goes on.
9. On a wide CPU, an access to what is no address (not canonical) is a stack fault where the stack's registers lead
   there, and a general protection fault else, whatever the page tables say of its first bytes.  A return of ring 0's
   to what is no address is its own fault.
10. A page fault of fetching an instruction is that instruction's, and those before it ran; the emulator, which fetches
    a block before it runs any of it, blames the block's first.
"""

from enum import Enum, auto
from typing import NamedTuple

from unicorn import x86_const as x86

from keelback.inspect.walk import Walker
from keelback.lang import Panic
from keelback.machine.simulated import gates
from keelback.machine.simulated.code import Code
from keelback.machine.simulated.devices import PortBus
from keelback.machine.simulated.engine import INVALID_INSTRUCTION, NO_EXCEPTION, OK, Engine
from keelback.machine.simulated.hooks import INVALID_OPCODE, PROTECTION, Hooks
from keelback.machine.simulated.kept import Kept
from keelback.machine.simulated.models import (
    CALLS_ENABLED,
    EFER,
    NO_EXECUTE_ENABLED,
    PENTIUM_III,
    SYSENTER_CS,
    WIDE,
    Model,
)
from keelback.machine.simulated.offsets import offsets
from keelback.machine.simulated.page_walks import PageWalks
from keelback.machine.simulated.ring0_memory import DeliveryFault, Ring0Memory
from keelback.machine.simulated.saved_state import SavedState
from keelback.machine.simulated.system_registers import SystemRegisters

DEBUG, NO_FPU, NOT_PRESENT, PAGE_FAULT = 1, 7, 11, 14
WITH_ERROR_CODE = frozenset({8, 10, 11, 12, 13, 14, 17})
RDTSC, RDPMC, INT1, SYSCALL, SYSENTER = b"\x0f\x31", b"\x0f\x33", b"\xf1", b"\x0f\x05", b"\x0f\x34"
NOT_NULL = 0xFFFC
"""The bits of a selector that are not its privilege level: all 0, it selects nothing."""
INT_INVALID_OPCODE = bytes([0xCD, INVALID_OPCODE])
LIMIT_AT_RESET = 0xFFFF
"""Of the local descriptor table, at address 0, that a CPU has after reset until another is loaded, or none."""
VIRTUAL_INTERRUPTS = 3 << 19
ARITHMETIC = 0x8D5  # carry, parity, adjust, zero, sign, overflow
OF_THE_RESULT = 0x0C4  # parity, zero, sign


class Kind(Enum):
    """Why the processor stopped."""

    SLICE_END = auto()
    HALT = auto()
    TRAP = auto()
    TIME_STAMP = auto()
    CALL = auto()


class Stop(NamedTuple):
    """Why the processor stopped; vector and error code of a trap.  A call is a `syscall` or `sysenter` that may be: it
    is over.

    `begun` counts the instructions that were begun: with SLICE_END, the last of them did not run any more.
    """

    kind: Kind
    begun: int
    vector: int = 0
    error: int = 0


class Processor:
    """An x86 CPU of a model over a machine's RAM: `state` as it last stopped, `clean` as each entry to ring 0 starts.

    `system` are the registers that ring 0 alone can change.
    """

    def __init__(self, memory: memoryview, ports: PortBus, model: Model = PENTIUM_III) -> None:
        self.walks = PageWalks(memory)
        self.engine = Engine(memory, len(memory), model)
        self.clean = SavedState(self.engine)
        self.state = SavedState(self.engine)
        self.system = SystemRegisters(self.clean, len(memory))
        self.code = Code(memory, self.walks, self.state)
        self.ring0_memory = Ring0Memory(memory, self.walks, self.state)
        self.hooks = Hooks(self.engine, ports)
        self.counter = self.engine.counter(offsets(model).counter)
        self.system.write_control(x86.UC_X86_REG_CR4, 0)
        self.system.load_ldt(0, LIMIT_AT_RESET)

    @property
    def walker(self) -> Walker:
        """Return what walks page tables as ring 0 does."""
        return self.walks.of(self.clean)

    def forget_code(self, address: int, size: int) -> None:
        """Forget what was translated from the code at an address that ring 0 has mapped: it is about to change."""
        self.clean.restore()
        if self.clean.msr(EFER) & NO_EXECUTE_ENABLED:
            self.engine.forget_frames(each.frame for each in self.walker.pages(self.clean.cr3, address, address + size))
        else:
            self.engine.uc.ctl_remove_cache(address, address + size)

    def parts(self) -> list[Kept]:
        """Return what keeps state between traps."""
        return [self.engine, self.clean, self.state, self.ring0_memory, self.hooks]

    def forget_addresses(self) -> None:
        """Forget all translations of addresses, at a trap boundary."""
        self.clean.restore()
        self.engine.forget_addresses()

    def forget_all(self) -> None:
        """Forget all that is known of what lies in RAM, at a trap boundary: it has changed."""
        self.engine.uc.ctl_flush_tb()
        self.forget_addresses()

    # Running.

    def enter(self, address: int, ax: int, count: int) -> Stop:
        """Run in ring 0 from an address, with a value in ax, for at most `count` instructions (1 or more)."""
        self.clean.ax = ax
        self.clean.restore()
        return self._run(address, count)

    def check_return(self, stop: Stop, length: int) -> None:
        """Check that the `length` instructions of a way back to user mode, where a run that stopped began, led there.

        A return to what is no address (not canonical) faults in ring 0, with the user's stack pointer; the emulator's
        faults in user mode.
        Raises: Panic.
        """
        faulted = stop.kind is Kind.TRAP and stop.vector == PROTECTION and stop.begun <= length
        if faulted and not self.state.width.is_canonical(self.state.ip):
            raise Panic(f"vector {PROTECTION} in ring 0: it returns to {self.state.ip:#x}, which is no address")

    def go_on(self, count: int) -> Stop:
        """Run on from the last stop, for at most `count` instructions, which may be none."""
        if count == 0:  # to the emulator it would mean without end
            return Stop(Kind.SLICE_END, 1)
        self.state.in_flight = NO_EXCEPTION
        self.state.restore()
        return self._run(self.state.ip, count)

    def finish_time_stamp(self, time: int) -> None:
        """Give the `rdtsc` that stopped the processor its result."""
        self.state.ax = time & 0xFFFF_FFFF
        self.state.dx = time >> 32 & 0xFFFF_FFFF
        self.code.skip(len(RDTSC))

    def _run(self, address: int, count: int) -> Stop:
        """Run from an address; a block that can't be fetched to its end is run as far as it can be."""
        stop = self._run_blocks(address, count)
        missing = self.code.missing_instruction() if stop.kind is Kind.TRAP and stop.vector == PAGE_FAULT else None
        if missing is None:
            return stop
        return self._run_to(missing, stop.begun, count) if stop.begun < count else Stop(Kind.SLICE_END, count + 1)

    def _run_to(self, missing: int, begun: int, count: int) -> Stop:
        """Run the rest of a block, up to its instruction that can't be fetched, and then that one, for its own fault.

        The block is there for this run alone, and no whole one that was fetched when its next page was there.
        """
        self.state.in_flight = NO_EXCEPTION
        self.state.restore()
        self.engine.uc.ctl_flush_tb()
        stop = self._run_blocks(self.state.ip, count - begun, missing)
        self.engine.uc.ctl_flush_tb()
        ran = begun + stop.begun - 1
        if stop.kind is Kind.SLICE_END and self.state.ip == missing and ran < count:
            self.state.restore()
            stop, begun = self._run_blocks(missing, count - ran), ran
        return stop._replace(begun=begun + stop.begun)

    def _run_blocks(self, address: int, count: int, until: int = 0) -> Stop:
        self.hooks.refused = None
        status = self.engine.run(address, count, until)
        self.state.save()
        begun: int = self.counter.value
        if self.engine.called:
            self.engine.called.clear()
            return self._call(begun)
        if self.engine.caught:
            return self._trap(begun, self.engine.caught.popitem()[1])
        if self.hooks.refused is not None:
            self.hooks.undo(self.state)
            return Stop(Kind.TRAP, self.hooks.refused_after, self.hooks.refused)
        if status == INVALID_INSTRUCTION:
            return self._invalid(begun)
        if status != OK:
            raise Panic(f"the processor stopped at {self.state.ip:#010x}: {self.engine.strerror(status)}")
        if begun > count:
            return Stop(Kind.SLICE_END, begun)
        if until and self.state.ip == until:
            return Stop(Kind.SLICE_END, begun + 1)
        if self.state.in_user_mode:
            raise Panic(f"the processor stopped at {self.state.ip:#010x} in user mode, for no reason that it gives")
        return Stop(Kind.HALT, begun)

    def _call(self, begun: int) -> Stop:
        """Tell of a `syscall` or `sysenter`, which the instruction pointer stands behind."""
        wide = self.state.width is WIDE
        if self.state.msr(EFER) & CALLS_ENABLED if wide else self.state.msr(SYSENTER_CS) & NOT_NULL:
            return Stop(Kind.CALL, begun)
        self.state.ip = self.code.start_of(len(SYSCALL if wide else SYSENTER))
        return Stop(Kind.TRAP, begun, INVALID_OPCODE if wide else PROTECTION)

    # Traps.

    def _trap(self, begun: int, vector: int) -> Stop:
        state = self.state
        if state.in_virtual_8086:
            # The emulator's `iret` of ring 0 would leave these two to the next program; a CPU's does not.
            state.flags &= ~VIRTUAL_INTERRUPTS
            return Stop(Kind.TRAP, begun, vector, self._error_of(vector))
        if state.is_int:
            return self._software_interrupt(begun, vector)
        if vector == PROTECTION and self.code.instruction().startswith(RDTSC):
            return Stop(Kind.TIME_STAMP, begun)
        wild = self.code.wild_access(vector)
        if wild is not None:
            return Stop(Kind.TRAP, begun, wild)
        if vector == PAGE_FAULT:
            # The emulator takes a page table outside RAM for an empty one; this walk panics.
            self.walks.of(state).walk(state.cr3, state.cr2)
            self._correct_flags()
            if self.code.is_port_string():
                return Stop(Kind.TRAP, begun, PROTECTION)
        if vector == NO_FPU and self.code.is_vector():
            return Stop(Kind.TRAP, begun, INVALID_OPCODE)
        return Stop(Kind.TRAP, begun, vector, self._error_of(vector))

    def _error_of(self, vector: int) -> int:
        """Return the error code that the CPU pushes with an exception, 0 where it pushes none."""
        return self.state.error if vector in WITH_ERROR_CODE else 0

    def _correct_flags(self) -> None:
        """Restore the flags to what they were before the instruction that faulted.

        The emulator keeps flags as operands and the kind of operation.  Before an instruction it turns them into flags
        to be counted by, in the operand's place, and a fault then takes these for the operand (its pull request 2373).
        What is no such mixture has other bits there, or has its flags in both places.
        """
        before, flags = self.state.flags_before, self.state.flags
        if not before & ~ARITHMETIC and not (before ^ flags) & OF_THE_RESULT:
            self.state.flags = flags & ~ARITHMETIC | before

    def _software_interrupt(self, begun: int, vector: int) -> Stop:
        """Deliver the trap of an `int`, which the instruction pointer stands behind, if its gate lets it."""
        gate = self._gate(vector)
        if self._is_open(gate):
            return Stop(Kind.TRAP, begun, vector)
        self.state.ip = self.code.start_of_int(vector)
        return self._forbidden_int(begun, vector, gate)

    def _is_open(self, gate: int) -> bool:
        """Say whether user mode may go through a gate, by what it says of itself."""
        return gate & gates.FOR_USERS == gates.FOR_USERS and gate & gates.KIND in self.state.width.gate_kinds

    def _forbidden_int(self, begun: int, vector: int, gate: int) -> Stop:
        """Tell why an `int` can't trap: its gate is none or not for user mode, or else is not present.

        Source: Intel SDM volume 2, INT n, the operation in protected mode, which asks in this order.
        """
        known = gate & gates.KIND in self.state.width.gate_kinds
        absent = known and gate & gates.USER_LEVEL == gates.USER_LEVEL
        return Stop(Kind.TRAP, begun, NOT_PRESENT if absent else PROTECTION, vector * 8 + 2)

    def _invalid(self, begun: int) -> Stop:
        """Tell what instruction the emulator calls invalid, and that the instruction pointer stands at."""
        instruction = self.code.instruction()
        if instruction.startswith(INT_INVALID_OPCODE):
            gate = self._gate(INVALID_OPCODE)
            if not self._is_open(gate):
                return self._forbidden_int(begun, INVALID_OPCODE, gate)
            self.code.skip(len(INT_INVALID_OPCODE))
        elif instruction.startswith(INT1):
            self.code.skip(len(INT1))
            return Stop(Kind.TRAP, begun, DEBUG)
        elif instruction.startswith(RDPMC):
            return Stop(Kind.TRAP, begun, PROTECTION)
        return Stop(Kind.TRAP, begun, INVALID_OPCODE)

    def _gate(self, vector: int) -> int:
        """Return what a gate says of itself; of one that can't be read, that it may be used, for then this faults."""
        self.ring0_memory.note_tables(self.state)
        try:
            return self.ring0_memory.gate(vector)[1]
        except DeliveryFault:
            return gates.FOR_USERS | gates.INTERRUPT
