"""Values: static or trees; fitted to a type, bounded, kept."""

import ast
from dataclasses import dataclass, replace
from enum import Enum

from keelback.compiler import ir
from keelback.compiler.evaluate.emitter import Emitter
from keelback.compiler.evaluate.known import Known
from keelback.compiler.evaluate.scope import Scope
from keelback.compiler.intervals import Interval
from keelback.compiler.program import Value
from keelback.compiler.statics import is_plain, is_plain_enum
from keelback.compiler.types import BOOLEAN, NONE, TEXT, ArrayPointer, Integer, NoneType, Pointer, Type, exactly
from keelback.lang.array import IntegerArray
from keelback.lang.struct import Struct, StructArray


@dataclass
class Values:
    """Turns values into trees, and into what a type holds."""

    scope: Scope
    known: Known
    out: Emitter

    def tree(self, value: Value, node: ast.AST) -> ir.Expression:
        """Return a value as a tree."""
        if isinstance(value, ir.Expression):
            return value
        static = value.value
        if isinstance(static, bool):
            return ir.Constant(BOOLEAN, static)
        if isinstance(static, Enum) and isinstance(static, int) and is_plain(static):
            return ir.Constant(Integer(Interval(int(static), int(static)), type(static)), int(static))
        if type(static) is int:
            return ir.number(static)
        if static is None:
            return ir.Constant(NONE, None)
        if type(static) is str:
            self.refuse_text(static, node)
            return ir.TextConstant(TEXT, static)
        if isinstance(static, Struct):
            return ir.StaticPlace(Pointer(type(static).__mro__[1]), static._address)
        if isinstance(static, IntegerArray):
            return ir.StaticPlace(ArrayPointer(static._type, len(static)), static._address)
        if isinstance(static, StructArray):
            return ir.StaticPlace(ArrayPointer(static._struct, len(static)), static._address)
        raise self.scope.refuse(node, "values", f"a {type(static).__name__} is no value at run time")

    def kept(self, value: Value, node: ast.AST) -> ir.Expression:
        """Return a tree that later statements can't change."""
        return self.tree(self.out.frozen(value), node)

    def plain(self, value: ir.Expression, node: ast.AST) -> None:
        """Refuse a member of an enum that has operators of its own."""
        if isinstance(value.type, Integer) and value.type.enum is not None and not is_plain_enum(value.type.enum):
            message = f"{value.type.enum.__name__} is no IntEnum with the operators of one"
            raise self.scope.refuse(node, "types", message)

    def refuse_text(self, text: str, node: ast.AST) -> None:
        """Refuse text that no sink and no array takes."""
        if not text.isascii():
            wrong = next(each for each in text if not each.isascii())
            raise self.scope.refuse(node, "text", f"text is ASCII: {wrong!r}")

    def followed(self, pointer: ir.Expression, node: ast.AST) -> ir.Expression:
        """Return a struct that is checked not to be None."""
        assert isinstance(pointer.type, Pointer)
        if pointer.type.struct is NoneType:
            raise self.scope.refuse(node, "references", "None has no attributes")
        if not self.known.here.is_present(pointer):
            self.out.check(ir.Binary(BOOLEAN, "!=", pointer, ir.Constant(NONE, None)), "None is followed", node)
        return pointer

    def integer(self, value: Value, node: ast.AST, message: str) -> ir.Expression:
        """Return an integer as a tree; refuse what is none."""
        expression = self.tree(value, node)
        if not isinstance(expression.type, Integer):
            raise self.scope.refuse(node, "types", message)
        return expression

    def fitted(self, value: Value, wanted: Type, what: str, node: ast.AST) -> ir.Expression:
        """Return a value that a place of the wanted type can store, checked where that is not certain."""
        expression = self.tree(value, node)
        found = expression.type
        if isinstance(wanted, Integer) and isinstance(found, Integer) and wanted.enum in (None, found.enum):
            return self.within(expression, wanted, what, node)
        if isinstance(wanted, Pointer) and isinstance(found, Pointer):
            present = wanted.optional or self.known.here.is_present(expression)
            if found.struct in (wanted.struct, NoneType) and present:
                return replace(expression, type=Pointer(wanted.struct, wanted.optional))
        elif found == wanted:
            return expression
        raise self.scope.refuse(node, "types", f"{what} takes {wanted}, not {found}")

    def within(self, value: ir.Expression, wanted: Integer, what: str, node: ast.AST) -> ir.Expression:
        """Return an integer that lies within bounds, checked where that is not certain."""
        assert isinstance(value.type, Integer)
        interval = value.type.interval
        if interval in wanted.interval:
            return value
        self.bounded(value, node)
        if interval.high < wanted.interval.low or interval.low > wanted.interval.high:
            self.out.check(ir.Constant(BOOLEAN, False), f"does not fit {what}", node)
            return ir.Constant(wanted, wanted.interval.low)
        kept = self.kept(value, node)
        message = f"does not fit {what}"
        kept = self.at_least(kept, wanted.interval.low, message, node)
        if interval.high > wanted.interval.high:
            self.out.check(ir.Binary(BOOLEAN, "<=", kept, ir.number(wanted.interval.high)), message, node)
        return narrowed(kept, wanted.interval.low, wanted.interval.high)

    def at_least(self, value: ir.Expression, low: int, message: str, node: ast.AST) -> ir.Expression:
        """Return an integer that is checked not to be below a bound, where that is not certain."""
        if bounds(value).low < low:
            self.out.check(ir.Binary(BOOLEAN, ">=", value, ir.number(low)), message, node)
        return narrowed(value, low, max(bounds(value).high, low))

    def bounded(self, value: ir.Expression, node: ast.AST, bits: int = 0) -> None:
        """Refuse an integer that no type of so many bits holds, or of two words."""
        bits = bits or self.scope.program.widest
        if isinstance(value.type, Integer) and not value.type.interval.fits(bits):
            bounds = f"{value.type.interval.low} … {value.type.interval.high}"
            message = f"can't bound this to {bits} bits ({bounds}); annotate it"
            raise self.scope.refuse(node, "bounded integers", message)


def narrowed(value: ir.Expression, low: int, high: int) -> ir.Expression:
    """Return an integer that was checked to lie between two bounds; one of them if it can't.

    It is read from somewhere or calculated: a choice, or an element of a static tuple, is kept first.
    """
    assert isinstance(value.type, Integer)
    least, most = max(value.type.interval.low, low), min(value.type.interval.high, high)
    if least > most:
        return ir.Constant(exactly(low if least == low else high), low if least == low else high)
    return replace(value, type=Integer(Interval(least, most), value.type.enum))


def bounds(value: ir.Expression) -> Interval:
    """Return the bounds of an integer."""
    assert isinstance(value.type, Integer)
    return value.type.interval


def not_negative(value: ir.Expression) -> ir.Expression:
    """Return an integer that was checked to be at least 0."""
    assert isinstance(value.type, Integer)
    return narrowed(value, 0, max(value.type.interval.high, 0))
