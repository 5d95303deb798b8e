"""Statements in order."""

import ast
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from typing import Any

from keelback.compiler import ir
from keelback.compiler.called import called
from keelback.compiler.evaluate.evaluator import Evaluator


@dataclass
class Statements(Evaluator):
    """Evaluates statements, each by the method that is named after its node."""

    methods: dict[str, Callable[[Any], None]] = field(default_factory=dict)
    """What evaluates a node, by the name of its class."""
    count: int = 0
    """How many statements were evaluated, those of every round of an unrolled loop among them."""

    def run(self, nodes: Sequence[ast.stmt]) -> None:
        """Evaluate statements in order, up to the first that nothing gets to."""
        frame, around = self.scope.frame, self.scope.frame.at
        for node in nodes:
            if not self.known.reached:
                break
            frame.at = node
            self.count += 1
            if self.count > ir.MOST_STATEMENTS:
                message = f"unrolled, this function is more than {ir.MOST_STATEMENTS:,} statements: loop over a range"
                raise self.scope.refuse(node, "size", message)
            method = self.methods.get(type(node).__name__)
            if method is None:
                raise self.scope.refuse(node, "statements", f"Kernel Python has no {called(node)}")
            method(node)
        frame.at = around

    def block(self, nodes: list[ast.stmt]) -> tuple[ir.Statement, ...]:
        """Evaluate statements into a block of their own."""
        with self.out.collected() as block:
            self.run(nodes)
        return tuple(block)
