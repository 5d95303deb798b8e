"""Mistakes to seed into the compiler: it reads another program than the one that CPython runs.

Each changes the trees of a module's functions; the second fuzzer has to notice each by what its programs do.
"""

import ast
from collections.abc import Callable
from contextlib import contextmanager
from functools import cache

import pytest

from keelback.compiler import source

Mistake = Callable[[ast.AST], ast.AST | list[ast.stmt]]
"""Takes a node and returns what the mistaken compiler takes it for."""


class _Mistaken(ast.NodeTransformer):
    def __init__(self, mistake: Mistake) -> None:
        self.mistake = mistake

    def generic_visit(self, node: ast.AST) -> ast.AST | list[ast.stmt]:
        return self.mistake(super().generic_visit(node))


@contextmanager
def seeded(mistake: Mistake):
    """Let the compiler make a mistake meanwhile."""
    right = source._definitions.__wrapped__

    @cache
    def mistaken(file: str) -> dict[tuple[int, str], source.Definition]:
        changed = {place: _Mistaken(mistake).visit(node) for place, node in right(file).items()}
        return {place: ast.fix_missing_locations(node) for place, node in changed.items()}

    with pytest.MonkeyPatch.context() as patched:
        patched.setattr(source, "_definitions", mistaken)
        yield


# The mistakes.


def forgets_finally(node: ast.AST) -> ast.AST | list[ast.stmt]:
    if not isinstance(node, ast.Try) or not node.finalbody:
        return node
    return ast.copy_location(ast.Try(node.body, node.handlers, node.orelse, []), node) if node.handlers else node.body


def tries_else_too(node: ast.AST) -> ast.AST:
    if isinstance(node, ast.Try):
        node.body, node.orelse = node.body + node.orelse, []
    return node


def handles_every_error(node: ast.AST) -> ast.AST:
    if isinstance(node, ast.ExceptHandler) and node.type is not None:
        node.type = ast.copy_location(ast.Name("KernelError", ast.Load()), node.type)
    return node


def takes_break_for_continue(node: ast.AST) -> ast.AST:
    return ast.copy_location(ast.Continue(), node) if isinstance(node, ast.Break) else node


def takes_continue_for_pass(node: ast.AST) -> ast.AST:
    return ast.copy_location(ast.Pass(), node) if isinstance(node, ast.Continue) else node


def evaluates_right_to_left(node: ast.AST) -> ast.AST:
    if isinstance(node, ast.BinOp) and isinstance(node.op, (ast.Add, ast.BitXor)):
        node.left, node.right = node.right, node.left
    return node


def evaluates_an_index_twice(node: ast.AST) -> ast.AST:
    if isinstance(node, ast.AugAssign) and isinstance(node.target, ast.Subscript):
        read = ast.Subscript(node.target.value, node.target.slice, ast.Load())
        value = ast.BinOp(read, node.op, node.value)
        return ast.copy_location(ast.Assign([node.target], value), node)
    return node


def rounds_up(node: ast.AST) -> ast.AST:
    if isinstance(node, ast.BinOp) and isinstance(node.op, ast.FloorDiv):
        inner = ast.BinOp(ast.UnaryOp(ast.USub(), node.left), ast.FloorDiv(), node.right)
        return ast.copy_location(ast.UnaryOp(ast.USub(), inner), node)
    return node


def forgets_the_end_of_a_chain(node: ast.AST) -> ast.AST:
    if isinstance(node, ast.Compare):
        node.ops, node.comparators = node.ops[:1], node.comparators[:1]
    return node


def assigns_in_turn(node: ast.AST) -> ast.AST | list[ast.stmt]:
    match node:
        case ast.Assign([ast.Tuple(targets)], ast.Tuple(values)) if len(targets) == len(values):
            pairs = zip(targets, values, strict=True)
            return [ast.copy_location(ast.Assign([target], value), node) for target, value in pairs]
    return node


def tells_the_line_before(node: ast.AST) -> ast.AST:
    if isinstance(node, ast.stmt) and not hasattr(node, "body"):
        for each in ast.walk(node):
            if isinstance(each, (ast.expr, ast.stmt)):
                each.lineno -= 1
    return node


def forgets_formats(node: ast.AST) -> ast.AST:
    if isinstance(node, ast.FormattedValue):
        node.format_spec = None
    return node


def forgets_annotations(node: ast.AST) -> ast.AST:
    if isinstance(node, ast.AnnAssign) and node.value is not None:
        return ast.copy_location(ast.Assign([node.target], node.value), node)
    return node


def never_meets_none(node: ast.AST) -> ast.AST:
    match node:
        case ast.Compare(_, [ast.Is() | ast.IsNot() as operator], [ast.Constant(None)]):
            return ast.copy_location(ast.Constant(isinstance(operator, ast.IsNot)), node)
    return node


def forgets_steps(node: ast.AST) -> ast.AST:
    if isinstance(node, ast.Call) and isinstance(node.func, ast.Name) and node.func.id == "range":
        node.args = node.args[:2]
    return node


def takes_keywords_by_place(node: ast.AST) -> ast.AST:
    if isinstance(node, ast.Call):
        node.args, node.keywords = [*node.args, *(each.value for each in node.keywords)], []
    return node


def unrolls_backwards(node: ast.AST) -> ast.AST:
    if isinstance(node, ast.Call) and isinstance(node.func, ast.Name) and node.func.id == "reversed":
        return node.args[0]
    return node


def takes_or_for_and(node: ast.AST) -> ast.AST:
    if isinstance(node, ast.Or):
        return ast.And()
    return node


def raises_again_as_high(node: ast.AST) -> ast.AST:
    if isinstance(node, ast.Raise) and node.exc is None:
        node.exc = ast.copy_location(ast.Name("High", ast.Load()), node)
    return node


def loses_high_bits(node: ast.AST) -> ast.AST:
    if isinstance(node, ast.BinOp) and isinstance(node.op, ast.LShift):
        return ast.copy_location(ast.BinOp(node, ast.BitAnd(), ast.Constant(0xFFFF_FFFF)), node)
    return node


def forgets_messages(node: ast.AST) -> ast.AST:
    """Forget the text that a sink writes first in an f-string."""
    if isinstance(node, ast.JoinedStr) and node.values and isinstance(node.values[0], ast.Constant):
        node.values = node.values[1:]
    return node


MISTAKES: tuple[Mistake, ...] = (
    forgets_finally,
    tries_else_too,
    handles_every_error,
    takes_break_for_continue,
    takes_continue_for_pass,
    evaluates_right_to_left,
    evaluates_an_index_twice,
    rounds_up,
    forgets_the_end_of_a_chain,
    assigns_in_turn,
    tells_the_line_before,
    forgets_formats,
    forgets_annotations,
    never_meets_none,
    forgets_steps,
    takes_keywords_by_place,
    unrolls_backwards,
    takes_or_for_and,
    raises_again_as_high,
    loses_high_bits,
    forgets_messages,
)
