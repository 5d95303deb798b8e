"""Failure: `raise` and `try`, which stay what they are until the exceptions pass."""

import ast
from dataclasses import dataclass
from typing import Any

from keelback.compiler import ir
from keelback.compiler.evaluate.assignments import Assignments
from keelback.compiler.evaluate.environment import Binding, Environment, after_final
from keelback.compiler.evaluate.evaluator import Evaluator
from keelback.compiler.evaluate.names import Handled
from keelback.compiler.evaluate.statements import Statements
from keelback.compiler.program import Static, Value
from keelback.compiler.source import nodes_in
from keelback.lang.errors import KernelError, ProcessFault

Marks = list[tuple[list[Environment], int]]
"""Lists of what is known where something jumps to, each with how long it was."""


@dataclass
class Failure(Evaluator):
    """Evaluates `raise` and `try`."""

    statements: Statements
    assignments: Assignments

    def do_Raise(self, node: ast.Raise) -> None:
        """Fail: with an error class, or again with the error that is being handled."""
        if node.exc is None:
            if self.scope.frame.error is None:
                raise self.scope.refuse(node, "errors", "`raise` alone stands in an except")
            self.out.leave(ir.Raise(self.scope.place(node), ir.Local(ir.ERROR, self.scope.frame.error)))
            return
        if not is_none(node.cause):
            raise self.scope.refuse(node, "errors", "an error carries nothing: it has no cause")
        raised = node.exc.func if isinstance(node.exc, ast.Call) else node.exc
        value = self.expressions.value(raised)
        if isinstance(node.exc, ast.Call) and (node.exc.args or node.exc.keywords):
            raise self.scope.refuse(node, "errors", "an error carries nothing: facts go into a record")
        codes = self.codes_of(value, node)
        error: Any = value.value if isinstance(value, Static) else None
        if error is KernelError:
            raise self.scope.refuse(node, "errors", "KernelError has no number: raise one of its classes")
        code = error.number if error is not ProcessFault else max(codes)
        self.scope.program.raised.add(code)
        self.out.leave(ir.Raise(self.scope.place(node), ir.number(code)))

    def codes_of(self, value: Value, node: ast.AST) -> frozenset[int]:
        """Return the error codes that a class stands for."""
        error = value.value if isinstance(value, Static) else None
        if error is KernelError:
            return frozenset(range(-255, 0))
        if isinstance(error, type) and issubclass(error, KernelError):
            below = (self.codes_of(Static(each), node) for each in error.__subclasses__())
            return frozenset({error.number}).union(*below)
        if error is ProcessFault:
            return frozenset({ir.PROCESS_FAULT})
        raise self.scope.refuse(node, "errors", "an error is KernelError, one of its classes, or ProcessFault")

    def do_Try(self, node: ast.Try) -> None:
        """Keep Python's try as it is: the exceptions pass lowers it."""
        self.refuse_exits(node.finalbody)
        marks = self.marks()
        ended: list[Environment] = []
        raised: list[Environment] = []
        self.known.ended.append(ended)
        self.known.raised.append(raised)
        body = self.statements.block(node.body)
        self.known.raised.pop()
        otherwise = self.statements.block(node.orelse)
        ways = [self.known.way()]
        handlers = []
        for each in node.handlers:
            self.known.go_on(*raised)
            handlers.append(self.handler(each))
            ways.append(self.known.way())
        self.known.ended.pop()
        self.known.go_on(*ways)
        final = self.final(node.finalbody, ended, marks) if node.finalbody else ()
        self.out.emit(ir.Try(self.scope.place(node), body, tuple(handlers), otherwise, final))

    def final(self, nodes: list[ast.stmt], ended: list[Environment], marks: Marks) -> tuple[ir.Statement, ...]:
        """Evaluate a finally once for all ways there; each goes on with what it knew and what the finally has done."""
        usual = self.known.way()
        passing = [(noted, slice(mark, len(noted))) for noted, mark in marks]
        self.known.go_on(usual, *ended)
        final = self.statements.block(nodes)
        end, bound = self.known.way(), set(self.scope.frame.bound(nodes))
        for noted, part in passing:
            noted[part] = [after_final(each, bound, end) for each in noted[part]] if end is not None else []
        self.known.go_on(after_final(usual, bound, end) if usual is not None and end is not None else None)
        return final

    def marks(self) -> Marks:
        """Return how much was known so far of every place that may be jumped to."""
        noted = [*self.known.raised, *self.known.ended]
        for loop in self.scope.frame.loops:
            noted += [loop.left, loop.continued]
        return [(each, len(each)) for each in noted]

    def handler(self, node: ast.ExceptHandler) -> ir.Handler:
        """Evaluate one except; whatever way it is left, its name has no value after it."""
        if node.type is None:
            raise self.scope.refuse(node, "errors", "an except names what it takes")
        taken = node.type.elts if isinstance(node.type, ast.Tuple) else [node.type]
        codes = frozenset[int]().union(*(self.codes_of(self.expressions.value(each), node) for each in taken))
        local, marks = self.out.new_temporary(ir.ERROR, "error").name, self.marks()
        outer, self.scope.frame.error = self.scope.frame.error, local
        if node.name is not None:
            self.assignments.bind(node.name, Binding(Static(Handled(local, codes))))
        body = self.statements.block(node.body)
        self.scope.frame.error = outer
        if node.name is not None:
            noted = [each for known, mark in marks for each in known[mark:]]
            for each in (*noted, self.known.here):
                each.names.pop(self.scope.frame.name(node.name), None)
        return ir.Handler(codes, local, body)

    def refuse_exits(self, nodes: list[ast.stmt]) -> None:
        """Refuse what would leave a finally."""
        for node in nodes:
            for each in nodes_in(node):
                if isinstance(each, (ast.Return, ast.Break, ast.Continue, ast.Raise)):
                    raise self.scope.refuse(each, "errors", "nothing leaves a finally")


def is_none(node: ast.expr | None) -> bool:
    """Say whether there is no expression, or `None`."""
    return node is None or (isinstance(node, ast.Constant) and node.value is None)
