"""The syntax tree of a submitted file, which is small enough for whatever reads it after."""

import ast
from bisect import bisect_left

from keelback.lang.source_text import text_of_source

MOST_BYTES = 256 << 10
DEEPEST = 200
"""How deep the parts of a file may be nested; the compiler takes less of a method."""


class Refused(Exception):
    """A submission is none; `said` is why, `file` and `line` where."""

    def __init__(self, said: str, file: str, line: int = 0) -> None:
        self.said = said
        self.file = file
        self.line = line
        super().__init__(f"{file}:{line}: {said}" if line else f"{file}: {said}")


def tree_of(name: str, data: bytes) -> ast.Module:
    """Return the tree of a file.  Raises: Refused, with the line as far as it is known."""
    if len(data) > MOST_BYTES:
        raise Refused(f"it has more than {MOST_BYTES:,} bytes, the most that are read", name)
    try:
        text = text_of_source(data, name)
        tree = ast.parse(text)
    except SyntaxError as error:
        raise Refused(error.msg, name, error.lineno or 0) from None
    except (RecursionError, MemoryError):  # which tell no line
        raise _too_deep(name, _line_too_deep(text)) from None
    _check_depth(tree, name)
    return tree


def _too_deep(name: str, line: int) -> Refused:
    return Refused(f"nested more than {DEEPEST} deep: name a part of it", name, line)


def _line_too_deep(text: str) -> int:
    """Return the first line with which Python has no room to read a text."""
    lines = text.split("\n")
    return bisect_left(range(1, len(lines)), True, key=lambda count: not _has_room("\n".join(lines[:count]))) + 1


def _has_room(text: str) -> bool:
    try:
        ast.parse(text)
    except SyntaxError:
        return True
    except (RecursionError, MemoryError):
        return False
    return True


def _check_depth(tree: ast.Module, name: str) -> None:
    """Check how deep a tree is, level by level, since a walk that calls itself may be too deep.  Raises: Refused."""
    level: list[tuple[ast.AST, int]] = [(tree, 0)]
    for _ in range(DEEPEST):
        level = [(each, getattr(each, "lineno", line)) for node, line in level for each in ast.iter_child_nodes(node)]
    if level:
        raise _too_deep(name, level[0][1])
