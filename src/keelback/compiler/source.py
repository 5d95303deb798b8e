"""The syntax tree of a live Python function, with the lines it has in its file."""

import ast
import inspect
from collections.abc import Callable
from functools import cache
from pathlib import Path
from types import FunctionType
from typing import Any, get_type_hints


@cache
def _definitions(file: str) -> dict[tuple[int, str], ast.FunctionDef]:
    found = {}
    for node in ast.walk(ast.parse(Path(file).read_text(), file)):
        if isinstance(node, ast.FunctionDef):
            first = min([node.lineno, *(each.lineno for each in node.decorator_list)])
            found[first, node.name] = node
    return found


def file_of(function: Callable[..., Any]) -> str:
    """Return the file that a function was written in."""
    return inspect.getsourcefile(function) or "<unknown>"


def definition_of(function: FunctionType) -> ast.FunctionDef:
    """Return the definition of a function.  Raises: LookupError when its source can't be found."""
    key = (function.__code__.co_firstlineno, function.__code__.co_name)
    try:
        return _definitions(file_of(function))[key]
    except (KeyError, OSError) as error:
        raise LookupError(f"no source for {function.__qualname__}") from error


@cache
def hints_of(function: FunctionType) -> dict[str, Any]:
    """Return the annotations of a function's parameters and result, resolved."""
    return get_type_hints(function, include_extras=True)


def end_line(file: str, first: int) -> int:
    """Return the last line of the function of a file whose definition or decorator stands on a line."""
    ends = [node.end_lineno or 0 for (line, _), node in _definitions(file).items() if first in (line, node.lineno)]
    return max(ends, default=first)
