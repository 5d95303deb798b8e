"""Failure: `raise` and `try`, which stay what they are until the exceptions pass."""

import ast
from typing import Any

from keelback.compiler import ir
from keelback.compiler.evaluate.loops import Loops
from keelback.compiler.program import Static, Value
from keelback.lang.errors import KernelError, ProcessFault


class Failure(Loops):
    """Evaluates `raise` and `try`."""

    def do_Raise(self, node: ast.Raise) -> None:
        """Fail: with an error class, or again with the error that is being handled."""
        if node.exc is None:
            if self.error is None:
                raise self.refuse(node, "errors", "`raise` alone stands in an except")
            self.emit(ir.Raise(self.place(node), ir.Local(self.error_type, self.error)))
            return
        raised = node.exc.func if isinstance(node.exc, ast.Call) else node.exc
        value = self.value(raised)
        if isinstance(node.exc, ast.Call) and (node.exc.args or node.exc.keywords):
            raise self.refuse(node, "errors", "an error carries nothing: facts go into a record")
        codes = self.codes_of(value, node)
        error: Any = value.value if isinstance(value, Static) else None
        if error is KernelError:
            raise self.refuse(node, "errors", "KernelError has no number: raise one of its classes")
        code = error.number if error is not ProcessFault else max(codes)
        self.emit(ir.Raise(self.place(node), self.number(code)))

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
        before = dict(self.names)
        body = self.inner(node.body)
        after = self.names
        handlers = []
        for handler in node.handlers:
            self.names = {**before, **after} if len(after) > len(before) else dict(before)
            handlers.append(self.handler(handler))
        self.names = after
        otherwise, final = self.inner(node.orelse), self.inner(node.finalbody)
        self.emit(ir.Try(self.place(node), body, tuple(handlers), otherwise, final))

    def handler(self, node: ast.ExceptHandler) -> ir.Handler:
        """Evaluate one except."""
        if node.type is None:
            raise self.refuse(node, "errors", "an except names what it takes")
        taken = node.type.elts if isinstance(node.type, ast.Tuple) else [node.type]
        codes = frozenset().union(*(self.codes_of(self.value(each), node) for each in taken))
        name = self.new_temporary(self.error_type, "error").name
        outer, self.error = self.error, name
        if node.name:
            self.names[node.name] = ir.Local(self.error_type, name)
            self.errors_named.add(name)
        body = self.inner(node.body)
        self.error = outer
        return ir.Handler(codes, name, body)

    def refuse_exits(self, nodes: list[ast.stmt]) -> None:
        """Refuse what would leave a finally."""
        for node in nodes:
            for each in ast.walk(node):
                if isinstance(each, (ast.Return, ast.Break, ast.Continue, ast.Raise)):
                    raise self.refuse(each, "errors", "nothing leaves a finally")
