"""`keelback fuzz`: random families of processes on a kernel, here or by a Dask cluster, and what was found wrong.

seeds ── tasks of a few ──> a process of its own for each task, here or on a worker ──> findings, shrunk
"""

import json
import os
import re
import shlex
import shutil
import subprocess
import sys
from pathlib import Path
from typing import Any, NamedTuple

from keelback.cli.options import KernelChoice
from keelback.cli.statuses import KERNEL_WRONG, WELL
from keelback.cli.streams import escaped
from keelback.cli.users_files import check_readable
from keelback.errors import UserError
from keelback.fuzz.trying import SOURCE
from keelback.image.leftovers import end, scratch_folder, start_tool
from keelback.labs.cluster import cluster_at
from keelback.labs.course import Threads

PYTHON = (sys.executable, "-m", "keelback.cli.fuzzing")
NUMBERS = re.compile(r"0x[0-9a-f]+|\d+")
AT_ONCE = 8
"""Families of a task: a kernel with a user's parts is compiled for each task."""


class Task(NamedTuple):
    """Seeds to be tried, and all that makes the kernel: its words, with files of a user's by places in a folder."""

    files: tuple[tuple[str, bytes], ...]
    choice: KernelChoice
    first: int
    number: int


def fuzz(choice: KernelChoice, *, seed: int, count: int, jobs: int | None, dask: str | None, output: str) -> int:
    """Try so many families, from a seed on; print what is wrong, return the exit status.  Raises: UserError."""
    files, sent = _packed(choice)
    starts = range(seed, seed + count, AT_ONCE)
    tasks = {str(first): Task(files, sent, first, min(AT_ONCE, seed + count - first)) for first in starts}
    graders = cluster_at(dask) if dask is not None else Threads(jobs or os.cpu_count() or 1)
    tried, found = 0, list[dict[str, Any]]()
    for name, reports in graders.done(run_task, tasks):
        for each in reports:
            found.append(each | _commands(each, choice, Path(output)))
            _keep(found[-1], Path(output))
        tried += tasks[name].number
        print(f"{tried:,} of {count:,} families, {len(found):,} with something wrong", file=sys.stderr, flush=True)
    _print(found)
    return KERNEL_WRONG if found else WELL


def _print(found: list[dict[str, Any]]) -> None:
    """Print what is wrong, of families in which the same is the smallest alone."""
    alike: dict[str, list[dict[str, Any]]] = {}
    for each in found:
        alike.setdefault(f"{each['kind']} {NUMBERS.sub('', each['said'])}", []).append(each)
    for same in alike.values():
        least = min(same, key=lambda facts: (facts["family"]["rounds"], facts["family"]["turns"], facts["trap"]))
        print(f"{'1 family' if len(same) == 1 else f'{len(same):,} families'}: {escaped(least['said'])}")
        print(f"    {least['check']}\n    {least['watch']}")


def _packed(choice: KernelChoice) -> tuple[tuple[tuple[str, bytes], ...], KernelChoice]:
    """Return a user's files by new places, those beside them too, and the choice with these.  Raises: UserError."""
    folders: dict[Path, str] = {}

    def moved(word: str) -> str:
        path = Path(word)
        check_readable(path)
        return f"{folders.setdefault(path.absolute().parent, str(len(folders)))}/{path.name}"

    file, separator, name = choice.layout.rpartition(":")
    layout = f"{moved(file)}:{name}" if separator else choice.layout
    sent = KernelChoice(layout, tuple(map(moved, choice.parts)), choice.paging)
    try:
        found = [
            (f"{number}/{each.name}", each.read_bytes())
            for folder, number in folders.items()
            for each in sorted(folder.glob("*.py"))
        ]
    except OSError as error:
        raise UserError(f"{error.filename}: {error.strerror}") from None
    return tuple(found), sent


def run_task(task: Task) -> list[dict[str, Any]]:
    """Try the families of a task in a process of its own; return what is wrong.  Raises: UserError."""
    words = {"layout": task.choice.layout, "parts": task.choice.parts, "paging": task.choice.paging}
    with scratch_folder() as folder:
        for name, data in task.files:
            (folder / name).parent.mkdir(exist_ok=True)
            (folder / name).write_bytes(data)
        process = start_tool(PYTHON, stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=subprocess.PIPE, cwd=folder)
        try:
            given = json.dumps(words | {"first": task.first, "count": task.number}).encode()
            reports, said = process.communicate(given)
        finally:
            end(process)
    found = [json.loads(line) for line in reports.splitlines() if line.startswith(b"{")]
    for each in found:
        if "error" in each:
            raise UserError(each["error"], each["details"])
    if process.returncode != 0:
        details = said.decode(errors="replace")
        raise UserError(f"families {task.first} to {task.first + task.number - 1}: a process failed", details)
    return found


def _commands(facts: dict[str, Any], choice: KernelChoice, output: Path) -> dict[str, str]:
    """Return the commands that show a finding."""
    own = ["--layout", choice.layout, *(word for each in choice.parts for word in ("--with", each))]
    own += ["--paging", choice.paging] if choice.paging is not None else []
    memory, argument = facts["family"]["memory"] >> 10, facts["line"].partition(" ")[2]
    program = f"{shlex.quote(str(output / SOURCE.name))} {argument}"
    words = shlex.join([*own, "--memory", f"{memory}K", program])
    before = max(facts["trap"] - 1, 0)
    return {"check": f"keelback check {words}", "watch": f"keelback watch {words}    then g, #{before}"}


def _keep(facts: dict[str, Any], output: Path) -> None:
    """Keep a finding in a folder, with the program.  Raises: UserError."""
    try:
        output.mkdir(parents=True, exist_ok=True)
        shutil.copyfile(SOURCE, output / SOURCE.name)
        (output / f"{facts['family']['seed']}.json").write_text(json.dumps(facts, indent=2) + "\n")
    except OSError as error:
        raise UserError(f"{error.filename}: {error.strerror}") from None
