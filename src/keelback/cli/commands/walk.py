"""`keelback walk`."""

import click

from keelback.cli import options


@click.command()
@click.argument("process", metavar="PID", type=options.Number(1))
@click.argument("address")
@options.target
@options.json
def command(process: int, address: str, target: options.Target, as_json: bool) -> int:
    """Walk the page tables of a process to an address.

    That is of a QEMU that runs, of a file (--on), or of the simulated PC when it has run programs to a moment.
    """
    from keelback.cli.sizes import address as address_of
    from keelback.cli.walk import show_walk

    target = target._replace(stop=target.stop._replace(pid=process))
    return show_walk(process, address_of("ADDRESS", address), target, as_json=as_json)
