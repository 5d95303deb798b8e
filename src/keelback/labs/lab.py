"""A lab: a folder with a task, the kernel's methods that a student writes, programs, and what is worth how much.

05-fork/
    lab.toml     the methods, and the requirements with their points and trials
    task.md      what is to be done
    forks.c …    programs; those that only trials which are hidden name are not given to students
"""

import tomllib
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from types import MappingProxyType
from typing import Any

from keelback.errors import UserError
from keelback.kernel.layout import LAYOUTS, MIB, Layout
from keelback.labs.description import MOST_TIME, described
from keelback.near import did_you_mean, near_names
from keelback.user import LIBRARIES, PROGRAMS

ASSIGNMENTS = Path(__file__).parent / "assignments"
DESCRIPTION, TASK = "lab.toml", "task.md"


@dataclass(frozen=True)
class Trial:
    """A run of programs under the right kernel and under a student's.

    `fail` is a call and how many of the allocations that serve it fail, each in a run of its own: the first, the
    second, and so on.  A strict one runs in the interpreted life, too, with every check that there is.
    Where `events` alone count, neither memory nor invariants do.
    """

    programs: tuple[str, ...]
    fail: tuple[str, int] | None = None
    strict: bool = False
    events: bool = False
    hidden: bool = False
    time: int = MOST_TIME


@dataclass(frozen=True)
class Requirement:
    """What a kernel has to do, in a sentence, how many points that is worth, and the runs that show it."""

    says: str
    points: int
    trials: tuple[Trial, ...]


@dataclass(frozen=True, eq=False)
class Lab:
    """An assignment.  `methods` are names such as `VirtualMemory.duplicate`, by the module that each is in."""

    folder: Path
    number: int
    name: str
    title: str
    layout: Layout
    memory: int
    methods: Mapping[str, tuple[str, ...]]
    requirements: tuple[Requirement, ...]
    libraries: tuple[str, ...] = ()
    """Libraries of Keelback's own, in C, that programs load."""
    frames: bool = False
    """Whether it matters which frames are taken, and not only what is in them."""

    @property
    def points(self) -> int:
        """Return how many points the lab is worth."""
        return sum(each.points for each in self.requirements)

    @property
    def file(self) -> str:
        """Return what the student's file is called."""
        return f"{self.name.replace('-', '_')}.py"

    @property
    def task(self) -> str:
        """Return the task, in Markdown."""
        return _text_of(self.folder / TASK)

    def program(self, name: str) -> Path:
        """Return the C file of a program: the lab's own, else Keelback's of that name."""
        own = self.folder / f"{name}.c"
        return own if own.is_file() else PROGRAMS / own.name

    def library(self, name: str) -> Path:
        """Return the C file of a library."""
        return LIBRARIES / f"{name}.c"

    def is_own(self, name: str) -> bool:
        """Say whether a program is the lab's own."""
        return self.program(name).parent == self.folder

    @property
    def own_programs(self) -> list[str]:
        """Return the names of the lab's own programs that students are given, sorted."""
        return [each for each in self.programs(with_hidden=False) if self.is_own(each)]

    @property
    def headers(self) -> list[Path]:
        """Return the headers that programs of the lab share, sorted."""
        return sorted(self.folder.glob("*.h"))

    def programs(self, *, with_hidden: bool) -> list[str]:
        """Return the names of the programs that trials run, sorted."""
        trials = [trial for each in self.requirements for trial in each.trials if with_hidden or not trial.hidden]
        return sorted({line.split()[0] for trial in trials for line in trial.programs})


def labs() -> list[Lab]:
    """Return all labs that Keelback has, by their numbers."""
    return sorted((read_lab(each.parent) for each in ASSIGNMENTS.glob(f"*/{DESCRIPTION}")), key=lambda lab: lab.number)


