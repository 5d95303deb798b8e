"""Walks over the tree: all statements, and all expressions of one."""

from collections.abc import Iterable, Iterator
from dataclasses import fields
from functools import cache
from typing import Any

from keelback.compiler import ir


def parts_of(statement: ir.Statement) -> tuple[tuple[ir.Statement, ...], ...]:
    """Return the statements inside a statement, by part."""
    if isinstance(statement, ir.If):
        return (statement.then, statement.otherwise)
    if isinstance(statement, ir.Switch):
        return statement.cases
    if isinstance(statement, ir.Loop):
        return (statement.body, statement.step)
    if isinstance(statement, ir.Block):
        return (statement.body,)
    if isinstance(statement, ir.Try):
        handlers = tuple(handler.body for handler in statement.handlers)
        return (statement.body, *handlers, statement.otherwise, statement.final)
    return ()


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


def expressions_in(tree: ir.Statement | ir.Expression) -> Iterator[ir.Expression]:
    """Yield an expression and all inside it, or those of a statement, but not of the statements inside."""
    waiting: list[Any] = [tree]
    while waiting:
        each = waiting.pop()
        if isinstance(each, tuple):
            waiting += each
        elif each is not None:
            if isinstance(each, ir.Expression):
                yield each
            waiting += [getattr(each, name) for name in _operands(each.__class__)]


def leaves(body: Iterable[ir.Statement], label: str) -> bool:
    """Say whether a `Break` among some statements names a label."""
    return any(isinstance(each, ir.Break) and each.label == label for each in statements_in(body))


def goes_on(body: Iterable[ir.Statement], label: str) -> bool:
    """Say whether a `Continue` among some statements names a loop."""
    return any(isinstance(each, ir.Continue) and each.label == label for each in statements_in(body))
