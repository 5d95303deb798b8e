"""Options and arguments that several commands have."""

import functools
from collections.abc import Callable
from typing import Any, TypeVar, cast

import click

LAYOUTS = ("microkernel", "usermode")
"""The names of the published layouts, known here so that the help need not import them."""

F = TypeVar("F", bound=Callable[..., Any])


def programs(function: F) -> F:
    """Add the programs that a command starts, as `programs`: words that have the options for their C files in them."""

    @functools.wraps(function)
    def called(
        *arguments: Any, programs: tuple[str, ...], include: tuple[str, ...], define: tuple[str, ...], **others: Any
    ) -> Any:
        from keelback.cli.words import with_options

        return function(*arguments, programs=with_options(programs, include, define), **others)

    include = click.option("-I", "include", metavar="FOLDER", multiple=True, help="Where C files look for headers.")
    define = click.option("-D", "define", metavar="NAME[=VALUE]", multiple=True, help="A macro for C files.")
    return cast(F, click.argument("programs", metavar="[PROGRAM]...", nargs=-1)(include(define(called))))


def machine(function: F) -> F:
    """Add `--machine` and `--kernel`: where the kernel runs, and in which life, as `machine` and `kernel`."""
    function = click.option(
        "--kernel",
        type=click.Choice(["interpreted", "compiled"]),
        help="Which life of the kernel: in this Python, or compiled to machine code.  "
        "[default: interpreted; compiled on QEMU]",
    )(function)
    return click.option(
        "--machine",
        type=click.Choice(["simulated", "qemu"]),
        default="simulated",
        show_default=True,
        help="Which machine: the simulated PC, or QEMU, which runs the compiled kernel.",
    )(function)


def layout(function: F) -> F:
    """Add `--layout`, as `layout`."""
    return click.option(
        "--layout",
        type=click.Choice(LAYOUTS),
        default=LAYOUTS[0],
        show_default=True,
        help="Where everything lies: a published layout.",
    )(function)


def memory(default: str | None, shown: str = "", what: str = "How much memory the machine has.") -> Callable[[F], F]:
    """Add `--memory`, as the text `memory`; `shown` tells a default that depends on other options."""
    return click.option(
        "--memory",
        metavar="SIZE",
        default=default,
        show_default=shown or True,
        help=what,
    )


def json(function: F) -> F:
    """Add `--json`, as `as_json`."""
    return click.option("--json", "as_json", is_flag=True, help="Print JSON, for machines.")(function)
