"""Named bits of an integer field: masks and shifts."""

import ast
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from keelback.compiler import ir
from keelback.compiler.evaluate.arithmetic import Arithmetic
from keelback.compiler.evaluate.evaluator import Evaluator
from keelback.compiler.evaluate.values import bounds
from keelback.compiler.intervals import Interval
from keelback.compiler.program import Static, Value
from keelback.compiler.types import BOOLEAN, Integer, NoneType, Pointer, integer
from keelback.lang.layout import Bits, layout_of
from keelback.lang.struct import Struct

WHOLE_OF = vars(Struct)["of"].__func__
"""The function of `Struct.of`."""


@dataclass
class NamedBits(Evaluator):
    """Reads named bits, and builds integers of them."""

    arithmetic: Arithmetic

    def named_bits(self, pointer: Pointer, name: str) -> Bits | None:
        """Return the bits of a struct that have a name, or None."""
        if pointer.struct is NoneType:
            return None
        return layout_of(pointer.struct, self.scope.program.word_bits).bits_of(name)

    def bits_in(self, whole: ir.Expression, bits: Bits) -> ir.Expression:
        """Return some bits of an integer."""
        if bits.flag:
            masked = ir.Binary(Integer(Interval(0, bits.mask)), "&", whole, ir.number(bits.mask))
            return ir.Binary(BOOLEAN, "!=", masked, ir.number(0))
        value = whole
        if bits.low:
            value = ir.Binary(Integer(Interval(0, bounds(whole).high >> bits.low)), ">>", whole, ir.number(bits.low))
        if bounds(value).high > bits.most:
            value = ir.Binary(Integer(Interval(0, bits.most)), "&", value, ir.number(bits.most))
        return value

    def part(self, bits: Bits, struct: type, value: Value, node: ast.AST) -> Value:
        """Return the number that some bits get by a value, which fits."""
        wanted = BOOLEAN if bits.flag else Integer(Interval(0, bits.most))
        fitted = self.values.fitted(value, wanted, f"{struct.__name__}.{bits.name}", node)
        if isinstance(fitted, ir.Constant):
            return Static(int(fitted.value or 0))
        if bits.flag:
            return ir.Choice(Integer(Interval(0, 1)), fitted, ir.number(1), ir.number(0))
        return fitted

    def with_bits(self, whole: Value, parts: Sequence[tuple[Bits, Value]]) -> Value:
        """Return an integer with numbers in place of some of its bits."""
        mask = sum(bits.mask for bits, _ in parts)
        fixed = sum(part.value << bits.low for bits, part in parts if isinstance(part, Static))
        at, others = self.scope.frame.at, (1 << 8 * parts[0][0].field.kind.size) - 1 & ~mask
        found = self.arithmetic.binary(ast.BitAnd(), whole, Static(others), at)
        placed = [(bits.low, part) for bits, part in parts if not isinstance(part, Static)]
        found = found if fixed == 0 else self.combined_bits(found, Static(fixed))
        for low, part in placed:
            shifted = self.arithmetic.binary(ast.LShift(), part, Static(low), at) if low else part
            found = self.combined_bits(found, shifted)
        return found

    def combined_bits(self, left: Value, right: Value) -> Value:
        """Return what two integers without a common bit are together."""
        return right if left == Static(0) else self.arithmetic.binary(ast.BitOr(), left, right, self.scope.frame.at)

    def whole_of(self, struct: Any, node: ast.Call) -> Value:
        """Struct.of(whole, name=part, …): the integer of a struct that is one with named bits."""
        layout = layout_of(struct, self.scope.program.word_bits)
        try:
            type = integer(layout.whole())
        except TypeError as error:
            raise self.scope.refuse(node, "structs", str(error)) from None
        if len(node.args) > 1 or any(isinstance(each, ast.Starred) for each in node.args):
            raise self.scope.refuse(node, "structs", "of takes the whole integer, if any, and bits by name")
        values = self.expressions.operands([*node.args, *(each.value for each in node.keywords)])
        whole, parts = (values[0], values[1:]) if node.args else (Static(0), values)
        if whole != Static(0):
            whole = self.values.fitted(whole, type, struct.__name__, node)
        given = []
        for keyword, part in zip(node.keywords, parts, strict=True):
            bits = layout.bits_of(keyword.arg or "")
            if bits is None:
                raise self.scope.refuse(keyword, "attributes", f"{struct.__name__} has no bits {keyword.arg}")
            given.append((bits, self.part(bits, struct, part, node)))
        return self.with_bits(whole, given) if given else whole
