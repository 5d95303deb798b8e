"""What decides the way through a function: `if`, `return`, `assert`."""

import ast
from dataclasses import dataclass

from keelback.compiler import ir
from keelback.compiler.evaluate.calls import Calls
from keelback.compiler.evaluate.conditions import Conditions
from keelback.compiler.evaluate.evaluator import Evaluator
from keelback.compiler.evaluate.failure import is_none
from keelback.compiler.evaluate.generators import Generators
from keelback.compiler.evaluate.statements import Statements
from keelback.compiler.program import Static
from keelback.compiler.types import VOID


@dataclass
class Control(Evaluator):
    """Evaluates statements that need no module of their own."""

    conditions: Conditions
    calls: Calls
    statements: Statements
    generators: Generators

    def do_Pass(self, node: ast.Pass) -> None:
        """Do nothing."""

    def do_Expr(self, node: ast.Expr) -> None:
        """Evaluate for its effects; a docstring has none."""
        if isinstance(node.value, ast.Constant):
            return
        if isinstance(node.value, ast.Yield):
            self.generators.do_yield(node.value)
        elif isinstance(node.value, ast.Call):
            self.calls.value_Call(node.value)
        else:
            raise self.scope.refuse(node, "statements", "an expression without effect")

    def do_Return(self, node: ast.Return) -> None:
        """Return a value that fits the function's result."""
        result, name = self.scope.key.result, self.scope.frame.definition.name
        if self.scope.frame.inlined is not None:
            raise self.scope.refuse(node, "generators", "a generator has no return")
        if result == VOID and not is_none(node.value):
            raise self.scope.refuse(node, "functions", f"the result of {name} needs a type of Kernel Python")
        if node.value is None and result != VOID:
            raise self.scope.refuse(node, "functions", f"{name} returns a value")
        value = None
        if node.value is not None and result != VOID:
            value = self.values.fitted(self.expressions.value(node.value), result, f"the result of {name}", node)
        self.out.leave(ir.Return(self.scope.place(node), value))

    def do_Assert(self, node: ast.Assert) -> None:
        """Panic unless the condition holds."""
        message = node.msg.value if isinstance(node.msg, ast.Constant) else ast.unparse(node.test)
        if not isinstance(message, str) or not isinstance(node.msg, ast.Constant | None):
            raise self.scope.refuse(node, "text", "the message of an assert is a text constant")
        if node.msg is None:
            message = message.encode("ascii", "replace").decode()
        elif "\0" in message:
            raise self.scope.refuse(node.msg, "text", "the message of an assert ends at its first zero byte")
        else:
            self.values.refuse_text(message, node.msg)
        truth = self.conditions.truth(node.test)
        self.out.check(self.values.tree(truth, node.test), f"assertion failed: {message}", node)
        self.known.reached = not isinstance(truth, Static) or bool(truth.value)

    def do_If(self, node: ast.If) -> None:
        """Take one branch: a condition that is static leaves no trace of the other."""
        condition = self.conditions.truth(node.test)
        if isinstance(condition, Static):
            self.statements.run(node.body if condition.value else node.orelse)
            return
        before = self.known.here.copy()
        self.known.learn(condition, True)
        then = self.statements.block(node.body)
        after = self.known.way()
        self.known.go_on(before)
        self.known.learn(condition, False)
        otherwise = self.statements.block(node.orelse)
        self.known.go_on(after, self.known.way())
        self.out.emit(ir.If(self.scope.place(node), condition, then, otherwise))
