"""`keelback grade LAB --submissions DIR`: a whole course, with a table, a histogram and likely copies at the end."""

import os
import sys
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Protocol

from rich.console import Console

from keelback.cli.json_output import print_json
from keelback.cli.progress import silent
from keelback.cli.sizes import counted
from keelback.cli.statuses import MISTAKE, WELL
from keelback.cli.streams import escaped
from keelback.cli.tables import make_table, print_table
from keelback.errors import UserError
from keelback.labs.cluster import cluster_at
from keelback.labs.copies import likely_copies
from keelback.labs.course import Course, Graders, Results, Threads, find_submissions, grade_all
from keelback.labs.lab import Lab, find_lab
from keelback.labs.limits import Limits
from keelback.labs.packed import Facts

MOST_JOBS = 1024
BAR = 40
"""Columns of the longest bar of a histogram."""
BARS = 11
"""Bars that a histogram has at most."""


def grade_course(
    word: str,
    folder: str,
    output: str | None,
    *,
    jobs: str | None,
    dask: str | None,
    limits: Limits,
    seed: int | None,
    as_json: bool,
) -> int:
    """Grade all submissions in a folder, return the exit status.  Raises: UserError."""
    if output is None:
        raise UserError("--submissions needs -o RESULTS, the folder that results are written to")
    for option, name in (("--submissions", folder), ("-o", output)):
        if name == "":
            raise UserError(f"{option} '': name a folder")
    if os.path.realpath(output) == os.path.realpath(folder):
        raise UserError(f"-o {output}: this is the folder of submissions; name another for results")
    lab, graders = find_lab(word), _graders(jobs, dask)
    submissions, wrong = find_submissions(Path(folder))
    for each in wrong:
        print(f"keelback: {escaped(each)}", file=sys.stderr)
    results = Results(Path(output))
    graded = _graded(Course(lab, submissions, limits, seed, Path(folder)), results, graders)
    for each in results.unkept:
        print(f"keelback: {escaped(each)}", file=sys.stderr)
    wrong += results.unkept
    pairs = likely_copies(lab, {each.student: [data for _, data in each.texts] for each in submissions})
    if as_json:
        print_json({"results": graded, "copies": [each._asdict() for each in pairs], "wrong": wrong})
    else:
        _print_table(lab, graded)
        _print_histogram(lab, graded)
        if pairs:
            print("\nhave much in common:")
            for one, other, share in pairs:
                print(f"  {share:4.0%}  {escaped(one)}, {escaped(other)}")
    return MISTAKE if wrong else WELL


def _graders(jobs: str | None, dask: str | None) -> Graders:
    """Return who grades.  Raises: UserError."""
    if dask is None:
        return Threads(_jobs(jobs))
    if jobs is not None:
        raise UserError("-j is for this machine, and --dask is for others: a worker grades as many as it has threads")
    return cluster_at(dask)


def _jobs(text: str | None) -> int:
    """Return how many submissions are graded at once.  Raises: UserError."""
    if text is None:
        return os.cpu_count() or 1
    if not (text.isdecimal() and text.isascii() and 0 < int(text) <= MOST_JOBS):
        raise UserError(f"-j {text}: not a number from 1 to {MOST_JOBS:,}")
    return int(text)


def _graded(course: Course, results: Results, graders: Graders) -> list[Facts]:
    """Grade what has no result yet; return all results by student."""
    kept, tasks = course.tasks(results)
    found = {each["student"]: each for each in kept}
    with _shown(len(tasks), len(kept)) as show:
        for facts in grade_all(tasks, results, graders):
            found[facts["student"]] = facts
            show(facts)
    return [found[each.student] for each in course.submissions]


class Show(Protocol):
    """Shows that a submission is graded."""

    def __call__(self, facts: Facts) -> None:
        """Show it."""
        ...


@contextmanager
def _shown(count: int, kept: int) -> Iterator[Show]:
    """Show how far grading is: by a bar on a terminal, elsewhere by a line for each submission."""
    if kept:
        print(f"{counted(kept, 'result')} kept from before", file=sys.stderr)
    if not sys.stderr.isatty():
        done = 0

        def show(facts: Facts) -> None:
            nonlocal done
            done += 1
            print(f"{done}/{count} {_said(facts)}", file=sys.stderr, flush=True)

        yield show
        return
    from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeRemainingColumn

    columns = BarColumn(), MofNCompleteColumn(), TimeRemainingColumn(), TextColumn("{task.description}", markup=False)
    console = Console(stderr=True, highlight=False)
    with silent(), Progress(*columns, console=console, transient=True) as progress:
        task = progress.add_task("", total=count)
        yield lambda facts: progress.update(task, advance=1, description=_said(facts))


def _said(facts: Facts) -> str:
    return f"{escaped(facts['student'])}: {facts['points']} of {facts['most']} points"


def _print_table(lab: Lab, graded: Sequence[Facts]) -> None:
    table = make_table()
    table.add_column("student")
    table.add_column("points", justify="right")
    for number, each in enumerate(lab.requirements, 1):
        table.add_column(f"{number}. of {each.points}", justify="right")
    table.add_column("")
    for facts in graded:
        points = [str(each["points"]) for each in facts["verdicts"]]
        table.add_row(escaped(facts["student"]), str(facts["points"]), *points, escaped(_why(facts)))
    print_table(Console(highlight=False, markup=False), table)


def _why(facts: Facts) -> str:
    """Return in short why a submission has not all points: what it was refused for, or its first wrong event."""
    if facts["refused"]:
        place = f"{facts['file']}:{facts['line']}" if facts["line"] else facts["file"]
        return f"{place}: {facts['refused']}"
    reason = next((each["reason"] for each in facts["verdicts"] if each["reason"]), None)
    return "" if reason is None else [*reason["said"], f"{reason['kind']}: {reason['found']}"][0].partition("\n")[0]


def _print_histogram(lab: Lab, graded: Sequence[Facts]) -> None:
    """Print how many submissions have how many points, best first."""
    step = -(-(lab.points + 1) // BARS)
    counts = [0] * (lab.points // step + 1)
    for facts in graded:
        counts[facts["points"] // step] += 1
    most = max(counts)
    average = sum(each["points"] for each in graded) / len(graded)
    print(f"\n{counted(len(graded), 'submission')}, {average:.1f} points on average")
    for number in reversed(range(len(counts))):
        first, last = number * step, min(number * step + step - 1, lab.points)
        span = f"{first}" if first == last else f"{first}-{last}"
        bar = "#" * -(-counts[number] * BAR // most)
        print(f"{span:>7}  {counts[number]:>4}  {bar}".rstrip())
