"""What stands around the maps, as text: the head, processes, events and the console."""

from pathlib import Path

from rich.style import Style as Look
from rich.text import Text

from keelback.inspect.snapshot.processes import Process
from keelback.inspect.walk import PAGE_SHIFT
from keelback.machine.recorded.changes import Change
from keelback.view.cells import Spot
from keelback.view.colours import colour_of
from keelback.view.page_tale import Tale, entry_of, tale_of_address, tale_of_frame
from keelback.view.text import GREY
from keelback.view.watch.watched import Watched


def head(watched: Watched, columns: int, doing: str) -> Text:
    """Return the line on top: programs, kernel and life; how far the run is, and what is being done."""
    layout = watched.recording.pc.layout
    left = Text(watched.programs, "bold").append(f" · {layout.name}, {layout.paging.name} · {watched.life}", GREY)
    known = "" if watched.recording.end is None else f" of {watched.recording.end:,}"
    further = (
        f", seen to {watched.recording.furthest:,}" if not known and watched.at < watched.recording.furthest else ""
    )
    right = f"trap {watched.at:,}{known}{further}   {doing}   time {watched.recording.pc.time:,}"
    left.truncate(max(columns - len(right) - 2, 8), overflow="ellipsis")
    return left.append(" " * max(columns - len(left) - len(right), 1)).append(right)


def processes(watched: Watched) -> Text:
    """Return a table: id, program, state, and how many pages are its own, shared, and page tables."""
    snapshot = watched.snapshot
    table = Text(f"{'pid':>4} {'program':<9}{'state':<11}{'own':>4}{'shared':>7}{'tables':>7}", GREY)
    for pid, process in snapshot.processes.items():
        mark = "▶" if pid == watched.current else " "
        line = f"\n{mark}{pid:>3} {process.name:<8.8} {_state(process):<11.11}{_counts(process)}"
        table.append(line, Look(color=colour_of(pid), bold=pid == watched.current))
    return table


def _counts(process: Process) -> str:
    """Return how many pages of a process are its own, how many not, and how many tables it has."""
    space, own = process.space, process.own_pages
    return f"{own:>4}{len(space.user) - own:>7}{len(space.tables):>7}" if space is not None else ""


def _state(process: Process) -> str:
    if not process.is_alive:
        return process.record.ending.name.lower().replace("_", " ")
    states = [each.state.name.lower() for each in process.threads]
    state = "running" if "running" in states else states[0] if states else "starting"
    return f"{len(states)}× {state}" if len(states) > 1 else state


def events(watched: Watched, lines: int) -> Text:
    """Return the last events; those of the last step are marked.  A panic at the end is the last of all."""
    text = Text(no_wrap=True, overflow="ellipsis")
    panic = watched.panic
    for step, event in watched.latest(lines - 1 if panic is not None else lines):
        is_last = step == watched.at
        who = f"{event.pid} {event.program}" if event.pid else event.program
        text.append(f"{'▶' if is_last else ' '}{step:>6,}  ", "bold" if is_last else GREY)
        text.append(f"{who:<14} ", Look(color=colour_of(event.pid), bold=is_last))
        text.append(f"{event}\n", "bold" if is_last else Look.null())
    if panic is not None:
        place = f"{Path(panic.file).name}:{panic.line}"
        text.append(f"▶{watched.at:>6,}  kernel panic at {place}: {panic.message}\n", "bold")
    return text if text else Text("nothing has happened yet: → makes a step, space runs", GREY)


def console(watched: Watched, lines: int) -> Text:
    """Return the last lines that the machine printed."""
    shown = [line for line in watched.console.splitlines() if line.strip()][-lines:]
    return Text(
        "\n".join("".join(each if each.isprintable() else "·" for each in line) for line in shown), no_wrap=True
    )


def page(watched: Watched, spot: Spot) -> Tale:
    """Return what is known of the page under the cursor."""
    snapshot = watched.snapshot
    if spot.pid:
        return tale_of_address(snapshot.processes[spot.pid], spot.address)
    number = spot.address >> PAGE_SHIFT
    if number >= len(snapshot.frames):
        return Tale(f"frame {number:#x}", [("frame", "behind all memory that the kernel has")])
    return tale_of_frame(snapshot, number)


def told(tale: Tale) -> Text:
    """Return a tale for a narrow column."""
    text = Text(tale.title, "bold")
    for word, said in (*tale.facts, *map(entry_of, tale.steps)):
        text.append("\n").append(f"{word}: " if word else "  ", GREY).append(said, Look.null())
    return text


def in_short(tale: Tale) -> str:
    """Return a line of what is known of a page."""
    facts = dict(reversed(tale.facts))  # of several with one word the first
    said = [facts[word] for word in ("page", "frame", "also", "region", "guard", "kernel") if word in facts]
    start = [] if said and said[0].startswith(tale.title) else [f"{tale.title}: "]
    return "".join([*start, " → ".join(said[:2]), *(f"; also {each}" for each in said[2:3] if "also" in facts)])


def changes(found: list[Change]) -> Text:
    """Return who changed a page, the latest change first."""
    text = Text()
    for each in found:
        first, *places = str(each).splitlines()
        text.append(first, "bold").append("\n")
        for place in places:
            text.append(f"{place.strip()}\n", GREY)
    return text
