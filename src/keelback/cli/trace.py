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
    line_of = FORMS[form]

    if form == TEXT:
        print(HEADING, file=stream)
    listen_to_served(machine, kernel, lambda event: print(line_of(machine.traps, event), file=stream))


def as_text(trap: int, event: Event) -> str:
    """Return the line for a person: trap, time, program with its process's id, and what happened."""
    who = f"{event.program}[{event.pid}]" if event.pid else event.program
    return f"{trap:>7}  {event.time:>12,}  {escaped(who):<16} {event}"


def as_json(trap: int, event: Event) -> str:
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


FORMS: dict[str, Callable[[int, Event], str]] = {TEXT: as_text, "json": as_json}
