"""What a submission was found to be worth, and why: values, and their form in JSON."""

from collections.abc import Iterator
from dataclasses import asdict, dataclass
from typing import Any


@dataclass(frozen=True)
class Reason:
    """Why a requirement is not met: the first wrong event of a trial.

    `event` is whose call or fault it was, `right` what the kernel should do there, `found` what this one did, `said`
    what differs in sentences, `rule` the invariant that is broken.  `lines` are lines of the submission that served
    the event, `file:line`, `maps` memory as it should be and as it is, with marks, `picture` the same as SVG, and
    `command` what shows it.
    """

    kind: str
    trial: str
    trap: int = 0
    event: str = ""
    right: str = ""
    found: str = ""
    said: tuple[str, ...] = ()
    rule: str = ""
    lines: tuple[str, ...] = ()
    maps: tuple[str, str] | None = None
    picture: str = ""
    command: str = ""

    def told(self) -> Iterator[str]:
        """Yield the reason in lines: what happened, and what should have."""
        yield f"{self.event or 'all of it'}, in the trial with {self.trial}"
        yield from (f"{name:<6} {text}" for name, text in self.named())
        yield from (f"{'':<6} {each}" for each in self.said)
        if self.lines:
            yield f"{'lines':<6} {_shortened(self.lines)}"
        if self.command:
            yield f"{'show':<6} {self.command}"

    def named(self) -> Iterator[tuple[str, str]]:
        """Yield what the right kernel did and what this one did, once where it is the same, and the rule."""
        pair = [("both", self.right)] if self.right == self.found else [("right", self.right), ("yours", self.found)]
        yield from ((name, text) for name, text in (*pair, ("rule", self.rule)) if text)

    def drawn(self) -> Iterator[str]:
        """Yield both memories in lines, as it should be and as it is."""
        for number, each in enumerate(self.maps or ()):
            yield from ([""] if number else [])
            yield from each.rstrip().splitlines()


def _shortened(places: tuple[str, ...]) -> str:
    """Return places with each file named once where several of its lines follow each other: `fork.py:12, 13, 20`."""
    found, before = "", ""
    for each in places:
        file, _, line = each.rpartition(":")
        found += f", {line}" if file == before else f"{', ' if found else ''}{each}"
        before = file
    return found


@dataclass(frozen=True)
class Verdict:
    """What a requirement says, and what the submission gets of its points; a `reason` where that is not all."""

    says: str
    points: int
    most: int
    reason: Reason | None = None


@dataclass(frozen=True)
class Result:
    """What a submission is worth.  `refused` says why nothing of it was run, with `file` and `line`, else it is ""."""

    lab: str
    verdicts: tuple[Verdict, ...]
    refused: str = ""
    file: str = ""
    line: int = 0
    details: str = ""

    @property
    def place(self) -> str:
        """Return where it was refused, as far as that is known."""
        return f"{self.file}:{self.line}" if self.line else self.file

    @property
    def points(self) -> int:
        """Return how many points it gets."""
        return sum(each.points for each in self.verdicts)

    @property
    def most(self) -> int:
        """Return how many points there are."""
        return sum(each.most for each in self.verdicts)

    def facts(self) -> dict[str, Any]:
        """Return all of it in values that JSON has, but for pictures."""
        facts: dict[str, Any] = {"lab": self.lab, "points": self.points, "most": self.most} | asdict(self)
        for verdict in facts["verdicts"]:
            if verdict["reason"] is not None:
                del verdict["reason"]["picture"]
        return facts


MAY_BE_NONE = ("reason", "maps")
WHOLE = Result("", (Verdict("", 0, 0, Reason("", "", said=("",), lines=("",), maps=("", ""))),))


def is_result(facts: Any) -> bool:
    """Say whether values that JSON has are the facts of a result, whose points are those of its verdicts."""
    if not _is_like(facts, WHOLE.facts()):
        return False
    verdicts, names = facts["verdicts"], ("points", "most")
    return all(0 <= each["points"] <= each["most"] for each in verdicts) and all(
        facts[name] == sum(each[name] for each in verdicts) for name in names
    )


def _is_like(value: Any, model: Any) -> bool:
    """Say whether a value has all keys that a model has, and the types."""
    if isinstance(model, dict):
        return isinstance(value, dict) and all(
            name in value and (_is_like(value[name], each) or (name in MAY_BE_NONE and value[name] is None))
            for name, each in model.items()
        )
    if isinstance(model, list | tuple):
        return isinstance(value, list | tuple) and all(_is_like(each, model[0]) for each in value)
    return type(value) is type(model)
