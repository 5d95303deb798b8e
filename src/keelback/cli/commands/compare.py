"""`keelback compare`."""

import click

from keelback.cli import options
from keelback.cli.sizes import memory_size


@click.command()
@options.programs
@options.kernel
@options.append
@options.typed
@options.limits
@options.json
@options.least_memory
def command(
    programs: tuple[str, ...],
    choice: options.KernelChoice,
    memory: str | None,
    append: str,
    typing: options.Typing,
    limits: options.Limits,
    as_json: bool,
) -> int:
    """Run programs in both lives, and compare all RAM.

    That is after every trap of the interpreted and of the compiled kernel.  Without a PROGRAM, all of the payload; in
    the teaching layout, those of the course.

    The exit status is 0 when both are equal and 1 when they are not; then the first difference is told by name, with
    both values.
    """
    from keelback.cli.compare import compare_lives

    size = None if memory is None else memory_size(memory)
    return compare_lives(
        programs, choice=choice, memory=size, command_line=append, typing=typing, limits=limits, as_json=as_json
    )
