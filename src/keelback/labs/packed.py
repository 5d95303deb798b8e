"""What one submission's grading needs, as a value that goes to another process or machine, and its outcome as facts."""

from functools import cache
from hashlib import sha256
from pathlib import Path
from typing import Any, NamedTuple

from keelback.image.leftovers import folder_of_this_process
from keelback.labs.grading import grade_texts
from keelback.labs.lab import Lab, read_lab
from keelback.labs.limits import Limits

Facts = dict[str, Any]


class PackedLab(NamedTuple):
    """The files of a lab's folder, by name."""

    name: str
    files: tuple[tuple[str, bytes], ...]

    @property
    def digest(self) -> str:
        """Return what changes when anything in the folder does."""
        return sha256(repr(self.files).encode()).hexdigest()


class Task(NamedTuple):
    """A submission to be graded: the texts of a student's files, by name; `key` tells all that decides its result.

    `hidden` are folders of others', where this machine has them.
    """

    lab: PackedLab
    texts: tuple[tuple[str, bytes], ...]
    limits: Limits
    seed: int | None
    key: str
    hidden: tuple[Path, ...] = ()


def pack_lab(lab: Lab) -> PackedLab:
    """Return the files of a lab."""
    files = sorted(each for each in lab.folder.iterdir() if each.is_file())
    return PackedLab(lab.name, tuple((each.name, each.read_bytes()) for each in files))


@cache
def unpacked(packed: PackedLab) -> Lab:
    """Return a lab in a folder of this process's."""
    folder = folder_of_this_process() / packed.name
    folder.mkdir()
    for name, data in packed.files:
        (folder / name).write_bytes(data)
    return read_lab(folder)


def run_task(task: Task) -> Facts:
    """Grade a submission; return the facts of its result.  Raises: ToolchainError."""
    lab = unpacked(task.lab)
    return grade_texts(lab, task.texts, limits=task.limits, seed=task.seed, hidden=task.hidden).facts()
