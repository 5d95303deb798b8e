"""`keelback compile`: what the compiler makes of the kernel."""

import textwrap
from collections.abc import Sequence
from fnmatch import fnmatch
from pathlib import Path

from rich.console import Console
from rich.syntax import Syntax
from rich.table import Table
from rich.text import Text

from keelback.cli.json_output import print_json
from keelback.cli.options import KernelChoice
from keelback.cli.own_parts import chosen_layout
from keelback.compiler import compile_program, ir
from keelback.compiler.print_c import Printer, short_path
from keelback.compiler.source import end_line
from keelback.errors import UserError
from keelback.image.kernels import entries_of, kernel_of
from keelback.lang import Ram

LEAST_WIDTH = 150
"""Columns from which on both fit side by side."""


def list_functions(choice: KernelChoice, patterns: Sequence[str], *, as_json: bool = False) -> int:
    """Print the names in C of functions of the kernel, and where each comes from.

    Raises: UserError when no function has such a name.
    """
    _, functions = _functions(choice)
    found = [each for pattern in patterns for each in _found(functions, pattern)]
    if as_json:
        print_json(
            [{"name": each.key.name, "file": short_path(each.place[0]), "line": each.place[1]} for each in found]
        )
        return 0
    for function in found:
        print(f"{function.key.name:<40} {short_path(function.place[0])}:{function.place[1]}")
    return 0


def show_c(choice: KernelChoice, patterns: Sequence[str], width: int | None = None) -> int:
    """Print functions of the kernel: their Python and the C that it becomes, side by side where there is room.

    Raises: UserError when no function has such a name.
    """
    ram, functions = _functions(choice)
    printer = Printer(ram, functions, lines=False)
    console = Console(highlight=False, width=width)
    for pattern in patterns:
        for function in _found(functions, pattern):
            _show(console, function, printer.function_text(function))
    return 0


def _found(functions: dict[str, ir.Function], pattern: str) -> list[ir.Function]:
    """Return the functions whose names fit a pattern.  Raises: UserError when none does."""
    found = [each for name, each in functions.items() if fnmatch(name, pattern)]
    if not found:
        raise UserError(f"the kernel has no function {pattern!r}; `keelback compile` lists them")
    return found


def _functions(choice: KernelChoice) -> tuple[Ram, dict[str, ir.Function]]:
    kernel, ram = kernel_of(chosen_layout(choice))
    return ram, dict(compile_program(kernel, ram, entries_of(kernel)).functions)


def _show(console: Console, function: ir.Function, c: str) -> None:
    file, first = function.place
    lines = Path(file).read_text().splitlines()[first - 1 : end_line(file, first)]
    place = Text(f"{short_path(file)}:{first}", style="dim")
    source = _coloured(textwrap.dedent("\n".join(lines)), "python")
    made = _coloured(c.replace("__attribute__((unused)) ", "").rstrip(), "c")
    if console.width >= LEAST_WIDTH:
        table = Table(box=None, pad_edge=False, padding=(0, 3, 0, 0), show_header=False)
        table.add_column(ratio=1)
        table.add_column(ratio=1)
        table.add_row(place, "")
        table.add_row(source, made)
        console.print(table)
    else:
        console.print(place, source, Text(), made, sep="\n", soft_wrap=True)
    console.print()


def _coloured(code: str, language: str) -> Text:
    """Return code in the colours of a terminal's own theme."""
    text = Syntax(code, language, theme="ansi_dark", background_color="default").highlight(code)
    text.rstrip()
    return text
