"""From a function's syntax and its static values to the typed tree: calls, and what the language itself provides.

A call is a statement of its own.  Its arguments are evaluated from left to right and kept before it.
"""

import ast
import inspect
from collections.abc import Callable
from types import FunctionType, MethodType
from typing import Any

from keelback.compiler import ir
from keelback.compiler.expressions import Expressions, _not_negative
from keelback.compiler.intervals import Interval
from keelback.compiler.program import Specialisation, Static, Value
from keelback.compiler.source import definition_of, file_of, hints_of
from keelback.compiler.types import BOOLEAN, TEXT, VOID, ArrayPointer, Integer, Pointer, Text, Type, integer
from keelback.lang import layout as lang_layout
from keelback.lang import struct as lang_struct
from keelback.lang.array import Array
from keelback.lang.errors import LANGUAGE
from keelback.lang.integers import u32, word
from keelback.lang.layout import layout_of
from keelback.lang.native import lowest_bit
from keelback.lang.struct import Struct
from keelback.lang.table import Table
from keelback.lang.text import TextSink


def entry_of(function: FunctionType) -> ir.Place | None:
    """Return where a function checks its parameters: its first line; None for what the language provides."""
    file = file_of(function)
    return None if file.startswith(LANGUAGE) else (file, definition_of(function).body[0].lineno)


