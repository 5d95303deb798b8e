"""Text that is written to a sink: constants, and f-strings of integers."""

import ast
from dataclasses import dataclass
from enum import IntEnum
from types import FunctionType, MethodType

from keelback.compiler import ir
from keelback.compiler.evaluate.evaluator import Evaluator
from keelback.compiler.evaluate.fields import Fields
from keelback.compiler.evaluate.functions import Functions
from keelback.compiler.intervals import Interval
from keelback.compiler.program import Specialisation, Static, Value
from keelback.compiler.source import definition_of, hints_of
from keelback.compiler.types import TEXT, Integer, Text
from keelback.lang.text import TextSink

FORMATS = {
    **{"": (10, False, 0), "d": (10, False, 0), "x": (16, False, 0), "#x": (16, True, 0)},
    **{"#010x": (16, True, 8), "#018x": (16, True, 16)},
}
"""Format specifications by text: base, prefix `0x`, digits at least."""


@dataclass
class Texts(Evaluator):
    """Evaluates calls of `TextSink.write`."""

    fields: Fields
    functions: Functions

    def write_text(self, sink: TextSink, node: ast.Call) -> Value:
        """Write a text constant, a choice of them or an f-string to a sink."""
        [argument] = self.functions.arguments_of(TextSink.write, node)
        key = self.put_of(sink, node)
        self.functions.note_call(key, node)
        parts = argument.values if isinstance(argument, ast.JoinedStr) else [argument]
        written = [part.value if isinstance(part, ast.FormattedValue) else part for part in parts]
        values = self.expressions.operands(written)
        kept = [self.values.kept(value, part) for value, part in zip(values, parts, strict=True)]
        for part, value in zip(parts, kept, strict=True):
            if isinstance(part, ast.FormattedValue):
                self.write_number(key, part, value)
            elif isinstance(value.type, Text):
                self.out.emit(ir.WriteText(self.scope.place(node), key, value))
            else:
                raise self.scope.refuse(part, "text", "a text constant")
        return Static(None)

    def put_of(self, sink: TextSink, node: ast.AST) -> ir.FunctionKey:
        """Return the function that takes the bytes of a sink."""
        put = self.fields.static_member(sink, "put", node)
        method = put.value if isinstance(put, Static) else None
        if not isinstance(method, MethodType) or not isinstance(method.__func__, FunctionType):
            raise self.scope.refuse(node, "text", "the put of a text sink is a method")
        parameters = [each.arg for each in definition_of(method.__func__).args.args]
        types = [self.scope.program.type_of(hints_of(method.__func__).get(each)) for each in parameters[1:]]
        if len(types) != 1 or not isinstance(types[0], Integer) or Interval(0, 127) not in types[0].interval:
            raise self.scope.refuse(node, "text", "the put of a text sink takes one byte")
        taken = ((parameters[0], Static(method.__self__)), (parameters[1], types[0]))
        return self.scope.program.request(Specialisation(method.__func__, taken))

    def write_number(self, put: ir.FunctionKey, node: ast.FormattedValue, value: ir.Expression) -> None:
        """Write one value of an f-string."""
        spec = self.format_of(node)
        if value.type == TEXT and not spec:
            self.out.emit(ir.WriteText(self.scope.place(node), put, value))
            return
        if not isinstance(value.type, Integer):
            raise self.scope.refuse(node, "text", "an f-string holds integers, and texts without a format")
        enum = value.type.enum
        if enum is not None and (enum.__str__ is not IntEnum.__str__ or enum.__format__ is not IntEnum.__format__):
            raise self.scope.refuse(node, "text", f"a {enum.__name__} is written in a way of its own")
        self.values.bounded(value, node, 64)
        base, prefix, width = FORMATS[spec]
        if base == 16 and value.type.interval.low < 0:
            raise self.scope.refuse(node, "text", "a number in hexadecimal is not negative; mask it")
        self.out.emit(ir.WriteNumber(self.scope.place(node), put, value, base, prefix, width))

    def format_of(self, node: ast.FormattedValue) -> str:
        """Return the format of one value of an f-string: a constant."""
        parts = node.format_spec.values if isinstance(node.format_spec, ast.JoinedStr) else []
        spec = "".join(str(each.value) for each in parts if isinstance(each, ast.Constant))
        if spec not in FORMATS or node.conversion != -1 or not all(isinstance(each, ast.Constant) for each in parts):
            message = f"a number's format is one of {', '.join(map(repr, FORMATS))}"
            raise self.scope.refuse(node, "text", message)
        return spec
