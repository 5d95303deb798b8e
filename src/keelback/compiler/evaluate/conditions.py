"""Conditions: comparisons in a chain, `and`, `or` and `not`, and a choice of two values."""

import ast
from collections.abc import Callable
from dataclasses import dataclass

from keelback.compiler import ir
from keelback.compiler.evaluate.arithmetic import Arithmetic
from keelback.compiler.evaluate.comparisons import Comparisons, negated
from keelback.compiler.evaluate.environment import Environment, Place
from keelback.compiler.evaluate.evaluator import Evaluator
from keelback.compiler.program import Static, Value
from keelback.compiler.statics import is_plain
from keelback.compiler.types import BOOLEAN, Boolean, Integer, join


@dataclass
class Conditions(Evaluator):
    """Evaluates operands that are needed only on some ways."""

    arithmetic: Arithmetic
    comparisons: Comparisons

    def value_Compare(self, node: ast.Compare) -> Value:
        """A comparison, or a chain of them that ends at the first that is false."""
        if len(node.ops) == 1:
            left, right = self.expressions.operands([node.left, node.comparators[0]])
            return self.comparisons.compared(node.ops[0], left, right, node)
        first = self.expressions.value(node.left)

        def chain(left: Value, rest: int) -> Value:
            right = self.expressions.value(node.comparators[rest])
            if rest + 1 < len(node.ops):
                right = self.out.frozen(right)
            held = self.comparisons.compared(node.ops[rest], left, right, node)
            if rest + 1 == len(node.ops):
                return held
            return self.short_circuit("and", held, lambda: chain(right, rest + 1), node)

        return chain(self.out.frozen(first), 0)

    def condition(self, node: ast.expr) -> ir.Expression:
        """Evaluate a condition to a bool at run time."""
        return self.values.tree(self.truth(node), node)

    def truth(self, node: ast.expr) -> Value:
        """Evaluate a condition: a bool, or an integer that is not 0."""
        if isinstance(node, ast.BoolOp):
            return self.combined(node, self.truth)
        return self.as_bool(self.expressions.value(node), node)

    def as_bool(self, value: Value, node: ast.AST) -> Value:
        """Return the truth of a value."""
        if isinstance(value, Static) and is_plain(value.value):
            return Static(bool(value.value))
        if isinstance(value, Static):
            raise self.scope.refuse(node, "types", "a condition is a bool or an integer; ask a Ref `is None`")
        self.values.plain(value, node)
        if isinstance(value.type, Boolean):
            return value
        if isinstance(value.type, Integer):
            self.values.bounded(value, node)
            return ir.Binary(BOOLEAN, "!=", value, ir.number(0))
        raise self.scope.refuse(node, "types", "a condition is a bool or an integer; ask a Ref `is None`")

    def value_BoolOp(self, node: ast.BoolOp) -> Value:
        """`and` and `or` of bools: what either returns is one of them."""

        def value_of(operand: ast.expr) -> Value:
            value = self.expressions.value(operand)
            if isinstance(self.values.tree(value, operand).type, Boolean):
                return value
            raise self.scope.refuse(operand, "types", "`and` and `or` take bools, but in a condition")

        return self.combined(node, value_of)

    def combined(self, node: ast.BoolOp, value_of: Callable[[ast.expr], Value]) -> Value:
        """Combine operands from left to right, each only where it is needed."""
        sign = "and" if isinstance(node.op, ast.And) else "or"

        def fold(rest: list[ast.expr]) -> Value:
            value = value_of(rest[0])
            return value if len(rest) == 1 else self.short_circuit(sign, value, lambda: fold(rest[1:]), node)

        return fold(node.values)

    def short_circuit(self, sign: str, left: Value, right: Callable[[], Value], node: ast.AST) -> Value:
        """Combine bools: the right one's statements run only where its value is needed."""
        if isinstance(left, Static):
            return right() if bool(left.value) == (sign == "and") else left
        before = self.known.here.copy()
        self.known.learn(left, sign == "and")
        with self.out.collected() as emitted:
            second = self.values.tree(right(), node)
        if not emitted:
            self.known.here = before
            return ir.Binary(BOOLEAN, sign, left, second)
        result = self.out.new_temporary(BOOLEAN)
        place = self.scope.place(node)
        needed = (*emitted, ir.SetLocal(place, result.name, second))
        self.known.because[result.name] = self.known_after(sign, left, second, before)
        self.out.emit(ir.SetLocal(place, result.name, left))
        self.out.emit(ir.If(place, result if sign == "and" else negated(result), needed))
        return result

    def known_after(
        self, sign: str, left: ir.Expression, right: ir.Expression, before: Environment
    ) -> tuple[frozenset[Place], frozenset[Place]]:
        """Return what is present if a combination that was just evaluated is False, and if it is True."""
        decided = sign == "or"
        after, both = self.known.here, self.known.here.copy()
        self.known.here = both
        self.known.learn(right, not decided)
        self.known.here = after.copy()
        self.known.learn(right, decided)
        late, self.known.here = self.known.here, before
        self.known.learn(left, decided)
        early = self.known.here
        self.known.go_on(early, late)
        either = self.known.here.present
        self.known.go_on(early, after)
        return (either, both.present) if sign == "and" else (both.present, either)

    def value_UnaryOp(self, node: ast.UnaryOp) -> Value:
        """`not x`, and the operators of integers."""
        if not isinstance(node.op, ast.Not):
            return self.arithmetic.unary(node.op, self.expressions.value(node.operand), node)
        condition = self.truth(node.operand)
        return Static(not condition.value) if isinstance(condition, Static) else negated(condition)

    def value_IfExp(self, node: ast.IfExp) -> Value:
        """`a if condition else b`."""
        condition = self.truth(node.test)
        if isinstance(condition, Static):
            return self.expressions.value(node.body if condition.value else node.orelse)
        before = self.known.here.copy()
        self.known.learn(condition, True)
        with self.out.collected() as then:
            first = self.values.tree(self.expressions.value(node.body), node)
        after, self.known.here = self.known.here, before
        self.known.learn(condition, False)
        with self.out.collected() as otherwise:
            second = self.values.tree(self.expressions.value(node.orelse), node)
        self.known.go_on(after, self.known.here)
        joined = join(first.type, second.type)
        if joined is None:
            raise self.scope.refuse(node, "types", "both values of a choice have one type")
        if not then and not otherwise:
            return ir.Choice(joined, condition, first, second)
        result, place = self.out.new_temporary(joined), self.scope.place(node)
        then.append(ir.SetLocal(place, result.name, first))
        otherwise.append(ir.SetLocal(place, result.name, second))
        self.out.emit(ir.If(place, condition, tuple(then), tuple(otherwise)))
        return result
