"""Annotations: what they name, and that both lives read the same out of them.

Interpreted Kernel Python is checked by how an annotation is spelled (`lang.strict`), since its types are not known
when a module is imported; the compiler knows what it stands for.  Where the two differ, it is refused.
"""

import ast
import inspect
from collections.abc import Iterator
from functools import cache
from types import FunctionType, SimpleNamespace
from typing import Any, get_args, get_origin, get_type_hints

from keelback.compiler.errors import CompileError
from keelback.compiler.source import definition_of, file_of, hints_of, nodes_in
from keelback.lang.layout import integer_type
from keelback.lang.strict import integer_name, yielded_name, yielded_names

PARTS = (ast.Name, ast.Attribute, ast.Subscript, ast.Constant, ast.BinOp, ast.BitOr, ast.Tuple, ast.Load)
"""What an annotation of a local is made of: names of types, not calls."""


@cache
def annotated_locals(function: FunctionType) -> dict[str, Any]:
    """Return what the annotated locals of a function are annotated with.  Raises: CompileError."""
    definition, file = definition_of(function), file_of(function)
    _check_head(definition, function)
    found: dict[str, Any] = {}
    first = _first_stores(definition)
    for node in nodes_in(definition):
        if not isinstance(node, ast.AnnAssign) or not isinstance(node.target, ast.Name):
            continue
        name, hint = node.target.id, _hint(node.annotation, function)
        _same_in_both(node.annotation, integer_name(node.annotation), hint, file)
        if found.setdefault(name, hint) != hint:
            raise _refused(node.target, f"{name} has another type elsewhere", file)
        if first[name] not in _annotated(definition):
            raise _refused(node.target, f"{name} gets a value before it is annotated", file)
    return found


def _check_head(definition: ast.FunctionDef, function: FunctionType) -> None:
    hints, file, result = hints_of(function), file_of(function), definition.returns
    for each in definition.args.args:
        if each.annotation is not None:
            _same_in_both(each.annotation, integer_name(each.annotation), hints[each.arg], file)
    if result is not None and inspect.isgeneratorfunction(function):
        yielded = next(iter(get_args(hints["return"])), None)
        _same_in_both(result, yielded_name(result), yielded, file)
        parts = get_args(yielded) if get_origin(yielded) is tuple else ()
        for spelled, part in zip(yielded_names(result) or [None] * len(parts), parts, strict=True):
            _same_in_both(result, spelled, part, file)
    elif result is not None:
        _same_in_both(result, integer_name(result), hints["return"], file)


def _same_in_both(node: ast.expr, spelled: str | None, hint: Any, file: str) -> None:
    """Check that an annotation is spelled as the integer type that it is, if it is one."""
    meant = integer_type(hint)
    if spelled != (meant.name if meant is not None else None):
        raise _refused(node, f"write {meant.name if meant else 'what it is'}: integer types have no other names", file)


def _hint(annotation: ast.expr, function: FunctionType) -> Any:
    """Return what the annotation of a local stands for."""
    try:
        if not all(isinstance(each, PARTS) for each in ast.walk(annotation)):
            raise TypeError("an annotation names a type")
        meant = eval(compile(ast.Expression(annotation), "", "eval"), function.__globals__)
        holder = SimpleNamespace(__annotations__={"hint": meant})
        return get_type_hints(holder, function.__globals__, include_extras=True)["hint"]
    except Exception as error:
        raise _refused(annotation, str(error), file_of(function)) from None


def _first_stores(definition: ast.FunctionDef) -> dict[str, ast.AST]:
    """Return by name which node of a function gives it a value first, in the order of the source."""
    stores = [each for each in nodes_in(definition) if isinstance(each, ast.Name) and isinstance(each.ctx, ast.Store)]
    stores.sort(key=lambda each: (each.lineno, each.col_offset), reverse=True)
    return {**{each.id: each for each in stores}, **{each.arg: each for each in definition.args.args}}


def _annotated(definition: ast.FunctionDef) -> Iterator[ast.AST]:
    return (each.target for each in nodes_in(definition) if isinstance(each, ast.AnnAssign))


def _refused(node: ast.expr, message: str, file: str) -> CompileError:
    return CompileError("annotations", message, file, node.lineno, node.col_offset + 1)
