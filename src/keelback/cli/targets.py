"""The machine that a command looks at: one that is there already, or one that runs programs to a moment."""

from collections.abc import Iterator
from contextlib import contextmanager

from keelback.cli.maps import title_of
from keelback.cli.options import Target
from keelback.cli.own_parts import chosen_layout
from keelback.cli.pausing import Pause, paused
from keelback.cli.sizes import memory_size
from keelback.errors import UserError
from keelback.inspect.moment import Moment, Stands
from keelback.inspect.snapshot import Snapshot
from keelback.lang import Panic
from keelback.machine.attach import attach
from keelback.machine.moments import moment_of


@contextmanager
def looked_at(target: Target) -> Iterator[Moment]:
    """Look at the machine that a command names.  Raises: UserError; as `paused`."""
    if target.on is None:
        memory = memory_size(target.memory)
        pause = Pause(target.choice, target.compiled, memory, target.moment, target.limits)
        yield moment_of(paused(target.words, pause))
        return
    if target.words or target.moment.at is not None or target.moment.until is not None:
        raise UserError("--on names a machine that is there; a PROGRAM, --at and --until are for one that is not")
    own = [chosen_layout(target.choice)]
    with attach(target.on, own) as moment:
        try:
            yield moment
        except Panic as panic:
            if moment.stands is Stands.TRAP_END:
                raise
            why = f"it stands inside the kernel, whose records are not whole there ({panic}); look again"
            raise UserError(f"{target.on}: {why}") from None


def title(moment: Moment, snapshot: Snapshot) -> str:
    """Return what is shown, and where the kernel was if its state is not whole."""
    inside = f" · {moment.stands.value}" if moment.stands is not Stands.TRAP_END else ""
    return title_of(moment, snapshot) + inside
