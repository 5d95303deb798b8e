"""`keelback check`."""

import click

from keelback.cli import options
from keelback.cli.sizes import memory_size


@click.command()
@options.programs
@options.kernel
@options.least_memory
@options.limits
@options.json
def command(
    programs: tuple[str, ...],
    choice: options.KernelChoice,
    memory: str | None,
    limits: options.Limits,
    as_json: bool,
) -> int:
    """Check the kernel in every way: one answer.

    It runs programs in the interpreted life, strictly and with all invariants, compiles the kernel, and compares both
    lives after every trap.  Without a PROGRAM, all of the payload run, some of which end badly, as they are to; in the
    teaching layout, those of the course.

    At a limit and at control-C it tells what is known by then, and where it was.

    The exit status is 0 when all is well, 1 when only a program ended badly, 3 when the kernel is wrong.
    """
    from keelback.lang import strict

    if not strict.is_installed("keelback.kernel"):
        strict.install("keelback.kernel")
    # Imported here: strict mode has to come first.
    from keelback.cli.check import Asked, check_kernel

    size = None if memory is None else memory_size(memory)
    asked = Asked(programs, choice, size, limits.instructions)
    return check_kernel(asked, seconds=limits.seconds, as_json=as_json)
