"""`keelback mem`: all memory by cells, or the page tables of a process in another tool's or course's style."""

import sys
from collections.abc import Callable, Iterator

from rich.console import Console

from keelback.cli.options import Picture, StopPoint, Target
from keelback.cli.pictures import State, check_pictures, draw_change, draw_state
from keelback.cli.statuses import WELL
from keelback.cli.targets import chosen, looked_at, title_of
from keelback.errors import UserError
from keelback.inspect.moment import Moment
from keelback.inspect.snapshot import Snapshot
from keelback.inspect.snapshot.spaces import Space
from keelback.inspect.walk import Walker
from keelback.view.as_courses import info_pg, vmprint
from keelback.view.as_qemu import info_mem, info_tlb
from keelback.view.changes import UNCHANGED, Fingerprint
from keelback.view.text import TextView

FORMATS: dict[str, Callable[[Walker, int], Iterator[str]]] = {
    "qemu": info_mem,
    "qemu-tlb": info_tlb,
    "jos": info_pg,
    "vmprint": vmprint,
}
"""What prints the page tables of one space."""


def show_memory(target: Target, form: str, *, since: int | None, drawn: Picture) -> int:
    """Print the memory of a machine; return the exit status.  Raises: UserError; as `looked_at`."""
    check_pictures(drawn)
    with looked_at(target) as moment:
        snapshot, pid = moment.snapshot(), target.stop.pid
        if form in FORMATS:
            for line in FORMATS[form](snapshot.walker, _space(snapshot, pid).root):
                print(line)
            return WELL
        state, pids = _state(moment, snapshot), [each.pid for each in chosen(snapshot, pid)]
        changes = UNCHANGED
        if since is None:
            draw_state(drawn, state, pids)
        else:
            with looked_at(_earlier(target, since, moment)) as earlier:
                before = _state(earlier, earlier.snapshot())
                changes = Fingerprint(snapshot).changes_since(Fingerprint(before.snapshot))
                draw_change(drawn, before, state, pids, changes)
        TextView(Console(file=sys.stdout, highlight=False)).print(snapshot, state.title, pids, changes)
    return WELL


def _state(moment: Moment, snapshot: Snapshot) -> State:
    return State(snapshot, title_of(moment, snapshot))


def _earlier(target: Target, since: int, moment: Moment) -> Target:
    """Return the same machine at an earlier trap.  Raises: UserError."""
    if target.on is not None:
        raise UserError("--since compares two moments of one run; a machine that is there (--on) has one")
    if moment.traps is not None and since >= moment.traps:
        raise UserError(f"--since {since}: it is not before trap {moment.traps}, which is shown")
    return target._replace(stop=StopPoint(at=since))


def _space(snapshot: Snapshot, pid: int | None) -> Space:
    """Return the space of a process that is named, else of that which runs next.  Raises: UserError."""
    in_use = snapshot.kernel.first_cpu.directory
    runs = [each.pid for each in snapshot.spaces.values() if each.directory == in_use]
    processes = chosen(snapshot, pid if pid is not None else next(iter(runs), None))
    if not processes or processes[0].space is None:
        raise UserError("no process is alive here; say another moment with --at")
    return processes[0].space
