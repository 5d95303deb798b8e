"""What each expression is made of, and which values its type may say that it has."""

from collections.abc import Mapping

from keelback.compiler import intervals, ir
from keelback.compiler.intervals import Interval
from keelback.compiler.types import (
    BOOLEAN,
    TEXT,
    ArrayPointer,
    Integer,
    NoneType,
    Pointer,
    Type,
    held_by,
    integer,
    join,
    promoted,
)
from keelback.lang.integers import INTEGER_TYPES, IntegerType
from keelback.lang.layout import ArrayKind, Field, Kind, StructKind, layout_of

COMPARISONS = ("==", "!=", "<", "<=", ">", ">=")
U8 = INTEGER_TYPES["u8"]
SHOWN = 300
"""How much of a statement an error shows."""


class TreeError(Exception):
    """The compiler made a tree that breaks its own rules."""

    def __init__(self, function: ir.Function, statement: ir.Statement, rule: str) -> None:
        file, line = statement.place
        super().__init__(f"{function.key.name}: {rule} {str(statement)[:SHOWN]} ({file}:{line})")


def fits(found: Type, wanted: Type) -> bool:
    """Say whether a value of one type can be stored where another is wanted."""
    if isinstance(found, Integer) and isinstance(wanted, Integer):
        return found.interval in wanted.interval
    if isinstance(found, Pointer) and isinstance(wanted, Pointer):
        return found.struct in (wanted.struct, NoneType) and (wanted.optional or not found.optional)
    return wanted in (found, promoted(found))


def reads(found: Type, stored: Type) -> bool:
    """Say whether what is stored as one type may be read as another: a check may have told more of it."""
    if isinstance(found, Pointer) and isinstance(stored, Pointer):
        return stored.struct in (found.struct, NoneType)
    return fits(found, stored)


def within(value: ir.Expression, low: int, high: int) -> bool:
    """Say whether a value is an integer between two bounds; those of one that has a C type are not known."""
    if isinstance(value.type, Integer):
        return value.type.interval in Interval(low, high)
    return isinstance(value.type, IntegerType)


def is_text(value: object) -> bool:
    """Say whether a value is text that every sink takes."""
    return isinstance(value, str) and value.isascii()


