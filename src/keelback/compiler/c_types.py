"""C types, decided once: what each integer is computed, passed and stored as, and where it is converted.

After this pass an integer's type is that of C, each operation has operands of its own type, and what converts one to
another is a `Cast`; operators are C's.  What nobody reads is gone: locals, and statements that only give them a value.

1. An operation is computed in the smallest type of 32 bits or more that holds its operands and its result.
2. What is smaller than an `i32` becomes one by itself, as C has it.
3. A negative number is shifted left as its bits; a division that may meet one rounds down, by a function.
"""

from collections.abc import Callable, Iterable, Mapping
from dataclasses import replace
from typing import Any

from keelback.compiler import ir
from keelback.compiler.intervals import Interval, interval_of
from keelback.compiler.types import (
    BOOLEAN,
    I32,
    I64,
    I128,
    U32,
    U64,
    U128,
    ArrayPointer,
    Boolean,
    Integer,
    Pointer,
    Type,
    promoted,
    smallest,
)
from keelback.compiler.walk import expressions_in, rebuilt, statements_in, with_blocks
from keelback.lang.integers import INTEGER_TYPES, IntegerType
from keelback.lang.layout import IntegerKind

UNSIGNED = {32: U32, 64: U64, 128: U128}
C_OPERATORS = {"//": "/", "and": "&&", "or": "||"}


def decide_types(functions: Mapping[str, ir.Function], word_bits: int) -> dict[str, ir.Function]:
    """Return a program's functions with C types; how each returns a value or an error is decided too."""
    heads = {name: _head(function, word_bits) for name, function in functions.items()}
    for name, head in heads.items():
        decision = _Decision(functions[name], heads, word_bits)
        head.body = decision.body(head.body)
        head.locals = {each: decision.types[each] for each in head.locals if each in decision.used}
    return heads


def _head(function: ir.Function, word_bits: int) -> ir.Function:
    exact = function.native is not None
    parameters = {
        name: _declared(type) if exact else c_type(type, word_bits) for name, type in function.parameters.items()
    }
    result = c_type(function.key.result, word_bits)
    key = replace(function.key, result=result)
    packed = _packed(result, word_bits) if function.raises else 0
    return replace(function, key=key, parameters=parameters, packed=packed)


def _packed(result: Type, word_bits: int) -> int:
    """Return how many bits hold a result below an error, as far as two registers have them; 0 where none do."""
    bits = {Boolean: 32, Pointer: word_bits}.get(type(result), 0)
    bits = result.bits if isinstance(result, IntegerType) else bits
    return 2 * bits if bits in (32, word_bits) else 0


def c_type(type: Type, word_bits: int) -> Type:
    """Return what a value is in C."""
    return smallest(type.interval, 2 * word_bits) if isinstance(type, Integer) else type


def _declared(type: Type) -> Type:
    """Return the declared type that has just the values of a parameter, which a native body may rely on."""
    if not isinstance(type, Integer):
        return type
    return next(each for each in INTEGER_TYPES.values() if each.bits and interval_of(each) == type.interval)


