"""Whose names are at hand, which types its locals have, and where it stands."""

import ast
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field

from keelback.compiler import ir
from keelback.compiler.annotations import annotated_locals
from keelback.compiler.errors import CompileError
from keelback.compiler.evaluate.frame import Frame
from keelback.compiler.program import Program, Where
from keelback.compiler.types import VOID, Type, join


@dataclass
class Scope:
    """The function at hand, and the locals of all of them."""

    program: Program
    key: ir.FunctionKey
    frame: Frame
    types: Mapping[str, Type]
    """What locals were found to hold when the function was evaluated before."""
    declared: dict[str, Type] = field(default_factory=dict)
    seen: dict[str, Type] = field(default_factory=dict)
    """What locals that are not declared were seen to get."""
    read: dict[str, Type] = field(default_factory=dict)
    """What locals were first read as."""
    unrolled: int = 0
    """How many loops around are unrolled over a static tuple."""

    def place(self, node: ast.AST | None = None) -> ir.Place:
        """Return where the statement at hand starts, which all that it does belongs to, or another statement."""
        return (self.frame.file, (node if isinstance(node, ast.stmt) else self.frame.at).lineno)

    def where(self, node: ast.AST | None = None) -> Where:
        """Return file, line and column of the statement at hand, or of a node in it."""
        line, column = self.frame.at.lineno, self.frame.at.col_offset
        if node is not None:
            line, column = getattr(node, "lineno", line), getattr(node, "col_offset", 0)
        return (self.frame.file, line, column + 1)

    def refuse(self, node: ast.AST, rule: str, message: str) -> CompileError:
        """Return the error that refuses a node."""
        return CompileError(rule, message, *self.where(node))

    def variable(self, name: str) -> str:
        """Return what a local of the function at hand is called in the tree."""
        return self.frame.name(name).variable

    @contextmanager
    def inside(self, frame: Frame) -> Iterator[None]:
        """Evaluate in another function meanwhile."""
        outer, self.frame = self.frame, frame
        yield
        self.frame = outer

    def type_of_local(self, name: str) -> Type:
        """Return the type that a local has in C, as far as that is known."""
        known = self.declared.get(name) or self.types.get(name) or self.seen[name]
        self.read.setdefault(name, known)
        return known

    def is_settled(self) -> bool:
        """Say whether every local was read, and is declared, as what it holds in the end."""
        known = {name: self.read.get(name) or self.types.get(name, seen) for name, seen in self.seen.items()}
        return all(join(known[name], seen) == known[name] for name, seen in self.seen.items())

    def declare_annotated(self) -> None:
        """Declare the annotated locals of the function at hand, which are known from its start."""
        for name, hint in annotated_locals(self.frame.function).items():
            type = self.program.type_of(hint)
            if type != VOID:
                self.declared[self.variable(name)] = type
