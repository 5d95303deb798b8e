"""`keelback mem`: all memory by cells, or the page tables of a process in another tool's or course's style."""

import sys
from collections.abc import Callable, Iterator, Sequence
from dataclasses import replace

from rich.console import Console

from keelback.cli import options
from keelback.cli.maps import chosen, title_of
from keelback.cli.options import Picture
from keelback.cli.pausing import Pause, paused
from keelback.cli.pictures import State, draw_change, draw_state
from keelback.cli.statuses import WELL
from keelback.errors import UserError
from keelback.inspect.moment import Moment
from keelback.inspect.snapshot import Snapshot
from keelback.inspect.snapshot.spaces import Space
from keelback.inspect.walk import Walker
from keelback.machine.moments import moment_of
from keelback.view.as_courses import info_pg, vmprint
from keelback.view.as_qemu import info_mem, info_tlb
from keelback.view.changes import UNCHANGED
from keelback.view.changes import Moment as Compared
from keelback.view.text import TextView

FORMATS: dict[str, Callable[[Walker, int], Iterator[str]]] = {
    "qemu": info_mem,
    "qemu-tlb": info_tlb,
    "jos": info_pg,
    "vmprint": vmprint,
}
"""What prints the page tables of one space."""


def show_memory(words: Sequence[str], pause: Pause, form: str, *, since: int | None, drawn: Picture) -> int:
    """Run programs to where the machine is to stand, and print its memory; return the exit status.

    Raises: as `paused`.
    """
    moment = moment_of(paused(words, pause))
    snapshot = moment.snapshot()
    if form in FORMATS:
        for line in FORMATS[form](snapshot.walker, _space(snapshot, pause.pid).root):
            print(line)
        return WELL
    pids = [each.pid for each in chosen(snapshot, pause.pid)]
    after, changes = State(snapshot, title_of(moment, snapshot)), UNCHANGED
    if since is None:
        draw_state(drawn, after, pids)
    else:
        earlier = moment_of(paused(words, _earlier(pause, since, moment)))
        before = State(earlier.snapshot(), title_of(earlier, earlier.snapshot()))
        changes = Compared(snapshot).changes_since(Compared(before.snapshot))
        draw_change(drawn, before, after, pids, changes)
    TextView(Console(file=sys.stdout, highlight=False)).print(snapshot, after.title, pids, changes)
    return WELL


def _earlier(pause: Pause, since: int, moment: Moment) -> Pause:
    """Return where a machine stands that is compared with a later one.  Raises: UserError."""
    if moment.traps is not None and since >= moment.traps:
        raise UserError(f"--since {since}: it is not before trap {moment.traps}, which is shown")
    return replace(pause, moment=options.Moment(at=since))


def _space(snapshot: Snapshot, pid: int | None) -> Space:
    """Return the space of a process that is named, else of that which runs next.  Raises: UserError."""
    in_use = snapshot.kernel.first_cpu.directory
    runs = [each.pid for each in snapshot.spaces.values() if each.directory == in_use]
    processes = chosen(snapshot, pid if pid is not None else next(iter(runs), None))
    if not processes or processes[0].space is None:
        raise UserError("no process is alive here; say another moment with --at")
    return processes[0].space
