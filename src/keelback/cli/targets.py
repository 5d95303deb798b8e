"""The machine that a command looks at: one that is there already, or one that runs programs to a moment."""

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Final

from keelback.cli.options import DEFAULT_KERNEL, KernelChoice, Target
from keelback.cli.own_parts import chosen_layout
from keelback.cli.pausing import Pause, paused
from keelback.cli.sizes import memory_size
from keelback.errors import UserError
from keelback.inspect.moment import Moment, Stands
from keelback.inspect.snapshot import Snapshot
from keelback.inspect.snapshot.processes import Process
from keelback.kernel.layout import Layout
from keelback.lang import Panic
from keelback.machine.attach import attach
from keelback.view import scene

DAMAGE: Final = (Panic, LookupError, ValueError, ArithmeticError, RecursionError)
"""What reading a kernel's records raises where they are no kernel's: nothing in them is checked before it is read."""


@contextmanager
def looked_at(target: Target) -> Iterator[Moment]:
    """Look at the machine that a command names.  Raises: UserError; as `paused`."""
    if target.on is None:
        memory = memory_size(target.memory)
        pause = Pause(target.choice, target.compiled, memory, target.stop, target.limits, target.typing)
        yield paused(target.words, pause).moment()
        return
    if target.words or target.stop.at is not None or target.stop.until is not None or target.typing.is_any:
        said = "a PROGRAM, --at, --until, --input and --keys are for one that is not"
        raise UserError(f"--on names a machine that is there; {said}")
    name, stands = target.on.partition(":")[2], Stands.TRAP_END
    layout = chosen_layout(target.choice)
    try:
        with attach(target.on, [layout]) as moment:
            stands = moment.stands
            _check_chosen(name, target.choice, layout, moment.layout)
            yield moment
    except DAMAGE as error:
        raise not_whole(name, error, stands) from error


def _check_chosen(name: str, choice: KernelChoice, chosen: Layout, found: Layout) -> None:
    """Check that a machine that is there has the layout and page tables that a command names.  Raises: UserError."""
    if choice.layout != DEFAULT_KERNEL.layout and chosen.name != found.name:
        raise UserError(f"--layout {choice.layout}: the layout of {name} is {found.name}")
    if choice.paging is not None and chosen.paging != found.paging:
        raise UserError(f"--paging {choice.paging}: {name} has {found.paging.name} page tables")


def not_whole(name: str, error: BaseException, stands: Stands = Stands.TRAP_END) -> UserError:
    """Return what is told of a machine that is there, by its name, when reading its kernel's records has failed."""
    said = error.message if isinstance(error, Panic) else f"{type(error).__name__}: {error}"
    if stands is Stands.IN_KERNEL:
        return UserError(f"{name}: it stands inside the kernel, whose records are not whole there ({said}); look again")
    return UserError(f"{name}: its kernel's memory is damaged: {said}")


def chosen(snapshot: Snapshot, pid: int | None) -> list[Process]:
    """Return the process that is named by its id, else all that are alive.  Raises: UserError."""
    alive = [snapshot.processes[each] for each in snapshot.spaces]
    if pid is None:
        return alive
    found = [each for each in alive if each.pid == pid]
    if not found:
        there = ", ".join(snapshot.name_of(each.pid) for each in alive) or "none"
        raise UserError(f"there is no process {pid} here that is alive; there is {there}")
    return found


def title_of(moment: Moment, snapshot: Snapshot) -> str:
    """Return what is shown: programs, layout, page tables, life and when; and if its state is not whole, that."""
    when = "" if moment.traps is None else f"trap {moment.traps:,}, time {moment.time:,}"
    when += f", {moment.why}" if moment.why else ""
    inside = moment.stands.value if moment.stands is not Stands.TRAP_END else ""
    return " · ".join(each for each in (scene.title_of(snapshot), moment.machine, when, inside) if each)
