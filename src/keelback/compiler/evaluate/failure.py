"""Failure: `raise` and `try`, which stay what they are until the exceptions pass."""

import ast
from typing import Any

from keelback.compiler import ir
from keelback.compiler.evaluate.environment import Binding, Environment, after_final
from keelback.compiler.evaluate.loops import Loops
from keelback.compiler.evaluate.places import Handled
from keelback.compiler.program import Static, Value
from keelback.lang.errors import KernelError, ProcessFault

Marks = list[tuple[list[Environment], int]]
"""Lists of what is known where something jumps to, each with how long it was."""


def is_none(node: ast.expr | None) -> bool:
    """Say whether there is no expression, or `None`."""
    return node is None or (isinstance(node, ast.Constant) and node.value is None)


class Failure(Loops):
    """Evaluates `raise` and `try`."""

    def do_Raise(self, node: ast.Raise) -> None:
        """Fail: with an error class, or again with the error that is being handled."""
        if node.exc is None:
            if self.frame.error is None:
                raise self.refuse(node, "errors", "`raise` alone stands in an except")
            self.leave(ir.Raise(self.place(node), ir.Local(ir.ERROR, self.frame.error)))
            return
        if not is_none(node.cause):
            raise self.refuse(node, "errors", "an error carries nothing: it has no cause")
        raised = node.exc.func if isinstance(node.exc, ast.Call) else node.exc
        value = self.value(raised)
        if isinstance(node.exc, ast.Call) and (node.exc.args or node.exc.keywords):
            raise self.refuse(node, "errors", "an error carries nothing: facts go into a record")
        codes = self.codes_of(value, node)
        error: Any = value.value if isinstance(value, Static) else None
        if error is KernelError:
            raise self.refuse(node, "errors", "KernelError has no number: raise one of its classes")
        code = error.number if error is not ProcessFault else max(codes)
        self.program.raised.add(code)
        self.leave(ir.Raise(self.place(node), self.number(code)))

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
        raise self.refuse(node, "errors", "an error is KernelError, one of its classes, or ProcessFault")

    def do_Try(self, node: ast.Try) -> None:
        """Keep Python's try as it is: the exceptions pass lowers it."""
        self.refuse_exits(node.finalbody)
        marks = self.marks()
        ended: list[Environment] = []
        raised: list[Environment] = []
        self.ended.append(ended)
        self.raised.append(raised)
        body = self.inner(node.body)
        self.raised.pop()
        otherwise = self.inner(node.orelse)
        ways = [self.way()]
        handlers = []
        for each in node.handlers:
            self.go_on(*raised)
            handlers.append(self.handler(each))
            ways.append(self.way())
        self.ended.pop()
        self.go_on(*ways)
        final = self.final(node.finalbody, ended, marks) if node.finalbody else ()
        self.emit(ir.Try(self.place(node), body, tuple(handlers), otherwise, final))

    def final(self, nodes: list[ast.stmt], ended: list[Environment], marks: Marks) -> tuple[ir.Statement, ...]:
        """Evaluate a finally once for all ways there; each goes on with what it knew and what the finally has done."""
        usual = self.way()
        passing = [(noted, slice(mark, len(noted))) for noted, mark in marks]
        self.go_on(usual, *ended)
        final = self.inner(nodes)
        end, bound = self.way(), set(self.frame.bound(nodes))
        for noted, part in passing:
            noted[part] = [after_final(each, bound, end) for each in noted[part]] if end is not None else []
        self.go_on(after_final(usual, bound, end) if usual is not None and end is not None else None)
        return final

    def marks(self) -> Marks:
        """Return how much was known so far of every place that may be jumped to."""
        noted = [*self.raised, *self.ended]
        for loop in self.frame.loops:
            noted += [loop.left, loop.continued]
        return [(each, len(each)) for each in noted]

    def handler(self, node: ast.ExceptHandler) -> ir.Handler:
        """Evaluate one except; whatever way it is left, its name has no value after it."""
        if node.type is None:
            raise self.refuse(node, "errors", "an except names what it takes")
        taken = node.type.elts if isinstance(node.type, ast.Tuple) else [node.type]
        codes = frozenset[int]().union(*(self.codes_of(self.value(each), node) for each in taken))
        local, marks = self.new_temporary(ir.ERROR, "error").name, self.marks()
        outer, self.frame.error = self.frame.error, local
        if node.name is not None:
            self.bind(node.name, Binding(Static(Handled(local, codes))))
        body = self.inner(node.body)
        self.frame.error = outer
        if node.name is not None:
            noted = [each for known, mark in marks for each in known[mark:]]
            for each in (*noted, self.here):
                each.names.pop(self.frame.name(node.name), None)
        return ir.Handler(codes, local, body)

    def refuse_exits(self, nodes: list[ast.stmt]) -> None:
        """Refuse what would leave a finally."""
        for node in nodes:
            for each in ast.walk(node):
                if isinstance(each, (ast.Return, ast.Break, ast.Continue, ast.Raise)):
                    raise self.refuse(each, "errors", "nothing leaves a finally")
