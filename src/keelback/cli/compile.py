"""`keelback compile`: what the compiler makes of the kernel, or of a user's Kernel Python."""

import textwrap
from collections.abc import Iterable, Sequence
from fnmatch import fnmatchcase
from pathlib import Path

from rich.console import Console
from rich.text import Text

from keelback.cli.code_panes import DIM, highlighted, numbered, show_panes
from keelback.cli.compiled_subject import Subject
from keelback.cli.json_output import print_json
from keelback.cli.streams import escaped_lines
from keelback.compiler import ir
from keelback.compiler.print_c import short_path
from keelback.compiler.source import end_line
from keelback.errors import UserError
from keelback.inspect.assembly import Assembly, Instruction, chain
from keelback.inspect.source_places import SourcePlace
from keelback.near import MOST, did_you_mean, near_names

UNUSED = "__attribute__((unused)) "
OPERANDS = 34
"""Columns of an instruction, behind which a comment stands."""


def list_functions(subject: Subject, patterns: Sequence[str], *, as_json: bool = False) -> int:
    """Print the names in C of functions, and where each comes from; of all where no pattern is given.

    Raises: UserError when no function has such a name.
    """
    found = _found(subject, patterns or ["*"])
    if as_json:
        print_json(
            [{"name": each.key.name, "file": short_path(each.place[0]), "line": each.place[1]} for each in found]
        )
        return 0
    for function in found:
        print(f"{function.key.name:<40} {_place(function)}")
    return 0


def show_c(subject: Subject, patterns: Sequence[str]) -> int:
    """Print functions: their Python, and the C that it becomes.  Raises: UserError when no function has such a name."""
    console = Console(highlight=False)
    for function in _chosen(subject, patterns):
        c = subject.printer.function_text(function).replace(UNUSED, "")
        show_panes(console, _place(function), _python(function), highlighted(c, "c"))
    return 0


def show_assembly(subject: Subject, patterns: Sequence[str]) -> int:
    """Print functions: their Python, and the machine code that is built of it.  Raises: UserError."""
    console = Console(highlight=False)
    chosen = _chosen(subject, patterns)
    assembly = Assembly(subject.build())
    for function in chosen:
        code = _listing(assembly.instructions(function.key.name)) or _inlined(assembly, function.key.name)
        show_panes(console, _place(function), _python(function), code)
    return 0


# Which functions.


def _chosen(subject: Subject, patterns: Sequence[str]) -> list[ir.Function]:
    """Return the functions to show: those that are named, or else all that a user's file has.  Raises: UserError."""
    if patterns or subject.file is None:
        return _found(subject, patterns)
    return [each for each in subject.functions.values() if Path(each.place[0]).absolute() == subject.file.absolute()]


def _found(subject: Subject, patterns: Iterable[str]) -> list[ir.Function]:
    """Return the functions that patterns name, each once.  Raises: UserError when one names none."""
    found: dict[str, ir.Function] = {}
    for pattern in patterns:
        named = {name: each for name, each in subject.functions.items() if fnmatchcase(name, pattern)}
        if not named:
            raise UserError(f"{subject.title} has no function {pattern!r}{_meant(pattern, subject)}")
        found |= named
    return list(found.values())


def _meant(pattern: str, subject: Subject) -> str:
    """Return what to say of the names that are near one that is none: of a component, or a method, or both."""
    word, names = pattern.replace(".", "_").lower(), subject.functions
    method = word.rpartition("_")[2]
    inside = [name for end in (word, method) if end for name in names if name.endswith(f"_{end}")]
    same = [word] if word in names else []
    near = list(dict.fromkeys([*same, *inside, *near_names(word, names)]))[:MOST]
    which = f" --file {subject.file}" if subject.file is not None else ""
    return did_you_mean(near) or f"; `keelback compile{which}` lists them"


def _place(function: ir.Function) -> str:
    return f"{short_path(function.place[0])}:{function.place[1]}"


# What is shown of one.


def _python(function: ir.Function) -> list[Text]:
    file, first = function.place
    lines = Path(file).read_text().splitlines()[first - 1 : end_line(file, first)]
    return numbered(highlighted(escaped_lines(textwrap.dedent("\n".join(lines))), "python"), first)


def _inlined(assembly: Assembly, name: str) -> list[Text]:
    """Return what to show of a function without code of its own: what it has become in the first of its callers."""
    parts = assembly.parts_in(name)
    if not parts:
        return [Text("nothing is left of it", DIM)]
    caller, *others = parts
    more = [Text(f"and of {', '.join(others)}", DIM)] if others else []
    return [Text(f"part of {caller}", DIM), *more, *_listing(parts[caller])]


def _listing(code: Sequence[Instruction]) -> list[Text]:
    """Return instructions as lines: the function's line where it changes, address, code, the place that is inlined."""
    shown: list[Text] = []
    line, inlined = 0, ""
    for address, text, place in code:
        places = [each for each in chain(place) if each.line]
        number, comment = "", ""
        if places and places[-1].line != line:
            line = places[-1].line
            number = str(line)
        if places and (inner := _inner(places)) != inlined:
            inlined = comment = inner
        [assembly] = highlighted(f"{text:<{OPERANDS}} {comment}" if comment else text, "nasm")
        shown.append(Text.assemble((f"{number:>4}  {address:08x}  ", DIM), assembly))
    return shown


def _inner(places: Sequence[SourcePlace]) -> str:
    """Return as a comment which place was inlined, empty where none was."""
    file = places[0].file.rpartition("/")[2]
    return f"; {file}:{places[0].line}" if len(places) > 1 else ""
