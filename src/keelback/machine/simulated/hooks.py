"""What the emulator asks about within a run: ports, a 64-bit CPU's `sysenter` and a 32-bit CPU's `syscall`.

Ring 0's port instructions reach the devices; to user mode all of these are refused, as hardware does before they have
any effect.  A wide CPU's `syscall` and a narrow one's `sysenter` end the run, without a question.
"""

from typing import Any

from unicorn import UC_HOOK_INSN
from unicorn import x86_const as x86

from keelback.machine.simulated.devices import PortBus
from keelback.machine.simulated.engine import Engine
from keelback.machine.simulated.kept import Kept
from keelback.machine.simulated.models import WIDE
from keelback.machine.simulated.offsets import offsets
from keelback.machine.simulated.saved_state import SavedState

INVALID_OPCODE, PROTECTION = 6, 13


class Hooks(Kept):
    """The hooks of an engine; `in_ring0` is set by who runs ring 0 with ports."""

    KEPT = "in_ring0", "refused", "refused_after"

    def __init__(self, engine: Engine, ports: PortBus) -> None:
        self.engine = engine
        self.ports = ports
        self.in_ring0 = False
        self.refused: int | None = None
        """The vector of what hardware would have raised instead of the last instruction."""
        self.refused_after = 0
        """How many instructions were begun then: the emulator may begin one more before it stops."""
        self._before = SavedState(engine)
        self._counter = engine.counter(offsets(engine.model).counter)
        asked = [
            (self._port_read, x86.UC_X86_INS_IN),
            (self._port_written, x86.UC_X86_INS_OUT),
        ]
        if engine.model.width is WIDE:
            engine.record_calls(x86.UC_X86_INS_SYSCALL)
            asked.append((self._sysenter, x86.UC_X86_INS_SYSENTER))
        else:
            engine.record_calls(x86.UC_X86_INS_SYSENTER)
            asked.append((self._syscall, x86.UC_X86_INS_SYSCALL))
        for function, instruction in asked:
            engine.uc.hook_add(UC_HOOK_INSN, function, None, 1, 0, instruction)
        engine.uc.ctl_flush_tb()

    def undo(self, state: SavedState) -> None:
        """Give a state the registers that it had before the instruction that was refused."""
        state.ip = self._before.ip
        for name in state.width.general:
            setattr(state, name, getattr(self._before, name))

    def _port_read(self, _uc: Any, port: int, size: int, _data: Any) -> int:
        if self.in_ring0:
            return int.from_bytes(bytes(self.ports.read(port + number) for number in range(size)), "little")
        self._refuse(PROTECTION)
        return self._before.ax & (1 << 8 * size) - 1

    def _port_written(self, _uc: Any, port: int, _size: int, value: int, _data: Any) -> None:
        if self.in_ring0:
            self.ports.write(port, value)
        else:
            self._refuse(PROTECTION)

    def _sysenter(self, _uc: Any, _data: Any) -> None:
        self._refuse(PROTECTION)

    def _syscall(self, _uc: Any, _data: Any) -> None:
        self._refuse(INVALID_OPCODE)

    def _refuse(self, vector: int) -> None:
        self._before.save()
        self.refused = vector
        self.refused_after = self._counter.value
        self.engine.stop()
