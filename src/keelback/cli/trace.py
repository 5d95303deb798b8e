"""The trace of `--trace`: each trap by its number, with virtual time, process, and what came of it, a line each.

The number is what `--at` takes: the machine stands there where it has served that trap.
"""

import json
from collections.abc import Callable
from dataclasses import asdict
from enum import Enum
from typing import Any, TextIO

from keelback.cli.streams import escaped
from keelback.inspect.events import Event
from keelback.kernel.kernel import Kernel
from keelback.machine.events import listen_to_served
from keelback.machine.observed import Observed

TEXT = "text"
HEADING = f"{'trap':>7}  {'time':>12}  {'program':<16} what came of it"


def trace(machine: Observed, kernel: Kernel, form: str, stream: TextIO) -> None:
    """Print the events of a machine's next traps to a stream as they come, in one of `FORMS`.

    Those that only say that a trap begins or ends are left out.
    """
    line_of, names = FORMS[form], Names(kernel)

    if form == TEXT:
        print(HEADING, file=stream)
    listen_to_served(machine, kernel, lambda event: print(line_of(machine.traps, event, names), file=stream))


class Names:
    """What a trace calls who did something: `ping[1]`, and `ping[1.3]` where that is not its process's first thread."""

    def __init__(self, kernel: Kernel) -> None:
        self._kernel = kernel
        self._others: set[int] = set()
        """The threads that are not the first of their processes, as last seen: one that has ended is in no list."""

    def of(self, event: Event) -> str:
        """Return the program of an event, with the ids of the process and, where it says more, of the thread."""
        if not event.pid:
            return event.program
        first = self._kernel.processes.table[event.pid].threads.first
        if first == event.thread:
            self._others.discard(event.thread)
        elif first and self._kernel.threads.table[event.thread].pid == event.pid:
            self._others.add(event.thread)
        return f"{event.program}[{event.pid}{f'.{event.thread}' if event.thread in self._others else ''}]"


def as_text(trap: int, event: Event, names: Names) -> str:
    """Return the line for a person: trap, time, whose it is, and what happened."""
    return f"{trap:>7}  {event.time:>12,}  {escaped(names.of(event)):<16} {event}"


def as_json(trap: int, event: Event, names: Names) -> str:
    """Return the line for a program: an object with the kind of the event, the trap, its fields, the line's words."""
    facts = {"event": type(event).__name__, "trap": trap}
    return json.dumps(facts | _plain(asdict(event)) | {"said": str(event)})


def _plain(value: Any) -> Any:
    """Return a value in JSON's types: names for enumerations and errors, one letter a byte for texts."""
    match value:
        case Enum():
            return value.name
        case bytes():
            return value.decode("latin-1")
        case type():
            return value.__name__
        case dict():
            return {name: _plain(each) for name, each in value.items()}
        case tuple() if hasattr(value, "_asdict"):
            return _plain(value._asdict())
    return value


FORMS: dict[str, Callable[[int, Event, Names], str]] = {TEXT: as_text, "json": as_json}
