"""What JSON says of processes and of places: the same names in every command."""

import re
from collections.abc import Iterator
from typing import Any

from keelback.inspect.endings import ProcessEnding
from keelback.inspect.family import Family, Member

_PLACE = r"(?P<file>[^\n:]+):(?P<line>\d+)(?::\d+)?: "
PLACE, ERROR = re.compile(_PLACE), re.compile(_PLACE + r"(?:fatal )?error: ")


def processes(family: Family) -> Iterator[dict[str, Any]]:
    """Yield the facts of every process of a family, each before its children."""
    for _, member in family.members():
        yield process(family, member)


def process(family: Family, member: Member) -> dict[str, Any]:
    """Return who a process is and how it ended; `told` is whether its parent has waited for it."""
    ending = family.ending(member)
    parent = member.parent.pid if member.parent is not None else None
    facts = {"pid": ending.pid, "parent": parent, "program": ending.name, "well": ending.well, "told": member.told}
    return facts | {"ended": _ended(ending)}


def _ended(ending: ProcessEnding) -> dict[str, Any]:
    source = ending.source
    return {
        "kind": ending.kind.value,
        "said": ending.how,
        "status": ending.status,
        "killer": ending.killer,
        "fault": None if ending.fault is None else ending.fault._asdict(),
        "file": None if source is None else source.file,
        "line": None if source is None else source.line,
        "function": None if source is None else source.function,
        "place": ending.place or None,
        "way": [*ending.way],
    }


def mistake(line: str, details: str, status: int) -> dict[str, Any]:
    """Return why a command did not do what was asked, and the file and line that its words begin with, if they do.

    Of what a C compiler says they are those of its first error, for there may be warnings before.
    """
    found = PLACE.match(line) or ERROR.search(details) or PLACE.search(details)
    file, number = (found["file"], int(found["line"])) if found else (None, None)
    return {"status": status, "well": False, "error": line, "details": details, "file": file, "line": number}
