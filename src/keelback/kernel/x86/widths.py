"""What of the CPU family depends on the bits of its words; who builds a kernel picks by them."""

from keelback.kernel.x86.control import ControlState
from keelback.kernel.x86.control64 import ControlState64
from keelback.kernel.x86.interrupts import Interrupts, Interrupts64
from keelback.kernel.x86.segments import Segments
from keelback.kernel.x86.segments64 import Segments64

CONTROL_STATES: dict[int, type[ControlState]] = {32: ControlState, 64: ControlState64}
INTERRUPTS: dict[int, type[Interrupts]] = {32: Interrupts, 64: Interrupts64}
SEGMENTS: dict[int, type[Segments]] = {32: Segments, 64: Segments64}