def find_lab(word: str) -> Lab:
    """Return the lab of a number, a name, or a folder's path.  Raises: UserError."""
    if "/" in word or Path(word, DESCRIPTION).is_file():
        return read_lab(Path(word))
    for each in labs():
        if word in (str(each.number), each.name):
            return each
    known = ", ".join(f"{each.number} {each.name}" for each in labs())
    if near := did_you_mean(near_names(word.removesuffix(".py"), (each.name for each in labs()))):
        raise UserError(f"there is no lab {word!r}{near}")
    raise UserError(f"there is no lab {word!r}: there are {known}; or give the path of a folder with a {DESCRIPTION}")


def read_lab(folder: Path) -> Lab:
    """Return the lab that a folder has.  Raises: UserError, with the file and what is wrong in it."""
    file = folder / DESCRIPTION
    text = _text_of(file)
    try:
        lab = _lab_of(folder, described(tomllib.loads(text)))
        _check_number(lab)
        _check_memory(lab)
        _check_programs(lab)
    except ValueError as error:  # TOML's own errors, too
        raise UserError(f"{file}: {error}") from None
    except RecursionError:
        raise UserError(f"{file}: its values are nested too deeply") from None
    _text_of(folder / TASK)
    return lab


def _text_of(file: Path) -> str:
    """Return the text of a lab's file.  Raises: UserError."""
    try:
        return file.read_text(encoding="utf-8")
    except OSError as error:
        raise UserError(f"{file}: {error.strerror}") from None
    except UnicodeDecodeError as error:
        raise UserError(f"{file}: it is not UTF-8, at byte {error.start:,}; save it as UTF-8") from None


def _lab_of(folder: Path, facts: Mapping[str, Any]) -> Lab:
    """Return the lab of what a description says, which is checked."""
    return Lab(
        folder=folder,
        number=facts["number"],
        name=facts["name"],
        title=facts["title"],
        layout=layout_of_name(facts["layout"]),
        memory=facts["memory"] * MIB,
        methods=MappingProxyType({module: tuple(methods) for module, methods in facts["methods"].items()}),
        requirements=tuple(map(_requirement_of, facts["requirement"])),
        libraries=tuple(facts["libraries"]),
        frames=facts["frames"],
    )


def layout_of_name(name: str) -> Layout:
    """Return the published layout of a name.  Raises: ValueError."""
    for each in LAYOUTS:
        if each.name == name:
            return each
    raise ValueError(f"there is no layout {name!r}")


def _requirement_of(facts: Mapping[str, Any]) -> Requirement:
    return Requirement(facts["says"], facts["points"], tuple(map(_trial_of, facts["trial"])))


def _trial_of(facts: Mapping[str, Any]) -> Trial:
    fail = facts["fail"]
    return Trial(
        tuple(facts["programs"]),
        None if fail is None else (fail["call"], fail["first"]),
        facts["strict"],
        facts["events"],
        facts["hidden"],
        facts["time"],
    )


def _check_number(lab: Lab) -> None:
    """Check that no lab of Keelback's has the number of another one.  Raises: ValueError."""
    for each in ASSIGNMENTS.glob(f"*/{DESCRIPTION}"):
        number, _, name = each.parent.name.partition("-")
        if int(number) == lab.number and name != lab.name:
            raise ValueError(f"number = {lab.number}: that is lab {name}; it has to be another")


def _check_memory(lab: Lab) -> None:
    """Check that the kernel can start in the memory of the lab's machine.  Raises: ValueError."""
    layout = lab.layout
    least = max(layout.records_end + layout.zone_least, layout.region_least) // MIB + 1
    if lab.memory < least * MIB:
        raise ValueError(f"memory = {lab.memory // MIB}: layout {layout.name} needs {least} MiB at least")


def _check_programs(lab: Lab) -> None:
    """Check that the programs of all trials are there.  Raises: ValueError."""
    for name in lab.programs(with_hidden=True):
        if not lab.program(name).is_file():
            raise ValueError(f"a trial names the program {name}, and there is no {name}.c")
