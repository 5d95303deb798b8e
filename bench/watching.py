"""What watching costs: a map of much memory, going back in a run, and how much recording slows it.

The run forks, writes and exits at random: some 22,000 traps, most of which change pages.
"""

import statistics
import time
from collections.abc import Callable, Iterator
from io import StringIO

from rich.console import Console

from keelback.cli.ours import build_ours
from keelback.image.images import make_image
from keelback.image.kernels import compiled
from keelback.image.payload import make_payload
from keelback.inspect.snapshot import Snapshot
from keelback.kernel.layout import MICROKERNEL
from keelback.machine.observed import Outcome
from keelback.machine.recorded.recording import Recording
from keelback.machine.simulated.compiled import CompiledPc
from keelback.machine.simulated.interpreted import InterpretedPc
from keelback.machine.simulated.pc import SimulatedPc
from keelback.view.text import TextView

REPEATS = 5
MEMORY, MUCH = 64 << 20, 3584 << 20
LIVES: dict[str, type[SimulatedPc]] = {"interpreted": InterpretedPc, "compiled": CompiledPc}
PROGRAM = "forkexit"
STEPS = (1, 1_000)
"""How many traps are gone back at a time."""


def rows() -> Iterator[tuple[str, str]]:
    """Yield what is measured, and its figure."""
    yield "a map of 3.5 GiB: snapshot, scene and text", f"{map_of_much():.2f} s"
    for name, life in LIVES.items():
        ratio, recording = slowed(life)
        yield f"a recorded run to a plain one, {name}", f"{ratio:.2f} times"
        yield (
            f"... its checkpoints, {recording.furthest:,} traps",
            f"{recording.size / recording.furthest:,.0f} bytes a trap",
        )
        for steps in STEPS:
            yield f"... back by {steps:,} trap{'s' * (steps != 1)}", f"{back(recording, steps):.3f} s"


def machine(life: type[SimulatedPc], line: str, memory: int = MEMORY) -> SimulatedPc:
    """Return a machine that is to run our program."""
    members = {"etc/init": f"{line}\n".encode(), **build_ours([PROGRAM], MICROKERNEL.image_base)}
    kernel = (compiled(MICROKERNEL),) if life is CompiledPc else ()
    return life(MICROKERNEL, make_image(MICROKERNEL, make_payload(members), *kernel), memory=memory)


def map_of_much() -> float:
    """Return the seconds from a machine that stands still to the lines of its map."""
    pc = machine(InterpretedPc, f"{PROGRAM} 0", MUCH)
    pc.boot()
    for _ in range(2_000):
        pc.step()

    def show() -> None:
        console = Console(file=StringIO(), force_terminal=True, width=120)
        TextView(console).print(Snapshot.of(MICROKERNEL, pc.contents), "")

    return statistics.median(seconds(show) for _ in range(REPEATS))


def slowed(life: type[SimulatedPc]) -> tuple[float, Recording]:
    """Return how many times as long a run takes that is recorded, medians of runs in turn, and the last recording."""
    plain, recorded = [], []
    for _ in range(REPEATS):
        pc, recording = machine(life, f"{PROGRAM} 4000"), Recording(machine(life, f"{PROGRAM} 4000"))
        pc.boot()
        plain.append(seconds(pc.run))
        recording.boot()
        recorded.append(seconds(recording.run))
        assert pc.outcome is recording.pc.outcome is Outcome.POWERED_OFF
    return statistics.median(recorded) / statistics.median(plain), recording


def back(recording: Recording, steps: int) -> float:
    """Return the seconds to go back by some traps; the longest of ten places in the run."""
    return max(_back_from(recording, recording.furthest * tenth // 10, steps) for tenth in range(1, 11))


def _back_from(recording: Recording, at: int, steps: int) -> float:
    recording.go(at)
    return seconds(lambda: recording.back(steps))


def seconds(work: Callable[[], object]) -> float:
    """Return how long something takes."""
    start = time.perf_counter()
    work()
    return time.perf_counter() - start
