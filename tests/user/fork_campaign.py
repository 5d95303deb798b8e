"""`forkexit` on each kernel in both lives; all memory is as it was then: fork_campaign.py [INTERPRETED COMPILED].

The numbers say how many forks there are to be at least, each kernel's taken together.
"""

import struct
import sys
import time
from dataclasses import dataclass, field
from pathlib import Path

sys.path.insert(0, str(Path(__file__).parents[1]))

from keelback.inspect.invariants import check
from keelback.inspect.lens import look
from keelback.inspect.records import bits
from keelback.kernel.kernel import Kernel
from keelback.kernel.layout import MICROKERNEL, Layout
from keelback.kernel.memory.frames import Role
from keelback.kernel.processes.processes import Ending
from keelback.kernel.x86.trap_frame import TrapFrame, TrapFrame64
from keelback.kernel.x86.vectors import SYSTEM_CALL
from keelback.lang import layout_of
from keelback.machine.observed import Outcome
from keelback.machine.simulated.pc import SimulatedPc
from kernel.driven import Call, make_machine
from support import MIB, programs_of
from variants import VARIANTS, name_of

INT = struct.Struct("<i")
AX = {32: layout_of(TrapFrame).field("eax").offset, 64: layout_of(TrapFrame64).field("rax").offset}
"""Where a trap frame has a call's result, by the bits of a word."""
TURNS_PER_FORK = 5
"""How many turns of the first process are more than enough for a fork, its own or a descendant's."""


@dataclass
class Memory:
    """What is free: every count of frames, and the sets of free frames."""

    counts: list[int]
    sets: list[int] = field(repr=False)


def memory_of(kernel: Kernel) -> Memory:
    """Return what is free, and with it the stack that the kernel is about to leave, if there is one."""
    frames, counts, left = kernel.memory.frames, kernel.memory.frames.counts, kernel.first_cpu.left_stack
    used, zone, spaces = list(counts.used), bits(frames.kernel_zone), kernel.spaces
    if left:
        used[Role.STACK] -= 1
        zone |= 1 << spaces.frame(spaces.kernel.directory, left - 1)
    return Memory(
        [counts.kernel_free + (left != 0), counts.user_free, counts.full, *used], [zone, bits(frames.user_zone)]
    )


def machine(life: str, layout: Layout, *lines: str) -> SimulatedPc:
    memory, programs = max(8 * MIB, layout.owned_end + 4 * MIB), programs_of(layout)
    return make_machine(*lines, life=life, layout=layout, memory=memory, check=False, programs=programs)


def memory_of_none(life: str, layout: Layout) -> Memory:
    """Return what is free on a machine that has booted and has no process."""
    pc = machine(life, layout)
    pc.boot()
    return memory_of(look(pc.layout, pc.ram.contents))


class Forks:
    """Counts the forks of a machine that succeed."""

    def __init__(self, pc: SimulatedPc) -> None:
        self.pc = pc
        self.count = 0
        self._asked = False
        self._result = AX[pc.layout.paging.word_bits]
        self._write_frame = pc._write_frame
        # Observers before a trap would have the compiled life stop in its entry stub, which takes longer than the trap.
        pc._write_frame = self._note
        pc.after_trap.append(self._count)

    def _note(self, vector: int, error: int) -> None:
        self._asked = vector == SYSTEM_CALL and self.pc.processor.state.ax == Call.FORK
        self._write_frame(vector, error)

    def _count(self) -> None:
        if self._asked:  # who forks goes on
            [result] = INT.unpack_from(self.pc.ram.bytes, self.pc.frame + self._result)
            self.count += result > 0


def run_forks(life: str, wanted: int, layout: Layout = MICROKERNEL) -> tuple[int, SimulatedPc]:
    """Let `forkexit` fork so often at least, compare memory with before; return how often it did, and the machine."""
    pc = machine(life, layout, f"forkexit {wanted * TURNS_PER_FORK}")
    forks = Forks(pc)
    pc.boot()
    assert pc.run() is Outcome.POWERED_OFF
    lens = look(pc.layout, pc.ram.contents)
    process = lens.processes.table[1]
    assert (process.ending, process.exit_status) == (Ending.EXITED, 0) and b"killed" not in pc.console
    assert memory_of(lens) == memory_of_none(life, layout)
    assert forks.count >= wanted
    check(lens)
    return forks.count, pc


def main() -> None:
    """Run the campaign, and say what was seen."""
    wanted = [int(each) for each in sys.argv[1:]] or [2_400, 102_000]
    for life, number in zip(("interpreted", "compiled"), wanted, strict=True):
        for layout in VARIANTS:
            start = time.monotonic()
            count, pc = run_forks(life, -(-number // len(VARIANTS)), layout)
            spent = time.monotonic() - start
            done = f"{count:,} forks, {pc.traps:,} traps in {spent:.0f} s"
            print(f"{name_of(layout)}, {life}: {done}; frames are as they were", flush=True)


if __name__ == "__main__":
    main()
