"""What can't be done, told to whoever asked for it."""

import sys
from signal import SIGINT


def to_install(extra: str) -> str:
    """Return what to type for the packages of an extra of this one, where the Python that runs now finds them."""
    return f"{sys.executable} -m pip install 'keelback[{extra}]'"


class UserError(Exception):
    """What was asked for can't be done: one clear line that says what, where and what to do.

    `details` are more lines, of a tool's own or of a source: its place under a mark.
    """

    def __init__(self, message: str, details: str = "") -> None:
        self.said = message
        self.details = details
        super().__init__(f"{message}\n{details}" if details else message)


class Interrupted(BaseException):
    """Control-C, or the signal of a number, has ended a run; the text is where the kernel was, empty: not in it.

    A `BaseException`, so that nobody takes it for an error.
    """

    def __init__(self, place: str = "", number: int = SIGINT) -> None:
        self.number = number
        super().__init__(place)


class LimitReached(Interrupted):
    """A limit that was set for a run has ended it; `limit` is in words."""

    def __init__(self, limit: str, place: str = "") -> None:
        self.limit = limit
        super().__init__(place)
