"""Conditions: comparisons, `and`, `or` and `not`, and a choice of two values."""

import ast
import operator
from collections.abc import Callable
from types import MethodType
from typing import Any

from keelback.compiler import ir
from keelback.compiler.evaluate.environment import Environment, Place
from keelback.compiler.evaluate.values import Values, not_negative
from keelback.compiler.program import Static, Value
from keelback.compiler.statics import is_plain
from keelback.compiler.types import BOOLEAN, Boolean, Integer, Pointer, join

COMPARISONS: dict[type, tuple[str, Callable[[Any, Any], Any]]] = {
    ast.Eq: ("==", operator.eq),
    ast.NotEq: ("!=", operator.ne),
    ast.Lt: ("<", operator.lt),
    ast.LtE: ("<=", operator.le),
    ast.Gt: (">", operator.gt),
    ast.GtE: (">=", operator.ge),
    ast.Is: ("==", operator.is_),
    ast.IsNot: ("!=", operator.is_not),
}
OPPOSITE = {"==": "!=", "!=": "==", "<": ">=", ">=": "<", ">": "<=", "<=": ">"}
MIRRORED = {"==": "==", "!=": "!=", "<": ">", ">=": "<=", ">": "<", "<=": ">="}


class Conditions(Values):
    """Evaluates comparisons, and operands that are evaluated only where they are needed."""

    def value_Compare(self, node: ast.Compare) -> Value:
        """A comparison, or a chain of them that ends at the first that is false."""
        if len(node.ops) == 1:
            left, right = self.operands([node.left, node.comparators[0]])
            return self.compared(node.ops[0], left, right, node)
        first = self.value(node.left)

        def chain(left: Value, rest: int) -> Value:
            right = self.value(node.comparators[rest])
            if rest + 1 < len(node.ops):
                right = self.frozen(right)
            held = self.compared(node.ops[rest], left, right, node)
            if rest + 1 == len(node.ops):
                return held
            return self.short_circuit("and", held, lambda: chain(right, rest + 1), node)

        return chain(self.frozen(first), 0)

    def compared(self, op: ast.cmpop, left: Value, right: Value, node: ast.AST) -> Value:
        """Return the result of one comparison."""
        if type(op) not in COMPARISONS:
            raise self.refuse(node, "operators", f"Kernel Python has no {type(op).__name__}")
        sign, function = COMPARISONS[type(op)]
        if isinstance(left, Static) and isinstance(right, Static) and self.folds(op, left.value, right.value):
            try:
                return Static(function(left.value, right.value))
            except TypeError as error:
                raise self.refuse(node, "types", str(error)) from None
        first, second = self.dynamic(left, node), self.dynamic(right, node)
        comparable = (
            (isinstance(first.type, Integer) and isinstance(second.type, Integer))
            or (isinstance(first.type, Boolean) and first.type == second.type)
            or (isinstance(first.type, Pointer) and isinstance(second.type, Pointer) and sign in ("==", "!="))
        )
        if not comparable:
            raise self.refuse(node, "types", f"{sign} can't compare {first.type} and {second.type}")
        if (
            isinstance(first.type, Pointer)
            and isinstance(second.type, Pointer)
            and join(first.type, second.type) is None
        ):
            raise self.refuse(node, "types", f"{sign} can't compare {first.type} and {second.type}")
        if isinstance(first.type, Pointer) and not isinstance(op, (ast.Is, ast.IsNot)):
            raise self.refuse(node, "types", f"{sign} can't compare structs: write `is`")
        self.plain(first, node)
        self.plain(second, node)
        if isinstance(op, (ast.Is, ast.IsNot)) and not isinstance(first.type, Pointer):
            raise self.refuse(node, "types", "`is` stands between structs, or a Ref and None")
        return self.ordered(sign, first, second, node)

    def folds(self, op: ast.cmpop, left: Any, right: Any) -> bool:
        """Say whether Python compares two static values now as it will when the program runs."""
        if isinstance(op, (ast.Is, ast.IsNot)):
            return not any(type(each) in (int, str) or isinstance(each, (tuple, MethodType)) for each in (left, right))
        return all(is_plain(each) or isinstance(each, type) for each in (left, right))

    def ordered(self, sign: str, first: ir.Expression, second: ir.Expression, node: ast.AST) -> ir.Expression:
        """Return a comparison; where no type holds both sides, a negative one is told apart first."""
        self.bounded(first, node)
        self.bounded(second, node)
        if not isinstance(first.type, Integer) or not isinstance(second.type, Integer):
            return ir.Binary(BOOLEAN, sign, first, second)
        if first.type.interval.join(second.type.interval).fits(self.program.widest):
            return ir.Binary(BOOLEAN, sign, first, second)
        if second.type.interval.low < 0:
            return self.ordered(MIRRORED[sign], second, first, node)
        below = ir.Binary(BOOLEAN, "<", first, self.number(0))
        rest = ir.Binary(BOOLEAN, sign, not_negative(first), second)
        if sign in ("<", "<=", "!="):
            return ir.Binary(BOOLEAN, "or", below, rest)
        return ir.Binary(BOOLEAN, "and", self.negated(below), rest)

    def negated(self, condition: ir.Expression) -> ir.Expression:
        """Return the opposite of a condition."""
        if isinstance(condition, ir.Constant):
            return ir.Constant(BOOLEAN, not condition.value)
        if isinstance(condition, ir.Binary) and condition.operator in OPPOSITE:
            return ir.Binary(BOOLEAN, OPPOSITE[condition.operator], condition.left, condition.right)
        return ir.Unary(BOOLEAN, "not", condition)

    def condition(self, node: ast.expr) -> ir.Expression:
        """Evaluate a condition to a bool at run time."""
        return self.dynamic(self.truth(node), node)

    def truth(self, node: ast.expr) -> Value:
        """Evaluate a condition: a bool, or an integer that is not 0."""
        if isinstance(node, ast.BoolOp):
            return self.combined(node, self.truth)
        return self.as_bool(self.value(node), node)

    def as_bool(self, value: Value, node: ast.AST) -> Value:
        """Return the truth of a value."""
        if isinstance(value, Static) and is_plain(value.value):
            return Static(bool(value.value))
        if isinstance(value, Static):
            raise self.refuse(node, "types", "a condition is a bool or an integer; ask a Ref `is None`")
        self.plain(value, node)
        if isinstance(value.type, Boolean):
            return value
        if isinstance(value.type, Integer):
            self.bounded(value, node)
            return ir.Binary(BOOLEAN, "!=", value, self.number(0))
        raise self.refuse(node, "types", "a condition is a bool or an integer; ask a Ref `is None`")

    def value_BoolOp(self, node: ast.BoolOp) -> Value:
        """`and` and `or` of bools: what either returns is one of them."""

        def value_of(operand: ast.expr) -> Value:
            value = self.value(operand)
            if isinstance(self.dynamic(value, operand).type, Boolean):
                return value
            raise self.refuse(operand, "types", "`and` and `or` take bools, but in a condition")

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
        before = self.here.copy()
        self.learn(left, sign == "and")
        with self.collected() as emitted:
            second = self.dynamic(right(), node)
        if not emitted:
            self.here = before
            return ir.Binary(BOOLEAN, sign, left, second)
        result = self.new_temporary(BOOLEAN)
        place = self.place(node)
        needed = (*emitted, ir.SetLocal(place, result.name, second))
        self.because[result.name] = self.known_after(sign, left, second, before)
        self.emit(ir.SetLocal(place, result.name, left))
        self.emit(ir.If(place, result if sign == "and" else self.negated(result), needed))
        return result

    def known_after(
        self, sign: str, left: ir.Expression, right: ir.Expression, before: Environment
    ) -> tuple[frozenset[Place], frozenset[Place]]:
        """Return what is present if a combination that was just evaluated is False, and if it is True."""
        decided = sign == "or"
        after, both = self.here, self.here.copy()
        self.here = both
        self.learn(right, not decided)
        self.here = after.copy()
        self.learn(right, decided)
        late, self.here = self.here, before
        self.learn(left, decided)
        early = self.here
        self.go_on(early, late)
        either = self.here.present
        self.go_on(early, after)
        return (either, both.present) if sign == "and" else (both.present, either)

    def value_IfExp(self, node: ast.IfExp) -> Value:
        """`a if condition else b`."""
        condition = self.truth(node.test)
        if isinstance(condition, Static):
            return self.value(node.body if condition.value else node.orelse)
        before = self.here.copy()
        self.learn(condition, True)
        with self.collected() as then:
            first = self.dynamic(self.value(node.body), node)
        after, self.here = self.here, before
        self.learn(condition, False)
        with self.collected() as otherwise:
            second = self.dynamic(self.value(node.orelse), node)
        self.go_on(after, self.here)
        joined = join(first.type, second.type)
        if joined is None:
            raise self.refuse(node, "types", "both values of a choice have one type")
        if not then and not otherwise:
            return ir.Choice(joined, condition, first, second)
        result, place = self.new_temporary(joined), self.place(node)
        then.append(ir.SetLocal(place, result.name, first))
        otherwise.append(ir.SetLocal(place, result.name, second))
        self.emit(ir.If(place, condition, tuple(then), tuple(otherwise)))
        return result
