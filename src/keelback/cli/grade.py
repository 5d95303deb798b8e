"""`keelback grade`: what a submission is worth, and the first wrong event where that is not all."""

import os
import shlex
from collections.abc import Callable, Iterator, Mapping, Sequence
from pathlib import Path

from keelback.cli.json_output import print_json
from keelback.cli.statuses import BADLY, WELL
from keelback.cli.streams import escaped, escaped_lines
from keelback.errors import UserError
from keelback.labs.grading import grade
from keelback.labs.html import html_of
from keelback.labs.lab import Lab, find_lab
from keelback.labs.limits import Limits
from keelback.labs.reports import gradescope_of, junit_of
from keelback.labs.result import Result

INDENT = " " * 7
FORMS: dict[str, Callable[[Lab, Result], str]] = {
    "--junit": lambda _lab, result: junit_of(result),
    "--gradescope": lambda _lab, result: gradescope_of(result),
    "--html": html_of,
}
"""What writes a result in another form, by the option."""


def grade_files(
    word: str,
    files: Sequence[str],
    *,
    limits: Limits,
    seed: int | None,
    reports: Mapping[str, str | None],
    as_json: bool,
) -> int:
    """Grade files, print the result, return the exit status.  Raises: UserError.

    `reports` are files to be written in other forms, by the options that name them.
    """
    lab = find_lab(word)
    outputs = {form: _output(form, file) for form, file in reports.items() if file is not None}
    if "" in files:
        raise UserError("a FILE without a name: name the files of a submission, .py")
    paths = [Path(each) for each in files]
    _check_apart(outputs, paths)
    result = grade(lab, paths, limits=limits, seed=seed)
    for form, output in outputs.items():
        _write(output, FORMS[form](lab, result))
    if as_json:
        print_json(result.facts())
    else:
        print("\n".join([*lines_of(result), *_where(word, lab, result, paths)]))
    return WELL if result.points == result.most else BADLY


def _output(form: str, file: str) -> Path:
    """Return where a form of the result is written to, which can be.  Raises: UserError."""
    output = Path(file)
    if file in ("", "-"):
        raise UserError(f"{form} {file!r}: name a file to write; the terminal has the result anyway")
    if output.is_dir():
        raise UserError(f"{form} {file}: this is a folder; name a file in it")
    if not output.parent.is_dir():
        raise UserError(f"{form} {file}: there is no folder {output.parent}; make it before")
    if not os.access(output if output.exists() else output.parent, os.W_OK):
        raise UserError(f"{form} {file}: Permission denied")
    return output


def _check_apart(outputs: Mapping[str, Path], files: Sequence[Path]) -> None:
    """Check that what is written is no file that is graded, and each a file of its own.  Raises: UserError."""
    taken = {os.path.realpath(each): "a file of the submission" for each in files}
    for form, output in outputs.items():
        if (other := taken.setdefault(os.path.realpath(output), form)) != form:
            raise UserError(f"{form} {output}: this is {other}, too; name another file")


def _write(file: Path, text: str) -> None:
    try:
        file.write_text(text, encoding="utf-8", errors="backslashreplace")
    except OSError as error:
        raise UserError(f"{file}: {error.strerror}") from None


def _where(word: str, lab: Lab, result: Result, files: Sequence[Path]) -> Iterator[str]:
    """Yield where the commands of a result are to be typed, unless that is here."""
    names = [*(each.name for each in files), *(lab.program(each).name for each in lab.own_programs)]
    here, beside = (all((place / name).is_file() for name in names) for place in (Path(), files[0].parent))
    if here or not any(each.reason is not None and each.reason.command for each in result.verdicts):
        return
    yield ""
    if beside:
        yield f"What stands behind show is typed in {escaped(str(files[0].parent))}, where the lab's programs are."
        return
    made = shlex.join(["keelback", "lab", "new", word, "FOLDER"])
    yield f"What stands behind show is typed where {', '.join(escaped(each.name) for each in files)} and the lab's"
    yield f"programs are together: {escaped(made)} makes a folder with the programs."


def lines_of(result: Result) -> Iterator[str]:
    """Yield what is printed of a result, in lines; both memories are drawn where a point is missing first."""
    yield f"{result.lab}: {result.points} of {result.most} points"
    if result.refused:
        yield from ("", f"{escaped(result.place)}: {escaped(result.refused)}")
        yield from escaped_lines(result.details).splitlines()
    is_drawn = False
    for verdict in result.verdicts:
        yield from ("", f"{verdict.points:>2}/{verdict.most:<2}  {verdict.says}")
        if verdict.reason is None:
            continue
        yield from (INDENT + escaped(line) for line in verdict.reason.told())
        if verdict.reason.maps is not None and not is_drawn:
            yield ""
            yield from ((INDENT + escaped(line)).rstrip() for line in verdict.reason.drawn())
        is_drawn = True
