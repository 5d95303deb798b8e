"""Who changes something within one step: the program, the CPU and entry code, or a line of the kernel.

    user mode ──────────── the trap's frame ──── the kernel
    each instruction        one place             each instruction (compiled), each line of Python (interpreted)

The value is read wherever the run may be interrupted; a change belongs to what ran since it was read last.
"""

import sys
import sysconfig
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from types import FrameType
from typing import Any, NamedTuple

from unicorn import UC_HOOK_CODE

from keelback.inspect.methods import KERNEL, place_of_address
from keelback.lang import is_language
from keelback.lang.lines import line_of
from keelback.machine.simulated.interpreted import InterpretedPc
from keelback.machine.simulated.pc import SimulatedPc

LIBRARIES = (*(sysconfig.get_path(name) for name in ("stdlib", "purelib", "platlib")), "<frozen")
OURS, OF_THE_KERNEL = "keelback.", "keelback.kernel."
WRITE_FRAME = "_write_frame"

Trace = Callable[[FrameType, str, Any], Any]


class Place(NamedTuple):
    """A line of Kernel Python."""

    file: str
    line: int
    function: str

    def __str__(self) -> str:
        root = str(KERNEL.parent) + "/"
        shown = self.file.removeprefix(root) if self.file.startswith(root) else self.file.rpartition("/")[2]
        return f"{shown}:{self.line} ({self.function})"


class Store(NamedTuple):
    """What made a change: `instruction` in user mode; `lines` of the kernel, the innermost first; else the trap."""

    instruction: int | None = None
    lines: tuple[str, ...] = ()


class StoreWatch:
    """Watches a value within one step of a machine: `store` is what made its last change, None before any."""

    def __init__(self, pc: SimulatedPc, read: Callable[[], Any]) -> None:
        self.pc = pc
        self.store: Store | None = None
        self._read = read
        self._value = read()
        self._ran: Callable[[], Store] = Store
        self._kernel = range(pc.layout.kernel_start, pc.layout.text_end)
        self._frame: FrameType | None = None
        self._at = 0, 0

    def look(self) -> None:
        """Read the value: if it has changed, what ran last did that."""
        value = self._read()
        if value != self._value:
            self._value = value
            self.store = self._ran()

    @contextmanager
    def watching(self) -> Iterator[None]:
        """Watch a step that is made meanwhile."""
        uc = self.pc.processor.engine.uc
        hook = uc.hook_add(UC_HOOK_CODE, self._note_instruction)
        uc.ctl_flush_tb()
        setattr(self.pc, WRITE_FRAME, self._write_frame)
        before = sys.gettrace()
        if isinstance(self.pc, InterpretedPc):
            sys.settrace(self._trace)
        try:
            yield
        finally:
            sys.settrace(before)
            delattr(self.pc, WRITE_FRAME)
            uc.hook_del(hook)
            uc.ctl_flush_tb()
        self.look()

    # The emulated CPU.

    def _note_instruction(self, _uc: Any, address: int, _size: int, _data: Any) -> None:
        self.look()
        self._ran = self._in_kernel(address) if address in self._kernel else lambda: Store(address)

    def _in_kernel(self, address: int) -> Callable[[], Store]:
        def lines() -> Store:
            place = place_of_address(self.pc.kernel, self.pc.contents, address)
            return Store(lines=(place or f"entry code at {address:#010x}",))

        return lines

    def _write_frame(self, vector: int, error: int) -> None:
        """Write the trap's frame as the machine does, which is no instruction's doing."""
        self.look()
        self._ran = Store
        type(self.pc)._write_frame(self.pc, vector, error)
        self.look()

    # The interpreted kernel.

    def _trace(self, frame: FrameType, event: str, _argument: Any) -> Trace | None:
        if not is_of_kernel(frame):
            return None
        self.look()
        if event == "return":
            self._stand_in(_caller(frame))
        else:
            self._stand_in(frame)
        return self._trace

    def _stand_in(self, frame: FrameType | None) -> None:
        """Note the line of the kernel that runs now."""
        self._frame = frame
        if frame is None:
            self._ran = Store
        else:
            self._at = frame.f_lasti, frame.f_lineno
            self._ran = self._lines

    def _lines(self) -> Store:
        places, frame, (instruction, line) = [], self._frame, self._at
        while frame is not None:
            code = frame.f_code
            places.append(str(Place(code.co_filename, line_of(code, instruction, line), code.co_qualname)))
            frame = _caller(frame)
            instruction, line = (frame.f_lasti, frame.f_lineno) if frame is not None else (0, 0)
        return Store(lines=tuple(places))


def is_of_kernel(frame: FrameType) -> bool:
    """Say whether a frame runs the kernel's code, or a user's part of it: neither the language's nor the machine's."""
    module, file = str(frame.f_globals.get("__name__")), frame.f_code.co_filename
    if module.startswith(OURS):
        return module.startswith(OF_THE_KERNEL)
    return not file.startswith(LIBRARIES) and not is_language(file)


def _caller(frame: FrameType) -> FrameType | None:
    """Return the kernel's frame that a frame was called from, None where that is the machine."""
    outer = frame.f_back
    while outer is not None and is_language(outer.f_code.co_filename):
        outer = outer.f_back
    return outer if outer is not None and is_of_kernel(outer) else None
