"""`keelback maps`."""

import click

from keelback.cli import options


@click.command()
@options.programs
@options.life
@options.kernel
@options.memory("64M")
@options.pause
@click.option(
    "--walk", metavar="ADDRESS", help="Tell all of one address: its page, its frame, and each entry on the way."
)
@options.picture
@options.limits
@options.json
def command(
    programs: tuple[str, ...],
    kernel: str | None,
    choice: options.KernelChoice,
    memory: str,
    moment: options.Moment,
    walk: str | None,
    drawn: options.Picture,
    limits: options.Limits,
    as_json: bool,
) -> int:
    """Show where a program's own pages are.

    Runs programs on the simulated PC to a moment, and says for every run of pages what it is for, what the program may
    do there, which frames it has, whose they are, and who else shows them.

    Without --at and --until the moment is just before the first program ends, or the process of --pid.
    """
    from keelback.cli.maps import show_maps
    from keelback.cli.pausing import Pause
    from keelback.cli.sizes import address, memory_size

    pause = Pause(choice, kernel == "compiled", memory_size(memory), moment, limits)
    place = None if walk is None else address("--walk", walk)
    return show_maps(programs, pause, walk=place, drawn=drawn, as_json=as_json)
