"""A course: many submissions of one lab, graded by several at once, each result kept in a file of its own.

    folder/                        results/
        ann.py          ── a student's only file        ann.json
        bob/fork.py …   ── all files of a student       bob.json

1. A result appears whole or not at all.
2. A result is kept for as long as the submission, the lab, the limits and Keelback itself are what they were.
"""

import json
import os
from collections.abc import Callable, Iterator, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor, as_completed
from dataclasses import dataclass
from hashlib import sha256
from pathlib import Path
from typing import NamedTuple, Protocol, TypeVar

from keelback.errors import UserError
from keelback.image.leftovers import draft_of
from keelback.image.own_sources import digest_of_sources
from keelback.labs.grading import SUFFIX, read_file
from keelback.labs.lab import Lab
from keelback.labs.limits import Limits
from keelback.labs.packed import Facts, Task, pack_lab, run_task
from keelback.labs.result import is_result

T = TypeVar("T")
R = TypeVar("R")
GRADED_BY = ("abi", "compiler", "image", "inspect", "kernel", "labs", "lang", "machine", "user")
"""The parts of Keelback that decide what a submission is worth."""


def sources() -> str:
    """Return a digest of what decides in Keelback what a submission is worth."""
    return digest_of_sources(GRADED_BY)


class Submission(NamedTuple):
    """What a student has handed in: the texts of files, by name."""

    student: str
    texts: tuple[tuple[str, bytes], ...]


def find_submissions(folder: Path) -> tuple[list[Submission], list[str]]:
    """Return the submissions in a folder by student, and a line for each entry that is none.  Raises: UserError."""
    found: dict[str, Submission] = {}
    wrong = []
    for entry in _entries(folder):
        student = entry.name if entry.is_dir() else entry.stem
        try:
            if student in found:
                raise UserError(f"{entry}: {student} has handed in something else already")
            files = _files_of(entry)
            _check_own(entry, files)
            found[student] = Submission(student, tuple((each.name, read_file(each)) for each in files))
        except UserError as error:
            wrong.append(error.said)
    if not found:
        raise UserError(f"{folder}: there is no submission in it")
    return [*found.values()], wrong


def _entries(folder: Path) -> list[Path]:
    try:
        return sorted(each for each in folder.iterdir() if each.name[0] not in "._")
    except OSError as error:
        raise UserError(f"{folder}: {error.strerror}") from None


def _files_of(entry: Path) -> list[Path]:
    """Return the files of a student.  Raises: UserError."""
    if not entry.is_dir():
        return [entry]
    files = sorted(entry.glob(f"*{SUFFIX}"))
    if not files:
        raise UserError(f"{entry}: there is no {SUFFIX} file in it")
    return files


def _check_own(entry: Path, files: Sequence[Path]) -> None:
    """Check that a student's files are the student's own, no links to others.  Raises: UserError."""
    place = Path(os.path.realpath(entry.parent), entry.name)
    for each in files:
        real = Path(os.path.realpath(each))
        if not real.is_relative_to(place):
            raise UserError(f"{each}: this is a link to {real}; hand in a file itself")


class Results:
    """The folder of a course's results.  `unkept` says which could not be written there."""

    def __init__(self, folder: Path) -> None:
        """Make the folder.  Raises: UserError."""
        self.folder = folder
        self.unkept: list[str] = []
        try:
            folder.mkdir(parents=True, exist_ok=True)
        except OSError as error:
            raise UserError(f"{folder}: {error.strerror}") from None

    def kept(self, student: str, key: str) -> Facts | None:
        """Return the result of a student, if there is one that was made of the same."""
        try:
            facts = json.loads((self.folder / f"{student}.json").read_text(encoding="utf-8"))
        except (OSError, ValueError, RecursionError):
            return None
        named = is_result(facts) and (facts.get("student"), facts.get("made_of")) == (student, key)
        return facts if named else None

    def keep(self, facts: Facts) -> None:
        """Write a result, or note that it can't be written."""
        file = self.folder / f"{facts['student']}.json"
        try:
            with draft_of(file) as draft:
                draft.write_text(json.dumps(facts, indent=2) + "\n", encoding="utf-8")
                os.replace(draft, file)
        except OSError as error:
            self.unkept.append(f"{file}: {error.strerror}")


class Graders(Protocol):
    """Those that grade: processes of this machine, or of many."""

    def graded(self, tasks: Mapping[str, Task]) -> Iterator[tuple[str, Facts]]:
        """Yield the facts of each task's result by its name, as they come.  Raises: UserError."""
        ...


@dataclass(frozen=True)
class Threads:
    """Does tasks on this machine, so many at once: each starts processes of its own, and waits for them."""

    count: int

    def graded(self, tasks: Mapping[str, Task]) -> Iterator[tuple[str, Facts]]:
        """Yield the facts of each task's result by its name, as they come.  Raises: ToolchainError."""
        return self.done(run_task, tasks)

    def done(self, do: Callable[[T], R], tasks: Mapping[str, T]) -> Iterator[tuple[str, R]]:
        """Yield what each task comes to by its name, as they come; a function does them, which starts a process."""
        pool = ThreadPoolExecutor(self.count)
        try:
            names = {pool.submit(do, task): name for name, task in tasks.items()}
            for each in as_completed(names):
                yield names[each], each.result()
        finally:
            pool.shutdown(cancel_futures=True)


@dataclass(frozen=True)
class Course:
    """All submissions of a lab, and how they are graded; `folder` is where they lie, which none of them may see."""

    lab: Lab
    submissions: Sequence[Submission]
    limits: Limits
    seed: int | None = None
    folder: Path | None = None

    def tasks(self, results: Results) -> tuple[list[Facts], dict[str, Task]]:
        """Return the results that there are, and what is to be graded by student."""
        packed = pack_lab(self.lab)
        same = (sources(), packed.digest, self.limits, self.seed)
        hidden = tuple(each.absolute() for each in (self.folder, results.folder) if each is not None)
        worth = [each.points for each in self.lab.requirements]
        kept, tasks = [], {}
        for student, texts in self.submissions:
            key = sha256(repr((same, texts)).encode()).hexdigest()
            facts = results.kept(student, key)
            if facts is not None and [each["most"] for each in facts["verdicts"]] == worth:
                kept.append(facts)
            else:
                tasks[student] = Task(packed, texts, self.limits, self.seed, key, hidden)
        return kept, tasks


def grade_all(tasks: Mapping[str, Task], results: Results, graders: Graders) -> Iterator[Facts]:
    """Grade what is to be graded, and keep each result that can be kept as it comes.

    Raises: UserError; ToolchainError.
    """
    for student, facts in graders.graded(tasks) if tasks else ():
        named = {"student": student, "made_of": tasks[student].key, **facts}
        results.keep(named)
        yield named
