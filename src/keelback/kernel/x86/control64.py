"""The control state of long mode, and what `syscall` finds.

Entry code has written CR0, CR4 and EFER whole, since only the three together lead to long mode, and paging can't be
off in it: until the kernel's own tables are there, temporary ones map the lowest 4 GiB to themselves.

Source: Intel SDM volume 3, sections 9.8.5 (entering long mode) and 5.8.8 (fast system calls); volume 4, table 2-2.
"""

from keelback.kernel.x86.control import (
    CR0_START,
    CR4_WIDE_ENTRIES,
    EFER,
    EFER_NO_EXECUTE,
    SYSENTER_CS,
    SYSENTER_EIP,
    SYSENTER_ESP,
    ControlState,
)
from keelback.kernel.x86.segments import KERNEL_CODE
from keelback.kernel.x86.segments64 import BEFORE_USER
from keelback.lang import word

EFER_FAST_CALLS = 1 << 0
EFER_LONG_MODE = 1 << 8 | 1 << 10  # enabled, and active
ENTRY_CR0, ENTRY_CR4, ENTRY_EFER = CR0_START, CR4_WIDE_ENTRIES, 1 << 8
"""What entry code writes, paging on after all; the CPU itself sets that long mode is active."""

STAR, LSTAR, FLAG_MASK = 0xC000_0081, 0xC000_0082, 0xC000_0084
SELECTORS = BEFORE_USER << 48 | KERNEL_CODE << 32
CLEARED = 1 << 8 | 1 << 9 | 1 << 10 | 1 << 14 | 1 << 18
"""The flags that `syscall` clears: TF, IF, DF, NT, AC, which would let ring 0 use user pages."""


class ControlState64(ControlState):
    """Control registers, debug registers, model-specific registers."""

    def start(self, task: word) -> None:
        """Switch off what may be on, and let `syscall` enter the kernel, as the first thing that the kernel does."""
        self.cpu.write_dr7(0)
        self._forbid_sysenter()
        self.cpu.write_msr(STAR, SELECTORS)
        self.cpu.write_msr(LSTAR, self.fast_call)
        self.cpu.write_msr(FLAG_MASK, CLEARED)
        no_execute = EFER_NO_EXECUTE if self.no_execute() else 0
        self.cpu.write_msr(EFER, EFER_LONG_MODE | EFER_FAST_CALLS | no_execute)

    def has_fast_calls(self) -> bool:
        """Say that there is one: every CPU in long mode has `syscall`."""
        return True

    def _forbid_sysenter(self) -> None:
        """Make `sysenter` a fault, which `syscall` stands in for."""
        if self._has_sysenter():
            for register in (SYSENTER_CS, SYSENTER_ESP, SYSENTER_EIP):
                self.cpu.write_msr(register, 0)
