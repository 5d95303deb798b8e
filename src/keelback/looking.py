"""Looking at machines in Python: in scripts, in notebooks, and line by line.

    machine = run_to("cow", until="kept apart").snapshot()      the simulated PC, run to where it is to stand
    with attach("qemu:monitor") as moment: …                    a QEMU that runs; file:FILE, one that was kept

A snapshot is true as long as its machine stands still, and one that `run_to` has run stands still for ever.
"""

from typing import Literal

from keelback.cli.options import KernelChoice, StopPoint
from keelback.cli.pausing import Pause, paused
from keelback.cli.sizes import memory_size
from keelback.inspect.moment import Moment
from keelback.inspect.snapshot import Snapshot
from keelback.machine.attach import attach
from keelback.view.html import show_in_notebooks

__all__ = ["Moment", "Snapshot", "attach", "run_to"]

show_in_notebooks()


def run_to(
    *programs: str,
    at: int | None = None,
    until: str | None = None,
    layout: str = "microkernel",
    paging: str | None = None,
    kernel: Literal["interpreted", "compiled"] = "interpreted",
    memory: str = "64M",
) -> Moment:
    """Run programs, words as `keelback run` takes, to the end of a trap; return the machine as it stands there.

    That is after trap number `at`, or the first at which the console has said a text; with neither, the last before
    the first process ends.
    Raises: UserError.
    """
    choice = KernelChoice(layout, (), paging)
    stop = StopPoint(at=at, until=until)
    return paused(programs, Pause(choice, kernel == "compiled", memory_size(memory), stop)).moment()
