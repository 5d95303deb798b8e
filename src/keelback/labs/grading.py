"""Grading: one submission of a lab, and what it is worth.

files ── check_all: the text is Kernel Python and does nothing when it is read
  │
  └──> worker, a process within limits: imports, compiles, runs strictly ── machine code, digests ──┐
                                                                                                    v
Result <── judge, another process: runs the machine code beside the right kernel's, trap by trap <── grader
"""

import base64
import json
import stat
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from keelback.errors import UserError
from keelback.image.cache import cache_directory
from keelback.image.kernel_image import CompiledKernel
from keelback.image.kernels import BUILT_FROM, compiled, copy_base
from keelback.image.own_sources import kept_build
from keelback.image.payload import make_payload
from keelback.kernel.layout import MIB, Layout
from keelback.labs.judging import Judge, judged
from keelback.labs.lab import ASSIGNMENTS, Lab
from keelback.labs.language import check_all
from keelback.labs.limits import PYTHON, Limits, place_of_command, reports_of, run_limited, run_trusted
from keelback.labs.machines import payload_of
from keelback.labs.result import Reason, Result, Verdict
from keelback.labs.submitted import MOST_BYTES, Refused

LIMITS = Limits()
SUFFIX = ".py"
WORKER = (*PYTHON, "keelback.labs.worker")


def grade(lab: Lab, files: Sequence[Path], *, limits: Limits = LIMITS, seed: int | None = None) -> Result:
    """Grade a submission, the files of which all belong to one student.

    Whatever it does is a result: what is wrong with it, or what it took too much of.  A seed decides when time slices
    end: all are as long without one.
    Raises: UserError when a file can't be read; ToolchainError.
    """
    texts, hidden = [(each.name, read_file(each)) for each in files], [each.parent for each in files]
    return grade_texts(lab, texts, limits=limits, seed=seed, hidden=hidden)


def grade_texts(
    lab: Lab,
    texts: Sequence[tuple[str, bytes]],
    *,
    limits: Limits = LIMITS,
    seed: int | None = None,
    hidden: Sequence[Path] = (),
) -> Result:
    """Grade a submission by the texts of its files, by name; `hidden` are folders of others'.

    Raises: ToolchainError.
    """
    try:
        check_all(lab, texts)
    except Refused as refused:
        return _refused(lab, refused.said, refused.file, refused.line)
    prepare(lab)
    return _graded(lab, texts, limits, seed, hidden)


def prepare(lab: Lab) -> None:
    """Build what every submission needs, before anything has a limit.  Raises: ToolchainError."""
    compiled(lab.layout)
    for requirement in lab.requirements:
        for trial in requirement.trials:
            payload_of(lab, trial.programs)
    workers_cache(lab.layout)


def workers_cache(layout: Layout) -> Path:
    """Return a cache that has what a worker needs and nothing else, no hidden program: anybody may read it."""
    folder = cache_directory() / "workers"

    def fill() -> bytes:
        run = {"programs": [], "payload": base64.b64encode(make_payload({})).decode(), "memory": MIB << 4}
        runs = [run | {"time": 1, "seed": None}]
        task = json.dumps({"layout": layout.name, "files": [], "methods": {}, "runs": runs}).encode()
        folder.mkdir(exist_ok=True)
        copy_base(layout, folder)
        with place_of_command(cache=folder) as place:
            run_trusted(WORKER, task, place)
        for each in (folder, *folder.rglob("*")):
            each.chmod(0o755 if each.is_dir() else 0o644)
        return b""

    kept_build(BUILT_FROM, "workers", layout, build=fill)
    return folder


def read_file(path: Path) -> bytes:
    """Return a file, or as much of it as shows that it is too large.  Raises: UserError."""
    try:
        mode = path.stat().st_mode
        if stat.S_ISDIR(mode):
            raise UserError(f"{path}: this is a folder; name the files in it, {SUFFIX}")
        if path.suffix != SUFFIX:
            raise UserError(f"{path}: a submission is a Python file, {SUFFIX}")
        if not stat.S_ISREG(mode):
            raise UserError(f"{path}: this is no regular file; name one, {SUFFIX}")
        with path.open("rb") as file:
            return file.read(MOST_BYTES + 1)
    except OSError as error:
        raise UserError(f"{path}: {error.strerror}") from None


def _graded(
    lab: Lab, texts: Sequence[tuple[str, bytes]], limits: Limits, seed: int | None, hidden: Sequence[Path]
) -> Result:
    """Have a submission compiled, and judge what came of it."""
    names = tuple(name for name, _ in texts)
    reports, why = _worked(lab, texts, limits, seed, hidden)
    try:
        if refusal := next((each["refused"] for each in reports if "refused" in each), None):
            said, file, line, details = (refusal[name] for name in ("said", "file", "line", "details"))
            return _refused(lab, str(said), str(file), int(line), str(details))
        kernel = next((each["kernel"] for each in reports if "kernel" in each), None)
        if kernel is None:
            return _refused(lab, f"its compilation {why or 'came to no end'}", names[0])
        strict = {tuple(each["strict"]["programs"]): each["strict"] for each in reports if "strict" in each}
        judge = Judge(lab, CompiledKernel.unpack(base64.b64decode(kernel)), names, strict, seed)
    except (ValueError, TypeError, LookupError, AttributeError):  # whatever wrote that was not ours
        return _refused(lab, "what was said of its compilation can't be understood", names[0])
    found, late = judged(judge, seconds=limits.seconds)
    return Result(lab.name, tuple(_verdicts(lab, found, late or "came to no end")))


def _worked(
    lab: Lab, texts: Sequence[tuple[str, bytes]], limits: Limits, seed: int | None, hidden: Sequence[Path]
) -> tuple[list[dict[str, Any]], str]:
    """Return what the worker reports, and why it ended, "" where it did by itself."""
    trials = dict.fromkeys(each for requirement in lab.requirements for each in requirement.trials if each.strict)
    runs = [
        {
            "programs": trial.programs,
            "payload": base64.b64encode(payload_of(lab, trial.programs)).decode(),
            "memory": lab.memory,
            "time": trial.time,
            "seed": seed,
        }
        for trial in trials
    ]
    files = [name for name, _ in texts]
    task = {"layout": lab.layout.name, "files": files, "methods": dict(lab.methods), "runs": runs}
    with place_of_command(hidden=(ASSIGNMENTS, lab.folder, *hidden), cache=workers_cache(lab.layout)) as place:
        for name, data in texts:
            (place.folder / name).write_bytes(data)
        ended = run_limited(WORKER, json.dumps(task).encode(), place, limits)
    return reports_of(ended.report), ended.why


def _verdicts(lab: Lab, found: dict[tuple[int, int], Reason | None], missing: str) -> "list[Verdict]":
    verdicts = []
    for number, requirement in enumerate(lab.requirements):
        reason = None
        for index, trial in enumerate(requirement.trials):
            unknown = Reason("limit", ", ".join(trial.programs), found=f"the machine {missing}")
            reason = reason or found.get((number, index), unknown)
        points = requirement.points if reason is None else 0
        verdicts.append(Verdict(requirement.says, points, requirement.points, reason))
    return verdicts


def _refused(lab: Lab, said: str, file: str, line: int = 0, details: str = "") -> Result:
    """Return the result of a submission of which nothing was run."""
    verdicts = tuple(Verdict(each.says, 0, each.points) for each in lab.requirements)
    return Result(lab.name, verdicts, said, file, line, details)
