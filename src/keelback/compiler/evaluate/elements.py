"""Elements of arrays, tables and static tuples; an index is checked."""

import ast
from typing import Any

from keelback.compiler import ir
from keelback.compiler.evaluate.places import Places
from keelback.compiler.evaluate.values import bounds, narrowed
from keelback.compiler.intervals import Interval
from keelback.compiler.program import Static, Value
from keelback.compiler.statics import is_tuple
from keelback.compiler.types import BOOLEAN, TEXT, ArrayPointer, Integer, Pointer, element_of, integer
from keelback.lang.array import Array
from keelback.lang.integers import INTEGER_TYPES
from keelback.lang.layout import layout_of
from keelback.lang.table import Table


class Elements(Places):
    """Evaluates indices, and stores in elements."""

    def value_Subscript(self, node: ast.Subscript) -> Value:
        """An element of an array, a table or a static tuple."""
        base, index = self.operands([node.value, node.slice])
        return self.item(base, index, node)

    def item(self, base: Value, index: Value, node: ast.AST) -> Value:
        """Return what an element is."""
        if isinstance(base, Static) and (is_tuple(base.value) or type(base.value) is str):
            return self.tuple_item(base.value, index, node)
        array, place = self.element(base, index, node)
        assert isinstance(array.type, ArrayPointer)
        element = array.type.element
        if isinstance(element, type):
            return ir.ElementPlace(Pointer(element), array, place)
        return ir.ElementValue(integer(element), array, place)

    def tuple_item(self, values: Any, index: Value, node: ast.AST) -> Value:
        """Return an element of a static tuple: static itself, or out of a constant table of integers or texts."""
        if isinstance(index, Static):
            return Static(self.static_item(values, index.value, node))
        if not values:
            raise self.refuse(node, "tuples", "an empty tuple has no element")
        place = self.picked(self.dynamic(index, node), len(values), node)
        if all(isinstance(each, str) for each in values):
            self.refuse_text("".join(values), node)
            return ir.ConstantElement(TEXT, tuple(values), place)
        if all(isinstance(each, int) and not isinstance(each, bool) for each in values):
            return ir.ConstantElement(Integer(Interval(min(values), max(values))), tuple(values), place)
        raise self.refuse(node, "tuples", "only integers, texts and methods are picked from a tuple at run time")

    def static_item(self, values: Any, index: Any, node: ast.AST) -> Any:
        """Return an element that is known."""
        try:
            return values[index]
        except (IndexError, TypeError):
            raise self.refuse(node, "tuples", f"no element {index}") from None

    def picked(self, index: ir.Expression, count: int, node: ast.AST) -> ir.Expression:
        """Return which element of a tuple an index means: a negative one counts from the end."""
        index = self.integer(index, node, "an index is an integer")
        if bounds(index).low >= 0:
            return self.below(index, self.number(count), "an index is out of range", node)
        self.bounded(index, node)
        kept = self.kept(index, node)
        first, last = self.number(-count), self.number(count - 1)
        inside = ir.Binary(BOOLEAN, "and", self.ordered(">=", kept, first, node), self.ordered("<=", kept, last, node))
        self.check(inside, "an index is out of range", node)
        whole = Integer(Interval(0, count - 1))
        from_end = ir.Binary(whole, "+", narrowed(kept, -count, -1), self.number(count))
        negative = ir.Binary(BOOLEAN, "<", narrowed(kept, -count, count - 1), self.number(0))
        return ir.Choice(whole, negative, from_end, narrowed(kept, 0, count - 1))

    def store_item(self, base: Value, index: Value, value: Value, node: ast.AST) -> None:
        """Store in an element."""
        array, place = self.element(base, index, node)
        assert isinstance(array.type, ArrayPointer)
        if isinstance(array.type.element, type):
            raise self.refuse(node, "structs", "a struct in an array is changed field by field")
        fitted = self.fitted(value, integer(array.type.element), "an element", node)
        self.emit(ir.StoreElement(self.place(node), array, place, fitted))

    def element(self, base: Value, index: Value, node: ast.AST) -> tuple[ir.Expression, ir.Expression]:
        """Return an array and an index that is checked to lie in it."""
        array, count = self.array(base, node)
        place = self.integer(index, node, "an index is an integer")
        return array, self.plausible(self.below(place, count, "an index is out of range", node), array, count)

    def below(self, index: ir.Expression, count: ir.Expression, message: str, node: ast.AST) -> ir.Expression:
        """Return an index that is checked to be at least 0 and below a count."""
        if bounds(index).low >= 0 and bounds(index).high < bounds(count).low:
            return index
        self.bounded(index, node)
        kept = self.at_least(self.kept(index, node), 0, message, node)
        self.check(ir.Binary(BOOLEAN, "<", kept, count), message, node)
        return narrowed(kept, 0, max(bounds(count).high - 1, 0))

    def plausible(self, index: ir.Expression, array: ir.Expression, count: ir.Expression) -> ir.Expression:
        """Return a checked index; 0 for a constant whose check always fails, which a C compiler would refuse."""
        assert isinstance(array.type, ArrayPointer)
        limit = min(bounds(count).high, (1 << self.program.word_bits) // self.size_of(array.type.element))
        if isinstance(index, ir.Constant) and not 0 <= int(index.value or 0) < limit:
            return self.number(0)
        return index

    # Arrays.

    def compared(self, op: ast.cmpop, left: Value, right: Value, node: ast.AST) -> Value:
        """Return the result of one comparison, of arrays too."""
        if not self.is_array(left) and not self.is_array(right):
            return super().compared(op, left, right, node)
        if not isinstance(op, (ast.Eq, ast.NotEq)):
            raise self.refuse(node, "types", "arrays are compared by == and !=")
        same = self.same(left, right, node) if self.is_array(left) else self.same(right, left, node)
        if isinstance(op, ast.Eq):
            return same
        return Static(not same.value) if isinstance(same, Static) else self.negated(same)

    def is_array(self, value: Value) -> bool:
        """Say whether a value is an array, or a table."""
        if isinstance(value, Static):
            return isinstance(value.value, (Array, Table))
        return isinstance(value.type, ArrayPointer)

    def same(self, array: Value, other: Value, node: ast.AST) -> Value:
        """Say whether an array of integers is the same as another, or holds a text constant."""
        if any(isinstance(each, Static) and isinstance(each.value, Table) for each in (array, other)):
            raise self.refuse(node, "types", "no table is compared")
        left = self.dynamic(array, node)
        assert isinstance(left.type, ArrayPointer)
        element, count = left.type.element, left.type.count
        if isinstance(other, Static) and type(other.value) is str and element == INTEGER_TYPES["u8"]:
            self.refuse_text(other.value, node)
            text = ir.TextConstant(TEXT, other.value.ljust(count, "\0"))
            return ir.SameBytes(BOOLEAN, left, text, count) if len(other.value) <= count else Static(False)
        right = self.dynamic(other, node)
        if isinstance(element, type) or not isinstance(right.type, ArrayPointer) or right.type.element != element:
            raise self.refuse(node, "types", f"an array of integers can't be compared: {left.type} and {right.type}")
        if right.type.count != count:
            return Static(False)
        return ir.SameBytes(BOOLEAN, left, right, count * element.size)

    def array(self, base: Value, node: ast.AST) -> tuple[ir.Expression, ir.Expression]:
        """Return an array, and how many elements it has."""
        if isinstance(base, Static) and isinstance(base.value, Table):
            return self.table_elements(base.value, node)
        array = self.dynamic(base, node)
        if not isinstance(array.type, ArrayPointer):
            raise self.refuse(node, "types", "only arrays, tables and static tuples have elements")
        return array, self.number(array.type.count)

    def table_elements(self, table: Table[Any], node: ast.AST) -> tuple[ir.Expression, ir.Expression]:
        """Return the array that a table's record points to, and its count."""
        record = self.dynamic(Static(table.record), node)
        element = element_of(table._element)
        base, count = (self.member(record, name, node) for name in ("base", "count"))
        assert isinstance(base, ir.Expression) and isinstance(count, ir.Expression)
        return ir.StructAt(ArrayPointer(element, 0), base), count

    def size_of(self, element: Any) -> int:
        """Return the size of an array's element in bytes."""
        return layout_of(element, self.program.word_bits).size if isinstance(element, type) else int(element.size)
