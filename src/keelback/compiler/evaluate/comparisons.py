"""Comparisons of integers, bools, structs and arrays."""

import ast
import operator
from collections.abc import Callable
from dataclasses import dataclass
from types import MethodType
from typing import Any

from keelback.compiler import ir
from keelback.compiler.called import called
from keelback.compiler.evaluate.arrays import Arrays, is_array
from keelback.compiler.evaluate.evaluator import Evaluator
from keelback.compiler.evaluate.values import not_negative
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


@dataclass
class Comparisons(Evaluator):
    """Compares values."""

    arrays: Arrays

    def compared(self, op: ast.cmpop, left: Value, right: Value, node: ast.AST) -> Value:
        """Return the result of one comparison, of arrays too."""
        if not is_array(left) and not is_array(right):
            return self.scalars(op, left, right, node)
        if not isinstance(op, (ast.Eq, ast.NotEq)):
            raise self.scope.refuse(node, "types", "arrays are compared by == and !=")
        array, other = (left, right) if is_array(left) else (right, left)
        same = self.arrays.same(array, other, node)
        if isinstance(op, ast.Eq):
            return same
        return Static(not same.value) if isinstance(same, Static) else negated(same)

    def scalars(self, op: ast.cmpop, left: Value, right: Value, node: ast.AST) -> Value:
        """Return the result of one comparison."""
        if type(op) not in COMPARISONS:
            raise self.scope.refuse(node, "operators", f"Kernel Python has no {called(op)}")
        sign, function = COMPARISONS[type(op)]
        if isinstance(left, Static) and isinstance(right, Static) and self.folds(op, left.value, right.value):
            try:
                return Static(function(left.value, right.value))
            except TypeError as error:
                raise self.scope.refuse(node, "types", str(error)) from None
        first, second = self.values.tree(left, node), self.values.tree(right, node)
        comparable = (
            (isinstance(first.type, Integer) and isinstance(second.type, Integer))
            or (isinstance(first.type, Boolean) and first.type == second.type)
            or (isinstance(first.type, Pointer) and isinstance(second.type, Pointer) and sign in ("==", "!="))
        )
        if not comparable:
            raise self.scope.refuse(node, "types", f"{sign} can't compare {first.type} and {second.type}")
        if (
            isinstance(first.type, Pointer)
            and isinstance(second.type, Pointer)
            and join(first.type, second.type) is None
        ):
            raise self.scope.refuse(node, "types", f"{sign} can't compare {first.type} and {second.type}")
        if isinstance(first.type, Pointer) and not isinstance(op, (ast.Is, ast.IsNot)):
            raise self.scope.refuse(node, "types", f"{sign} can't compare structs: write `is`")
        self.values.plain(first, node)
        self.values.plain(second, node)
        if isinstance(op, (ast.Is, ast.IsNot)) and not isinstance(first.type, Pointer):
            raise self.scope.refuse(node, "types", "`is` stands between structs, or a Ref and None")
        return self.ordered(sign, first, second, node)

    def folds(self, op: ast.cmpop, left: Any, right: Any) -> bool:
        """Say whether Python compares two static values now as it will when the program runs."""
        if isinstance(op, (ast.Is, ast.IsNot)):
            return not any(type(each) in (int, str) or isinstance(each, (tuple, MethodType)) for each in (left, right))
        return all(is_plain(each) or isinstance(each, type) for each in (left, right))

    def ordered(self, sign: str, first: ir.Expression, second: ir.Expression, node: ast.AST) -> ir.Expression:
        """Return a comparison; where no type holds both sides, a negative one is told apart first."""
        self.values.bounded(first, node)
        self.values.bounded(second, node)
        if not isinstance(first.type, Integer) or not isinstance(second.type, Integer):
            return ir.Binary(BOOLEAN, sign, first, second)
        if first.type.interval.join(second.type.interval).fits(self.scope.program.widest):
            return ir.Binary(BOOLEAN, sign, first, second)
        if second.type.interval.low < 0:
            return self.ordered(MIRRORED[sign], second, first, node)
        if isinstance(first, (ir.Choice, ir.ConstantElement)):
            first = self.values.kept(first, node)  # each of its values has its own type
        below = ir.Binary(BOOLEAN, "<", first, ir.number(0))
        rest = ir.Binary(BOOLEAN, sign, not_negative(first), second)
        if sign in ("<", "<=", "!="):
            return ir.Binary(BOOLEAN, "or", below, rest)
        return ir.Binary(BOOLEAN, "and", negated(below), rest)


def negated(condition: ir.Expression) -> ir.Expression:
    """Return the opposite of a condition."""
    if isinstance(condition, ir.Constant):
        return ir.Constant(BOOLEAN, not condition.value)
    if isinstance(condition, ir.Binary) and condition.operator in OPPOSITE:
        return ir.Binary(BOOLEAN, OPPOSITE[condition.operator], condition.left, condition.right)
    return ir.Unary(BOOLEAN, "not", condition)
