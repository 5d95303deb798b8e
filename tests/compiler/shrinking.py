"""Shrinking: the smallest program found that still fails in the same way."""

import ast
import copy
import time
from collections.abc import Callable, Iterator

Edit = Callable[[], object]


def shrink(tree: ast.Module, fails: Callable[[str], str | None], seconds: float) -> tuple[ast.Module, str | None]:
    """Return the smallest tree found for whose text `fails` says how, and what it says of it; None for no smaller."""
    end, number, useless, failure = time.monotonic() + seconds, 0, 0, None
    while time.monotonic() < end and useless < len(edits(tree)):
        number %= len(edits(tree))
        smaller = edited(tree, number)
        found = fails(ast.unparse(smaller))
        if found:
            tree, failure, useless = smaller, found, 0
        else:
            number, useless = number + 1, useless + 1
    return tree, failure


def edited(tree: ast.Module, number: int) -> ast.Module:
    """Return a smaller program: without a function or statement, with a simpler statement or expression."""
    changed = copy.deepcopy(tree)
    edits(changed)[number]()
    return ast.fix_missing_locations(changed)


def edits(tree: ast.Module) -> list[Edit]:
    """Return everything that could be made smaller in the functions of `Root`, or of the module; the largest first."""
    found: list[tuple[int, Edit]] = []
    body = next((node.body for node in tree.body if isinstance(node, ast.ClassDef) and node.name == "Root"), tree.body)
    for function in body:
        if isinstance(function, ast.FunctionDef):
            size = len(list(ast.walk(function)))
            found.append((size * 10, lambda each=function: body.remove(each)))  # type: ignore[misc]
            for node in ast.walk(function):
                found += _edits_of(node)
    return [edit for _, edit in sorted(found, key=lambda each: -each[0])]


def _edits_of(node: ast.AST) -> Iterator[tuple[int, Edit]]:
    for name in ("body", "orelse", "finalbody", "handlers"):
        block = getattr(node, name, None)
        if not isinstance(block, list):
            continue
        for each in block:
            weight = len(list(ast.walk(each)))
            if len(block) > 1 or name in ("orelse", "finalbody"):
                yield weight * 4, lambda block=block, each=each: block.remove(each)
            for inner in ("body", "orelse"):
                if isinstance(each, (ast.If, ast.For, ast.While, ast.Try)) and getattr(each, inner):
                    yield weight * 2, lambda block=block, each=each, inner=inner: _splice(block, each, inner)
    for name, value in ast.iter_fields(node):
        if isinstance(value, (ast.BinOp, ast.IfExp, ast.Call, ast.Compare, ast.BoolOp, ast.UnaryOp)):
            weight = len(list(ast.walk(value)))
            for inner in _parts(value):
                yield weight, lambda name=name, inner=inner: setattr(node, name, inner)


def _splice(block: list[ast.stmt], statement: ast.stmt, part: str) -> None:
    place = block.index(statement)
    block[place : place + 1] = getattr(statement, part)


def _parts(value: ast.expr) -> list[ast.expr]:
    simple: ast.expr = ast.Constant(isinstance(value, (ast.Compare, ast.BoolOp)) or 1)
    inner = [each for each in ast.iter_child_nodes(value) if isinstance(each, ast.expr)]
    return [simple, *inner]