class _Decision:
    """Decides for one function."""

    def __init__(self, function: ir.Function, functions: Mapping[str, ir.Function], word_bits: int) -> None:
        self.functions = functions
        self.key = functions[function.key.name].key
        self.word = INTEGER_TYPES["word"].resolved(word_bits)
        self.types = {name: c_type(type, word_bits) for name, type in (function.locals | function.parameters).items()}
        self.used = _needed(function.body) | self.results_by_pointer(function.body)

    def c(self, *intervals: Interval) -> IntegerType:
        """Return the C type of what lies between some bounds, of at most two words."""
        together = intervals[0]
        for each in intervals[1:]:
            together = together.join(each)
        return smallest(together, 2 * self.word.bits)

    def results_by_pointer(self, body: Iterable[ir.Statement]) -> set[str]:
        """Return the locals that a callee stores its result in."""
        calls = (each for each in statements_in(body) if isinstance(each, ir.Call) and each.result)
        callees = ((str(each.result), self.functions[each.function.name]) for each in calls)
        return {result for result, callee in callees if callee.raises and not callee.packed}

    # Statements.

    def body(self, body: Iterable[ir.Statement]) -> tuple[ir.Statement, ...]:
        """Decide for statements."""
        return tuple(self.statement(each) for each in body if not self.is_idle(each))

    def is_idle(self, node: ir.Statement) -> bool:
        """Say whether a statement does nothing but give a value to what nobody reads, or to itself."""
        if not isinstance(node, ir.SetLocal):
            return False
        return node.name not in self.used or (isinstance(node.value, ir.Local) and node.value.name == node.name)

    def statement(self, node: ir.Statement) -> ir.Statement:
        """Decide for a statement: what it stores or passes is converted to what is wanted there."""
        match node:
            case ir.SetLocal():
                return ir.SetLocal(node.place, node.name, self.converted(node.value, self.types[node.name]))
            case ir.StoreField(field=field) if isinstance(field.kind, IntegerKind):
                value = self.stored(node.value, field.kind.type)
                return replace(node, base=self.value(node.base), value=value)
            case ir.StoreElement(base=array) | ir.FillElements(target=array):
                assert isinstance(array.type, ArrayPointer) and isinstance(array.type.element, IntegerType)
                value = self.stored(node.value, array.type.element)
                return replace(rebuilt(node, self.value), value=value)  # type: ignore[call-arg]
            case ir.Call():
                callee, result = self.functions[node.function.name], node.result if node.result in self.used else None
                passed = tuple(map(self.converted, node.arguments, map(promoted, callee.parameters.values())))
                return ir.Call(node.place, callee.key, passed, result, node.error)
            case ir.WriteNumber():
                return self.written(node)
            case ir.Return(value=ir.Expression() as value):
                return replace(node, value=self.converted(value, self.key.result))
        return with_blocks(rebuilt(node, self.value), self.body)

    def written(self, node: ir.WriteNumber) -> ir.Statement:
        """Return how a number is written: whether it is negative, and how much it is."""
        assert isinstance(node.value.type, Integer)
        magnitude = self.converted(node.value, U64)
        negative: ir.Expression = ir.Constant(BOOLEAN, False)
        if isinstance(node.value, ir.Constant):
            number = int(node.value.value or 0)
            magnitude, negative = ir.Constant(U64, abs(number)), ir.Constant(BOOLEAN, number < 0)
        elif node.value.type.interval.low < 0:
            value = self.value(node.value)
            negative = ir.Binary(BOOLEAN, "<", value, ir.Constant(value.type, 0))
            magnitude = ir.Choice(U64, negative, ir.Unary(U64, "-", magnitude), magnitude)
        return ir.WriteDigits(node.place, node.put, magnitude, negative, node.base, node.prefix, node.width)

    # Conversions.

    def converted(self, node: ir.Expression, wanted: Type) -> ir.Expression:
        """Return an expression as a value of a C type."""
        if not isinstance(wanted, IntegerType):
            return self.value(node)
        if isinstance(node, ir.Constant) and isinstance(node.value, int):
            return ir.Constant(wanted, _wrapped(node.value, wanted))
        value = self.value(node)
        return value if promoted(value.type) == wanted else ir.Cast(wanted, value)

    def stored(self, node: ir.Expression, wanted: IntegerType) -> ir.Expression:
        """Return an expression for a store into a place of a C type, which may be smaller than what is computed."""
        if not isinstance(node.type, Integer):
            return self.value(node)
        value = self.value(node)
        return (
            value
            if value.type == wanted
            else self.converted(node, wanted)
            if isinstance(node, ir.Constant)
            else ir.Cast(wanted, value)
        )

    # Expressions.

    def value(self, node: ir.Expression) -> ir.Expression:
        """Return an expression in the C type that it has by itself."""
        method: Callable[[Any], ir.Expression] | None = getattr(self, "value_" + type(node).__name__, None)
        return method(node) if method else rebuilt(node, self.value)

    def value_Constant(self, node: ir.Constant) -> ir.Expression:
        return replace(node, type=self.c(node.type.interval)) if isinstance(node.type, Integer) else node

    def value_Local(self, node: ir.Local) -> ir.Expression:
        return ir.Local(self.types[node.name], node.name) if isinstance(node.type, Integer) else node

    def value_FieldValue(self, node: ir.FieldValue) -> ir.Expression:
        kind = node.field.kind
        type = kind.type if isinstance(node.type, Integer) and isinstance(kind, IntegerKind) else node.type
        return ir.FieldValue(type, self.value(node.base), node.field)

    def value_ElementValue(self, node: ir.ElementValue) -> ir.Expression:
        assert isinstance(node.base.type, ArrayPointer) and isinstance(node.base.type.element, IntegerType)
        return ir.ElementValue(node.base.type.element, self.value(node.base), self.value(node.index))

    def value_AddressOf(self, node: ir.AddressOf) -> ir.Expression:
        return ir.AddressOf(self.word, self.value(node.base))

    def value_StructAt(self, node: ir.StructAt) -> ir.Expression:
        address = self.value(node.address)
        whole = isinstance(address.type, IntegerType) and address.type.bits >= self.word.bits
        return replace(node, address=address if whole else self.converted(node.address, self.word))

    def value_ConstantElement(self, node: ir.ConstantElement) -> ir.Expression:
        type = self.c(node.type.interval) if isinstance(node.type, Integer) else node.type
        return ir.ConstantElement(type, node.values, self.value(node.index))

    def value_Choice(self, node: ir.Choice) -> ir.Expression:
        type = self.c(node.type.interval) if isinstance(node.type, Integer) else node.type
        left, right = self.converted(node.left, type), self.converted(node.right, type)
        return ir.Choice(type, self.value(node.condition), left, right)

    def value_Unary(self, node: ir.Unary) -> ir.Expression:
        if not isinstance(node.type, Integer) or not isinstance(node.operand.type, Integer):
            return ir.Unary(node.type, "!", self.value(node.operand))
        c = self.c(node.type.interval, node.operand.type.interval)
        return ir.Unary(c, node.operator, self.converted(node.operand, c))

    def value_Binary(self, node: ir.Binary) -> ir.Expression:
        sign, left, right = C_OPERATORS.get(node.operator, node.operator), node.left.type, node.right.type
        if not isinstance(left, Integer) or not isinstance(right, Integer):
            return ir.Binary(node.type, sign, self.value(node.left), self.value(node.right))
        if sign in ("<<", ">>"):
            return self.shift(node, left.interval, right.interval)
        both = left.interval.join(right.interval)
        c = self.c(both.join(node.type.interval) if isinstance(node.type, Integer) else both)
        if sign in ("/", "%") and both.low < 0:
            c = I64 if both.join(node.type.interval).fits(64) else I128  # type: ignore[union-attr]
            sign = ("floor_div" if sign == "/" else "floor_mod") + ("_wide" if c is I128 else "")
        type = c if isinstance(node.type, Integer) else node.type
        return ir.Binary(type, sign, self.converted(node.left, c), self.converted(node.right, c))

    def shift(self, node: ir.Binary, left: Interval, right: Interval) -> ir.Expression:
        assert isinstance(node.type, Integer)
        c = self.c(left, node.type.interval)
        if right.high > 31 and c.bits == 32:
            c = I64 if c.signed else U64
        value, count = self.converted(node.left, c), self.converted(node.right, I32)
        if node.operator == "<<" and left.low < 0:
            bits = UNSIGNED[c.bits]
            return ir.Cast(c, ir.Binary(bits, "<<", ir.Cast(bits, value), count))
        return ir.Binary(c, node.operator, value, count)


def _wrapped(value: int, c: IntegerType) -> int:
    """Return the low bits of a number in a C type; what does not fit is never used, or only these are."""
    value &= (1 << c.bits) - 1
    return value - (1 << c.bits) if value > c.maximum else value


def _needed(body: Iterable[ir.Statement]) -> set[str]:
    """Return the locals that are read for something else than locals that are not needed themselves."""
    reads = [
        (
            each.name if isinstance(each, ir.SetLocal) else None,
            {name.name for name in expressions_in(each) if isinstance(name, ir.Local)},
        )
        for each in statements_in(body)
    ]
    needed, more = set[str](), True
    while more:
        found = {name for target, names in reads if target is None or target in needed for name in names}
        more, needed = found != needed, found
    return needed
