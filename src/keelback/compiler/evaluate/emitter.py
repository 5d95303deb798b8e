"""Statements, added one after the other; what is known follows them."""

import ast
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field

from keelback.compiler import ir
from keelback.compiler.evaluate.known import Known
from keelback.compiler.evaluate.scope import Scope
from keelback.compiler.program import Static, Value
from keelback.compiler.types import Type


@dataclass
class Emitter:
    """Adds statements, to the function or to a block in it."""

    scope: Scope
    known: Known
    block: list[ir.Statement] = field(default_factory=list)
    labels: int = 0
    temporaries: set[str] = field(default_factory=set)
    checked_at: ir.Place | None = None
    """Where checks belong that a function which is called makes of its arguments."""

    def emit(self, statement: ir.Statement) -> None:
        """Add a statement, and take note of what is known after it."""
        self.block.append(statement)
        self.known.follow(statement)

    def new_label(self, stem: str) -> str:
        """Return a name that no other label has."""
        return f"{stem}_{self.new_number()}"

    def new_number(self) -> int:
        """Return the number of a new label, temporary or inlined generator."""
        self.labels += 1
        return self.labels

    def new_temporary(self, type: Type, stem: str = "t") -> ir.Local:
        """Return a new local."""
        name = f"{stem}${self.new_number()}"
        self.scope.declared[name] = type
        self.temporaries.add(name)
        return ir.Local(type, name)

    def frozen(self, value: Value) -> Value:
        """Return a value that later statements can't change: itself, or a temporary that keeps it."""
        if isinstance(value, (Static, ir.Constant, ir.StaticPlace, ir.TextConstant)):
            return value
        if isinstance(value, ir.Local) and value.name in self.temporaries:
            return value
        kept = self.new_temporary(value.type)
        self.emit(ir.SetLocal(self.scope.place(), kept.name, value))
        return kept

    def check(self, condition: ir.Expression, message: str, node: ast.AST) -> None:
        """Panic unless a condition holds."""
        self.emit(ir.Check(self.checked_at or self.scope.place(node), condition, message))

    def leave(self, statement: ir.Statement) -> None:
        """Add a statement that nothing gets past."""
        self.emit(statement)
        self.known.reached = False

    @contextmanager
    def collected(self) -> Iterator[list[ir.Statement]]:
        """Collect the statements that are added meanwhile in a block of their own."""
        outer, self.block = self.block, []
        yield self.block
        self.block = outer
