"""Generators: inlined into the loop that goes over them."""

import ast
from dataclasses import dataclass
from types import FunctionType, MethodType
from typing import Any, get_args, get_origin

from keelback.compiler import ir
from keelback.compiler.evaluate.assignments import Assignments
from keelback.compiler.evaluate.evaluator import Evaluator
from keelback.compiler.evaluate.frame import Frame, Inlined, Loop
from keelback.compiler.evaluate.functions import Functions, entry_of
from keelback.compiler.evaluate.rounds import Rounds
from keelback.compiler.evaluate.statements import Statements
from keelback.compiler.program import Static, Value
from keelback.compiler.source import definition_of, hints_of, nodes_in
from keelback.compiler.types import VOID, Type


@dataclass
class Generators(Evaluator):
    """Evaluates loops over generators, and `yield`."""

    functions: Functions
    statements: Statements
    rounds: Rounds
    assignments: Assignments

    def for_generator(self, node: ast.For, iterated: ast.Call) -> None:
        """Inline a generator: its one `yield` becomes the loop's body."""
        function, arguments = self.generator_call(iterated)
        definition = definition_of(function)
        self.check_generator(function, definition, iterated)
        loop = Loop(self.out.new_label("generator"), "", unrolled=True)
        given = {name: self.given(name, self.out.frozen(value), function, node) for name, value in arguments.items()}
        yielded = yielded_by(function)
        parts = tuple(map(self.scope.program.type_of, get_args(yielded) if get_origin(yielded) is tuple else ()))
        inlined = Inlined(node, self.scope.frame, loop, self.scope.program.type_of(yielded), parts)
        frame = Frame(function, definition, f"${self.out.new_number()}", inlined)
        with self.out.collected() as body, self.scope.inside(frame):
            self.scope.declare_annotated()
            for name, (declared, value) in given.items():
                if not isinstance(declared, Static):
                    self.scope.declared[self.scope.variable(name)] = declared
                self.assignments.set_local(name, value, frame.at)
            self.statements.run(definition.body)
        self.known.go_on(self.known.way(), *loop.left)
        self.out.emit(ir.Block(self.scope.place(node), loop.leave, tuple(body)))

    def given(self, name: str, value: Value, function: FunctionType, node: ast.For) -> tuple[Static | Type, Value]:
        """Return what a parameter of a generator is declared as, and its value, checked where the generator starts."""
        declared = self.functions.passed_as(name, value, function, node.iter)
        if isinstance(declared, Static):
            return declared, declared
        self.out.checked_at = entry_of(function)
        fitted = self.values.fitted(value, declared, name, node)
        self.out.checked_at = None
        return declared, fitted

    def check_generator(self, function: FunctionType, definition: ast.FunctionDef, node: ast.AST) -> None:
        """Refuse a generator that can't be inlined."""
        if function in self.scope.frame.callers():
            raise self.scope.refuse(node, "recursion", "calls form no cycle")
        if sum(isinstance(each, (ast.Yield, ast.YieldFrom)) for each in nodes_in(definition)) != 1:
            raise self.scope.refuse(node, "generators", "a generator has exactly one yield")
        for each in nodes_in(definition):
            if isinstance(each, ast.Try) and any(isinstance(inner, ast.Yield) for inner in nodes_in(each)):
                raise self.scope.refuse(node, "generators", "a generator does not yield within a try")

    def generator_call(self, node: ast.Call) -> tuple[FunctionType, dict[str, Value]]:
        """Return the generator that a call names, and its arguments by parameter."""
        method = self.functions.called(node.func)
        if not isinstance(method, MethodType) or not isinstance(method.__func__, FunctionType):
            raise self.scope.refuse(node, "generators", "a generator is a method of a component")
        return method.__func__, self.functions.arguments(method.__func__, Static(method.__self__), node)

    def do_yield(self, node: ast.Yield) -> None:
        """Evaluate the body of the loop that a generator is inlined into."""
        inlined = self.scope.frame.inlined
        if inlined is None or node.value is None:
            raise self.scope.refuse(node, "generators", "a generator is used in a for loop")
        pairs = self.yielded(node.value, inlined)
        with self.scope.inside(inlined.frame):
            body = self.rounds.unrolled(
                inlined.loop, lambda: self.assignments.store_each(pairs, inlined.node), inlined.node.body
            )
        self.out.emit(ir.Block(self.scope.place(node), inlined.loop.following, body))

    def yielded(self, node: ast.expr, inlined: Inlined) -> list[tuple[ast.expr, Value]]:
        """Return what the targets of the loop get: each value of a tuple by itself."""
        target = inlined.node.target
        if not inlined.parts:
            return [(target, self.one_yielded(node, inlined.type))]
        count = len(inlined.parts)
        if not isinstance(node, ast.Tuple) or len(node.elts) != count:
            raise self.scope.refuse(node, "generators", f"this generator yields {count} values, each by itself")
        if not isinstance(target, ast.Tuple) or len(target.elts) != count:
            with self.scope.inside(inlined.frame):
                raise self.scope.refuse(target, "generators", f"a target for each of the {count} values yielded")
        values = [self.one_yielded(each, type) for each, type in zip(node.elts, inlined.parts, strict=True)]
        return [*zip(target.elts, values, strict=True)]

    def one_yielded(self, node: ast.expr, type: Type) -> Value:
        """Evaluate a value that is yielded, and keep it."""
        value = self.expressions.value(node)
        return self.out.frozen(value if type == VOID else self.values.fitted(value, type, "what is yielded", node))


def yielded_by(function: FunctionType) -> Any:
    """Return the annotation of what a generator yields."""
    return next(iter(get_args(hints_of(function).get("return"))), None)
