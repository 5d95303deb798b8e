"""What each node is made of whose integers have C types: every operation has operands of its own type."""

from dataclasses import replace
from typing import TypeVar

from keelback.compiler import ir
from keelback.compiler.intervals import interval_of
from keelback.compiler.types import BOOLEAN, I32, I64, I128, U64, Integer, Type, held_by, promoted
from keelback.compiler.verify.expressions import COMPARISONS
from keelback.compiler.verify.statements import Statements
from keelback.lang.integers import IntegerType
from keelback.lang.layout import BoolKind, IntegerKind, Kind, RefKind

N = TypeVar("N", ir.Constant, ir.ConstantElement)
OPERATORS = ("+", "-", "*", "/", "%", "&", "|", "^")
FLOORS = {"floor_div": I64, "floor_mod": I64, "floor_div_wide": I128, "floor_mod_wide": I128}


class CValues(Statements):
    """The rules that are others where integers have C types."""

    error: Type = I32

    def held(self, kind: Kind) -> Type:
        """Return the type of what a field holds."""
        if isinstance(kind, IntegerKind) and not isinstance(kind, (BoolKind, RefKind)):
            return kind.type
        return held_by(kind)

    def integer(self, type: IntegerType) -> Type:
        """Return the type of an integer in an array."""
        return type

    def Constant(self, node: ir.Constant) -> bool:
        """A constant is a value of its type."""
        return super().Constant(bounded(node))

    def ConstantElement(self, node: ir.ConstantElement) -> bool:
        """An element is picked from a constant tuple of texts, or of integers of its type."""
        return super().ConstantElement(bounded(node))

    def Cast(self, node: ir.Cast) -> bool:
        """A cast makes an integer of an integer."""
        return isinstance(node.type, IntegerType) and isinstance(node.value.type, IntegerType)

    def Unary(self, node: ir.Unary) -> bool:
        """`-` and `~` take an integer of their type, `!` takes a bool."""
        if node.operator == "!":
            return node.type == node.operand.type == BOOLEAN
        return node.operator in "-~" and isinstance(node.type, IntegerType) and promoted(node.operand.type) == node.type

    def Binary(self, node: ir.Binary) -> bool:
        """An operator takes two values of one type, which is that of its result if this is an integer."""
        sign, left, right = node.operator, promoted(node.left.type), promoted(node.right.type)
        if sign in ("&&", "||"):
            return node.type == left == right == BOOLEAN
        if sign in COMPARISONS:
            same = left == right if isinstance(left, IntegerType) else self.comparable(sign, left, right)
            return node.type == BOOLEAN and same
        if sign in ("<<", ">>"):
            return isinstance(left, IntegerType) and left == node.type and right == I32
        known = sign in OPERATORS or FLOORS.get(sign) == left
        return known and isinstance(left, IntegerType) and left == right == node.type

    def WriteDigits(self, node: ir.WriteDigits) -> bool:
        """A magnitude of 64 bits is written to a function that takes bytes."""
        asked = node.magnitude.type == U64 and node.negative.type == BOOLEAN
        return asked and node.base in (10, 16) and 0 <= node.width <= 16 and self.is_sink(node.put)

    def is_unread(self, node: ir.Call, callee: ir.Function) -> bool:
        """Say whether a call is one whose result nobody reads, and that no place need be given for."""
        return node.result is None and (callee.packed != 0 or not callee.raises)


def bounded(node: N) -> N:
    """Return a node with the bounds of its C type."""
    return replace(node, type=Integer(interval_of(node.type))) if isinstance(node.type, IntegerType) else node
