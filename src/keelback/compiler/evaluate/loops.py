"""Loops: counted, conditional, or unrolled over a static tuple."""

import ast
import inspect
from typing import Any

from keelback.compiler import ir
from keelback.compiler.evaluate.assignments import is_variable
from keelback.compiler.evaluate.generators import Generators
from keelback.compiler.evaluate.values import UNKNOWN
from keelback.compiler.intervals import Interval
from keelback.compiler.program import Static, Value
from keelback.compiler.types import BOOLEAN, ArrayPointer, Integer
from keelback.lang.array import Array
from keelback.lang.table import Table


class Loops(Generators):
    """Evaluates `while`, `for`, `break` and `continue`."""

    def do_While(self, node: ast.While) -> None:
        """Repeat while a condition holds."""
        if node.orelse:
            raise self.refuse(node, "loops", "a loop has no else")
        label = self.new_label("loop")
        outer, self.block = self.block, []
        condition = self.condition(node.test)
        before, self.block = self.block, outer
        self.loops.append(label)
        body = self.inner(node.body)
        self.loops.pop()
        if before:
            leave = ir.If(self.place(node), self.negated(condition), (ir.Break(self.place(node), label),))
            body, condition = (*before, leave, *body), ir.Constant(BOOLEAN, True)
        self.emit(ir.Loop(self.place(node), label, condition, body))

    def do_Break(self, node: ast.Break) -> None:
        """Leave the loop."""
        self.emit(ir.Break(self.place(node), self.loops[-1].removeprefix("unrolled ")))

    def do_Continue(self, node: ast.Continue) -> None:
        """Go on with the loop's next round."""
        label = self.loops[-1]
        if label.startswith("unrolled "):
            self.emit(ir.Break(self.place(node), self.rounds[-1]))
        else:
            self.emit(ir.Continue(self.place(node), label))

    def do_For(self, node: ast.For) -> None:
        """Repeat over a range, an array, a generator, or a static tuple, which unrolls."""
        if node.orelse:
            raise self.refuse(node, "loops", "a loop has no else")
        iterated = node.iter
        if isinstance(iterated, ast.Call):
            called = self.called(iterated.func)
            if called is range:
                self.for_range(node, iterated)
                return
            if called is not None and inspect.isgeneratorfunction(called):
                self.for_generator(node, iterated)
                return
        value = self.value(iterated)
        if isinstance(value, Static) and isinstance(value.value, (tuple, range)):
            self.for_static(node, tuple(value.value))
        elif (isinstance(value, Static) and isinstance(value.value, (Array, Table))) or (
            isinstance(value, ir.Expression) and isinstance(value.type, ArrayPointer)
        ):
            self.for_array(node, value)
        else:
            raise self.refuse(node.iter, "loops", "a loop goes over a range, an array, a static tuple or a generator")

    def for_range(self, node: ast.For, iterated: ast.Call) -> None:
        """Count: the bounds are evaluated once, before."""
        if not isinstance(node.target, ast.Name) or not 1 <= len(iterated.args) <= 3:
            raise self.refuse(node, "loops", "`for name in range(…)`")
        values = [self.frozen(value) for value in self.operands(iterated.args)]
        start = self.dynamic(Static(0) if len(values) == 1 else values[0], node)
        stop = self.dynamic(values[0] if len(values) == 1 else values[1], node)
        step = values[2] if len(values) == 3 else Static(1)
        if not isinstance(step, Static) or not isinstance(step.value, int) or step.value <= 0:
            raise self.refuse(node, "loops", "the step of a range is a constant above 0")
        if not isinstance(start.type, Integer) or not isinstance(stop.type, Integer):
            raise self.refuse(node, "types", "a range goes from integer to integer")
        place = self.place(node)
        counter = self.new_temporary(
            Integer(
                Interval(
                    start.type.interval.low, max(stop.type.interval.high, start.type.interval.low) + step.value - 1
                )
            )
        )
        self.emit(ir.SetLocal(place, counter.name, start))
        label = self.new_label("loop")
        inside = Interval(start.type.interval.low, max(stop.type.interval.high - 1, start.type.interval.low))
        self.loops.append(label)
        outer, self.block = self.block, []
        self.set_local(node.target.id, ir.Local(Integer(inside), counter.name), node)
        self.statements(node.body)
        body, self.block = self.block, outer
        self.loops.pop()
        following = ir.Binary(counter.type, "+", ir.Local(Integer(inside), counter.name), self.number(step.value))
        step_statement = ir.SetLocal(place, counter.name, following)
        self.bounded(following, node)
        condition = self.ordered("<", counter, stop, node)
        self.emit(ir.Loop(place, label, condition, tuple(body), (step_statement,)))

    def for_static(self, node: ast.For, values: tuple[Any, ...]) -> None:
        """Unroll a loop over a static tuple."""
        label = self.new_label("unrolled")
        outer, self.block = self.block, []
        self.loops.append("unrolled " + label)
        self.unrolled += 1
        for value in values:
            self.rounds.append(self.new_label("round"))
            round_outer, self.block = self.block, []
            self.bind(node.target, value)
            self.statements(node.body)
            body, self.block = self.block, round_outer
            self.emit(ir.Block(self.place(node), self.rounds.pop(), tuple(body)))
        self.unrolled -= 1
        self.loops.pop()
        for each in ast.walk(node.target):
            if isinstance(each, ast.Name):
                self.names[each.id] = self.variables.get(each.id, Static(UNKNOWN))
        body, self.block = self.block, outer
        self.emit(ir.Block(self.place(node), label, tuple(body)))

    def bind(self, target: ast.expr, value: Any) -> None:
        """Bind the names of an unrolled loop's target: known in each round, and a variable for after the loop."""
        if isinstance(target, ast.Name):
            if is_variable(Static(value)):
                self.set_local(target.id, Static(value), target)
                self.variables[target.id] = self.names[target.id]
            if self.assigned[target.id] == 1 or not is_variable(Static(value)):
                self.names[target.id] = Static(value)
        elif isinstance(target, ast.Tuple) and isinstance(value, tuple) and len(target.elts) == len(value):
            for each, inner in zip(target.elts, value, strict=True):
                self.bind(each, inner)
        else:
            raise self.refuse(target, "loops", "the target of an unrolled loop is a name, or a tuple of names")

    def for_array(self, node: ast.For, array: Value) -> None:
        """Go over the elements of an array by index."""
        index, iterated = f"index_{node.lineno}", f"array_{node.lineno}"
        self.names[iterated] = self.frozen(array)
        counted = ast.For(
            ast.Name(index, ast.Store()),
            ast.Call(
                ast.Name("range", ast.Load()),
                [ast.Call(ast.Name("len", ast.Load()), [ast.Name(iterated, ast.Load())], [])],
                [],
            ),
            [
                ast.Assign(
                    [node.target],
                    ast.Subscript(ast.Name(iterated, ast.Load()), ast.Name(index, ast.Load()), ast.Load()),
                ),
                *node.body,
            ],
            [],
        )
        ast.copy_location(counted, node)
        for each in ast.walk(counted):
            if isinstance(each, (ast.expr, ast.stmt)) and not hasattr(each, "lineno"):
                ast.copy_location(each, node)
        self.assigned[index] = 2
        self.do_For(counted)
