"""Generators: inlined into the loop that goes over them."""

import ast
from dataclasses import dataclass
from types import FunctionType, MethodType
from typing import Any, get_args

from keelback.compiler import ir
from keelback.compiler.evaluate.assignments import Assignments, assignments_in
from keelback.compiler.evaluate.functions import entry_of
from keelback.compiler.program import Static, Value
from keelback.compiler.source import definition_of, file_of, hints_of
from keelback.compiler.types import VOID, Type


@dataclass
class Inlined:
    """A generator that is being inlined: the loop that it is for, and what was known there."""

    loop: ast.For
    saved: tuple[Any, ...]
    label: str
    loops: list[str]
    type: Type


class Generators(Assignments):
    """Evaluates loops over generators, and `yield`."""

    def for_generator(self, node: ast.For, iterated: ast.Call) -> None:
        """Inline a generator: its one `yield` becomes the loop's body."""
        function, arguments = self.generator_call(iterated)
        definition = definition_of(function)
        if sum(isinstance(each, (ast.Yield, ast.YieldFrom)) for each in ast.walk(definition)) != 1:
            raise self.refuse(iterated, "generators", "a generator has exactly one yield")
        for each in ast.walk(definition):
            if isinstance(each, ast.Try) and any(isinstance(inner, ast.Yield) for inner in ast.walk(each)):
                raise self.refuse(iterated, "generators", "a generator does not yield within a try")
        label = self.new_label("generator")
        saved = (self.names, self.globals, self.prefix, self.generator, self.assigned, self.file)
        frozen = {name: self.frozen(value) for name, value in arguments.items()}
        outer, self.block = self.block, []
        loops, self.loops = self.loops, []
        self.generator = Inlined(node, saved, label, loops, self.program.type_of(yielded_by(function)))
        self.prefix = self.new_label(definition.name) + "_"
        self.globals, self.assigned, self.file = function.__globals__, assignments_in(definition), file_of(function)
        self.names = {}
        for name, value in frozen.items():
            declared = self.passed_as(name, value, function, iterated)
            if isinstance(declared, Static):
                self.names[name] = declared
            else:
                self.declared[self.c_name(name)] = declared
                self.checked_at = entry_of(function)
                self.set_local(name, value, node)
                self.checked_at = None
        inlined = self.generator
        self.statements(definition.body)
        body, self.block = self.block, outer
        self.loops, saved = loops, inlined.saved
        self.names, self.globals, self.prefix, self.generator, self.assigned, self.file = saved
        self.emit(ir.Block(self.place(node), label, tuple(body)))

    def generator_call(self, node: ast.Call) -> tuple[FunctionType, dict[str, Value]]:
        """Return the generator that a call names, and its arguments by parameter."""
        method = self.called(node.func)
        if not isinstance(method, MethodType) or not isinstance(method.__func__, FunctionType):
            raise self.refuse(node, "generators", "a generator is a method of a component")
        return method.__func__, self.arguments(method.__func__, Static(method.__self__), node)

    def do_yield(self, node: ast.Yield) -> None:
        """Evaluate the body of the loop that a generator is inlined into."""
        if self.generator is None or node.value is None:
            raise self.refuse(node, "generators", "a generator is used in a for loop")
        value = self.value(node.value)
        if self.generator.type != VOID:
            value = self.fitted(value, self.generator.type, "what is yielded", node.value)
        value, inlined = self.frozen(value), self.generator
        inside = (self.names, self.globals, self.prefix, self.generator, self.assigned, self.file, self.loops)
        self.names, self.globals, self.prefix, self.generator, self.assigned, self.file = inlined.saved
        self.loops = [*inlined.loops, "unrolled " + inlined.label]
        self.rounds.append(self.new_label("round"))
        outer, self.block = self.block, []
        self.store(inlined.loop.target, value, inlined.loop)
        self.statements(inlined.loop.body)
        body, self.block = self.block, outer
        inlined.saved = (self.names, *inlined.saved[1:])
        self.names, self.globals, self.prefix, self.generator, self.assigned, self.file, self.loops = inside
        self.emit(ir.Block(self.place(node), self.rounds.pop(), tuple(body)))


def yielded_by(function: FunctionType) -> Any:
    """Return the annotation of what a generator yields."""
    return next(iter(get_args(hints_of(function).get("return"))), None)
