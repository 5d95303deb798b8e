"""Writing a machine into a file."""

from collections.abc import Iterator
from dataclasses import asdict
from typing import Any, BinaryIO

from keelback.inspect.kept import write_kept
from keelback.inspect.moment import Moment
from keelback.inspect.records_digest import records_digest
from keelback.inspect.saved.form import KIND, MOST_CONSOLE, RUN, Facts
from keelback.inspect.sparse import PAGE, PIECE, filled_runs


def write_moment(moment: Moment, file: BinaryIO, version: str) -> None:
    """Write a machine into an empty file that can be sought in; `version` is that of this Keelback.  Raises: OSError.

    64 MiB take 0.2 s, 3.5 GiB of which little was ever touched as long.
    """
    write_kept(file, KIND, asdict(_facts(moment, version)), _body(moment), level=1)


def _body(moment: Moment) -> Iterator[Any]:
    yield moment.console[-MOST_CONSOLE:]
    memory = memoryview(moment.contents).cast("B")
    for first, count in filled_runs(memory):
        yield RUN.pack(first, count)
        for place in range(first * PAGE, (first + count) * PAGE, PIECE):
            yield memory[place : min(place + PIECE, (first + count) * PAGE)]
    yield RUN.pack(0, 0)


def _facts(moment: Moment, version: str) -> Facts:
    return Facts(
        build=version,
        layout=moment.layout.name,
        paging=moment.layout.paging.name,
        records=records_digest(moment.layout),
        memory=memoryview(moment.contents).nbytes,
        machine=moment.machine,
        stands=moment.stands.value,
        time=moment.time,
        traps=moment.traps,
        console=min(len(moment.console), MOST_CONSOLE),
    )
