"""Expressions in order: what is evaluated first is kept before what could change it."""

import ast
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, field
from functools import cache
from typing import Any

from keelback.compiler import ir
from keelback.compiler.called import called
from keelback.compiler.evaluate.emitter import Emitter
from keelback.compiler.evaluate.scope import Scope
from keelback.compiler.program import Static, Value
from keelback.compiler.statics import Passing
from keelback.compiler.walk import expressions_in

FREE = (ir.SetLocal, ir.Check)
"""Statements that change nothing that an expression could read."""


@dataclass
class Expressions:
    """Evaluates expressions, each by the method that is named after its node."""

    scope: Scope
    out: Emitter
    methods: dict[str, Callable[[Any], Value]] = field(default_factory=dict)
    """What evaluates a node, by the name of its class."""

    def value(self, node: ast.expr) -> Value:
        """Evaluate an expression."""
        result = self.iterated(node)
        if isinstance(result, Static) and isinstance(result.value, Passing):
            raise self.scope.refuse(node, "loops", "what reversed and enumerate give is gone over at once, by a loop")
        return result

    def iterated(self, node: ast.expr) -> Value:
        """Evaluate what a loop goes over."""
        method = self.methods.get(type(node).__name__)
        if method is None:
            raise self.scope.refuse(node, "expressions", f"Kernel Python has no {called(node)}")
        return method(node)

    def operands(self, nodes: Sequence[ast.expr]) -> list[Value]:
        """Evaluate operands from left to right."""
        values: list[Value] = []
        for node in nodes:
            start = len(self.out.block)
            value = self.value(node)
            values = self.kept_before(values, start)
            values.append(value)
        return values

    def kept_before(self, values: list[Value], start: int) -> list[Value]:
        """Keep earlier values that read RAM, if the statements from `start` on could change them."""
        emitted = self.out.block[start:]
        if all(isinstance(each, FREE) for each in emitted):
            return values
        del self.out.block[start:]
        kept = [self.out.frozen(value) if _reads_ram(value) else value for value in values]
        self.out.block += emitted
        return kept

    def with_operand(self, first: Callable[[], Value], node: ast.expr) -> tuple[Value, Value]:
        """Evaluate a value and then an operand."""
        value = first()
        start = len(self.out.block)
        operand = self.value(node)
        return self.kept_before([value], start)[0], operand

    def with_value(self, value: Value, nodes: Sequence[ast.expr]) -> tuple[list[Value], Value]:
        """Evaluate a target's operands after the value that is to be stored there."""
        start = len(self.out.block)
        operands = self.operands(nodes)
        return operands, self.kept_before([value], start)[0]


def _reads_ram(value: Value) -> bool:
    if isinstance(value, Static):
        return False
    return any(isinstance(each, (ir.FieldValue, ir.ElementValue, ir.SameBytes)) for each in expressions_in(value))


def named(prefix: str, evaluators: Iterable[Any]) -> dict[str, Callable[[Any], Any]]:
    """Return the methods of some evaluators whose names start alike, by what follows."""
    found: dict[str, Callable[[Any], Any]] = {}
    for each in evaluators:
        kind: Any = type(each)
        found |= {name: getattr(each, prefix + name) for name in _suffixes(kind, prefix)}
    return found


@cache
def _suffixes(kind: type, prefix: str) -> list[str]:
    return [name.removeprefix(prefix) for name in vars(kind) if name.startswith(prefix)]
