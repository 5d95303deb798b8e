"""Calls of the methods of arrays and tables, which work on blocks of memory."""

import ast
from dataclasses import dataclass, replace
from typing import Any

from keelback.compiler import ir
from keelback.compiler.evaluate.arithmetic import Arithmetic
from keelback.compiler.evaluate.arrays import Arrays
from keelback.compiler.evaluate.evaluator import Evaluator
from keelback.compiler.evaluate.fields import Fields
from keelback.compiler.evaluate.functions import Functions
from keelback.compiler.evaluate.values import bounds
from keelback.compiler.intervals import Interval
from keelback.compiler.program import Static, Value
from keelback.compiler.types import BOOLEAN, ArrayPointer, Integer, Pointer, integer
from keelback.lang.array import Array
from keelback.lang.integers import INTEGER_TYPES, word
from keelback.lang.layout import layout_of
from keelback.lang.struct import Struct
from keelback.lang.table import Table


@dataclass
class Blocks(Evaluator):
    """Evaluates `copy_from`, `fill`, `clear`, `set_text`, `place` and `adopt`, of records too."""

    arithmetic: Arithmetic
    fields: Fields
    arrays: Arrays
    functions: Functions

    def call_table(self, table: Table[Any], name: str, node: ast.Call) -> Value:
        """Call a method of a table."""
        if name not in ("place", "adopt"):
            array, count = self.arrays.table_elements(table, node)
            done = self.call_array(array, count, name, node)
            self.fields.check_placed(table, node)  # for no elements at all: others are out of its range
            return done
        record = self.values.tree(Static(table.record), node)
        base, size = (self.values.kept(each, node) for each in self.functions.values_of(getattr(Table, name), node))
        placed = self.values.tree(self.fields.member(record, "base", node), node)
        self.out.check(ir.Binary(BOOLEAN, "==", placed, ir.number(0)), "a table is placed once", node)
        base = self.aligned(base, table._element.alignment, node)
        self.fields.store_member(record, "base", base, node)
        self.fields.store_member(record, "count", size, node)
        if name == "place":
            array, count = self.arrays.table_elements(table, node)
            size = self.scaled(count, table.element_size)
            self.out.emit(ir.FillBytes(self.scope.place(node), array, size, ir.number(0)))
        return Static(None)

    def aligned(self, base: ir.Expression, alignment: int, node: ast.AST) -> ir.Expression:
        """Return an address that is checked to be one, and aligned."""
        base = self.values.fitted(base, self.scope.program.type_of(word), "the place of a table", node)
        rest = self.values.tree(self.arithmetic.binary(ast.Mod(), base, Static(alignment), node), node)
        held = ir.Binary(BOOLEAN, "!=", base, ir.number(0))
        if alignment > 1:
            held = ir.Binary(BOOLEAN, "and", held, ir.Binary(BOOLEAN, "==", rest, ir.number(0)))
        self.out.check(held, "a table can't lie there", node)
        return base

    def call_record(self, pointer: ir.Expression, name: str, node: ast.Call) -> Value:
        """Call a method that every struct has, of one that is not None."""
        assert isinstance(pointer.type, Pointer)
        type = Pointer(pointer.type.struct)
        record = replace(self.values.kept(pointer, node), type=type)
        values, place = self.functions.values_of(getattr(Struct, name), node), self.scope.place(node)
        if name == "clear":
            size = layout_of(type.struct, self.scope.program.word_bits).size
            self.out.emit(ir.FillBytes(place, record, ir.number(size), ir.number(0)))
        else:
            source = self.values.tree(values[0], node)
            if isinstance(source.type, Pointer) and source.type.struct is type.struct:
                source = replace(self.values.followed(source, node), type=type)
            source = self.values.fitted(source, type, f"copy_from of {type.struct.__name__}", node)
            self.out.emit(ir.CopyStruct(place, record, source))
        return Static(None)

    def call_array(self, array: ir.Expression, count: ir.Expression, name: str, node: ast.Call) -> Value:
        """Call a method of an array."""
        assert isinstance(array.type, ArrayPointer)
        element = array.type.element
        size = self.arrays.size_of(element)
        place = self.scope.place(node)
        if name == "clear":
            self.functions.arguments_of(Array.clear, node)
            self.out.emit(ir.FillBytes(place, array, self.scaled(count, size), ir.number(0)))
        elif name == "set_text" and isinstance(count, ir.Constant) and element == INTEGER_TYPES["u8"]:
            [text] = self.functions.values_of(Array.set_text, node)
            if (
                not isinstance(text, Static)
                or not isinstance(text.value, str)
                or len(text.value) > int(count.value or 0)
            ):
                raise self.scope.refuse(node, "text", "a text constant that fits the array")
            self.values.refuse_text(text.value, node)
            self.out.emit(ir.SetText(place, array, text.value.ljust(int(count.value or 0), "\0")))
        elif name == "fill" and not isinstance(element, type):
            start, number, value = self.functions.values_of(Array.fill, node)
            first, length = self.arrays.range(array, start, number, count, node)
            fitted = self.values.kept(self.values.fitted(value, integer(element), "an element", node), node)
            self.out.emit(ir.FillElements(place, array, first, length, fitted))
        elif name == "copy_from":
            start, source, source_start, number = self.functions.values_of(Array.copy_from, node)
            other, other_count = self.arrays.array(source, node)
            if not isinstance(other.type, ArrayPointer) or other.type.element != element:
                raise self.scope.refuse(node, "types", "arrays of one type are copied")
            first, length = self.arrays.range(array, start, number, count, node)
            other_first, _ = self.arrays.range(other, source_start, length, other_count, node)
            self.out.emit(ir.CopyElements(place, array, first, other, other_first, length))
        else:
            raise self.scope.refuse(node, "attributes", f"an array has no method {name}")
        return Static(None)

    def scaled(self, count: ir.Expression, size: int) -> ir.Expression:
        """Return how many bytes a number of elements has."""
        interval = Interval(0, bounds(count).high * size)
        return ir.Binary(Integer(interval), "*", count, ir.number(size))
