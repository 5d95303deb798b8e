"""`keelback maps`: where a program's own pages are, run by run, and the tale of an address."""

from dataclasses import replace
from typing import Any

from rich.console import Console
from rich.table import Table
from rich.text import Text

from keelback.cli.json_output import print_json
from keelback.cli.options import Picture, Target
from keelback.cli.statuses import WELL
from keelback.cli.tables import fits, make_table, print_table
from keelback.cli.targets import chosen, looked_at, title_of
from keelback.cli.variables import Place, is_number, places_of
from keelback.inspect.moment import Moment
from keelback.inspect.snapshot import Snapshot
from keelback.inspect.snapshot.processes import Process
from keelback.view.colours import colour_of
from keelback.view.page_tale import Tale, tale_of_address
from keelback.view.runs import COLUMNS, SHARED, Run, runs
from keelback.view.scene import digits_of

NARROW = [name for name in COLUMNS if name != "pages"]
"""What a table says of each run where the terminal is narrow."""


def show_maps(target: Target, *, walk: str | None, drawn: Picture, as_json: bool) -> int:
    """Print whose pages are where in a machine; return the exit status.  Raises: UserError; as `looked_at`."""
    if drawn.svg or drawn.png:
        # Imported here: hardly anybody draws.
        from keelback.cli.pictures import check_pictures

        check_pictures(drawn)
    with looked_at(target) as moment:
        snapshot = moment.snapshot()
        processes = chosen(snapshot, target.stop.pid)
        places = places_of(walk, moment, processes) if walk is not None else []
        tales = [_tale(place, walk or "") for place in places]
        if drawn.svg or drawn.png:
            _draw(drawn, moment, snapshot, places)
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


def _tale(place: Place, word: str) -> Tale:
    """Tell of a place, by the name too that it was said by."""
    tale = tale_of_address(*place)
    return tale if is_number(word) else replace(tale, title=f"{word}, {tale.title}")


def _draw(drawn: Picture, moment: Moment, snapshot: Snapshot, places: list[Place]) -> None:
    """Draw all processes, with the tale of an address in the first of those that were chosen."""
    # Imported here: hardly anybody draws.
    from keelback.cli.pictures import State, draw_state

    told = places[0] if places else None
    draw_state(drawn, State(snapshot, title_of(moment, snapshot)), [*snapshot.spaces], told)


def _print_process(console: Console, process: Process) -> None:
    pages = len(list(process.pages()))
    title = Text(process.snapshot.name_of(process.pid), f"bold {colour_of(process.pid)}")
    console.print(title.append(f": {pages:,} pages, {process.own_pages:,} of them its own", "bold"))
    listed = list(runs(process))
    table = _table([*COLUMNS], [_row(process, run) for run in listed], is_shared=any(run.others for run in listed))
    if not fits(console, table):
        rows = [_narrow_row(process, run) for run in listed]
        table = _table(NARROW, rows, is_shared=any(run.others for run in listed))
        table.caption = _pids(process, listed)
    print_table(console, table)


def _table(names: list[str], rows: list[list[Text | str]], *, is_shared: bool) -> Table:
    """Return a table of runs, without the column of who else shows their frames where nobody does."""
    table = make_table()
    shown = [name for name in names if name != SHARED or is_shared]
    for name in shown:
        table.add_column(name, justify=COLUMNS[name], no_wrap=name != SHARED)
    for row in rows:
        table.add_row(*row[: len(shown)])
    return table


def _row(process: Process, run: Run) -> list[Text | str]:
    quiet = "dim" if run.frame is None else ""
    owner = _owner(process, run)
    addresses, pages, use, rights, frames, whose, counted, others = run.told(digits_of(process.snapshot))
    return [
        *(Text(each, quiet) for each in (addresses, pages, use, rights)),
        *(frames, Text(whose, colour_of(owner) if owner else ""), counted, others),
    ]


def _narrow_row(process: Process, run: Run) -> list[Text | str]:
    """Return a row for a narrow terminal: of a range's end the digits that are others, of processes the ids alone.

    All of it is memory, which is not said again.
    """
    _, _, use, rights, frames, whose, counted, _ = _row(process, run)
    owner = _owner(process, run)
    owned = Text(str(owner), colour_of(owner)) if owner else _without_memory(whose)
    addresses = Text(run.short_addresses(digits_of(process.snapshot)), "dim" if run.frame is None else "")
    return [addresses, _without_memory(use), rights, frames, owned, counted, run.shared_with_pids]


def _without_memory(words: Text | str) -> Text:
    """Return words such as `shared memory` or `memory object 1` without that of them."""
    text = words if isinstance(words, Text) else Text(words)
    return Text(" ".join(each for each in text.plain.split() if each != "memory"), text.style)


def _owner(process: Process, run: Run) -> int:
    """Return the id of the process that owns a run's frames, 0 for none."""
    return process.snapshot.frames[run.frame].owner if run.references and run.frame is not None else 0


def _pids(process: Process, listed: list[Run]) -> str:
    """Return what the ids in a narrow table stand for."""
    pids = {_owner(process, run) for run in listed} | {each.pid for run in listed for each in run.others}
    table = process.snapshot.processes
    return ", ".join(f"{pid} is {table[pid].name}" for pid in sorted(pids) if pid)


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
