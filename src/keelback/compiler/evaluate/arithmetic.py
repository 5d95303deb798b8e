"""Arithmetic: operators of integers, checked where one could fail."""

import ast
import operator
from collections.abc import Callable
from typing import Any

from keelback.compiler import intervals, ir
from keelback.compiler.called import called
from keelback.compiler.evaluate.evaluator import Evaluator
from keelback.compiler.evaluate.values import bounds, narrowed
from keelback.compiler.program import Static, Value
from keelback.compiler.statics import folds, is_plain
from keelback.compiler.types import BOOLEAN, Integer

OPERATORS: dict[type, tuple[str, Callable[[Any, Any], Any]]] = {
    ast.Add: ("+", operator.add),
    ast.Sub: ("-", operator.sub),
    ast.Mult: ("*", operator.mul),
    ast.FloorDiv: ("//", operator.floordiv),
    ast.Mod: ("%", operator.mod),
    ast.LShift: ("<<", operator.lshift),
    ast.RShift: (">>", operator.rshift),
    ast.BitAnd: ("&", operator.and_),
    ast.BitOr: ("|", operator.or_),
    ast.BitXor: ("^", operator.xor),
}

MOST_PLACES = 256
"""How far a constant may be shifted: twice as far as any value at run time has bits."""

UNARY: dict[type, Callable[[int], int]] = {ast.USub: operator.neg, ast.UAdd: operator.pos, ast.Invert: operator.inv}


class Arithmetic(Evaluator):
    """Evaluates operators of integers."""

    def unary(self, op: ast.unaryop, value: Value, node: ast.AST) -> Value:
        """Return `-x`, `+x` or `~x`."""
        if isinstance(value, Static) and isinstance(value.value, int) and is_plain(value.value):
            return Static(UNARY[type(op)](value.value))
        expression = self.values.integer(value, node, "an integer is needed")
        if isinstance(op, ast.UAdd):
            return expression
        sign = "-" if isinstance(op, ast.USub) else "~"
        return ir.Unary(Integer(intervals.UNARY[sign](bounds(expression))), sign, expression)

    def value_BinOp(self, node: ast.BinOp) -> Value:
        """Arithmetic."""
        left, right = self.expressions.operands([node.left, node.right])
        return self.binary(node.op, left, right, node)

    def binary(self, op: ast.operator, left: Value, right: Value, node: ast.AST) -> Value:
        """Return the result of an operator; division and shifts are checked where need be."""
        if type(op) not in OPERATORS:
            raise self.scope.refuse(node, "operators", f"Kernel Python has no {called(op)}")
        sign, function = OPERATORS[type(op)]
        if isinstance(left, Static) and isinstance(right, Static) and folds(left.value, right.value):
            if sign == "*" and not (isinstance(left.value, int) and isinstance(right.value, int)):
                raise self.scope.refuse(node, "types", "* takes integers")
            if sign == "<<" and isinstance(right.value, int) and right.value > MOST_PLACES:
                message = f"can't bound this shift below {MOST_PLACES}; mask it"
                raise self.scope.refuse(node, "bounded integers", message)
            try:
                return Static(function(left.value, right.value))
            except (ArithmeticError, ValueError, TypeError) as error:
                raise self.scope.refuse(node, "operators", str(error)) from None
        first, second = self.values.tree(left, node), self.values.tree(right, node)
        self.values.plain(first, node)
        self.values.plain(second, node)
        first, second = (self.values.integer(each, node, f"{sign} takes integers") for each in (first, second))
        if sign in ("//", "%"):
            first, second = self.divided(first, second, node)
        elif sign in ("<<", ">>"):
            second = self.shifted(second, node)
        if sign in ("//", "%", ">>"):
            self.values.bounded(first, node)
        bound = intervals.BINARY[sign](bounds(first), bounds(second))
        together = bounds(first).join(bounds(second)).join(bound)
        if sign in ("//", "%") and not together.fits(self.scope.program.widest):
            message = f"can't hold both sides of {sign} in one {self.scope.program.widest}-bit type; annotate them"
            raise self.scope.refuse(node, "bounded integers", message)
        return ir.Binary(Integer(bound), sign, first, second)

    def divided(self, left: ir.Expression, right: ir.Expression, node: ast.AST) -> tuple[ir.Expression, ir.Expression]:
        """Check a divisor that may be 0."""
        self.values.bounded(right, node)
        interval = bounds(right)
        if interval.low <= 0 <= interval.high:
            right = self.values.kept(right, node)
            self.out.check(ir.Binary(BOOLEAN, "!=", right, ir.number(0)), "division by zero", node)
            if isinstance(right, ir.Constant):
                return left, ir.number(1)
            right = narrowed(right, interval.low or 1, interval.high or -1)
        return left, right

    def shifted(self, right: ir.Expression, node: ast.AST) -> ir.Expression:
        """Check a shift that may be negative; refuse one that may be 64 or more."""
        if bounds(right).high > 63:
            raise self.scope.refuse(node, "bounded integers", "can't bound this shift below 64; mask it")
        if bounds(right).low < 0:
            right = self.values.at_least(self.values.kept(right, node), 0, "a negative shift", node)
        return right
