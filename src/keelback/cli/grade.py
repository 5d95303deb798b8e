"""`keelback grade`: what a submission is worth, and the first wrong event where that is not all."""

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
    result = grade(lab, [Path(each) for each in files], limits=limits, seed=seed)
    for form, file in reports.items():
        if file is not None:
            _write(Path(file), FORMS[form](lab, result))
    if as_json:
        print_json(result.facts())
    else:
        print("\n".join(lines_of(result)))
    return WELL if result.points == result.most else BADLY


def _write(file: Path, text: str) -> None:
    try:
        file.write_text(text)
    except OSError as error:
        raise UserError(f"{file}: {error.strerror}") from None


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
