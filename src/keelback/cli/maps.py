"""`keelback maps`: where a program's own pages are, run by run, and the tale of an address."""

from collections.abc import Callable, Sequence
from typing import Any

from rich.console import Console
from rich.text import Text

from keelback.cli.json_output import print_json
from keelback.cli.options import Picture, Target
from keelback.cli.statuses import WELL
from keelback.cli.tables import make_table, print_table
from keelback.cli.targets import chosen, looked_at, title_of
from keelback.inspect.moment import Moment
from keelback.inspect.snapshot import Snapshot
from keelback.inspect.snapshot.processes import Process
from keelback.view.colours import colour_of
from keelback.view.page_tale import Tale, tale_of_address
from keelback.view.runs import COLUMNS, SHARED, Run, runs
from keelback.view.scene import digits_of

NARROW = 96
"""With fewer columns than these, a run is told by where it starts alone."""


def show_maps(target: Target, *, walk: int | None, drawn: Picture, as_json: bool) -> int:
    """Print whose pages are where in a machine; return the exit status.  Raises: UserError; as `looked_at`."""
    if drawn.svg or drawn.png:
        # Imported here: hardly anybody draws.
        from keelback.cli.pictures import check_pictures

        check_pictures(drawn)
    with looked_at(target) as moment:
        snapshot = moment.snapshot()
        processes = chosen(snapshot, target.stop.pid)
        tales = [tale_of_address(each, walk) for each in processes] if walk is not None else []
        if drawn.svg or drawn.png:
            _draw(drawn, moment, snapshot, processes, walk)
        if as_json:
            print_json(_facts(moment, processes, tales))
        else:
            _print(title_of(moment, snapshot), processes, tales)
    return WELL


def _print(title: str, processes: list[Process], tales: list[Tale]) -> None:
    console = Console(highlight=False, soft_wrap=True)
    console.print(Text(title, "bold"))
    for each in processes:
        console.print()
        _print_process(console, each)
    for tale in tales:
        console.print()
        first, *others = tale.lines()
        console.print(Text(first, "bold"))
        for line in others:
            console.print(line, markup=False)


def _draw(drawn: Picture, moment: Moment, snapshot: Snapshot, processes: list[Process], walk: int | None) -> None:
    """Draw all processes, with the tale of an address in the first of those that were chosen."""
    # Imported here: hardly anybody draws.
    from keelback.cli.pictures import State, draw_state

    told = (processes[0], walk) if walk is not None and processes else None
    draw_state(drawn, State(snapshot, title_of(moment, snapshot)), [*snapshot.spaces], told)


def _print_process(console: Console, process: Process) -> None:
    title = Text(process.snapshot.name_of(process.pid), f"bold {colour_of(process.pid)}")
    console.print(title.append(f": {process.counted}", "bold"))
    listed = list(runs(process))
    is_shared = any(run.others for run in listed)
    is_narrow = console.width < NARROW
    table = make_table()
    for name, justify in COLUMNS.items():
        if name != SHARED or is_shared:
            table.add_column(name, justify=justify, no_wrap=name != SHARED)
    for run in listed:
        table.add_row(*_row(process, run, _start if is_narrow else _range)[: len(table.columns)])
    print_table(console, table)


def _start(process: Process, run: Run) -> str:
    return f"{run.start:#0{2 + digits_of(process.snapshot)}x}"


def _range(process: Process, run: Run) -> str:
    return run.addresses(digits_of(process.snapshot))


def _row(process: Process, run: Run, place: Callable[[Process, Run], str]) -> Sequence[Text | str]:
    quiet = "dim" if run.frame is None else ""
    owner = process.snapshot.frames[run.frame].owner if run.references and run.frame is not None else 0
    _addresses, pages, use, rights, frames, whose, counted, others = run.told(digits_of(process.snapshot))
    return [
        *(Text(each, quiet) for each in (place(process, run), pages, use, rights)),
        *(frames, Text(whose, colour_of(owner) if owner else ""), counted, others),
    ]


def _facts(moment: Moment, processes: list[Process], tales: list[Tale]) -> dict[str, Any]:
    return {
        "layout": moment.layout.name,
        "paging": moment.layout.paging.name,
        "machine": moment.machine,
        "traps": moment.traps,
        "time": moment.time,
        "processes": [
            {"pid": each.pid, "parent": each.parent, "program": each.name, "runs": [run.facts() for run in runs(each)]}
            for each in processes
        ],
        "walks": [tale.as_values() for tale in tales],
    }
