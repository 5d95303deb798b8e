"""Arrays and tables: how long they are, and whether an index or a range lies in one."""

import ast
from dataclasses import dataclass
from typing import Any

from keelback.compiler import ir
from keelback.compiler.evaluate.evaluator import Evaluator
from keelback.compiler.evaluate.fields import Fields
from keelback.compiler.evaluate.values import bounds, narrowed
from keelback.compiler.intervals import Interval
from keelback.compiler.program import Static, Value
from keelback.compiler.types import BOOLEAN, TEXT, ArrayPointer, Integer, element_of
from keelback.lang.array import Array
from keelback.lang.integers import INTEGER_TYPES
from keelback.lang.layout import layout_of
from keelback.lang.table import Table


@dataclass
class Arrays(Evaluator):
    """Finds arrays, and checks what leaves them."""

    fields: Fields

    def array(self, base: Value, node: ast.AST) -> tuple[ir.Expression, ir.Expression]:
        """Return an array, and how many elements it has."""
        if isinstance(base, Static) and isinstance(base.value, Table):
            return self.table_elements(base.value, node)
        array = self.values.tree(base, node)
        if not isinstance(array.type, ArrayPointer):
            raise self.scope.refuse(node, "types", "only arrays, tables and static tuples have elements")
        return array, ir.number(array.type.count)

    def table_elements(self, table: Table[Any], node: ast.AST) -> tuple[ir.Expression, ir.Expression]:
        """Return the array that a table's record points to, and its count."""
        record = self.values.tree(Static(table.record), node)
        element = element_of(table._element)
        base, count = (self.fields.member(record, name, node) for name in ("base", "count"))
        assert isinstance(base, ir.Expression) and isinstance(count, ir.Expression)
        return ir.StructAt(ArrayPointer(element, 0), base), count

    def size_of(self, element: Any) -> int:
        """Return the size of an array's element in bytes."""
        return layout_of(element, self.scope.program.word_bits).size if isinstance(element, type) else int(element.size)

    def same(self, array: Value, other: Value, node: ast.AST) -> Value:
        """Say whether an array of integers is the same as another, or holds a text constant."""
        if any(isinstance(each, Static) and isinstance(each.value, Table) for each in (array, other)):
            raise self.scope.refuse(node, "types", "no table is compared")
        left = self.values.tree(array, node)
        assert isinstance(left.type, ArrayPointer)
        element, count = left.type.element, left.type.count
        if isinstance(other, Static) and type(other.value) is str and element == INTEGER_TYPES["u8"]:
            self.values.refuse_text(other.value, node)
            text = ir.TextConstant(TEXT, other.value.ljust(count, "\0"))
            return ir.SameBytes(BOOLEAN, left, text, count) if len(other.value) <= count else Static(False)
        right = self.values.tree(other, node)
        if isinstance(element, type) or not isinstance(right.type, ArrayPointer) or right.type.element != element:
            message = f"an array of integers can't be compared: {left.type} and {right.type}"
            raise self.scope.refuse(node, "types", message)
        if right.type.count != count:
            return Static(False)
        return ir.SameBytes(BOOLEAN, left, right, count * element.size)

    def element(self, base: Value, index: Value, node: ast.AST) -> tuple[ir.Expression, ir.Expression]:
        """Return an array and an index that is checked to lie in it."""
        array, count = self.array(base, node)
        place = self.values.integer(index, node, "an index is an integer")
        return array, self.plausible(self.below(place, count, "an index is out of range", node), array, count)

    def below(self, index: ir.Expression, count: ir.Expression, message: str, node: ast.AST) -> ir.Expression:
        """Return an index that is checked to be at least 0 and below a count."""
        if bounds(index).low >= 0 and bounds(index).high < bounds(count).low:
            return index
        self.values.bounded(index, node)
        kept = self.values.at_least(self.values.kept(index, node), 0, message, node)
        self.out.check(ir.Binary(BOOLEAN, "<", kept, count), message, node)
        return narrowed(kept, 0, max(bounds(count).high - 1, 0))

    def plausible(self, index: ir.Expression, array: ir.Expression, count: ir.Expression) -> ir.Expression:
        """Return a checked index; 0 for a constant whose check always fails, which a C compiler would refuse."""
        assert isinstance(array.type, ArrayPointer)
        limit = min(bounds(count).high, (1 << self.scope.program.word_bits) // self.size_of(array.type.element))
        if isinstance(index, ir.Constant) and not 0 <= int(index.value or 0) < limit:
            return ir.number(0)
        return index

    def range(
        self, array: ir.Expression, start: Value, number: Value, count: ir.Expression, node: ast.AST
    ) -> tuple[ir.Expression, ir.Expression]:
        """Return the start and length of a range that is checked to lie in an array."""
        message, told = "a range leaves its array", "a range of an array is told by integers"
        kept = [self.values.integer(self.out.frozen(each), node, told) for each in (start, number)]
        for each in kept:
            self.values.bounded(each, node)
        first, length = (self.values.at_least(each, 0, message, node) for each in kept)
        end = ir.Binary(Integer(Interval(0, bounds(first).high + bounds(length).high)), "+", first, length)
        if bounds(end).high > bounds(count).low:
            self.values.bounded(end, node)
            self.out.check(ir.Binary(BOOLEAN, "<=", end, count), message, node)
        first, length = (narrowed(each, 0, bounds(count).high) for each in (first, length))
        return self.plausible(first, array, count), length


def is_array(value: Value) -> bool:
    """Say whether a value is an array, or a table."""
    if isinstance(value, Static):
        return isinstance(value.value, (Array, Table))
    return isinstance(value.type, ArrayPointer)
