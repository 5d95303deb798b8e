"""The manual page, from the commands as they are: `keelback man`, in the format of `man`.

Source: man-pages(7), groff_man(7).
"""

import re
from collections.abc import Iterator

import click

from keelback.cli.app import app
from keelback.cli.statuses import STATUSES

ENVIRONMENT = (
    ("KEELBACK_CACHE", "The folder in which builds are kept, instead of one among the user's caches."),
    ("KEELBACK_TRACEBACK", "Where it is 1, an error of Keelback's own is shown with its traceback."),
)


def man_page() -> str:
    """Return the page."""
    context = click.Context(app, info_name="keelback", max_content_width=100)
    lines = ['.TH KEELBACK 1 "" "" "Keelback"', ".SH NAME", f"keelback \\- {_escaped(_first(app))}"]
    lines += [".SH SYNOPSIS", ".B keelback", "[\\-h] [\\-V] \\fICOMMAND\\fR [\\fIOPTION\\fR]... [\\fIARGUMENT\\fR]..."]
    lines += [".SH COMMANDS", *_commands(app, context)]
    lines += [".SH EXIT STATUS", *_terms(STATUSES), ".SH ENVIRONMENT", *_terms(ENVIRONMENT)]
    return "\n".join(lines) + "\n"


def _commands(group: click.Group, context: click.Context) -> Iterator[str]:
    """Yield the lines of each command of a group, and of those below it."""
    for name in group.list_commands(context):
        command = group.get_command(context, name)
        assert command is not None
        below = click.Context(command, info_name=name, parent=context)
        yield f".SS {_escaped(below.command_path)} {_escaped(' '.join(command.collect_usage_pieces(below)))}"
        for number, paragraph in enumerate(_paragraphs(command)):
            yield from ([".PP"] if number else [])
            yield _escaped(paragraph)
        for option in command.get_params(below):
            if isinstance(option, click.Option) and (record := option.get_help_record(below)):
                yield from _terms([record])
        if isinstance(command, click.Group):
            yield from _commands(command, below)


def _paragraphs(command: click.Command) -> list[str]:
    return [" ".join(each.split()) for each in re.split(r"\n\s*\n", (command.help or "").strip())]


def _first(command: click.Command) -> str:
    return _paragraphs(command)[0].rstrip(".")


def _terms(pairs: "Iterator[tuple[str, str]] | tuple[tuple[str, str], ...] | list[tuple[str, str]]") -> Iterator[str]:
    for term, meaning in pairs:
        yield from (".TP", f".B {_escaped(term)}", _escaped(" ".join(meaning.split())))


def _escaped(text: str) -> str:
    """Return a text as roff prints it unchanged."""
    made = text.replace("\\", "\\e").replace("-", "\\-")
    return f"\\&{made}" if made.startswith((".", "'")) else made
