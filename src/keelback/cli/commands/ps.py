"""`keelback ps`."""

import click

from keelback.cli import options


@click.command()
@options.target
@options.json
def command(target: options.Target, as_json: bool) -> int:
    """List the processes of a machine.

    That is a QEMU that runs, a file (--on), or the simulated PC when it has run programs to a moment.
    """
    from keelback.cli.ps import list_processes

    return list_processes(target, as_json=as_json)
