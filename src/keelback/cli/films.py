"""`keelback replay --film`: a recorded run as a moving picture."""

from dataclasses import replace
from pathlib import Path

from keelback.cli.running import stoppable
from keelback.image.written_files import check_place, write_file
from keelback.inspect.events import Event
from keelback.inspect.lens import look
from keelback.inspect.snapshot import Snapshot
from keelback.machine.events import listen_to_served
from keelback.machine.moments import moment_of
from keelback.machine.observed import Outcome
from keelback.machine.simulated.pc import SimulatedPc
from keelback.view.changes import Fingerprint
from keelback.view.film import Still, film
from keelback.view.scene import scene_of

FRAMES = 60
"""So many frames a film has at most where nobody says how many traps lie between two."""
SECONDS = 0.6
"""How long a frame is seen."""


def write_film(path: Path, machine: SimulatedPc, programs: str, stop: int, every: int | None) -> None:
    """Run a machine to a trap, and write a picture that shows memory after each so many.  Raises: UserError; Panic."""
    check_place(path)
    layout = machine.layout
    title = f"{programs} · {layout.name}, {layout.paging.name} · {moment_of(machine).machine}"
    with stoppable(machine):
        stills = _stills(machine, title, stop, every or -(-stop // FRAMES))
    write_file(path, film(stills, SECONDS).encode())


def _stills(machine: SimulatedPc, title: str, stop: int, every: int) -> list[Still]:
    """Return a frame for where the programs start, and one after each so many traps; the last is for the last trap."""
    happened: list[Event] = []
    names: dict[int, str] = {}

    def name_of(pid: int) -> str:  # of one that has ended too
        return names.get(pid, f"({pid})")

    kernel = look(machine.layout, machine.contents)
    listen_to_served(machine, kernel, happened.append)
    machine.output = lambda byte: None
    machine.boot()
    stills, before = [], None
    while True:
        is_last = machine.traps >= stop or machine.outcome is not Outcome.RUNNING
        if is_last or machine.traps % every == 0:
            snapshot = Snapshot(kernel)
            now = Fingerprint(snapshot)
            names |= {pid: snapshot.name_of(pid) for pid in snapshot.spaces}
            when = f"{title} · trap {machine.traps:,}, time {machine.time:,}"
            scene = scene_of(snapshot, when, changes=now.changes_since(before or now))
            stills.append(Still(replace(scene, name_of=name_of), _caption(happened)))
            before = now
        if is_last:
            return stills
        happened.clear()
        machine.step()


def _caption(happened: list[Event]) -> str:
    """Return what the last trap was and what came of it."""
    return "; ".join(f"{each.program} ({each.pid}): {each}" for each in happened) or "the programs are started"