class Calls(Expressions):
    """Evaluates calls of one function."""

    key: ir.FunctionKey

    def value_Call(self, node: ast.Call) -> Value:
        """A call whose result is used."""
        return self.call(node, wants_result=True)

    def called(self, node: ast.expr) -> Any:
        """Return the function that an expression names, if that is known without evaluating anything; else None."""
        if isinstance(node, ast.Name):
            value = self.value(node)
            return value.value if isinstance(value, Static) else None
        if isinstance(node, ast.Attribute):
            owner = self.called(node.value) if isinstance(node.value, (ast.Name, ast.Attribute)) else None
            if owner is not None and not isinstance(owner, (Struct, Array, Table)):
                value = self.static_member(owner, node.attr, node)
                return value.value if isinstance(value, Static) else None
        return None

    def is_generator(self, function: Any) -> bool:
        """Say whether a function is a generator."""
        return inspect.isgeneratorfunction(function)

    def generator_call(self, node: ast.Call) -> tuple[FunctionType, dict[str, Value]]:
        """Return the generator that a call names, and its arguments by parameter."""
        method = self.called(node.func)
        if not isinstance(method, MethodType) or not isinstance(method.__func__, FunctionType):
            raise self.refuse(node, "generators", "a generator is a method of a component")
        return method.__func__, self.arguments(method.__func__, Static(method.__self__), node)

    def arguments(self, function: FunctionType, owner: Value | None, node: ast.Call) -> dict[str, Value]:
        """Return the arguments of a call by parameter, in the order of parameters."""
        parameters = list(
            function.__code__.co_varnames[: function.__code__.co_argcount + function.__code__.co_kwonlyargcount]
        )
        values = self.operands([*node.args, *(each.value for each in node.keywords)])
        given = [owner] if owner is not None else []
        given += values[: len(node.args)]
        found: dict[str, Value] = dict(zip(parameters, given, strict=False))
        for keyword, value in zip(node.keywords, values[len(node.args) :], strict=True):
            found[str(keyword.arg)] = value
        for name, default in (inspect.signature(function).parameters).items():
            if name not in found and default.default is not inspect.Parameter.empty:
                found[name] = Static(default.default)
        if set(found) != set(parameters) or len(given) > len(parameters):
            raise self.refuse(node, "calls", f"{function.__name__} takes {', '.join(parameters)}")
        return {name: found[name] for name in parameters}

    def call(self, node: ast.Call, *, wants_result: bool) -> Value:
        """Evaluate a call."""
        function = node.func
        if isinstance(function, ast.Subscript):
            return self.call_element(function, node)
        if isinstance(function, ast.Attribute):
            owner = self.value(function.value)
            if isinstance(owner, ir.Expression) or isinstance(owner.value, (Struct, Array, Table)):
                return self.call_method(owner, function.attr, node)
            callee = self.static_member(owner.value, function.attr, function)
        else:
            callee = self.value(function)
        if not isinstance(callee, Static):
            raise self.refuse(node, "calls", "what is called is known when the kernel is compiled")
        return self.call_static(callee.value, node, wants_result)

    def call_static(self, callee: Any, node: ast.Call, wants_result: bool) -> Value:
        """Call a function, a bound method, or something that the language provides."""
        intrinsic = INTRINSICS.get(callee) if isinstance(callee, (FunctionType, type)) or callee in BUILTINS else None
        if intrinsic is not None:
            least, most = ARGUMENTS.get(callee, (1, 1))
            if node.keywords or not least <= len(node.args) <= most:
                raise self.refuse(node, "calls", f"{callee.__name__} takes {least} arguments here, by position")
            return intrinsic(self, node)
        if isinstance(callee, MethodType) and isinstance(callee.__func__, FunctionType):
            if isinstance(callee.__self__, TextSink) and callee.__func__ is TextSink.write:
                return self.write_text(callee.__self__, node)
            return self.call_function(callee.__func__, Static(callee.__self__), node)
        if isinstance(callee, FunctionType):
            return self.call_function(callee, None, node)
        raise self.refuse(node, "calls", f"Kernel Python can't call {getattr(callee, '__name__', callee)!r}")

    def call_function(self, function: FunctionType, owner: Value | None, node: ast.Call) -> Value:
        """Call a function of the program."""
        if self.is_generator(function):
            raise self.refuse(node, "generators", "a generator is used in a for loop")
        return self.call_with(function, self.arguments(function, owner, node), node)

    def call_with(self, function: FunctionType, given: dict[str, Value], node: ast.AST) -> Value:
        """Call a function with arguments by parameter."""
        hints = hints_of(function)
        specialised: list[tuple[str, Static | Type]] = []
        passed: list[ir.Expression] = []
        for name, value in given.items():
            declared = self.program.type_of(hints[name]) if name in hints else VOID
            if declared != VOID:
                specialised.append((name, declared))
                self.checked_at = entry_of(function)
                passed.append(self.fitted(value, declared, f"{name} in {function.__name__}", node))
                self.checked_at = None
            elif isinstance(value, Static) and not isinstance(value.value, (Struct, Array)):
                specialised.append((name, value))
            else:
                expression = self.dynamic(value, node)
                if not isinstance(expression.type, (ArrayPointer, Pointer)):
                    raise self.refuse(node, "calls", f"{name} of {function.__name__} needs an annotation")
                specialised.append((name, expression.type))
                passed.append(expression)
        key = self.program.request(Specialisation(function, tuple(specialised)))
        return self.emit_call(key, passed, node)

    def emit_call(self, key: ir.FunctionKey, arguments: list[ir.Expression], node: ast.AST) -> Value:
        """Call a compiled function; its result is kept in a temporary."""
        calls = self.program.calls.setdefault(self.key.name, {})
        calls.setdefault(key.name, self.refuse(node, "recursion", "calls form no cycle"))
        if key.result == VOID:
            self.emit(ir.Call(self.place(node), key, tuple(arguments)))
            return Static(None)
        result = self.new_temporary(key.result)
        self.emit(ir.Call(self.place(node), key, tuple(arguments), result.name))
        return result

    def call_element(self, function: ast.Subscript, node: ast.Call) -> Value:
        """Call one of a static tuple of methods, picked at run time: a switch."""
        methods = self.value(function.value)
        if not isinstance(methods, Static) or not isinstance(methods.value, tuple):
            raise self.refuse(node, "calls", "only methods in a static tuple are picked at run time")
        picked = self.dynamic(self.value(function.slice), function)
        if not all(isinstance(each, MethodType) and isinstance(each.__func__, FunctionType) for each in methods.value):
            raise self.refuse(node, "calls", "only methods in a static tuple are picked at run time")
        if node.keywords or any(each.__func__.__code__.co_argcount != len(node.args) + 1 for each in methods.value):
            raise self.refuse(node, "calls", "methods that are picked at run time take all arguments by position")
        index = self.below(picked, self.number(len(methods.value)), "an index is out of range", function)
        index = self.dynamic(self.frozen(index), function)
        results: list[Value] = []
        cases = []
        arguments = [self.frozen(each) for each in self.operands(node.args)]
        for method in methods.value:
            given = dict(zip(method.__func__.__code__.co_varnames, [Static(method.__self__), *arguments], strict=False))
            outer, self.block = self.block, []
            results.append(self.call_with(method.__func__, given, node))
            emitted, self.block = self.block, outer
            cases.append(emitted)
        types = {each.type for each in results if isinstance(each, ir.Expression)}
        if not types:
            self.emit(ir.Switch(self.place(node), index, tuple(tuple(each) for each in cases)))
            return Static(None)
        if len(types) != 1 or not all(isinstance(each, ir.Expression) for each in results):
            raise self.refuse(node, "calls", "methods that are picked at run time have one type of result")
        result = self.new_temporary(types.pop())
        for each, value in zip(cases, results, strict=True):
            each.append(ir.SetLocal(self.place(node), result.name, self.dynamic(value, node)))
        self.emit(ir.Switch(self.place(node), index, tuple(tuple(each) for each in cases)))
        return result

    # Methods of what lies in RAM.

    def call_method(self, owner: Value, name: str, node: ast.Call) -> Value:
        """Call a method of a struct, an array or a table."""
        if isinstance(owner, Static) and isinstance(owner.value, Table):
            return self.call_table(owner.value, name, node)
        expression = self.dynamic(owner, node)
        if isinstance(expression.type, Pointer):
            function = getattr(expression.type.struct, name, None)
            if not isinstance(function, FunctionType):
                raise self.refuse(node, "attributes", f"{expression.type.struct.__name__} has no method {name}")
            kept = self.frozen(expression)
            return self.call_function(function, kept, node)
        if isinstance(expression.type, ArrayPointer):
            array, count = self.dynamic(self.frozen(expression), node), self.number(expression.type.count)
            return self.call_array(array, count, name, node)
        raise self.refuse(node, "calls", f"no method {name}")

    def call_table(self, table: Table[Any], name: str, node: ast.Call) -> Value:
        """Call a method of a table."""
        if name not in ("place", "adopt"):
            array, count = self.table_elements(table, node)
            return self.call_array(array, count, name, node)
        record = self.dynamic(Static(table.record), node)
        base, size = (self.dynamic(self.frozen(each), node) for each in self.operands(node.args))
        unplaced = ir.Binary(BOOLEAN, "==", self.dynamic(self.member(record, "base", node), node), self.number(0))
        self.check(unplaced, "a table is placed once", node)
        self.store_member(record, "base", base, node)
        self.store_member(record, "count", size, node)
        if name == "place":
            array, count = self.table_elements(table, node)
            self.emit(ir.FillBytes(self.place(node), array, self.scaled(count, table.element_size), self.number(0)))
        return Static(None)

    def scaled(self, count: ir.Expression, size: int) -> ir.Expression:
        """Return how many bytes a number of elements has."""
        assert isinstance(count.type, Integer)
        interval = Interval(0, count.type.interval.high * size)
        return ir.Binary(Integer(interval), "*", count, self.number(size))

    def call_array(self, array: ir.Expression, count: ir.Expression, name: str, node: ast.Call) -> Value:
        """Call a method of an array."""
        assert isinstance(array.type, ArrayPointer)
        element = array.type.element
        size = layout_of(element, self.program.word_bits).size if isinstance(element, type) else element.size
        place = self.place(node)
        if name == "clear":
            self.emit(ir.FillBytes(place, array, self.scaled(count, size), self.number(0)))
        elif name == "set_text" and isinstance(count, ir.Constant):
            text = self.value(node.args[0])
            if (
                not isinstance(text, Static)
                or not isinstance(text.value, str)
                or len(text.value) > int(count.value or 0)
            ):
                raise self.refuse(node, "text", "a text constant that fits the array")
            self.emit(ir.SetText(place, array, text.value.ljust(int(count.value or 0), "\0")))
        elif name == "fill" and not isinstance(element, type):
            start, number, value = self.operands(node.args)
            first, length = self.range(start, number, count, node)
            fitted = self.dynamic(self.frozen(self.fitted(value, integer(element), "an element", node)), node)
            self.emit(ir.FillElements(place, array, first, length, fitted))
        elif name == "copy_from" and not isinstance(element, type):
            start, source, source_start, number = self.operands(node.args)
            other, other_count = self.array(source, node)
            if not isinstance(other.type, ArrayPointer) or other.type.element != element:
                raise self.refuse(node, "types", "arrays of one type are copied")
            first, length = self.range(start, number, count, node)
            other_first, _ = self.range(source_start, length, other_count, node)
            self.emit(ir.CopyElements(place, array, first, other, other_first, length))
        else:
            raise self.refuse(node, "attributes", f"an array has no method {name}")
        return Static(None)

    def range(
        self, start: Value, number: Value, count: ir.Expression, node: ast.AST
    ) -> tuple[ir.Expression, ir.Expression]:
        """Return the start and length of a range that is checked to lie in an array."""
        first = self.dynamic(self.frozen(start), node)
        length = self.dynamic(self.frozen(number), node)
        assert isinstance(first.type, Integer) and isinstance(length.type, Integer) and isinstance(count.type, Integer)
        for each in (first, length):
            self.bounded(each, node)
            if each.type.interval.low < 0:  # type: ignore[union-attr]
                self.check(ir.Binary(BOOLEAN, ">=", each, self.number(0)), "a range leaves its array", node)
        first, length = (_not_negative(each) for each in (first, length))
        end = ir.Binary(Integer(Interval(0, first.type.interval.high + length.type.interval.high)), "+", first, length)  # type: ignore[union-attr]
        if end.type.interval.high > count.type.interval.low:  # type: ignore[union-attr]
            self.bounded(end, node)
            self.check(ir.Binary(BOOLEAN, "<=", end, count), "a range leaves its array", node)
        return first, length

    # Text.

    def write_text(self, sink: TextSink, node: ast.Call) -> Value:
        """Write a text constant, a choice of them or an f-string to a sink."""
        put = getattr(type(sink), "put", None)
        assert isinstance(put, FunctionType)
        byte = self.program.type_of(hints_of(put)["byte"])
        key = self.program.request(Specialisation(put, (("self", Static(sink)), ("byte", byte))))
        [argument] = node.args
        parts = argument.values if isinstance(argument, ast.JoinedStr) else [argument]
        values = self.operands([part.value if isinstance(part, ast.FormattedValue) else part for part in parts])
        kept = [self.dynamic(self.frozen(value), part) for value, part in zip(values, parts, strict=True)]
        for part, value in zip(parts, kept, strict=True):
            if isinstance(part, ast.FormattedValue):
                self.write_number(key, part, value)
            elif isinstance(value.type, Text):
                self.emit(ir.WriteText(self.place(node), key, value))
            else:
                raise self.refuse(part, "text", "a text constant")
        return Static(None)

    def write_number(self, put: ir.FunctionKey, node: ast.FormattedValue, value: ir.Expression) -> None:
        """Write one value of an f-string."""
        spec = "".join(
            str(each.value) for each in getattr(node.format_spec, "values", []) if isinstance(each, ast.Constant)
        )
        if spec not in FORMATS or node.conversion != -1:
            raise self.refuse(node, "text", f"a number's format is one of {', '.join(repr(each) for each in FORMATS)}")
        if value.type == TEXT:
            self.emit(ir.WriteText(self.place(node), put, value))
            return
        if not isinstance(value.type, Integer):
            raise self.refuse(node, "text", "an f-string holds integers")
        self.bounded(value, node)
        base, prefix, width = FORMATS[spec]
        if base == 16 and value.type.interval.low < 0:
            raise self.refuse(node, "text", "a number in hexadecimal is not negative; mask it")
        self.emit(ir.WriteNumber(self.place(node), put, value, base, prefix, width))

    # What the language and Python provide.

    def do_len(self, node: ast.Call) -> Value:
        """len(array), len(table), len(static tuple)."""
        value = self.value(node.args[0])
        if isinstance(value, Static) and isinstance(value.value, (tuple, str)):
            return Static(len(value.value))
        _, count = self.array(value, node)
        return Static(count.value) if isinstance(count, ir.Constant) else count

    def do_extreme(self, node: ast.Call, sign: str, pick: Callable[..., int]) -> Value:
        """min and max of integers."""
        values = self.operands(node.args)
        if all(isinstance(each, Static) for each in values):
            return Static(pick(*(each.value for each in values if isinstance(each, Static))))
        best = self.dynamic(self.frozen(values[0]), node)
        for value in values[1:]:
            other = self.dynamic(self.frozen(value), node)
            if not isinstance(best.type, Integer) or not isinstance(other.type, Integer):
                raise self.refuse(node, "types", "min and max take integers")
            first, second = best.type.interval, other.type.interval
            interval = Interval(pick(first.low, second.low), pick(first.high, second.high))
            chosen = ir.Choice(Integer(interval), self.ordered(sign, other, best, node), other, best)
            best = self.dynamic(self.frozen(chosen), node)
        return best

    def do_reversed(self, node: ast.Call) -> Value:
        """reversed(static tuple)."""
        value = self.value(node.args[0])
        if isinstance(value, Static) and isinstance(value.value, tuple):
            return Static(value.value[::-1])
        raise self.refuse(node, "loops", "reversed takes a static tuple")

    def do_enumerate(self, node: ast.Call) -> Value:
        """enumerate(static tuple)."""
        value = self.value(node.args[0])
        if isinstance(value, Static) and isinstance(value.value, tuple):
            return Static(tuple(enumerate(value.value)))
        raise self.refuse(node, "loops", "enumerate takes a static tuple")

    def do_bool(self, node: ast.Call) -> Value:
        """bool(integer)."""
        return self.truth(node.args[0])

    def do_view(self, node: ast.Call) -> Value:
        """view(ram, Struct, address)."""
        _, struct, address = self.operands(node.args)
        if not isinstance(struct, Static) or not isinstance(struct.value, type):
            raise self.refuse(node, "structs", "view takes a struct class")
        if struct.value in self.program.ram.homes:
            raise self.refuse(node, "structs", f"{struct.value.__name__} has a home array: index it")
        fitted = self.fitted(address, self.program.type_of(word), "an address", node)
        return ir.StructAt(Pointer(struct.value), fitted)

    def do_address_of(self, node: ast.Call) -> Value:
        """address_of(struct)."""
        base = self.dynamic(self.value(node.args[0]), node)
        return ir.AddressOf(self.program.type_of(word), base)

    def do_size_of(self, node: ast.Call) -> Value:
        """size_of(Struct)."""
        struct = self.value(node.args[0])
        if not isinstance(struct, Static):
            raise self.refuse(node, "structs", "size_of takes a struct class")
        return Static(layout_of(struct.value, self.program.word_bits).size)

    def do_lowest_bit(self, node: ast.Call) -> Value:
        """lowest_bit(value): undefined for 0."""
        value = self.fitted(self.value(node.args[0]), self.program.type_of(u32), "lowest_bit", node)
        kept = self.dynamic(self.frozen(value), node)
        if kept.type.interval.low <= 0:  # type: ignore[union-attr]
            self.check(ir.Binary(BOOLEAN, "!=", kept, self.number(0)), "lowest_bit(0) is undefined", node)
        return self.call_with(lowest_bit, {"value": kept}, node)  # type: ignore[arg-type]

    def do_round_up(self, node: ast.Call) -> Value:
        """round_up(value, constant)."""
        value, alignment = self.operands(node.args)
        if not isinstance(alignment, Static) or not isinstance(alignment.value, int) or alignment.value <= 0:
            raise self.refuse(node, "calls", "round_up takes a constant alignment above 0")
        raised = self.binary(ast.Add(), value, Static(alignment.value - 1), node)
        return self.binary(ast.Mult(), self.binary(ast.FloorDiv(), raised, alignment, node), alignment, node)


FORMATS = {"": (10, False, 0), "d": (10, False, 0), "x": (16, False, 0), "#x": (16, True, 0), "#010x": (16, True, 8)}
"""Format specifications by text: base, prefix `0x`, digits at least."""
ARGUMENTS: dict[Any, tuple[int, int]] = {
    min: (2, 99),
    max: (2, 99),
    lang_struct.view: (3, 3),
    lang_layout.round_up: (2, 2),
}
"""How many arguments each takes, if not one."""
BUILTINS = (len, min, max, reversed, enumerate, bool)
INTRINSICS: dict[Any, Callable[[Calls, ast.Call], Value]] = {
    len: Calls.do_len,
    min: lambda self, node: self.do_extreme(node, "<", min),
    max: lambda self, node: self.do_extreme(node, ">", max),
    reversed: Calls.do_reversed,
    enumerate: Calls.do_enumerate,
    bool: Calls.do_bool,
    lang_struct.view: Calls.do_view,
    lang_struct.address_of: Calls.do_address_of,
    lang_struct.size_of: Calls.do_size_of,
    lang_layout.round_up: Calls.do_round_up,
    lowest_bit: Calls.do_lowest_bit,
}
