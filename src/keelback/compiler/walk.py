"""Walks over the tree: all statements, and all expressions of one."""

from collections.abc import Callable, Iterable, Iterator
from dataclasses import fields, replace
from functools import cache
from typing import Any, TypeVar

from keelback.compiler import ir


def parts_of(statement: ir.Statement) -> tuple[tuple[ir.Statement, ...], ...]:
    """Return the statements inside a statement, by part."""
    kind: Any = statement.__class__
    names = _blocks(kind)
    if not names:
        return ()
    if isinstance(statement, ir.Switch):
        return statement.cases
    if isinstance(statement, ir.Try):
        handlers = tuple(handler.body for handler in statement.handlers)
        return (statement.body, *handlers, statement.otherwise, statement.final)
    return tuple([getattr(statement, name) for name in names])


def statements_in(body: Iterable[ir.Statement]) -> Iterator[ir.Statement]:
    """Yield statements in order, each before those inside it."""
    waiting = [*body][::-1]
    while waiting:
        statement = waiting.pop()
        yield statement
        for part in reversed(parts_of(statement)):
            waiting += reversed(part)


@cache
def _operands(node: type) -> tuple[str, ...]:
    """Return the names of a node's fields that hold expressions."""
    return tuple(each.name for each in fields(node) if "Expression" in str(each.type))


@cache
def _blocks(node: type) -> tuple[str, ...]:
    """Return the names of a node's fields that hold statements."""
    return tuple(each.name for each in fields(node) if "Statement" in str(each.type))


def expressions_in(tree: ir.Statement | ir.Expression) -> Iterator[ir.Expression]:
    """Yield an expression and all inside it, or those of a statement, but not of the statements inside."""
    waiting: list[Any] = [tree]
    while waiting:
        each = waiting.pop()
        if isinstance(each, ir.Expression):
            yield each
        for name in _operands(each.__class__):
            operand = getattr(each, name)
            if isinstance(operand, tuple):
                waiting += operand
            elif operand is not None:
                waiting.append(operand)


N = TypeVar("N", ir.Statement, ir.Expression)
Body = tuple[ir.Statement, ...]


def rebuilt(node: N, expression: Callable[[ir.Expression], ir.Expression]) -> N:
    """Return a node with others in place of the expressions in it."""
    kind: Any = type(node)
    new: dict[str, Any] = {}
    for name in _operands(kind):
        old = getattr(node, name)
        new[name] = tuple(map(expression, old)) if isinstance(old, tuple) else old and expression(old)
    return replace(node, **new) if new else node


def with_blocks(node: ir.Statement, body: Callable[[Body], Body]) -> ir.Statement:
    """Return a statement with others in place of those inside it, by part."""
    if isinstance(node, ir.Switch):
        return replace(node, cases=tuple(map(body, node.cases)))
    kind: Any = type(node)
    blocks: dict[str, Any] = {name: body(getattr(node, name)) for name in _blocks(kind)}
    return replace(node, **blocks) if blocks else node


def leaves(body: Iterable[ir.Statement], label: str) -> bool:
    """Say whether a `Break` among some statements names a label."""
    return any(isinstance(each, ir.Break) and each.label == label for each in statements_in(body))


def goes_on(body: Iterable[ir.Statement], label: str) -> bool:
    """Say whether a `Continue` among some statements names a loop."""
    return any(isinstance(each, ir.Continue) and each.label == label for each in statements_in(body))
