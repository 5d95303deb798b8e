"""Calls of the methods of arrays and tables, which work on blocks of memory."""

import ast
from dataclasses import replace
from typing import Any

from keelback.compiler import ir
from keelback.compiler.evaluate.functions import Functions
from keelback.compiler.evaluate.values import bounds, narrowed
from keelback.compiler.intervals import Interval
from keelback.compiler.program import Static, Value
from keelback.compiler.types import BOOLEAN, ArrayPointer, Integer, Pointer, integer
from keelback.lang.array import Array
from keelback.lang.integers import INTEGER_TYPES, word
from keelback.lang.layout import layout_of
from keelback.lang.struct import Struct
from keelback.lang.table import Table


class Blocks(Functions):
    """Evaluates `copy_from`, `fill`, `clear`, `set_text`, `place` and `adopt`, of records too."""

    def call_table(self, table: Table[Any], name: str, node: ast.Call) -> Value:
        """Call a method of a table."""
        if name not in ("place", "adopt"):
            array, count = self.table_elements(table, node)
            done = self.call_array(array, count, name, node)
            self.check_placed(table, node)  # for no elements at all: others are out of its range
            return done
        record = self.dynamic(Static(table.record), node)
        base, size = (self.kept(each, node) for each in self.values_of(getattr(Table, name), node))
        unplaced = ir.Binary(BOOLEAN, "==", self.dynamic(self.member(record, "base", node), node), self.number(0))
        self.check(unplaced, "a table is placed once", node)
        base = self.aligned(base, table._element.alignment, node)
        self.store_member(record, "base", base, node)
        self.store_member(record, "count", size, node)
        if name == "place":
            array, count = self.table_elements(table, node)
            self.emit(ir.FillBytes(self.place(node), array, self.scaled(count, table.element_size), self.number(0)))
        return Static(None)

    def aligned(self, base: ir.Expression, alignment: int, node: ast.AST) -> ir.Expression:
        """Return an address that is checked to be one, and aligned."""
        base = self.fitted(base, self.program.type_of(word), "the place of a table", node)
        rest = self.dynamic(self.binary(ast.Mod(), base, Static(alignment), node), node)
        held = ir.Binary(BOOLEAN, "!=", base, self.number(0))
        if alignment > 1:
            held = ir.Binary(BOOLEAN, "and", held, ir.Binary(BOOLEAN, "==", rest, self.number(0)))
        self.check(held, "a table can't lie there", node)
        return base

    def call_record(self, pointer: ir.Expression, name: str, node: ast.Call) -> Value:
        """Call a method that every struct has, of one that is not None."""
        assert isinstance(pointer.type, Pointer)
        type = Pointer(pointer.type.struct)
        record = replace(self.kept(pointer, node), type=type)
        values, place = self.values_of(getattr(Struct, name), node), self.place(node)
        if name == "clear":
            size = layout_of(type.struct, self.program.word_bits).size
            self.emit(ir.FillBytes(place, record, self.number(size), self.number(0)))
        else:
            source = self.dynamic(values[0], node)
            if isinstance(source.type, Pointer) and source.type.struct is type.struct:
                source = replace(self.followed(source, node), type=type)
            source = self.fitted(source, type, f"copy_from of {type.struct.__name__}", node)
            self.emit(ir.CopyStruct(place, record, source))
        return Static(None)

    def call_array(self, array: ir.Expression, count: ir.Expression, name: str, node: ast.Call) -> Value:
        """Call a method of an array."""
        assert isinstance(array.type, ArrayPointer)
        element = array.type.element
        size = self.size_of(element)
        place = self.place(node)
        if name == "clear":
            self.arguments_of(Array.clear, node)
            self.emit(ir.FillBytes(place, array, self.scaled(count, size), self.number(0)))
        elif name == "set_text" and isinstance(count, ir.Constant) and element == INTEGER_TYPES["u8"]:
            [text] = self.values_of(Array.set_text, node)
            if (
                not isinstance(text, Static)
                or not isinstance(text.value, str)
                or len(text.value) > int(count.value or 0)
            ):
                raise self.refuse(node, "text", "a text constant that fits the array")
            self.refuse_text(text.value, node)
            self.emit(ir.SetText(place, array, text.value.ljust(int(count.value or 0), "\0")))
        elif name == "fill" and not isinstance(element, type):
            start, number, value = self.values_of(Array.fill, node)
            first, length = self.range(array, start, number, count, node)
            fitted = self.kept(self.fitted(value, integer(element), "an element", node), node)
            self.emit(ir.FillElements(place, array, first, length, fitted))
        elif name == "copy_from":
            start, source, source_start, number = self.values_of(Array.copy_from, node)
            other, other_count = self.array(source, node)
            if not isinstance(other.type, ArrayPointer) or other.type.element != element:
                raise self.refuse(node, "types", "arrays of one type are copied")
            first, length = self.range(array, start, number, count, node)
            other_first, _ = self.range(other, source_start, length, other_count, node)
            self.emit(ir.CopyElements(place, array, first, other, other_first, length))
        else:
            raise self.refuse(node, "attributes", f"an array has no method {name}")
        return Static(None)

    def range(
        self, array: ir.Expression, start: Value, number: Value, count: ir.Expression, node: ast.AST
    ) -> tuple[ir.Expression, ir.Expression]:
        """Return the start and length of a range that is checked to lie in an array."""
        message, told = "a range leaves its array", "a range of an array is told by integers"
        kept = [self.integer(self.frozen(each), node, told) for each in (start, number)]
        for each in kept:
            self.bounded(each, node)
        first, length = (self.at_least(each, 0, message, node) for each in kept)
        end = ir.Binary(Integer(Interval(0, bounds(first).high + bounds(length).high)), "+", first, length)
        if bounds(end).high > bounds(count).low:
            self.bounded(end, node)
            self.check(ir.Binary(BOOLEAN, "<=", end, count), message, node)
        first, length = (narrowed(each, 0, bounds(count).high) for each in (first, length))
        return self.plausible(first, array, count), length

    def scaled(self, count: ir.Expression, size: int) -> ir.Expression:
        """Return how many bytes a number of elements has."""
        interval = Interval(0, bounds(count).high * size)
        return ir.Binary(Integer(interval), "*", count, self.number(size))
