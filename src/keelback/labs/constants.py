"""Constants of a submission: their values are found as the file is read, so that Python can find them, and soon.

1. A constant is one of Python's, such as a text or `None`, or made of numbers and of constants that stand before it.
2. Each number on the way is a whole one that some integer type of Kernel Python has room for.
"""

import ast
import operator
from collections.abc import Callable, Mapping
from typing import Any

LEAST, MOST = -(1 << 63), (1 << 64) - 1
MOST_SHIFT = 64
"""No number but 0 has room for more."""
OPERATORS: dict[type[ast.AST], Callable[..., int]] = {
    ast.Add: operator.add,
    ast.Sub: operator.sub,
    ast.Mult: operator.mul,
    ast.FloorDiv: operator.floordiv,
    ast.Mod: operator.mod,
    ast.LShift: lambda value, count: value << min(count, MOST_SHIFT),
    ast.RShift: operator.rshift,
    ast.BitAnd: operator.and_,
    ast.BitOr: operator.or_,
    ast.BitXor: operator.xor,
    ast.USub: operator.neg,
    ast.UAdd: operator.pos,
    ast.Invert: operator.invert,
}
"""What a constant is made by; none takes long, however large its numbers are."""
MADE_OF = "a constant is made of numbers and names of constants, by + - * // % << >> & | ^ ~"


class NoConstant(Exception):
    """An expression is no constant."""


def value_of(expression: ast.expr, known: Mapping[str, Any]) -> Any:
    """Return the value of a constant, where names have some values.  Raises: NoConstant."""
    match expression:
        case ast.Constant(value=value):
            return value
        case ast.Name(id=name):
            return _value_of_name(name, known)
        case ast.BinOp(left, op, right):
            return _computed(op, value_of(left, known), value_of(right, known))
        case ast.UnaryOp(op, operand):
            return _computed(op, value_of(operand, known))
    raise NoConstant(MADE_OF)


def _value_of_name(name: str, known: Mapping[str, Any]) -> Any:
    if name not in known:
        raise NoConstant(f"{name} is no constant that is imported or defined before this line")
    if not isinstance(known[name], (int, str, bytes, type(None))):
        raise NoConstant(f"{name} is no number and no text")
    return known[name]


def _computed(op: ast.AST, *values: Any) -> int:
    if type(op) not in OPERATORS or not all(isinstance(each, int) for each in values):
        raise NoConstant(MADE_OF)
    try:
        found = OPERATORS[type(op)](*values)
    except (ZeroDivisionError, ValueError) as error:  # a division by 0, a shift by less
        raise NoConstant(str(error)) from None
    if not LEAST <= found <= MOST:
        raise NoConstant("a number on the way to this constant needs more than 64 bits")
    return found
