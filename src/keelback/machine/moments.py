"""Machines at one moment: of a run, and kept in a file."""

import os
from pathlib import Path

from keelback import __version__
from keelback.errors import UserError
from keelback.image.leftovers import draft_of
from keelback.inspect.moment import Moment
from keelback.inspect.saved import write_moment
from keelback.machine.observed import Observed
from keelback.machine.simulated.compiled import CompiledPc
from keelback.machine.simulated.interpreted import InterpretedPc


def moment_of(machine: Observed) -> Moment:
    """Return a machine as it stands, at a trap's end; what is read of it changes as the machine runs on."""
    return Moment(
        machine.layout,
        machine.contents,
        _kind_of(machine),
        time=machine.time,
        traps=machine.traps,
        console=bytes(machine.console),
    )


def _kind_of(machine: Observed) -> str:
    kinds = {InterpretedPc: "interpreted", CompiledPc: "compiled"}
    return next((name for kind, name in kinds.items() if isinstance(machine, kind)), "QEMU")


def save(moment: Moment, path: Path) -> int:
    """Write a machine into a file, whole or not at all; return how many bytes it takes.  Raises: UserError."""
    try:
        if path.exists() and not path.is_file():
            raise UserError(f"{path}: it is no file; name one to write")
        place = path.resolve()  # where a link leads, not over the link
        with draft_of(place) as draft:
            with draft.open("xb") as file:
                write_moment(moment, file, __version__)
            os.replace(draft, place)
        return place.stat().st_size
    except (OSError, ValueError, RuntimeError) as error:  # a zero byte in the path; links in a circle
        raise UserError(f"{path}: {getattr(error, 'strerror', None) or error}") from error
