"""Elements of arrays, tables and static tuples; an index is checked."""

import ast
from dataclasses import dataclass
from typing import Any

from keelback.compiler import ir
from keelback.compiler.evaluate.arrays import Arrays
from keelback.compiler.evaluate.comparisons import Comparisons
from keelback.compiler.evaluate.evaluator import Evaluator
from keelback.compiler.evaluate.values import bounds, narrowed
from keelback.compiler.intervals import Interval
from keelback.compiler.program import Static, Value
from keelback.compiler.statics import is_tuple
from keelback.compiler.types import BOOLEAN, TEXT, ArrayPointer, Integer, Pointer, integer


@dataclass
class Elements(Evaluator):
    """Evaluates indices, and stores in elements."""

    arrays: Arrays
    comparisons: Comparisons

    def value_Subscript(self, node: ast.Subscript) -> Value:
        """An element of an array, a table or a static tuple."""
        base, index = self.expressions.operands([node.value, node.slice])
        return self.item(base, index, node)

    def item(self, base: Value, index: Value, node: ast.AST) -> Value:
        """Return what an element is."""
        if isinstance(base, Static) and (is_tuple(base.value) or type(base.value) is str):
            return self.tuple_item(base.value, index, node)
        array, place = self.arrays.element(base, index, node)
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
            raise self.scope.refuse(node, "tuples", "an empty tuple has no element")
        place = self.picked(self.values.tree(index, node), len(values), node)
        if all(isinstance(each, str) for each in values):
            self.values.refuse_text("".join(values), node)
            return ir.ConstantElement(TEXT, tuple(values), place)
        if all(isinstance(each, int) and not isinstance(each, bool) for each in values):
            return ir.ConstantElement(Integer(Interval(min(values), max(values))), tuple(values), place)
        raise self.scope.refuse(node, "tuples", "only integers, texts and methods are picked from a tuple at run time")

    def static_item(self, values: Any, index: Any, node: ast.AST) -> Any:
        """Return an element that is known."""
        try:
            return values[index]
        except (IndexError, TypeError):
            raise self.scope.refuse(node, "tuples", f"no element {index}") from None

    def picked(self, index: ir.Expression, count: int, node: ast.AST) -> ir.Expression:
        """Return which element of a tuple an index means: a negative one counts from the end."""
        index = self.values.integer(index, node, "an index is an integer")
        if bounds(index).low >= 0:
            return self.arrays.below(index, ir.number(count), "an index is out of range", node)
        self.values.bounded(index, node)
        kept = self.values.kept(index, node)
        first, last = ir.number(-count), ir.number(count - 1)
        above, below = (
            self.comparisons.ordered(">=", kept, first, node),
            self.comparisons.ordered("<=", kept, last, node),
        )
        inside = ir.Binary(BOOLEAN, "and", above, below)
        self.out.check(inside, "an index is out of range", node)
        whole = Integer(Interval(0, count - 1))
        from_end = ir.Binary(whole, "+", narrowed(kept, -count, -1), ir.number(count))
        negative = ir.Binary(BOOLEAN, "<", narrowed(kept, -count, count - 1), ir.number(0))
        return ir.Choice(whole, negative, from_end, narrowed(kept, 0, count - 1))

    def store_item(self, base: Value, index: Value, value: Value, node: ast.AST) -> None:
        """Store in an element."""
        array, place = self.arrays.element(base, index, node)
        assert isinstance(array.type, ArrayPointer)
        if isinstance(array.type.element, type):
            raise self.scope.refuse(node, "structs", "a struct in an array is changed field by field")
        fitted = self.values.fitted(value, integer(array.type.element), "an element", node)
        self.out.emit(ir.StoreElement(self.scope.place(node), array, place, fitted))
