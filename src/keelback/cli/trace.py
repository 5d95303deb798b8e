"""The trace of `--trace`: what each trap was and what came of it, with virtual time and process, a line each."""

import json
from collections.abc import Callable
from dataclasses import asdict
from enum import Enum
from typing import Any, TextIO

from keelback.cli.streams import escaped
from keelback.inspect.events import Event, TrapBegun, TrapEnded
from keelback.kernel.kernel import Kernel
from keelback.machine.events import listen
from keelback.machine.observed import Observed


def trace(machine: Observed, kernel: Kernel, form: str, stream: TextIO) -> None:
    """Print the events of a machine's next traps to a stream as they come, in one of `FORMS`.

    Those that only say that a trap begins or ends are left out.
    """
    line_of = FORMS[form]

    def take(event: Event) -> None:
        if not isinstance(event, TrapBegun | TrapEnded):
            print(line_of(event), file=stream)

    listen(machine, kernel, take)


def as_text(event: Event) -> str:
    """Return the line for a person: time, program with its process's id, and what happened."""
    who = f"{event.program}[{event.pid}]" if event.pid else event.program
    return f"{event.time:>12,}  {escaped(who):<16} {event}"


def as_json(event: Event) -> str:
    """Return the line for a program: an object with the kind of the event, its fields, and the line's words."""
    return json.dumps({"event": type(event).__name__} | _plain(asdict(event)) | {"said": str(event)})


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


FORMS: dict[str, Callable[[Event], str]] = {"text": as_text, "json": as_json}
