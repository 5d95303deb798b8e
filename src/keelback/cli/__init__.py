"""The `keelback` command."""

import os
import sys
from enum import StrEnum
from typing import Annotated

import typer

from keelback import __version__
from keelback.cli.errors import CommandError
from keelback.cli.sizes import memory_size

USAGE = 2


class Life(StrEnum):
    """Who runs the kernel."""

    INTERPRETED = "interpreted"
    COMPILED = "compiled"


class Shown(StrEnum):
    """What `keelback compile` shows."""

    C = "c"


Programs = Annotated[
    list[str] | None,
    typer.Argument(
        metavar="PROGRAM",
        show_default=False,
        help="What to start: a name from the payload or the path of an ELF or C file, each with an argument string "
        'if you like ("primes 1000").',
    ),
]

app = typer.Typer(add_completion=False, pretty_exceptions_enable=False, rich_markup_mode=None)


@app.callback(invoke_without_command=True)
def keelback(
    context: typer.Context,
    version: Annotated[bool, typer.Option("--version", help="Print the version and end.", is_eager=True)] = False,
) -> None:
    """A microkernel and process manager in Python, centred on virtual memory."""
    if version:
        print(f"keelback {__version__}")
        raise typer.Exit
    if context.invoked_subcommand is None:
        print(context.get_help())


@app.command()
def run(
    programs: Programs = None,
    kernel: Annotated[
        Life, typer.Option(help="Which life of the kernel: in this Python, or compiled to machine code.")
    ] = Life.INTERPRETED,
    memory: Annotated[str, typer.Option(help="How much memory the machine has.")] = "64M",
    check: Annotated[
        bool,
        typer.Option(
            "--check",
            help="Check the kernel as it runs: all invariants after each of the first 1,000 traps, then after every "
            "64th and at the end; in the interpreted life also integers, memory accesses and TLB invalidations.",
        ),
    ] = False,
    verbose: Annotated[bool, typer.Option("--verbose", help="Print every trap, on standard error.")] = False,
) -> None:
    """Boot the kernel on the simulated PC and run programs in ring 3; without any, a short tour.

    The exit status is 0 when every program ended well, 1 when one did not, 2 for a mistake in the command and 3 when
    the kernel itself was found wrong.
    """
    from keelback.cli.run import run_programs

    raise typer.Exit(
        run_programs(
            programs or [],
            compiled=kernel is Life.COMPILED,
            memory=memory_size(memory),
            check=check,
            verbose=verbose,
        )
    )


@app.command()
def compare(
    programs: Programs = None,
    memory: Annotated[str, typer.Option(help="How much memory the machines have.")] = "8M",
) -> None:
    """Run programs under the interpreted and the compiled kernel, and compare all RAM after every trap.

    Without a program, all of the payload.  The exit status is 0 when both are equal and 1 when they are not; then the
    first difference is told by name, with both values.
    """
    from keelback.cli.compare import compare_lives

    raise typer.Exit(compare_lives(programs or [], memory=memory_size(memory)))


@app.command("compile")
def compile_kernel(
    functions: Annotated[
        list[str] | None,
        typer.Argument(metavar="[FUNCTION]...", show_default=False, help="Names in C, which may have wildcards."),
    ] = None,
    show: Annotated[
        Shown | None, typer.Option(help="What to show of the functions: their Python, and beside it this.")
    ] = None,
) -> None:
    """Compile the kernel: list its functions, or show what becomes of some."""
    from keelback.cli.compile import list_functions, show_c

    if show is None or not functions:
        raise typer.Exit(list_functions())
    raise typer.Exit(show_c(functions))


def main() -> None:
    """Run the command of this process's arguments; mistakes are one line on standard error."""
    try:
        status = app(standalone_mode=False)
    except typer.Abort:
        status = 130
    except BrokenPipeError:  # who read the output has seen enough
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        status = 1
    except (typer.TyperException, CommandError) as error:
        message = error.format_message() if isinstance(error, typer.TyperException) else str(error)
        print(f"keelback: {message}", file=sys.stderr)
        status = USAGE
    sys.exit(status)
