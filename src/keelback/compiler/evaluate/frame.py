"""A function whose body is being evaluated: the one at hand, or a generator that is inlined into it."""

import ast
from collections import Counter
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from functools import cache
from types import FunctionType
from typing import Any

from keelback.compiler.evaluate.environment import Environment, Name
from keelback.compiler.source import file_of, nodes_in
from keelback.compiler.types import Type


@dataclass
class Loop:
    """A loop that is being evaluated: where `break` and `continue` go, and what is known there."""

    leave: str
    following: str
    unrolled: bool = False
    left: list[Environment] = field(default_factory=list)
    continued: list[Environment] = field(default_factory=list)


@dataclass
class Inlined:
    """What the `yield` of an inlined generator stands for: the body of a loop in another frame."""

    node: ast.For
    frame: "Frame"
    loop: Loop
    type: Type
    parts: tuple[Type, ...]
    """The types of the values in a tuple; none where no tuples are yielded."""


class Frame:
    """What the names in a function's body are, as Python has decided, and where it stands."""

    def __init__(
        self, function: FunctionType, definition: ast.FunctionDef, suffix: str = "", inlined: Inlined | None = None
    ) -> None:
        code = function.__code__
        self.function = function
        self.definition = definition
        self.suffix = suffix
        self.inlined = inlined
        self.file = file_of(function)
        self.globals: dict[str, Any] = function.__globals__
        self.locals = frozenset((*code.co_varnames, *code.co_cellvars))
        self.free = frozenset(code.co_freevars)
        self.assigned = assignments_in(definition)
        self.loops: list[Loop] = []
        self.at: ast.stmt = definition.body[0] if inlined is not None else definition
        """The statement at hand."""
        self.error: str | None = None
        """The local of the error that is being handled."""

    @contextmanager
    def inside(self, loop: Loop) -> Iterator[None]:
        """Evaluate what a loop repeats meanwhile."""
        self.loops.append(loop)
        yield
        self.loops.pop()

    def name(self, name: str) -> Name:
        """Return a name of this function apart from those of others."""
        return Name(self.suffix, name)

    def bound(self, nodes: Sequence[ast.AST]) -> Iterator[Name]:
        """Yield every name that some statements may give a value, those in the loop that a `yield` stands for too."""
        for each in (each for node in nodes for each in _telling(node)):
            if isinstance(each, ast.Name) and isinstance(each.ctx, ast.Store):
                yield self.name(each.id)
            elif isinstance(each, ast.Yield) and self.inlined is not None:
                yield from self.inlined.frame.bound([self.inlined.node])
        yield from self.deleted(nodes)

    def deleted(self, nodes: Sequence[ast.AST]) -> Iterator[Name]:
        """Yield every name that a handler in some statements deletes."""
        for each in (each for node in nodes for each in _telling(node)):
            if isinstance(each, ast.ExceptHandler) and each.name is not None:
                yield self.name(each.name)
            elif isinstance(each, ast.Yield) and self.inlined is not None:
                yield from self.inlined.frame.deleted([self.inlined.node])

    def reads_outside(self, name: Name, node: ast.AST) -> bool:
        """Say whether a name is read in this function, or where it is inlined, outside one of its loops."""
        if name.suffix == self.suffix:
            return reads_in(self.definition, name.name) > reads_in(node, name.name)
        return self.inlined is not None and self.inlined.frame.reads_outside(name, self.inlined.node)

    def callers(self) -> Iterator[FunctionType]:
        """Yield this function and those that it is inlined into."""
        yield self.function
        if self.inlined is not None:
            yield from self.inlined.frame.callers()


@cache
def _telling(node: ast.AST) -> list[ast.AST]:
    """Return the nodes in a node that may give a name a value, or delete one."""
    return [each for each in nodes_in(node) if isinstance(each, (ast.Name, ast.Yield, ast.ExceptHandler))]


@cache
def assignments_in(definition: ast.FunctionDef) -> Counter[str]:
    """Count how often each name gets a value."""
    counts: Counter[str] = Counter()
    for node in nodes_in(definition):
        if isinstance(node, ast.arg):
            counts[node.arg] += 1
        elif isinstance(node, ast.Name) and isinstance(node.ctx, ast.Store):
            counts[node.id] += 1
        elif isinstance(node, ast.AugAssign) and isinstance(node.target, ast.Name):
            counts[node.target.id] += 2
    return counts


def reads_in(tree: ast.AST, name: str) -> int:
    """Count how often a name is read."""
    names = [each for each in nodes_in(tree) if isinstance(each, ast.Name) and each.id == name]
    augmented = [each.target for each in nodes_in(tree) if isinstance(each, ast.AugAssign)]
    return sum(isinstance(each.ctx, ast.Load) or each in augmented for each in names)
