"""Calls: of a function, a method, one of a tuple of methods, or what is built in."""

import ast
from dataclasses import dataclass, replace
from types import FunctionType, MethodType
from typing import Any

from keelback.compiler import ir
from keelback.compiler.evaluate.bits import WHOLE_OF, NamedBits
from keelback.compiler.evaluate.blocks import Blocks
from keelback.compiler.evaluate.elements import Elements
from keelback.compiler.evaluate.evaluator import Evaluator
from keelback.compiler.evaluate.fields import Fields
from keelback.compiler.evaluate.functions import Functions
from keelback.compiler.evaluate.language import ARGUMENTS, BUILTINS, INTRINSICS, Language
from keelback.compiler.evaluate.text import Texts
from keelback.compiler.intervals import Interval
from keelback.compiler.program import Static, Value
from keelback.compiler.source import definition_of, hints_of
from keelback.compiler.statics import is_tuple
from keelback.compiler.types import ArrayPointer, Integer, Pointer, Type
from keelback.lang.array import Array
from keelback.lang.struct import Struct
from keelback.lang.table import Table
from keelback.lang.text import TextSink


@dataclass
class Calls(Evaluator):
    """Finds out what is called."""

    bits: NamedBits
    fields: Fields
    elements: Elements
    functions: Functions
    blocks: Blocks
    texts: Texts
    language: Language

    def value_Call(self, node: ast.Call) -> Value:
        """A call; None for one that has no result."""
        function = node.func
        if isinstance(function, ast.Subscript):
            return self.call_element(function, node)
        if isinstance(function, ast.Attribute):
            owner = self.expressions.value(function.value)
            if isinstance(owner, ir.Expression) or isinstance(owner.value, (Struct, Array, Table)):
                return self.call_method(owner, function.attr, node)
            callee = self.fields.static_member(owner.value, function.attr, function)
        else:
            callee = self.expressions.value(function)
        if not isinstance(callee, Static):
            raise self.scope.refuse(node, "calls", "what is called is known when the kernel is compiled")
        return self.call_static(callee.value, node)

    def call_static(self, callee: Any, node: ast.Call) -> Value:
        """Call a function, a bound method, or something that the language provides."""
        intrinsic = (
            INTRINSICS.get(callee)
            if isinstance(callee, (FunctionType, type)) or any(callee is each for each in BUILTINS)
            else None
        )
        if intrinsic is not None:
            least, most = ARGUMENTS.get(callee, (1, 1))
            if node.keywords or not least <= len(node.args) <= most:
                raise self.scope.refuse(node, "calls", f"{callee.__name__} takes {least} arguments here, by position")
            return intrinsic(self.language, node)
        if isinstance(callee, MethodType) and isinstance(callee.__func__, FunctionType):
            if isinstance(callee.__self__, TextSink) and callee.__func__ is TextSink.write:
                return self.texts.write_text(callee.__self__, node)
            if callee.__func__ is WHOLE_OF:
                return self.bits.whole_of(callee.__self__, node)
            return self.functions.call_function(callee.__func__, Static(callee.__self__), node)
        if isinstance(callee, FunctionType):
            return self.functions.call_function(callee, None, node)
        raise self.scope.refuse(node, "calls", f"Kernel Python can't call {getattr(callee, '__name__', callee)!r}")

    def call_method(self, owner: Value, name: str, node: ast.Call) -> Value:
        """Call a method of a struct, an array or a table."""
        if isinstance(owner, Static) and isinstance(owner.value, Table):
            return self.blocks.call_table(owner.value, name, node)
        expression = self.values.tree(owner, node)
        if isinstance(expression.type, Pointer):
            function = getattr(expression.type.struct, name, None)
            if isinstance(function, MethodType) and function.__func__ is WHOLE_OF:
                raise self.scope.refuse(
                    node, "structs", f"{expression.type.struct.__name__}.of is asked of the struct's class"
                )
            if not isinstance(function, FunctionType):
                raise self.scope.refuse(node, "attributes", f"{expression.type.struct.__name__} has no method {name}")
            if function in (Struct.copy_from, Struct.clear):
                return self.blocks.call_record(self.values.followed(expression, node), name, node)
            field = self.field_read(function, node)
            if field is not None and self.bits.named_bits(expression.type, field) is None:
                kind = self.fields.field_value(expression, self.fields.field(expression.type, field, node)).type
                if kind == self.scope.program.type_of(hints_of(function).get("return")):
                    return self.fields.member(expression, field, node)
            kept = self.values.kept(self.values.followed(expression, node), node)
            return self.functions.call_function(function, replace(kept, type=Pointer(expression.type.struct)), node)
        if isinstance(expression.type, ArrayPointer):
            array, count = self.values.kept(expression, node), ir.number(expression.type.count)
            return self.blocks.call_array(array, count, name, node)
        raise self.scope.refuse(node, "calls", f"no method {name}")

    def field_read(self, function: FunctionType, node: ast.Call) -> str | None:
        """Return the field that a struct's method only returns, picked by arguments that are constants; else None.

        Its caller reads the field, so that this is code of the caller's line, where a debugger looks for it.
        """
        parameters, hints = definition_of(function).args.args[1:], hints_of(function)
        if node.keywords or len(node.args) != len(parameters) or hasattr(function, "c_body"):
            return None
        given: dict[str, int] = {}
        for parameter, argument in zip(parameters, node.args, strict=True):
            declared = self.scope.program.type_of(hints.get(parameter.arg))
            value = argument.value if isinstance(argument, ast.Constant) else None
            if type(value) is not int or not holds(declared, value):
                return None
            given[parameter.arg] = value
        match definition_of(function).body:
            case [ast.Return(value=read)] | [ast.Expr(value=ast.Constant()), ast.Return(value=read)]:
                return field_picked(read, given)
        return None

    def call_element(self, function: ast.Subscript, node: ast.Call) -> Value:
        """Call one of a static tuple of methods, picked at run time: a switch."""
        methods = self.expressions.value(function.value)
        if not isinstance(methods, Static) or not is_tuple(methods.value):
            raise self.scope.refuse(node, "calls", "only methods in a static tuple are picked at run time")
        index = self.expressions.value(function.slice)
        if isinstance(index, Static):
            return self.call_static(self.elements.static_item(methods.value, index.value, function), node)
        picked = self.values.tree(index, function)
        if not all(isinstance(each, MethodType) and isinstance(each.__func__, FunctionType) for each in methods.value):
            raise self.scope.refuse(node, "calls", "only methods in a static tuple are picked at run time")
        if node.keywords or any(each.__func__.__code__.co_argcount != len(node.args) + 1 for each in methods.value):
            raise self.scope.refuse(node, "calls", "methods that are picked at run time take all arguments by position")
        number = self.values.kept(self.elements.picked(picked, len(methods.value), function), function)
        results: list[Value] = []
        cases = []
        arguments = [self.out.frozen(each) for each in self.expressions.operands(node.args)]
        for method in methods.value:
            given = dict(zip(method.__func__.__code__.co_varnames, [Static(method.__self__), *arguments], strict=False))
            with self.out.collected() as case:
                results.append(self.functions.call_with(method.__func__, given, node))
            cases.append(case)
        types = {each.type for each in results if isinstance(each, ir.Expression)}
        if not types:
            self.out.emit(ir.Switch(self.scope.place(node), number, tuple(tuple(each) for each in cases)))
            return Static(None)
        if len(types) != 1 or not all(isinstance(each, ir.Expression) for each in results):
            raise self.scope.refuse(node, "calls", "methods that are picked at run time have one type of result")
        result = self.out.new_temporary(types.pop())
        for each, value in zip(cases, results, strict=True):
            each.append(ir.SetLocal(self.scope.place(node), result.name, self.values.tree(value, node)))
        self.out.emit(ir.Switch(self.scope.place(node), number, tuple(tuple(each) for each in cases)))
        return result


def holds(declared: Type, value: int) -> bool:
    """Say whether a declared type is an integer's that has a value."""
    return isinstance(declared, Integer) and Interval(value, value) in declared.interval


def field_picked(read: ast.expr | None, given: dict[str, int]) -> str | None:
    """Return the field of `self` that an expression reads when names have some values, None where it does more."""
    match read:
        case ast.Attribute(value=ast.Name(id="self"), attr=field):
            return field
        case ast.IfExp(ast.Compare(ast.Name(id=name), [ast.Eq()], [ast.Constant(int(wanted))]), body, other):
            both = (field_picked(body, given), field_picked(other, given))
            return None if None in both or name not in given else both[given[name] != wanted]
    return None
