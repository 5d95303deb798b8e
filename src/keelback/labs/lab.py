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
from keelback.near import did_you_mean, near_names
from keelback.user import LIBRARIES, PROGRAMS

ASSIGNMENTS = Path(__file__).parent / "assignments"
DESCRIPTION, TASK = "lab.toml", "task.md"
MOST_TIME = 20_000_000
"""Virtual time that a trial takes at most, in instructions, unless its lab says otherwise."""


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
        return (self.folder / TASK).read_text(encoding="utf-8")

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
    try:
        return _lab_of(folder, tomllib.loads(file.read_text(encoding="utf-8")))
    except OSError as error:
        raise UserError(f"{file}: {error.strerror}") from None
    except tomllib.TOMLDecodeError as error:
        raise UserError(f"{file}: {error}") from None
    except UnicodeDecodeError:
        raise UserError(f"{file}: it is not UTF-8") from None
    except KeyError as error:
        raise UserError(f"{file}: {error.args[0]} is missing") from None
    except (TypeError, ValueError, AttributeError) as error:
        raise UserError(f"{file}: {error}") from None


def _lab_of(folder: Path, facts: dict[str, Any]) -> Lab:
    requirements = tuple(map(_requirement_of, facts["requirement"]))
    lab = Lab(
        folder=folder,
        number=int(facts["number"]),
        name=str(facts["name"]),
        title=str(facts["title"]),
        layout=layout_of_name(facts["layout"]),
        memory=int(facts["memory"] * MIB),
        methods=MappingProxyType({module: tuple(methods) for module, methods in facts["methods"].items()}),
        requirements=requirements,
        libraries=tuple(map(str, facts.get("libraries", ()))),
        frames=bool(facts.get("frames", False)),
    )
    for name in lab.libraries:
        if not lab.library(name).is_file():
            raise ValueError(f"there is no library {name}")
    for name in lab.programs(with_hidden=True):
        if not lab.program(name).is_file():
            raise ValueError(f"a trial names the program {name}, and there is no {name}.c")
    return lab


def layout_of_name(name: str) -> Layout:
    """Return the published layout of a name.  Raises: ValueError."""
    for each in LAYOUTS:
        if each.name == name:
            return each
    raise ValueError(f"there is no layout {name!r}")


def _requirement_of(facts: dict[str, Any]) -> Requirement:
    points = int(facts["points"])
    if points < 1:
        raise ValueError(f"a requirement is worth at least a point, not {points}")
    return Requirement(str(facts["says"]), points, tuple(map(_trial_of, facts["trial"])))


def _trial_of(facts: dict[str, Any]) -> Trial:
    fail = facts.get("fail")
    return Trial(
        tuple(facts["programs"]),
        None if fail is None else (str(fail["call"]), int(fail["first"])),
        bool(facts.get("strict", False)),
        bool(facts.get("events", False)),
        bool(facts.get("hidden", False)),
        int(facts.get("time", MOST_TIME)),
    )