class Expressions:
    """The rules of expressions."""

    def __init__(self, locals: Mapping[str, Type], word_bits: int) -> None:
        self.locals = locals
        self.word_bits = word_bits
        self.highest = (1 << word_bits) - 1

    def held(self, kind: Kind) -> Type:
        """Return the type of what a field holds."""
        return held_by(kind)

    def integer(self, type: IntegerType) -> Type:
        """Return the type of an integer in an array."""
        return integer(type)

    # Values.

    def Constant(self, node: ir.Constant) -> bool:
        """A constant is a value of its type."""
        if isinstance(node.type, Integer):
            return type(node.value) is int and Interval(node.value, node.value) in node.type.interval
        if isinstance(node.type, (Pointer, ArrayPointer)):
            return node.value is None
        return node.type == BOOLEAN and type(node.value) is bool

    def TextConstant(self, node: ir.TextConstant) -> bool:
        """A text is ASCII."""
        return node.type == TEXT and is_text(node.value)

    def Local(self, node: ir.Local) -> bool:
        """A local is declared, and read as what it holds."""
        return node.name in self.locals and reads(node.type, self.locals[node.name])

    def ConstantElement(self, node: ir.ConstantElement) -> bool:
        """An element is picked from a constant tuple of integers or texts, by an index in it."""
        if not node.values or not within(node.index, 0, len(node.values) - 1):
            return False
        if node.type == TEXT:
            return all(map(is_text, node.values))
        low, high = (node.type.interval.low, node.type.interval.high) if isinstance(node.type, Integer) else (0, -1)
        return all(type(each) is int and low <= each <= high for each in node.values)

    def ErrorText(self, node: ir.ErrorText) -> bool:
        """A sentence is that of an error's number."""
        return node.type == TEXT and within(node.number, -255, -1)

    # Places.

    def StaticPlace(self, node: ir.StaticPlace) -> bool:
        """A static place is a struct or an array at an address."""
        return isinstance(node.type, (Pointer, ArrayPointer)) and 0 < node.address <= self.highest

    def FieldValue(self, node: ir.FieldValue) -> bool:
        """A field is one of the struct's, and has the type of what it holds."""
        inside = isinstance(node.field.kind, (StructKind, ArrayKind))
        return self.has(node.base, node.field) and not inside and reads(node.type, self.held(node.field.kind))

    def FieldPlace(self, node: ir.FieldPlace) -> bool:
        """What lies inside a struct is a struct or an array among its fields."""
        inside = isinstance(node.field.kind, (StructKind, ArrayKind))
        return self.has(node.base, node.field) and inside and reads(node.type, self.held(node.field.kind))

    def ElementValue(self, node: ir.ElementValue) -> bool:
        """An integer element lies in an array of such, at an index in it."""
        element = self.element(node.base, node.index)
        return isinstance(element, IntegerType) and reads(node.type, self.integer(element))

    def ElementPlace(self, node: ir.ElementPlace) -> bool:
        """A struct element lies in an array of such, at an index in it."""
        element = self.element(node.base, node.index)
        return isinstance(element, type) and reads(node.type, Pointer(element))

    def AddressOf(self, node: ir.AddressOf) -> bool:
        """An address is that of a struct, and a word."""
        return isinstance(node.base.type, Pointer) and self.is_word(node)

    def StructAt(self, node: ir.StructAt) -> bool:
        """A struct or an array lies at an address that is a word."""
        is_struct = isinstance(node.type, Pointer) and node.type.struct is not NoneType
        return (is_struct or isinstance(node.type, ArrayPointer)) and self.is_word(node.address)

    def is_word(self, node: ir.Expression) -> bool:
        """Say whether a value fits a word."""
        return within(node, 0, self.highest)

    def has(self, base: ir.Expression, field: Field) -> bool:
        """Say whether a value is a struct that has a field."""
        struct = base.type.struct if isinstance(base.type, Pointer) else NoneType
        return struct is not NoneType and any(each is field for each in layout_of(struct, self.word_bits).fields)

    def element(self, base: ir.Expression, index: ir.Expression, past: int = 1) -> IntegerType | type | None:
        """Return what an array has at an index, or from it on; None for no array, or an index that is not in it."""
        if not isinstance(base.type, ArrayPointer):
            return None
        return base.type.element if within(index, 0, (base.type.count or self.highest) - past) else None

    # Operators.

    def Unary(self, node: ir.Unary) -> bool:
        """`-` and `~` take an integer and bound what becomes of it, `not` takes a bool."""
        if node.operator == "not":
            return node.type == node.operand.type == BOOLEAN
        operand, bound = node.operand.type, intervals.UNARY.get(node.operator)
        return isinstance(operand, Integer) and bound is not None and covers(node.type, bound(operand.interval))

    def Binary(self, node: ir.Binary) -> bool:
        """An operator takes two values of a kind that it is for, and bounds what becomes of them."""
        sign, left, right = node.operator, node.left.type, node.right.type
        if sign in ("and", "or"):
            return node.type == left == right == BOOLEAN
        if sign in COMPARISONS:
            return node.type == BOOLEAN and self.comparable(sign, left, right)
        if not isinstance(left, Integer) or not isinstance(right, Integer) or sign not in intervals.BINARY:
            return False
        bound = intervals.BINARY[sign](left.interval, right.interval)
        if sign in ("//", "%"):
            sane = 0 not in (right.interval.low, right.interval.high) and self.is_computed(left, right, Integer(bound))
        elif sign in ("<<", ">>"):
            sane = within(node.right, 0, 63) and (sign == "<<" or self.is_computed(left))
        else:
            sane = True
        return sane and covers(node.type, bound)

    def is_computed(self, *types: Integer) -> bool:
        """Say whether one C type holds all values of some types."""
        low, high = min(each.interval.low for each in types), max(each.interval.high for each in types)
        return Interval(low, high).fits(2 * self.word_bits)

    def comparable(self, sign: str, left: Type, right: Type) -> bool:
        """Say whether two types can be compared: integers that one C type holds, bools, structs by their place."""
        if isinstance(left, Integer) and isinstance(right, Integer):
            return self.is_computed(left, right)
        if isinstance(left, Pointer):
            return sign in ("==", "!=") and join(left, right) is not None
        return left == right == BOOLEAN

    def SameBytes(self, node: ir.SameBytes) -> bool:
        """An array of integers is compared, all of it, with another of its kind or with a text."""
        left = node.left.type
        if not isinstance(left, ArrayPointer) or not isinstance(left.element, IntegerType):
            return False
        same = (
            left.element == U8 and len(node.right.value) == left.count
            if isinstance(node.right, ir.TextConstant)
            else node.right.type == left
        )
        return node.type == BOOLEAN and same and node.size == left.count * left.element.size

    def Choice(self, node: ir.Choice) -> bool:
        """A choice asks a bool, and its type holds both values."""
        return node.condition.type == BOOLEAN and all(
            map(self.is_chosen, (node.type, node.type), (node.left, node.right))
        )

    def is_chosen(self, type: Type, value: ir.Expression) -> bool:
        """Say whether a type holds a value, or what a check for negative ones has left of it."""
        return covers(type, value.type.interval) if isinstance(value.type, Integer) else fits(value.type, type)


def covers(type: Type, bounds: Interval) -> bool:
    """Say whether a type has all values between some bounds, or those that a check for negative ones has left."""
    if not isinstance(type, Integer):
        return False
    checked = type.interval.low == 0 <= bounds.high <= type.interval.high
    return bounds in type.interval or checked
