"""`keelback watch`."""

import sys

import click

from keelback.cli import options
from keelback.cli.sizes import failing_allocation, memory_size, seed_of


@click.command()
@options.programs
@options.life
@options.kernel
@options.memory("64M")
@options.append
@options.typed
@options.seed
@click.option("--fail", metavar="CALL:N", help="Let allocation N of the kernel's fail in the first CALL: fork:3.")
@click.option("--serve", is_flag=True, help="Show it in a browser, on this machine alone.")
@click.option("--port", type=options.Number(1, 65535), default=8000, show_default=True, help="Where --serve listens.")
def command(
    programs: tuple[str, ...],
    kernel: str | None,
    choice: options.KernelChoice,
    memory: str,
    append: str,
    typing: options.Typing,
    seed: str | None,
    fail: str | None,
    serve: bool,
    port: int,
) -> int:
    """Watch programs run, and go back.

    It shows all memory, physical and of every process, a cell a page, with processes, events and console.
    Step forward and back, trap by trap; ask who changed a page.  `?` shows the keys.
    """
    from keelback.cli.watch import WatchOptions, serve_watch, watch, without_serving

    given = WatchOptions(
        choice, kernel == "compiled", memory_size(memory), append, typing, seed_of(seed), failing_allocation(fail)
    )
    return serve_watch(programs, given, without_serving(sys.argv[1:]), port) if serve else watch(programs, given)
