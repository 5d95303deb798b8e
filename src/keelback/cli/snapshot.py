"""`keelback snapshot`: a machine into a file."""

from pathlib import Path

from keelback.cli.options import Target
from keelback.cli.statuses import WELL
from keelback.cli.targets import looked_at
from keelback.machine.moments import save


def save_machine(file: str, target: Target) -> int:
    """Save the machine that a command names; return the exit status.  Raises: UserError; as `looked_at`."""
    with looked_at(target) as moment:
        size = save(moment, Path(file))
        memory = memoryview(moment.contents).nbytes
        traps = "" if moment.traps is None else f", after trap {moment.traps:,}"
        print(f"{file}: {size:,} bytes, a machine with {memory >> 10:,} KiB {moment.stands.value}{traps}")
    return WELL
