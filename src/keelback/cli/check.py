"""`keelback check`: a strict run with all invariants, the compiler's verdict and both lives, in one answer.

The work is done in a child, for it runs what a user wrote; what is said of it is said here.
Strict mode is installed before this is imported.
"""

import signal
from typing import Any

from keelback.cli.checking import Asked, Verdict, check
from keelback.cli.child import Child
from keelback.cli.ending import fail, tell, told_of
from keelback.cli.facts import mistake
from keelback.cli.json_output import print_json
from keelback.cli.sizes import counted
from keelback.cli.statuses import BADLY, BY_SIGNAL, KERNEL_WRONG, WELL
from keelback.cli.streams import escaped
from keelback.errors import Interrupted

__all__ = ["Asked", "check_kernel"]


def check_kernel(asked: Asked, *, seconds: float | None, as_json: bool) -> int:
    """Check the kernel, within a time; print the answer, return the exit status."""
    answer = _Answer(as_json)
    child = Child(lambda report: check(asked, report), seconds)
    child.run(answer.take)
    return answer.finish(child)


class _Answer:
    """What is known of a kernel, as it comes; verdicts are printed at once, JSON at the end."""

    def __init__(self, as_json: bool) -> None:
        self.as_json = as_json
        self.begun = ""
        self.verdicts: list[Verdict] = []
        self.machine: dict[str, Any] = {"well": None, "processes": [], "not_started": [], "console": ""}
        self.stopped: dict[str, Any] | None = None
        self.error: dict[str, Any] | None = None

    def take(self, report: dict[str, Any]) -> None:
        """Take what the child reports."""
        [(key, value)] = report.items()
        match key:
            case "begins":
                self.begun = value
            case "verdict":
                self._add(Verdict(**value))
            case "machine":
                self.machine = value
            case "stopped":
                self.stopped = value
            case "error":
                self.error = value

    def _add(self, verdict: Verdict) -> None:
        self.verdicts.append(verdict)
        self.begun = ""
        if not self.as_json:
            _print_block(verdict.name, verdict.said, verdict.details)

    def finish(self, child: Child) -> int:
        """Print what is left, and return the exit status."""
        if self.error is not None:
            if self.as_json:
                print_json(mistake(**self.error))
            tell(self.error["line"], self.error["details"])
            return int(self.error["status"])
        ended = told_of(Interrupted("", child.ended_by))[0]
        why = ended if child.ended_by else f"stopped after {counted(child.seconds or 0, 'second')}"
        was_stopped = child.ended_by or child.was_late
        if self.stopped is not None or (was_stopped and self.begun):
            place, traps = (self.stopped or {}).get("place"), (self.stopped or {}).get("traps", 0)
            where = f", in {place}" if place else "" if self.stopped else "; it did not end by itself"
            self._add(Verdict(self.begun, None, f"{why}{where}, after {counted(traps, 'trap')}"))
        elif child.status != 0 or self.begun:
            self._add(Verdict(self.begun or "check", False, _ended(child.status)))
        status = self._status(BY_SIGNAL + child.ended_by if child.ended_by else 0)
        if self.as_json:
            print_json(self._facts(status))
        elif all(each.well is not False for each in self.verdicts) and not (self.stopped or {}).get("place"):
            for line in self.machine["not_started"]:
                _print_block("program", line, "")
            for each in self.machine["processes"]:  # of a kernel that is whole
                _print_process(each)
        return fail(ended, status) if child.ended_by else status

    def _status(self, by_signal: int) -> int:
        """Return the exit status; that of a signal, if it is not 0, comes before all others."""
        if by_signal:
            return by_signal
        if any(each.well is False for each in self.verdicts):
            return KERNEL_WRONG
        return WELL if all(each.well for each in self.verdicts) and self.machine["well"] else BADLY

    def _facts(self, status: int) -> dict[str, Any]:
        found = [each.well for each in self.verdicts]
        kernel = False if False in found else None if None in found else True
        facts = {"status": status, "well": status == WELL, "kernel_well": kernel, "programs_well": self.machine["well"]}
        facts["verdicts"] = [vars(each) for each in self.verdicts]
        return facts | {name: self.machine[name] for name in ("processes", "not_started", "console")}


def _ended(status: int) -> str:
    """Return what is said of a child that ended before its work was done."""
    if status < 0:
        return f"a part ended the process: killed by {signal.Signals(-status).name}"
    return f"a part ended the process, with status {status}"


def _print_process(facts: dict[str, Any]) -> None:
    how = facts["ended"]
    if not facts["well"] and not facts["told"]:
        place = f"at {how['place']}" if how["place"] else ""
        _print_block("program", f"{facts['pid']} ({facts['program']}) {how['said']}", place)


def _print_block(name: str, said: str, details: str) -> None:
    print(f"{name:<12}{escaped(said)}")
    for line in details.splitlines():
        print(f"{'':<12}{escaped(line)}", flush=True)
