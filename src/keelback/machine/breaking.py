"""Control-C or SIGTERM during a run of a machine: whatever runs then, it ends, and the kernel's line is told.

    signal ──> the run ends after the trap that is under way
            └> if it has not ended after GRACE seconds, or at a second signal: wherever it is

1. A kernel that is interpreted is left by an exception; the emulator is stopped, by a thread of its own, for nothing
   of this Python runs while it does.
2. No exception is raised inside the emulator, where it would be lost.
"""

import os
import signal
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from types import FrameType
from typing import Final

from unicorn import x86_const as x86

from keelback.errors import Interrupted
from keelback.inspect.methods import in_words, place_of_address
from keelback.machine.simulated.engine import BrokenOff, Engine
from keelback.machine.simulated.pc import SimulatedPc

GRACE: Final = 0.5
"""Seconds that a trap may still take."""
ENDING: Final = (signal.SIGINT, signal.SIGTERM)
"""The signals that end a run with its report."""


@contextmanager
def taking_signals(handler: Callable[[int, FrameType | None], None]) -> Iterator[None]:
    """Take the signals that end a run, but for one that this process ignores."""
    before = {number: signal.getsignal(number) for number in ENDING}
    taken = [number for number in ENDING if before[number] is not signal.SIG_IGN]
    for number in taken:
        signal.signal(number, handler)
    try:
        yield
    finally:
        for number in taken:
            signal.signal(number, before[number])


@contextmanager
def interruptible(*machines: SimulatedPc) -> Iterator[None]:
    """Make control-C and SIGTERM end the run of machines.  Raises: Interrupted."""
    breaking = _Breaking(machines)
    with taking_signals(breaking.handle):
        woken = signal.set_wakeup_fd(breaking.start_watch(), warn_on_full_buffer=False)
        try:
            yield
        except BrokenOff:
            raise Interrupted(breaking.place_in_emulator(), breaking.number) from None
        finally:
            signal.set_wakeup_fd(woken)
            breaking.end_watch()


class _Breaking:
    """One run that a signal may end; `number` is that of the last that came."""

    def __init__(self, machines: tuple[SimulatedPc, ...]) -> None:
        self.machines = machines
        self.asked = 0
        self.number: int = signal.SIGINT
        self.is_over = threading.Event()
        for machine in machines:
            machine.after_trap.append(self._end_if_asked)

    # In the main thread.

    def handle(self, number: int, frame: FrameType | None) -> None:
        """Note that the run is to end; the second time, end it."""
        self.asked += 1
        self.number = number
        if self.asked > 1 and not _is_in_emulator(frame):
            raise Interrupted(place_in_kernel(frame), number)

    def _end_if_asked(self) -> None:
        if self.asked:
            raise Interrupted("", self.number)

    def place_in_emulator(self) -> str:
        """Return where a compiled kernel was stopped, empty where a program was."""
        for machine in self.machines:
            uc = machine.processor.engine.uc
            if machine.processor.engine.broken_off and uc.reg_read(x86.UC_X86_REG_CS) & 3 == 0:
                return place_of_address(machine.kernel, machine.contents, uc.reg_read(x86.UC_X86_REG_EIP))
        return ""

    # In a thread of its own.

    def start_watch(self) -> int:
        """Start to listen; return the descriptor to which Python's own signal handler writes, at any moment."""
        self.heard, self.told = os.pipe()
        os.set_blocking(self.told, False)
        self.watch = threading.Thread(target=self._watch, daemon=True)
        self.watch.start()
        return self.told

    def end_watch(self) -> None:
        """Listen no more."""
        self.is_over.set()
        os.close(self.told)
        self.watch.join()
        os.close(self.heard)

    def _watch(self) -> None:
        while data := os.read(self.heard, 1):
            number = data[0]
            handler = signal.getsignal(number)
            if number in ENDING and not self.is_over.wait(GRACE):
                self._break_off(number)
            elif number not in ENDING and callable(handler):
                handler(number, None)  # the main thread may not come to it for long

    def _break_off(self, number: int) -> None:
        for machine in self.machines:
            machine.processor.engine.break_off()
        with suppress(OSError):
            signal.pthread_kill(threading.main_thread().ident or 0, number)


def _is_in_emulator(frame: FrameType | None) -> bool:
    while frame is not None and frame.f_code is not Engine.run.__code__:
        frame = frame.f_back
    return frame is not None


def place_in_kernel(frame: FrameType | None) -> str:
    """Return the innermost line of an interpreted kernel, empty where none runs."""
    while frame is not None and not str(frame.f_globals.get("__name__")).startswith("keelback.kernel."):
        frame = frame.f_back
    return in_words(frame.f_code.co_filename, frame.f_lineno) if frame is not None else ""
