"""Commands that show what a submission does wrongly, as they are typed in the student's folder."""

import shlex
from collections.abc import Iterable, Iterator

from keelback.labs.lab import Lab, Trial


def watch_command(
    lab: Lab, files: Iterable[str], trial: Trial, *, seed: int | None, trap: int, failed: int, starts: bool = True
) -> str:
    """Return the command that shows a trial's run, and how to come to the step before a trap; "" where none does.

    Of a kernel that does not come up there is nothing to watch: then it is the command that says in which line it was.

    `failed` is which allocation of the trial's call fails, 0: none.  Of a hidden trial the student has no programs.
    """
    if trial.hidden:
        return ""
    if not starts:
        return _command("check", lab, files, trial, ["--time", "30s"])
    how = ["--seed", str(seed)] if seed is not None else []
    how += ["--fail", f"{trial.fail[0]}:{failed}"] if trial.fail is not None and failed else []
    command = _command("watch", lab, files, trial, how)
    return f"{command}    then g, #{trap - 1}" if trap > 1 else command


def check_command(lab: Lab, files: Iterable[str], trial: Trial, *, seed: int | None) -> str:
    """Return the command that runs a trial strictly and compares both lives; "" where none does."""
    return "" if trial.hidden or seed is not None else _command("check", lab, files, trial, [])


def _command(name: str, lab: Lab, files: Iterable[str], trial: Trial, how: Iterable[str]) -> str:
    parts = [word for each in files for word in ("--with", each)]
    kernel = ["--layout", lab.layout.name, "--memory", f"{lab.memory >> 20}M", *parts]
    return shlex.join(["keelback", name, *kernel, *how, *_words(lab, trial)])


def _words(lab: Lab, trial: Trial) -> Iterator[str]:
    """Yield the programs of a trial, the lab's own as files, each with its argument."""
    for line in trial.programs:
        name, blank, argument = line.partition(" ")
        yield f"{name}{'.c' * lab.is_own(name)}{blank}{argument}"
