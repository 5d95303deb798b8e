"""A whole function: evaluated until the types of its locals no longer change."""

import ast
import inspect
import re

from keelback.compiler import ir
from keelback.compiler.errors import blamed
from keelback.compiler.evaluate.failure import Failure, is_none
from keelback.compiler.intervals import Interval
from keelback.compiler.names import C_WORDS, ascii_name
from keelback.compiler.program import Program, Specialisation, Static
from keelback.compiler.source import definition_of, file_of
from keelback.compiler.types import VOID, Integer, Type, join

ROUNDS = 8
WIDEN_AFTER = 3
WIDE = (-(1 << 63), -(1 << 31), 0, (1 << 31) - 1, (1 << 32) - 1, (1 << 63) - 1, (1 << 64) - 1)


def evaluate(program: Program, wanted: Specialisation, key: ir.FunctionKey) -> ir.Function:
    """Return one specialisation as a typed tree.  Raises: CompileError."""
    program.at = (file_of(wanted.function), definition_of(wanted.function).lineno, 1)
    native = getattr(wanted.function, "c_body", None)
    if native is not None:
        return _native(wanted, key, native)
    types: dict[str, Type] = {}
    for round_number in range(ROUNDS):
        evaluator = Evaluator(program, wanted, key, types)
        if inspect.isgeneratorfunction(wanted.function):
            at = next(each for each in ast.walk(evaluator.definition) if isinstance(each, (ast.Yield, ast.YieldFrom)))
            raise evaluator.refuse(at, "generators", "a generator is used in a for loop")
        with blamed(evaluator.where):
            function = evaluator.function()
        if all(name in types and join(types[name], seen) == types[name] for name, seen in evaluator.seen.items()):
            return function
        for name, seen in evaluator.seen.items():
            joined = join(types.get(name, seen), seen)
            types[name] = _widened(joined) if round_number >= WIDEN_AFTER and joined != types.get(name) else joined  # type: ignore[assignment,arg-type]
    raise evaluator.refuse(evaluator.definition, "bounded integers", "a local can't be bounded; annotate it")


def _widened(type: Type) -> Type:
    if not isinstance(type, Integer):
        return type
    low = max((bound for bound in WIDE if bound <= type.interval.low), default=type.interval.low)
    high = min((bound for bound in WIDE if bound >= type.interval.high), default=type.interval.high)
    return Integer(Interval(low, high), type.enum)


def _native(wanted: Specialisation, key: ir.FunctionKey, body: str) -> ir.Function:
    parameters: dict[str, Type] = {}
    for name, value in wanted.parameters:
        if isinstance(value, Static):
            for attribute, content in vars(value.value).items():
                if isinstance(content, int):
                    body = body.replace(f"{name}_{attribute}", f"{content:#x}u")
        else:
            called = ascii_name(name) + ("$" if name in C_WORDS or name[0] == "_" else "")
            body = re.sub(rf"\b{name}\b", called, body)
            parameters[called] = value
    return ir.Function(
        key, (file_of(wanted.function), wanted.function.__code__.co_firstlineno), parameters, native=body
    )


class Evaluator(Failure):
    """Evaluates one specialisation, once."""

    def function(self) -> ir.Function:
        """Return the function as a tree."""
        self.statements(self.definition.body)
        if self.key.result != VOID and self.reached:
            raise self.refuse(self.definition, "functions", f"{self.definition.name} may end without a result")
        locals = {
            **self.seen,
            **{name: self.types.get(name, type) for name, type in self.seen.items()},
            **self.declared,
        }
        parameters = {self.variable(name): type for name, type in self.parameters.items()}
        for name in parameters:
            locals.pop(name, None)
        place, body = self.place(self.definition), tuple(self.block)
        return ir.Function(self.key, place, parameters, locals, body, numbers=self.labels)

    def do_Pass(self, node: ast.Pass) -> None:
        """Do nothing."""

    def do_Expr(self, node: ast.Expr) -> None:
        """Evaluate for its effects; a docstring has none."""
        if isinstance(node.value, ast.Constant):
            return
        if isinstance(node.value, ast.Yield):
            self.do_yield(node.value)
        elif isinstance(node.value, ast.Call):
            self.value_Call(node.value)
        else:
            raise self.refuse(node, "statements", "an expression without effect")

    def do_Return(self, node: ast.Return) -> None:
        """Return a value that fits the function's result."""
        if self.frame.inlined is not None:
            raise self.refuse(node, "generators", "a generator has no return")
        if self.key.result == VOID and not is_none(node.value):
            raise self.refuse(node, "functions", f"the result of {self.definition.name} needs a type of Kernel Python")
        if node.value is None and self.key.result != VOID:
            raise self.refuse(node, "functions", f"{self.definition.name} returns a value")
        if node.value is None or self.key.result == VOID:
            self.leave(ir.Return(self.place(node)))
            return
        value = self.fitted(self.value(node.value), self.key.result, f"the result of {self.definition.name}", node)
        self.leave(ir.Return(self.place(node), value))

    def do_Assert(self, node: ast.Assert) -> None:
        """Panic unless the condition holds."""
        message = node.msg.value if isinstance(node.msg, ast.Constant) else ast.unparse(node.test)
        if not isinstance(message, str) or not isinstance(node.msg, ast.Constant | None):
            raise self.refuse(node, "text", "the message of an assert is a text constant")
        if node.msg is None:
            message = message.encode("ascii", "replace").decode()
        elif "\0" in message:
            raise self.refuse(node.msg, "text", "the message of an assert ends at its first zero byte")
        else:
            self.refuse_text(message, node.msg)
        truth = self.truth(node.test)
        self.check(self.dynamic(truth, node.test), f"assertion failed: {message}", node)
        self.reached = not isinstance(truth, Static) or bool(truth.value)

    def do_If(self, node: ast.If) -> None:
        """Take one branch: a condition that is static leaves no trace of the other."""
        condition = self.truth(node.test)
        if isinstance(condition, Static):
            self.statements(node.body if condition.value else node.orelse)
            return
        before = self.here.copy()
        self.learn(condition, True)
        then = self.inner(node.body)
        after = self.way()
        self.go_on(before)
        self.learn(condition, False)
        otherwise = self.inner(node.orelse)
        self.go_on(after, self.way())
        self.emit(ir.If(self.place(node), condition, then, otherwise))
