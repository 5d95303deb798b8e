"""The registers that only ring 0 can change: control, descriptor-table and model-specific ones.

They are written to the state that every entry to ring 0 starts from.
"""

from unicorn import x86_const as x86

from keelback.lang import Panic
from keelback.machine.simulated.long_segments import is_long_mode, long_segments
from keelback.machine.simulated.saved_state import SavedState

NO_TIME_STAMP = 1 << 2
"""The bit of CR4 that is always set here, which lets `rdtsc` trap in user mode; no kernel sees it."""
DATA_SEGMENTS = (
    x86.UC_X86_REG_DS, x86.UC_X86_REG_ES, x86.UC_X86_REG_FS, x86.UC_X86_REG_GS, x86.UC_X86_REG_SS
)  # fmt: skip
LDT_PRESENT, TASK_BUSY = 0x8200, 0x8B00


class SystemRegisters:
    """The system registers of a processor with so many bytes of RAM, by a state of ring 0's."""

    def __init__(self, state: SavedState, memory_size: int) -> None:
        self.state = state
        self.memory_size = memory_size

    def _write(self, register: int, value: object) -> None:
        self.state.restore()
        self.state.engine.uc.reg_write(register, value)
        self.state.save()

    def read_control(self, register: int) -> int:
        """Return a control register, by Unicorn's number for it."""
        self.state.restore()
        value = int(self.state.engine.uc.reg_read(register))
        return value & ~NO_TIME_STAMP if register == x86.UC_X86_REG_CR4 else value

    def write_control(self, register: int, value: int) -> None:
        """Set a control register; writing cr3 drops every translation."""
        self.state.restore()
        self.state.engine.set_register(register, value | (NO_TIME_STAMP if register == x86.UC_X86_REG_CR4 else 0))
        self.state.save()

    def load_gdt(self, base: int, limit: int, code: int, data: int) -> None:
        """Use a descriptor table, and its selectors for ring 0's code and data: 64-bit code in long mode."""
        self._write(x86.UC_X86_REG_GDTR, (0, base, limit, 0))
        if is_long_mode(self.state):
            long_segments(self.state.engine.model).load(self.state, code, data)
            return
        self._write(x86.UC_X86_REG_CS, code)
        for register in DATA_SEGMENTS:
            self._write(register, data)

    def load_ldt(self, base: int, limit: int) -> None:
        """Use the local descriptor table at `base`, whatever its selector; one with limit 0 has no descriptors."""
        self._write(x86.UC_X86_REG_LDTR, (0, base, limit, LDT_PRESENT))

    def load_idt(self, base: int, limit: int) -> None:
        """Use an interrupt descriptor table.  Raises: Panic when it is not in RAM."""
        if base + limit >= self.memory_size:
            raise Panic(f"the interrupt descriptor table lies at {base:#x}, where there is no RAM")
        self._write(x86.UC_X86_REG_IDTR, (0, base, limit, 0))

    def load_task_register(self, selector: int, base: int, limit: int) -> None:
        """Use the task-state segment at `base`."""
        self._write(x86.UC_X86_REG_TR, (selector, base, limit, TASK_BUSY))

    def write_msr(self, register: int, value: int) -> None:
        """Set a model-specific register."""
        self._write(x86.UC_X86_REG_MSR, (register, value))
