"""Machines at one moment: of a run, and kept in a file."""

import os
from pathlib import Path

from keelback import __version__
from keelback.errors import UserError
from keelback.image.written_files import whole_file
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
        life_of(machine),
        time=machine.time,
        traps=machine.traps,
        console=bytes(machine.console),
    )


def life_of(machine: Observed) -> str:
    """Return how a machine's kernel runs: interpreted, compiled, or on QEMU."""
    kinds = {InterpretedPc: "interpreted", CompiledPc: "compiled"}
    return next((name for kind, name in kinds.items() if isinstance(machine, kind)), "QEMU")


def save(moment: Moment, path: Path) -> int:
    """Write a machine into a file, whole or not at all; return how many bytes it takes.  Raises: UserError."""
    if os.path.exists(path) and not os.path.isfile(path):
        raise UserError(f"{path}: it is no file; name one to write")
    with whole_file(path) as file:
        write_moment(moment, file, __version__)
        return file.seek(0, os.SEEK_END)
