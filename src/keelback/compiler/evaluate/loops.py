"""Loops: counted, conditional, or unrolled over a static tuple."""

import ast
import inspect
from collections.abc import Callable, Sequence
from functools import partial
from typing import Any

from keelback.compiler import ir
from keelback.compiler.evaluate.environment import Environment, before_rounds, joined, unlike
from keelback.compiler.evaluate.frame import Loop
from keelback.compiler.evaluate.generators import Generators
from keelback.compiler.evaluate.values import bounds
from keelback.compiler.intervals import Interval
from keelback.compiler.program import Static, Value
from keelback.compiler.types import BOOLEAN, ArrayPointer, Boolean, Integer, Text, Type
from keelback.lang.array import Array
from keelback.lang.table import Table


class Loops(Generators):
    """Evaluates `while`, `for`, `break` and `continue`."""

    def do_While(self, node: ast.While) -> None:
        """Repeat while a condition holds."""
        loop, place = self.new_loop(), self.place(node)
        start = self.any_round([node])
        with self.collected() as before:
            truth = self.truth(node.test)
            condition = self.dynamic(truth, node.test)
        after = self.here.copy()
        self.learn(condition, True)
        self.frame.loops.append(loop)
        body = self.inner(node.body if not isinstance(truth, Static) or truth.value else [])
        self.frame.loops.pop()
        self.end_of_rounds(node, start, self.way(), *loop.continued)
        self.here, self.reached = after, True
        self.learn(condition, False)
        self.go_on(None if isinstance(truth, Static) and truth.value else self.way(), *loop.left)
        if before:
            leave = ir.If(place, self.negated(condition), (ir.Break(place, loop.leave),))
            body, condition = (*before, leave, *body), ir.Constant(BOOLEAN, True)
        self.emit(ir.Loop(place, loop.leave, condition, body))

    def new_loop(self) -> Loop:
        """Return a loop of the program at run time."""
        label = self.new_label("loop")
        return Loop(label, label)

    def any_round(self, nodes: Sequence[ast.AST]) -> Environment:
        """Forget what is not the same in every round of a loop; return what is known when one starts."""
        bound = set(self.frame.bound(nodes))
        locals = {self.variable_of(each) for each in bound}
        start = before_rounds(self.here, bound, set(self.frame.deleted(nodes)), locals)
        self.here = start.copy()
        return start

    def end_of_rounds(self, node: ast.AST, start: Environment, *ways: Environment | None) -> Environment | None:
        """Return what is known after a round.  Raises: CompileError when a name was something else before it."""
        end = joined(ways)
        name = unlike(start, end) if end is not None else None
        if name is not None:
            raise self.refuse(node, "names", f"{name.name} is another kind of thing after a round of this loop")
        return end

    def do_Break(self, node: ast.Break) -> None:
        """Leave the loop."""
        loop = self.frame.loops[-1]
        loop.left.append(self.here.copy())
        self.leave(ir.Break(self.place(node), loop.leave))

    def do_Continue(self, node: ast.Continue) -> None:
        """Go on with the loop's next round."""
        loop, place = self.frame.loops[-1], self.place(node)
        loop.continued.append(self.here.copy())
        self.leave(ir.Break(place, loop.following) if loop.unrolled else ir.Continue(place, loop.following))

    def do_For(self, node: ast.For) -> None:
        """Repeat over a range, an array, a generator, or a static tuple, which unrolls."""
        iterated = node.iter
        if isinstance(iterated, ast.Call):
            called = self.called(iterated.func)
            if called is range:
                self.for_range(node, iterated)
                return
            if called is not None and inspect.isgeneratorfunction(called):
                self.for_generator(node, iterated)
                return
        value = self.iterated(iterated)
        elements = self.elements(value)
        if elements is not None:
            self.for_static(node, elements)
        elif isinstance(value, Static) and isinstance(value.value, range):
            start, stop = self.number(value.value.start), self.number(value.value.stop)
            self.count(node, start, stop, self.step_of(value.value.step, node), lambda index: index)
        elif (isinstance(value, Static) and isinstance(value.value, (Array, Table))) or (
            isinstance(value, ir.Expression) and isinstance(value.type, ArrayPointer)
        ):
            if isinstance(value, Static) and isinstance(value.value, Table):
                self.check_placed(value.value, node)
            self.for_array(node, value)
        else:
            raise self.refuse(node.iter, "loops", "a loop goes over a range, an array, a static tuple or a generator")

    def for_range(self, node: ast.For, iterated: ast.Call) -> None:
        """Count: the bounds are evaluated once, before."""
        if not isinstance(node.target, ast.Name) or not 1 <= len(iterated.args) <= 3 or iterated.keywords:
            raise self.refuse(node, "loops", "`for name in range(…)`")
        values = [self.frozen(value) for value in self.operands(iterated.args)]
        start = self.dynamic(Static(0) if len(values) == 1 else values[0], node)
        stop = self.dynamic(values[0] if len(values) == 1 else values[1], node)
        step = values[2] if len(values) == 3 else Static(1)
        constant = self.step_of(step.value if isinstance(step, Static) else None, node)
        self.count(node, start, stop, constant, lambda index: index)

    def step_of(self, step: object, node: ast.AST) -> int:
        """Return the step of a range."""
        if not isinstance(step, int) or step <= 0:
            raise self.refuse(node, "loops", "the step of a range is a constant above 0")
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
        start, stop = (self.integer(each, node, "a range goes from integer to integer") for each in (start, stop))
        first, last = bounds(start), bounds(stop)
        most = max(last.high - 1, first.low)
        counter = self.new_temporary(Integer(Interval(first.low, max(first.high, most + step))))
        inside = ir.Local(Integer(Interval(first.low, most)), counter.name)
        place, loop = self.place(node), self.new_loop()
        self.emit(ir.SetLocal(place, counter.name, start))
        before = self.any_round([node.target, *node.body])
        self.frame.loops.append(loop)
        with self.collected() as body:
            self.store(node.target, element(inside), node)
            self.statements(node.body)
        self.frame.loops.pop()
        end = self.end_of_rounds(node, before, self.way(), *loop.continued)
        self.go_on(None if first.high < last.low else before, end, *loop.left)
        following = ir.Binary(counter.type, "+", inside, self.number(step))
        self.bounded(following, node)
        condition = self.ordered("<", counter, stop, node)
        next_index = ir.SetLocal(place, counter.name, following)
        self.initialise(node, before)
        self.emit(ir.Loop(place, loop.leave, condition, tuple(body), (next_index,)))
        if not self.reached:
            self.check(ir.Constant(BOOLEAN, False), "a loop has ended that has a round and no way out of it", node)

    def initialise(self, node: ast.For, before: Environment) -> None:
        """Give a first value to the locals that a loop which surely has a round leaves: C compilers see no round."""
        if not self.reached:
            return
        for name, each in self.here.names.items():
            if each.local is not None and name not in before.names and self.frame.reads_outside(name, node):
                nothing = nothing_of(self.type_of_local(each.local))
                self.block.append(ir.SetLocal(self.place(node), each.local, nothing))

    def for_static(self, node: ast.For, values: tuple[Any, ...]) -> None:
        """Unroll a loop over a static tuple: what is known flows from round to round."""
        loop = Loop(self.new_label("unrolled"), "", unrolled=True)
        self.unrolled += 1
        with self.collected() as rounds:
            for value in values:
                if self.reached:
                    store = partial(self.store, node.target, Static(value), node.target)
                    body = self.round(loop, store, node.body)
                    self.emit(ir.Block(self.place(node), loop.following, body))
        self.unrolled -= 1
        self.go_on(self.way(), *loop.left)
        self.emit(ir.Block(self.place(node), loop.leave, tuple(rounds)))

    def for_array(self, node: ast.For, array: Value) -> None:
        """Go over the elements of an array by index."""
        kept = self.frozen(array)
        _, count = self.array(kept, node)
        stop = self.kept(count, node)
        self.count(node, self.number(0), stop, 1, lambda index: self.item(kept, index, node))


def nothing_of(type: Type) -> ir.Expression:
    """Return a value of a type for what is set before it is read."""
    if isinstance(type, Text):
        return ir.TextConstant(type, "")
    return ir.Constant(type, False if isinstance(type, Boolean) else 0 if isinstance(type, Integer) else None)
