"""How a command ends: its status, and one line on standard error where it did not do what was asked.

This is the only place that turns errors into lines.
"""

import errno
import logging
import os
import re
import signal
import sys
import traceback
import warnings
from collections.abc import Sequence
from contextlib import suppress
from functools import cache
from pathlib import Path
from typing import TYPE_CHECKING, TextIO

from keelback.cli.progress import shown_progress, take_away
from keelback.cli.statuses import BADLY, BY_SIGNAL, HOST_FAILED, KERNEL_WRONG, MISTAKE, WELL
from keelback.cli.streams import escaped, escaped_lines
from keelback.errors import Interrupted, LimitReached, UserError

if TYPE_CHECKING:
    import click

SHOW_ALL = "KEELBACK_TRACEBACK"
"""The variable of the environment that lets an error of Keelback's own be shown with its traceback."""
_MOST_NAMED = 4
"""How many commands a line names at most."""


def run_command(arguments: Sequence[str] | None = None) -> int:
    """Run the command of some arguments, else of this process's; return its exit status."""
    logging.basicConfig(format="%(message)s", handlers=[_Warnings()])
    warnings.showwarning = _show_warning
    try:
        status = _run(arguments)
        sys.stdout.flush()
    except BaseException as error:
        if isinstance(error, SystemExit):
            status = error.code if isinstance(error.code, int) else BADLY
        else:
            if type(error).__module__ == "bdb":  # whoever debugs this wants no more
                raise
            line, details, status = told_of(error)
            if os.environ.get(SHOW_ALL) and (status == HOST_FAILED or error.__cause__ is not None):
                details = traceback.format_exc()
            words = sys.argv[1:] if arguments is None else arguments
            if "--json" in words and status in (MISTAKE, KERNEL_WRONG, HOST_FAILED):
                _print_mistake(line, details, status)
            tell(line, details)
    _give_up_output()
    return status


def _print_mistake(line: str, details: str, status: int) -> None:
    # Imported here: hardly anybody needs it.
    from keelback.cli.facts import mistake
    from keelback.cli.json_output import print_json

    with suppress(OSError):
        print_json(mistake(line, details, status))


def _run(arguments: Sequence[str] | None) -> int:
    import click

    from keelback.cli.app import app, commands_with

    try:
        with shown_progress():
            return int(app(arguments, prog_name="keelback", standalone_mode=False) or WELL)
    except click.NoSuchOption as error:
        others = commands_with(error.option_name)
        raise UserError(_of_others(error.option_name, others) if others else error.format_message()) from None
    except click.ClickException as error:
        raise UserError(_refusal(error)) from None


def _refusal(error: "click.ClickException") -> str:
    """Return what is wrong with the words of a command; where there are too many, what says which it takes."""
    said = re.sub(r"\s*\n\s*", " ", error.format_message())
    context = getattr(error, "ctx", None)
    if context is not None and said.startswith("Got unexpected extra argument"):
        return f"{said}; see `{context.command_path} --help`"
    return said


def _of_others(option: str, commands: Sequence[str]) -> str:
    named = [f"`keelback {each}`" for each in commands]
    if len(named) > _MOST_NAMED:
        named[_MOST_NAMED - 1 :] = [f"{len(named) - _MOST_NAMED + 1} others"]
    *most, last = named
    have = f"{', '.join(most)} and {last} have it" if most else f"{last} has it"
    return f"No such option {option!r}; {have}"


def fail(message: str, status: int) -> int:
    """Say on standard error, after all output, what went wrong; return the exit status."""
    tell(message)
    return status


def tell(line: str, details: str = "") -> None:
    """Say a line on standard error, and more below it, after all output; nothing where there is no line."""
    take_away()
    with suppress(OSError):
        sys.stdout.flush()
    with suppress(OSError):
        if line:
            print(f"keelback: {escaped(line)}", file=sys.stderr)
        if details:
            print(escaped_lines(details.rstrip()), file=sys.stderr)


def told_of(error: BaseException) -> tuple[str, str, int]:
    """Return the line for an error, what is to stand below it, and the exit status."""
    if isinstance(error, UserError):
        return error.said, error.details, MISTAKE
    from keelback.lang import Panic  # not at the top: the help needs no kernel

    if isinstance(error, Panic):
        return f"kernel panic: {error}", "", KERNEL_WRONG
    if isinstance(error, LimitReached):
        return f"stopped after {error.limit}{f', in {error}' if str(error) else ''}", "", BADLY
    if isinstance(error, Interrupted):
        said = "interrupted" if error.number == signal.SIGINT else "terminated"
        return f"{said}{f' in {error}' if str(error) else ''}", "", BY_SIGNAL + error.number
    if isinstance(error, KeyboardInterrupt):
        return told_of(Interrupted())
    if isinstance(error, BrokenPipeError):  # who read the output has seen enough
        return "", "", BADLY
    if isinstance(error, MemoryError) or (isinstance(error, OSError) and error.errno == errno.ENOMEM):
        return "there is not enough memory for this process: see `ulimit -v`, or give the machine less", "", HOST_FAILED
    if isinstance(error, OSError):
        return _host_trouble(error), "", HOST_FAILED
    return _own_trouble(error), "", HOST_FAILED


def _host_trouble(error: OSError) -> str:
    what = error.strerror or str(error)
    return f"{os.fsdecode(error.filename)}: {what}" if isinstance(error.filename, str | bytes) else what


def _own_trouble(error: BaseException) -> str:
    """Return a line for an error that nobody has foreseen: where Python was, and what it said."""
    if isinstance(error, SyntaxError) and error.filename:
        file, line, said = error.filename, error.lineno or 0, error.msg
    else:
        at = traceback.extract_tb(error.__traceback__)[-1:]
        file, line = (at[0].filename, at[0].lineno or 0) if at else ("", 0)
        said = str(error).partition("\n")[0]
    place = "/".join(Path(file).parts[-2:])
    return f"{place}:{line}: {type(error).__name__}: {said} ({SHOW_ALL}=1 shows all of it)"


def _give_up_output() -> None:
    """Drop what Python could not write at its own end."""
    for stream, descriptor in ((sys.stdout, 1), (sys.stderr, 2)):
        try:
            stream.flush()
        except OSError:
            os.dup2(os.open(os.devnull, os.O_WRONLY), descriptor)


@cache
def _warn(line: str) -> None:
    tell(line)


def _show_warning(
    message: Warning | str,
    category: type[Warning],
    filename: str,
    lineno: int,
    file: TextIO | None = None,
    line: str | None = None,
) -> None:
    """Show what Python warns of, once: it may read a file several times."""
    _warn(f"{filename}:{lineno}: {category.__name__}: {message}")


class _Warnings(logging.Handler):
    """Shows the warnings of tools."""

    def emit(self, record: logging.LogRecord) -> None:
        """Show one, of one line or several."""
        take_away()
        with suppress(OSError):
            print(escaped_lines(record.getMessage()), file=sys.stderr)
