"""The process that tries a compiled submission: it runs machine code on emulated machines, and no Python of anybody's.

    grader ── the task, JSON on standard input ──> judge ── a JSON line for each trial that is done ──> grader

It starts from nothing, since a fork has all the addresses, threads and locks of whoever grades.
"""

import base64
import gc
import json
import sys
from collections.abc import Callable, Iterator
from contextlib import suppress
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

from keelback.image.kernel_image import CompiledKernel, ImageTooLarge
from keelback.labs.digests import Digests
from keelback.labs.explaining import Explainer
from keelback.labs.hints import check_command
from keelback.labs.lab import Lab, Trial, read_lab
from keelback.labs.limits import PYTHON, Limits, place_of_command, reports_of, run_limited
from keelback.labs.lockstep import Lockstep, NothingFails, Wrong, first_wrong
from keelback.labs.machines import Machines
from keelback.labs.result import Reason

MEMORY = 16 << 30
"""Bytes of addresses that the judge may have: an emulated machine has a gigabyte of them."""
Strict = dict[tuple[str, ...], dict[str, Any]]
"""What the worker says of strict runs, by their programs."""
Explain = Callable[[Trial, Wrong], Reason]


@dataclass(frozen=True)
class Judge:
    """Judges a submission that is compiled, by all trials of a lab."""

    lab: Lab
    kernel: CompiledKernel
    files: tuple[str, ...]
    strict: Strict
    seed: int | None = None

    def judge(self) -> Iterator[tuple[int, int, Reason | None]]:
        """Yield for each trial its requirement's number, its own, and why it fails, None where it does not."""
        right, other = (Machines(self.lab, kernel, seed=self.seed) for kernel in (None, self.kernel))
        explain = Explainer(self.lab, right, other, self.files).reason
        for number, requirement in enumerate(self.lab.requirements):
            for index, trial in enumerate(requirement.trials):
                reason = self._tried(right, other, trial, explain)
                if reason is None and trial.strict:
                    reason = self._strictly(other, trial)
                yield number, index, reason
                gc.collect()  # a machine has a gigabyte of addresses
                if reason is not None:
                    break

    def _tried(self, right: Machines, other: Machines, trial: Trial, explain: Explain) -> Reason | None:
        """Return the first wrong event of a trial, explained."""
        model = right.make(trial)
        try:
            tried = other.make(trial)
        except ImageTooLarge as error:
            found = f"{error.said}: make methods and their texts shorter"
            return Reason("limit", ", ".join(trial.programs), found=found)
        try:
            wrong = first_wrong(Lockstep(model, tried, frames=self.lab.frames, events=trial.events), trial)
        except NothingFails as error:
            return Reason("trial", ", ".join(trial.programs), found=str(error))
        return None if wrong is None else explain(trial, wrong)

    def _strictly(self, other: Machines, trial: Trial) -> Reason | None:
        """Return what is wrong with a strict run in the interpreted life, by what the worker found in it."""
        programs, found = ", ".join(trial.programs), self.strict.get(trial.programs)
        if found is None:
            return Reason("strict", programs, found="the strict run did not come to its end")
        command = check_command(self.lab, self.files, trial, seed=self.seed)
        if (panic := found["panic"]) is not None:
            lines = (f"{panic['file']}:{panic['line']}",) if panic["file"] in self.files else ()
            return Reason(
                "strict", programs, int(found["traps"]), found=str(panic["said"]), lines=lines, command=command
            )
        run = Digests(other.make(trial))
        run.run(trial.time)
        if run.found == found["digests"]:
            return None
        pairs = enumerate(zip(run.found, found["digests"], strict=False))
        at = next((number for number, (one, two) in pairs if one != two), min(len(run.found), len(found["digests"])))
        differ = "the interpreted and the compiled kernel differ"
        return Reason("lives", programs, max(at - 1, 0), found=differ, command=command)


def judged(judge: Judge, *, seconds: float) -> tuple[dict[tuple[int, int], Reason | None], str]:
    """Judge in a process of its own; return the reasons by requirement and trial, and why it was cut off, "" if not."""
    task = {
        "kernel": base64.b64encode(judge.kernel.pack()).decode(),
        "files": judge.files,
        "strict": [*judge.strict.values()],
        "seed": judge.seed,
    }
    limits = Limits(memory=MEMORY, cpu=int(seconds) + 1, seconds=seconds)
    with place_of_command() as place:
        task["lab"] = str(_given(judge.lab, place.folder))
        ended = run_limited((*PYTHON, "keelback.labs.judging"), json.dumps(task).encode(), place, limits)
    found = {}
    for report in reports_of(ended.report):
        facts = report["reason"]
        found[report["requirement"], report["trial"]] = None if facts is None else _reason_of(facts)
    return found, ended.why


def _given(lab: Lab, folder: Path) -> Path:
    """Copy a lab into a judge's folder, who may see or read nothing of where it is; return where it is then."""
    copy = folder / "lab"
    copy.mkdir()
    copy.chmod(0o755)
    for each in lab.folder.iterdir():
        if each.is_file():
            (copy / each.name).write_bytes(each.read_bytes())
            (copy / each.name).chmod(0o644)
    return copy


def _reason_of(facts: dict[str, Any]) -> Reason:
    maps = facts.pop("maps")
    said, lines = tuple(facts.pop("said")), tuple(facts.pop("lines"))
    return Reason(**facts, said=said, lines=lines, maps=None if maps is None else (maps[0], maps[1]))


def main() -> None:
    """Do the task on standard input."""
    task = json.load(sys.stdin)
    strict = {tuple(each["programs"]): each for each in task["strict"]}
    kernel = CompiledKernel.unpack(base64.b64decode(task["kernel"]))
    judge = Judge(read_lab(Path(task["lab"])), kernel, tuple(task["files"]), strict, task["seed"])
    gc.freeze()
    for number, index, reason in judge.judge():
        facts = None if reason is None else asdict(reason)
        print(json.dumps({"requirement": number, "trial": index, "reason": facts}), flush=True)


if __name__ == "__main__":
    with suppress(BrokenPipeError):
        main()
