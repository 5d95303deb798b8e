"""What the compiler refuses, and where."""

import linecache

from keelback.errors import UserError


class CompileError(UserError):
    """A construct that Kernel Python does not have, or that can't be bounded.

    `rule` is the rule's name in docs/kernel-python.md, `file`, `line` and `column` (from 1 on) tell the place.
    """

    def __init__(self, rule: str, message: str, file: str, line: int, column: int) -> None:
        self.rule = rule
        self.message = message
        self.file = file
        self.line = line
        self.column = column
        source = linecache.getline(file, line).rstrip("\n")
        mark = " " * (column - 1) + "^"
        super().__init__(f"{file}:{line}:{column}: {message} [{rule}]", f"    {source}\n    {mark}")
