"""Loops: counted, conditional, or unrolled over a static tuple."""

import ast
import inspect
from collections.abc import Callable
from dataclasses import dataclass
from functools import partial
from typing import Any

from keelback.compiler import ir
from keelback.compiler.evaluate.arrays import Arrays, is_array
from keelback.compiler.evaluate.assignments import Assignments
from keelback.compiler.evaluate.comparisons import Comparisons, negated
from keelback.compiler.evaluate.conditions import Conditions
from keelback.compiler.evaluate.elements import Elements
from keelback.compiler.evaluate.environment import Environment
from keelback.compiler.evaluate.evaluator import Evaluator
from keelback.compiler.evaluate.fields import Fields
from keelback.compiler.evaluate.frame import Loop
from keelback.compiler.evaluate.functions import Functions
from keelback.compiler.evaluate.generators import Generators
from keelback.compiler.evaluate.language import gone_over
from keelback.compiler.evaluate.rounds import Rounds
from keelback.compiler.evaluate.statements import Statements
from keelback.compiler.evaluate.values import bounds
from keelback.compiler.intervals import Interval
from keelback.compiler.program import Static, Value
from keelback.compiler.types import BOOLEAN, Boolean, Integer, Text, Type
from keelback.lang.table import Table


@dataclass
class Loops(Evaluator):
    """Evaluates `while` and `for`."""

    fields: Fields
    arrays: Arrays
    comparisons: Comparisons
    elements: Elements
    conditions: Conditions
    functions: Functions
    statements: Statements
    rounds: Rounds
    assignments: Assignments
    generators: Generators

    def do_While(self, node: ast.While) -> None:
        """Repeat while a condition holds."""
        loop, place = self.rounds.new_loop(), self.scope.place(node)
        start = self.rounds.any_round([node])
        with self.out.collected() as before:
            truth = self.conditions.truth(node.test)
            condition = self.values.tree(truth, node.test)
        after = self.known.here.copy()
        self.known.learn(condition, True)
        with self.scope.frame.inside(loop):
            body = self.statements.block(node.body if not isinstance(truth, Static) or truth.value else [])
        self.rounds.end_of_rounds(node, start, self.known.way(), *loop.continued)
        self.known.here, self.known.reached = after, True
        self.known.learn(condition, False)
        self.known.go_on(None if isinstance(truth, Static) and truth.value else self.known.way(), *loop.left)
        if before:
            leave = ir.If(place, negated(condition), (ir.Break(place, loop.leave),))
            body, condition = (*before, leave, *body), ir.Constant(BOOLEAN, True)
        self.out.emit(ir.Loop(place, loop.leave, condition, body))

    def do_For(self, node: ast.For) -> None:
        """Repeat over a range, an array, a generator, or a static tuple, which unrolls."""
        iterated = node.iter
        if isinstance(iterated, ast.Call):
            called = self.functions.called(iterated.func)
            if called is range:
                self.for_range(node, iterated)
                return
            if called is not None and inspect.isgeneratorfunction(called):
                self.generators.for_generator(node, iterated)
                return
        value = self.expressions.iterated(iterated)
        elements = gone_over(value)
        if elements is not None:
            self.for_static(node, elements)
        elif isinstance(value, Static) and isinstance(value.value, range):
            start, stop = ir.number(value.value.start), ir.number(value.value.stop)
            self.count(node, start, stop, self.step_of(value.value.step, node), lambda index: index)
        elif is_array(value):
            self.for_array(node, value)
        else:
            message = "a loop goes over a range, an array, a static tuple or a generator"
            raise self.scope.refuse(node.iter, "loops", message)

    def for_range(self, node: ast.For, iterated: ast.Call) -> None:
        """Count: the bounds are evaluated once, before."""
        if not isinstance(node.target, ast.Name) or not 1 <= len(iterated.args) <= 3 or iterated.keywords:
            raise self.scope.refuse(node, "loops", "`for name in range(…)`")
        values = [self.out.frozen(value) for value in self.expressions.operands(iterated.args)]
        start = self.values.tree(Static(0) if len(values) == 1 else values[0], node)
        stop = self.values.tree(values[0] if len(values) == 1 else values[1], node)
        step = values[2] if len(values) == 3 else Static(1)
        constant = self.step_of(step.value if isinstance(step, Static) else None, node)
        self.count(node, start, stop, constant, lambda index: index)

    def step_of(self, step: object, node: ast.AST) -> int:
        """Return the step of a range."""
        if not isinstance(step, int) or step <= 0:
            raise self.scope.refuse(node, "loops", "the step of a range is a constant above 0")
        return step

    def count(
        self,
        node: ast.For,
        start: ir.Expression,
        stop: ir.Expression,
        step: int,
        element: Callable[[ir.Expression], Value],
    ) -> None:
        """Repeat a loop's body for each index; its target gets what `element` makes of the index."""
        message = "a range goes from integer to integer"
        start, stop = (self.values.integer(each, node, message) for each in (start, stop))
        first, last = bounds(start), bounds(stop)
        most = max(last.high - 1, first.low)
        counter = self.out.new_temporary(Integer(Interval(first.low, max(first.high, most + step))))
        inside = ir.Local(Integer(Interval(first.low, most)), counter.name)
        place, loop = self.scope.place(node), self.rounds.new_loop()
        self.out.emit(ir.SetLocal(place, counter.name, start))
        before = self.rounds.any_round([node.target, *node.body])
        with self.scope.frame.inside(loop), self.out.collected() as body:
            self.assignments.store(node.target, element(inside), node)
            self.statements.run(node.body)
        end = self.rounds.end_of_rounds(node, before, self.known.way(), *loop.continued)
        self.known.go_on(None if first.high < last.low else before, end, *loop.left)
        following = ir.Binary(counter.type, "+", inside, ir.number(step))
        self.values.bounded(following, node)
        condition = self.comparisons.ordered("<", counter, stop, node)
        next_index = ir.SetLocal(place, counter.name, following)
        self.initialise(node, before)
        self.out.emit(ir.Loop(place, loop.leave, condition, tuple(body), (next_index,)))
        if not self.known.reached:
            self.out.check(ir.Constant(BOOLEAN, False), "a loop has ended that has a round and no way out of it", node)

    def initialise(self, node: ast.For, before: Environment) -> None:
        """Give a first value to the locals that a loop which surely has a round leaves: C compilers see no round."""
        if not self.known.reached:
            return
        for name, each in self.known.here.names.items():
            if each.local is not None and name not in before.names and self.scope.frame.reads_outside(name, node):
                nothing = nothing_of(self.scope.type_of_local(each.local))
                self.out.block.append(ir.SetLocal(self.scope.place(node), each.local, nothing))

    def for_static(self, node: ast.For, values: tuple[Any, ...]) -> None:
        """Unroll a loop over a static tuple: what is known flows from round to round."""
        loop = Loop(self.out.new_label("unrolled"), "", unrolled=True)
        self.scope.unrolled += 1
        with self.out.collected() as rounds:
            for value in values:
                if self.known.reached:
                    store = partial(self.assignments.store, node.target, Static(value), node.target)
                    body = self.rounds.unrolled(loop, store, node.body)
                    self.out.emit(ir.Block(self.scope.place(node), loop.following, body))
        self.scope.unrolled -= 1
        self.known.go_on(self.known.way(), *loop.left)
        self.out.emit(ir.Block(self.scope.place(node), loop.leave, tuple(rounds)))

    def for_array(self, node: ast.For, array: Value) -> None:
        """Go over the elements of an array by index."""
        if isinstance(array, Static) and isinstance(array.value, Table):
            self.fields.check_placed(array.value, node)
        kept = self.out.frozen(array)
        _, count = self.arrays.array(kept, node)
        stop = self.values.kept(count, node)
        self.count(node, ir.number(0), stop, 1, lambda index: self.elements.item(kept, index, node))


def nothing_of(type: Type) -> ir.Expression:
    """Return a value of a type for what is set before it is read."""
    if isinstance(type, Text):
        return ir.TextConstant(type, "")
    if isinstance(type, Integer):
        return ir.number(min(max(0, type.interval.low), type.interval.high))
    return ir.Constant(type, False if isinstance(type, Boolean) else None)
