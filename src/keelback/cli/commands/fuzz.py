"""`keelback fuzz`."""

import click

from keelback.cli import options
from keelback.errors import UserError

MOST = 1_000_000


@click.command()
@options.kernel
@click.option(
    "--count", metavar="N", type=options.Number(1, MOST), default=64, show_default=True, help="How many families."
)
@click.option("--seed", metavar="N", default="1", show_default=True, help="The first family; the others follow it.")
@click.option("-j", "jobs", metavar="N", type=options.Number(1, 1024), help="How many tasks at once; all processors.")
@click.option("--dask", metavar="tcp://HOST:PORT", help="Try them by the workers of a Dask scheduler.")
@click.option("-o", "output", metavar="FOUND", default="found", show_default=True, help="The folder for what is found.")
def command(
    choice: options.KernelChoice, count: int, seed: str, jobs: int | None, dask: str | None, output: str
) -> int:
    """Try a kernel with families of processes that do as chance has it, with little memory.

    Each maps, unmaps, writes, forks, execs, spawns, kills, waits, loads a library, and knows what must be.  The kernel
    is compiled, its invariants are checked, and every fourth family runs in both lives.  What is wrong is made as small
    as it gets, and printed with the commands that show it.

    The exit status is 0 when nothing is wrong, 3 when something is.
    """
    from keelback.cli.fuzz import fuzz
    from keelback.cli.sizes import seed_of

    if dask is not None and jobs is not None:
        raise UserError("-j is for this machine, and --dask is for others: a worker does as many as it has threads")
    return fuzz(choice, seed=seed_of(seed) or 0, count=count, jobs=jobs, dask=dask, output=output)
