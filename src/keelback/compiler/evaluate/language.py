"""Builtin functions of Python, and functions that the language provides."""

import ast
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from keelback.compiler import ir
from keelback.compiler.evaluate.arithmetic import Arithmetic
from keelback.compiler.evaluate.arrays import Arrays
from keelback.compiler.evaluate.comparisons import Comparisons
from keelback.compiler.evaluate.conditions import Conditions
from keelback.compiler.evaluate.evaluator import Evaluator
from keelback.compiler.evaluate.functions import Functions
from keelback.compiler.evaluate.values import bounds, narrowed
from keelback.compiler.intervals import Interval
from keelback.compiler.program import Static, Value
from keelback.compiler.statics import Passing, is_plain, is_struct, is_tuple
from keelback.compiler.types import BOOLEAN, NONE, Integer, Pointer
from keelback.lang import layout as lang_layout
from keelback.lang import struct as lang_struct
from keelback.lang.integers import u32, word
from keelback.lang.layout import layout_of, struct_on
from keelback.lang.native import lowest_bit


@dataclass
class Language(Evaluator):
    """Evaluates calls that are no calls at run time."""

    arithmetic: Arithmetic
    arrays: Arrays
    comparisons: Comparisons
    conditions: Conditions
    functions: Functions

    def do_len(self, node: ast.Call) -> Value:
        """len(array), len(table), len(static tuple)."""
        value = self.expressions.value(node.args[0])
        if isinstance(value, Static) and (is_tuple(value.value) or type(value.value) is str):
            return Static(len(value.value))
        _, count = self.arrays.array(value, node)
        return Static(count.value) if isinstance(count, ir.Constant) else count

    def do_extreme(self, node: ast.Call, sign: str, pick: Callable[..., int]) -> Value:
        """min and max of integers."""
        values = self.expressions.operands(node.args)
        static = [each.value for each in values if isinstance(each, Static)]
        if not all(isinstance(each, int) for each in static):
            raise self.scope.refuse(node, "types", "min and max take integers")
        if len(static) == len(values) and all(map(is_plain, static)):
            return Static(pick(*static))
        best = self.values.kept(values[0], node)
        for value in values[1:]:
            other = self.values.integer(self.out.frozen(value), node, "min and max take integers")
            best = self.values.integer(best, node, "min and max take integers")
            first, second = bounds(best), bounds(other)
            interval = Interval(pick(first.low, second.low), pick(first.high, second.high))
            held = self.comparisons.ordered(sign, other, best, node)
            other, best = (narrowed(each, interval.low, interval.high) for each in (other, best))
            chosen = ir.Choice(Integer(interval), held, other, best)
            best = self.values.kept(chosen, node)
        return best

    def do_reversed(self, node: ast.Call) -> Value:
        """reversed(static tuple)."""
        value = self.expressions.value(node.args[0])
        if isinstance(value, Static) and is_tuple(value.value):
            return Static(Passing(value.value[::-1]))
        raise self.scope.refuse(node, "loops", "reversed takes a static tuple")

    def do_enumerate(self, node: ast.Call) -> Value:
        """enumerate(static tuple)."""
        elements = gone_over(self.expressions.iterated(node.args[0]))
        if elements is not None:
            return Static(Passing(tuple(enumerate(elements))))
        raise self.scope.refuse(node, "loops", "enumerate takes a static tuple")

    def do_bool(self, node: ast.Call) -> Value:
        """bool(integer)."""
        return self.conditions.truth(node.args[0])

    def do_ord(self, node: ast.Call) -> Value:
        """ord(text constant of one character)."""
        text = self.expressions.value(node.args[0])
        if not isinstance(text, Static) or type(text.value) is not str or len(text.value) != 1:
            raise self.scope.refuse(node, "text", "ord takes a text constant of one character")
        self.values.refuse_text(text.value, node)
        return Static(ord(text.value))

    def do_view(self, node: ast.Call) -> Value:
        """view(ram, Struct, address)."""
        ram, struct, address = self.expressions.operands(node.args)
        if not isinstance(ram, Static) or ram.value is not self.scope.program.ram:
            raise self.scope.refuse(node, "structs", "view takes the RAM that the program's records lie in")
        if not isinstance(struct, Static) or not is_struct(struct.value):
            raise self.scope.refuse(node, "structs", "view takes a struct class")
        if struct.value in self.scope.program.ram.homes:
            raise self.scope.refuse(node, "structs", f"{struct.value.__name__} has a home array: index it")
        fitted = self.values.fitted(address, self.scope.program.type_of(word), "an address", node)
        return ir.StructAt(Pointer(struct_on(struct.value, self.scope.program.word_bits)), fitted)

    def do_address_of(self, node: ast.Call) -> Value:
        """address_of(struct)."""
        base = self.values.tree(self.expressions.value(node.args[0]), node)
        if not isinstance(base.type, Pointer) or base.type == NONE:
            raise self.scope.refuse(node, "structs", f"address_of takes a struct, not {base.type}")
        return ir.AddressOf(self.scope.program.type_of(word), self.values.followed(base, node))

    def do_size_of(self, node: ast.Call) -> Value:
        """size_of(record), size_of(Struct)."""
        of = self.expressions.value(node.args[0])
        if isinstance(of, Static) and is_struct(of.value):
            try:
                return Static(lang_struct.size_of(of.value))
            except TypeError as error:
                raise self.scope.refuse(node, "structs", str(error)) from None
        if isinstance(of, Static) and not isinstance(of.value, lang_struct.Struct):
            raise self.scope.refuse(node, "structs", "size_of takes a record or a struct class")
        record = self.values.tree(of, node)
        if not isinstance(record.type, Pointer) or record.type == NONE:
            raise self.scope.refuse(node, "structs", "size_of takes a record or a struct class")
        self.values.followed(record, node)
        return Static(layout_of(record.type.struct, self.scope.program.word_bits).size)

    def do_lowest_bit(self, node: ast.Call) -> Value:
        """lowest_bit(value): undefined for 0."""
        value, wanted = self.expressions.value(node.args[0]), self.scope.program.type_of(u32)
        kept = self.values.kept(self.values.fitted(value, wanted, "lowest_bit", node), node)
        if bounds(kept).low <= 0:
            self.out.check(ir.Binary(BOOLEAN, "!=", kept, ir.number(0)), "lowest_bit(0) is undefined", node)
        return self.functions.call_with(lowest_bit, {"value": kept}, node)  # type: ignore[arg-type]

    def do_round_up(self, node: ast.Call) -> Value:
        """round_up(value, constant)."""
        value, alignment = self.expressions.operands(node.args)
        if not isinstance(alignment, Static) or not isinstance(alignment.value, int) or alignment.value <= 0:
            raise self.scope.refuse(node, "calls", "round_up takes a constant alignment above 0")
        raised = self.arithmetic.binary(ast.Add(), value, Static(alignment.value - 1), node)
        divided = self.arithmetic.binary(ast.FloorDiv(), raised, alignment, node)
        return self.arithmetic.binary(ast.Mult(), divided, alignment, node)


def gone_over(value: Value) -> tuple[Any, ...] | None:
    """Return what a loop over a static value goes over; None for what is no static tuple."""
    if not isinstance(value, Static):
        return None
    if isinstance(value.value, Passing):
        return value.value.elements
    return value.value if is_tuple(value.value) else None


ARGUMENTS: dict[Any, tuple[int, int]] = {
    min: (2, 99),
    max: (2, 99),
    lang_struct.view: (3, 3),
    lang_layout.round_up: (2, 2),
}
"""How many arguments each takes, if not one."""


BUILTINS = (len, min, max, reversed, enumerate, bool, ord)


INTRINSICS: dict[Any, Callable[[Language, ast.Call], Value]] = {
    len: Language.do_len,
    min: lambda self, node: self.do_extreme(node, "<", min),
    max: lambda self, node: self.do_extreme(node, ">", max),
    reversed: Language.do_reversed,
    enumerate: Language.do_enumerate,
    bool: Language.do_bool,
    ord: Language.do_ord,
    lang_struct.view: Language.do_view,
    lang_struct.address_of: Language.do_address_of,
    lang_struct.size_of: Language.do_size_of,
    lang_layout.round_up: Language.do_round_up,
    lowest_bit: Language.do_lowest_bit,
}
