"""`keelback shell`."""

import click

from keelback.cli import options


@click.command()
@click.option("-e", "code", metavar="CODE", help="Run a line of Python, and print what it comes to.")
@click.option("--script", metavar="FILE", help="Run a file of Python; with --on it may be the only word.")
@options.target
def command(code: str | None, script: str | None, target: options.Target) -> int:
    """Ask a machine's memory in Python.

    `machine` is its model: processes, spaces, libraries, frames, mappings both ways, and walk(pid, address).  Without
    -e and --script, line by line.

    The machine is a QEMU that runs, a file (--on), or the simulated PC when it has run programs to a moment.
    """
    from keelback.cli.shell import run_shell

    return run_shell(target, code=code, script=script)
