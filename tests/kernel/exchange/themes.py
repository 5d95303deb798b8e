"""What sequences of random requests are about: each has a theme, of which it has more than of all else.

A request is drawn among those that can be made now.  Those of the theme's parts are the more probable, and so are those
that would show something at once: a wake of who waits, the end of a thread that another joins.
"""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any

SELDOM, SOME, OFTEN = 1, 4, 12
AT_TIMES = {"frames", "lines"}
"""Parts whose requests come in those themes alone that name them."""
DUE = 6
"""So much oftener is what would show something at once."""


@dataclass(frozen=True)
class Asking:
    """How often a request is made, whose part it is, and when it would show something at once."""

    part: str
    weight: int
    is_due: Callable[[Any], Any]


def never(_: Any) -> bool:
    return False


def asked(part: str, weight: int = SOME, due: Callable[[Any], Any] = never) -> Callable[[Any], Any]:
    """Mark a method that makes a request, with what it draws from the data that it is given."""

    def mark(method: Any) -> Any:
        method.asking = Asking(part, weight, due)
        return method

    return mark


@dataclass(frozen=True)
class Theme:
    """How much oftener the requests of some parts are made, and what messages have beside words."""

    parts: Mapping[str, int] = field(default_factory=dict)
    besides: tuple[str, ...] = ("", "", "", "bytes", "bytes", "handle", "pages", "deadline", "bytes handle deadline")
    threads: int = 0
    """How many threads more each process has from the start, at least."""
    given: tuple[str, ...] = ("pages", "object")
    """What processes have from the start: pages that a fork shares, one of them only to read; pages of an object."""
    aim: str = ""
    """The request that is made mostly: it leads, step by step, to what random requests seldom come to."""

    def times(self, part: str) -> int:
        """Return how much oftener than others the requests of a part are made."""
        return self.parts.get(part, 0 if part in AT_TIMES else 1)


LITTLE = {"frames": 6, "messages": 4, "handles": 3, "memory": 2, "objects": 2}
THEMES = {
    "all": Theme(threads=1),
    "threads": Theme({"threads": 6, "watches": 2}, threads=2, given=()),
    "words": Theme({"words": 6, "memory": 3, "objects": 2}, ("", "pages"), threads=1),
    "calls": Theme({"messages": 5}, ("", "", "bytes", "deadline"), given=()),
    "bytes": Theme({"messages": 5, "memory": 2}, ("bytes", "bytes", "bytes deadline", ""), threads=1),
    "handles": Theme({"messages": 4, "handles": 3}, ("handle", "handle", "bytes handle", ""), given=()),
    "pages": Theme({"messages": 4, "memory": 2, "words": 2}, ("pages", "pages", "bytes pages", "handle pages"), 1),
    "words that leave": Theme(threads=1, given=("pages",), aim="let_word_leave"),
    "words of one queue": Theme(threads=2, given=(), aim="let_wake_choose"),
    "devices": Theme({"lines": 4, "messages": 3, "handles": 2}, ("", "", "handle", "deadline"), given=("interrupts",)),
    "little memory": Theme(LITTLE, ("", "handle", "pages", "bytes pages", "handle pages"), threads=1),
    "missing frames": Theme(LITTLE, ("", "handle", "bytes handle", "handle pages"), aim="let_memory_lack"),
    "no room": Theme({"messages": 4, "memory": 2}, ("handle pages", "bytes handle pages"), 1, aim="let_message_fail"),
    "objects": Theme({"objects": 6, "messages": 2, "words": 4}, ("handle", "handle", "pages")),
    "ends": Theme({"watches": 5, "processes": 4}, ("handle", "handle", ""), given=()),
    "threads that are joined": Theme(threads=1, given=(), aim="let_joined_go"),
    "numbers that return": Theme({"watches": 5}, ("handle", ""), given=(), aim="let_number_return"),
}
