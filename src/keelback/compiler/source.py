"""The syntax tree of a live Python function, with the lines it has in its file; its head is as plain as it must be."""

import ast
import inspect
from collections.abc import Callable, Iterator
from functools import cache
from pathlib import Path
from types import FunctionType
from typing import Any, get_type_hints

from keelback.compiler.errors import CompileError
from keelback.compiler.reads import note_definition
from keelback.compiler.syntax import Refused, refused_in_body, refused_in_head
from keelback.lang.replacing import DECORATORS
from keelback.lang.source_text import text_of_source

Definition = ast.FunctionDef | ast.AsyncFunctionDef


@cache
def _definitions(file: str) -> dict[tuple[int, str], Definition]:
    found: dict[tuple[int, str], Definition] = {}
    waiting: list[ast.AST] = [ast.parse(text_of_source(Path(file).read_bytes(), file), file)]
    while waiting:
        node = waiting.pop()
        if isinstance(node, Definition):
            first = min([node.lineno, *(each.lineno for each in node.decorator_list)])
            found[first, node.name] = node
        waiting += [each for each in ast.iter_child_nodes(node) if isinstance(each, ast.stmt)]
    return found


@cache
def nodes_in(tree: ast.AST) -> list[ast.AST]:
    """Return a node and all inside it, in the order of `ast.walk`, which takes three times as long, and each time."""
    found = [tree]
    for node in found:
        for name in node._fields:
            value = getattr(node, name, None)
            if isinstance(value, list):
                found += [each for each in value if isinstance(each, ast.AST)]
            elif isinstance(value, ast.AST):
                found.append(value)
    return found


def file_of(function: Callable[..., Any]) -> str:
    """Return the file that a function was written in."""
    return function.__code__.co_filename


def definition_of(function: FunctionType) -> ast.FunctionDef:
    """Return the definition of a function.  Raises: CompileError when Kernel Python has no such functions."""
    note_definition(function)
    return _found_definition(function)


@cache
def _found_definition(function: FunctionType) -> ast.FunctionDef:
    if hasattr(function, "__wrapped__"):
        definition_of(inspect.unwrap(function))  # where the decorator stands that has put this one in its place
    file, first = file_of(function), function.__code__.co_firstlineno
    try:
        definition = _definitions(file)[first, function.__code__.co_name]
    except (KeyError, OSError):
        raise CompileError("functions", f"no definition of {function.__qualname__} is found", file, first, 1) from None
    except SyntaxError as error:
        raise CompileError("source", error.msg, file, error.lineno or first, 1) from None
    except RecursionError:
        raise CompileError("nesting", "something in this file is nested too deep", file, first, 1) from None
    for node, rule, message in _refused(definition, function):
        raise CompileError(rule, message, file, node.lineno, node.col_offset + 1)  # type: ignore[attr-defined]
    assert isinstance(definition, ast.FunctionDef)
    return definition


def _refused(definition: Definition, function: FunctionType) -> Iterator[Refused]:
    """Yield what Kernel Python does not have in a definition; a native body is not looked at."""
    for decorator in definition.decorator_list:
        named = decorator.func if isinstance(decorator, ast.Call) else decorator
        if not isinstance(named, ast.Name) or function.__globals__.get(named.id) not in DECORATORS:
            yield Refused(decorator, "functions", "Kernel Python has no decorator but @native, @rare and @replaces")
        elif hasattr(function, "is_rare") and inspect.isgeneratorfunction(function):
            yield Refused(decorator, "generators", "a generator is a part of who loops over it: it can't be @rare")
    yield from refused_in_head(definition)
    if isinstance(definition, ast.FunctionDef) and not hasattr(function, "c_body"):
        yield from refused_in_body(definition)


@cache
def hints_of(function: FunctionType) -> dict[str, Any]:
    """Return the annotations of a function's parameters and result, resolved.  Raises: CompileError."""
    try:
        return get_type_hints(function, include_extras=True)
    except Exception as error:
        raise CompileError("annotations", str(error), file_of(function), function.__code__.co_firstlineno, 1) from None


def end_line(file: str, first: int) -> int:
    """Return the last line of the function of a file whose definition or decorator stands on a line."""
    ends = [node.end_lineno or 0 for (line, _), node in _definitions(file).items() if first in (line, node.lineno)]
    return max(ends, default=first)
