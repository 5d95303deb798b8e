"""The way back to user mode: the image's own code that restores a trap frame, and how many instructions it has."""

import struct

from keelback.kernel.layout import Layout
from keelback.kernel.x86.trap_frame import FROM_FAST_CALL, TrapFrame
from keelback.lang import Panic, Ram, layout_of
from keelback.machine.simulated.kept import Kept
from keelback.machine.simulated.processor import Processor, Stop

LONGEST = 64
SELECTOR = struct.Struct("<H")
WITHOUT_END = 1 << 32


class WayBack(Kept):
    """Restores trap frames; `instructions` counts what that took, of the idle thread's as of the usual."""

    KEPT = "instructions", "_lengths"

    def __init__(self, layout: Layout, ram: Ram, processor: Processor, address: int) -> None:
        self.ram = ram
        self.processor = processor
        self.address = address
        self.instructions = 0
        self._user_end = layout.user_end
        self._wide = layout.paging.word_bits == 64
        self._size = layout.paging.word_bits // 8
        self._places = {each.name: each.offset for each in layout_of(TrapFrame, layout.paging.word_bits).fields}
        self._lengths: dict[int, int] = {}

    def stand_in_front(self, frame: int) -> None:
        """Restore a frame and stop before the first instruction of user mode, or where the idle thread halts."""
        if self._is_users(frame):
            self.processor.enter(self.address, frame, self._length(frame))
        else:
            self.processor.enter(self.address, frame, WITHOUT_END)

    def enter(self, frame: int, count: int) -> tuple[Stop, int]:
        """Restore a frame and run at most `count` instructions of user mode, or until the idle thread halts.

        Returns why the processor stopped, and how many of the instructions that were begun are not the frame's.
        Raises: Panic when the frame is not in RAM, or what it returns to is no address.
        """
        if not self._is_users(frame):
            self.instructions += self._lengths.get(0, 0)
            return self.processor.enter(self.address, frame, WITHOUT_END), 0
        length = self._length(frame)
        self.instructions += length
        stop = self.processor.enter(self.address, frame, length + count)
        self.processor.check_return(stop, length)
        return stop, length

    def _is_users(self, frame: int) -> bool:
        try:
            return bool(SELECTOR.unpack_from(self.ram.bytes, frame + self._places["cs"])[0] & 3)
        except struct.error:
            raise Panic(f"the trap frame to restore is at {frame:#010x}, where there is no RAM") from None

    def _length(self, frame: int) -> int:
        """Return how many instructions restore a frame of user mode."""
        turn = self._turn(frame)
        if turn not in self._lengths:
            self._lengths[turn] = self._measure(frame)
        return self._lengths[turn]

    def _turn(self, frame: int) -> int:
        """Return where the code for a frame turns from what leads to `sysret` or `sysexit`: at which of its questions.

        For nowhere it is their number.
        """
        is_call = bool(self._word(frame, "error") & FROM_FAST_CALL)
        if not self._wide or not is_call:
            return int(is_call)
        asked = is_call, self._word(frame, "rcx") < self._user_end
        return next((number for number, holds in enumerate(asked) if not holds), len(asked))

    def _word(self, frame: int, name: str) -> int:
        place = frame + self._places[name]
        return int.from_bytes(self.ram.bytes[place : place + self._size], "little")

    def _measure(self, frame: int) -> int:
        """Return how many instructions restore a frame, by running ever more of them."""
        for count in range(2, LONGEST):
            self.processor.enter(self.address, frame, count)
            if self.processor.state.in_user_mode:
                return count
        raise Panic("the return path does not lead to user mode")
