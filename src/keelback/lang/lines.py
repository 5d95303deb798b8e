"""The line of what goes wrong: the first of its statement, whatever part of it that is.

A part of a statement may stand on a line of its own, and which of them an instruction of CPython's belongs to differs
from version to version.  A statement has one first line, in every life.
"""

import ast
import linecache
from collections.abc import Iterator
from functools import lru_cache
from types import CodeType

Position = tuple[int, int]
"""Line and column, the column in bytes."""


def line_of(code: CodeType, instruction: int, line: int) -> int:
    """Return the first line of the statement that an instruction of some code, which is at a line, belongs to."""
    found = next((each for index, each in enumerate(code.co_positions()) if index == instruction // 2), None)
    at, _, column, _ = found or (None, None, None, None)
    linecache.checkcache(code.co_filename)
    return statement_line("".join(linecache.getlines(code.co_filename)), (at or line, column or 0))


@lru_cache(16)
def statement_line(source: str, position: Position) -> int:
    """Return the first line of the innermost statement at a position; that line itself where there is none."""
    try:
        inside: list[ast.AST] = [ast.parse(source)]
    except SyntaxError:
        return position[0]
    line = position[0]
    while inside:
        node = inside.pop()
        for each in _statements_in(node):
            if (each.lineno, each.col_offset) <= position < (each.end_lineno or 0, each.end_col_offset or 0):
                line, inside = each.lineno, [each]
    return line


def _statements_in(node: ast.AST) -> Iterator[ast.stmt]:
    """Yield the statements directly inside a node."""
    for each in ast.iter_child_nodes(node):
        if isinstance(each, ast.stmt):
            yield each
        elif isinstance(each, (ast.excepthandler, ast.match_case)):
            yield from _statements_in(each)
