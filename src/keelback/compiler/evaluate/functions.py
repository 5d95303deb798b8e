"""Calls of functions of the program, each a statement of its own."""

import ast
import inspect
from collections.abc import Callable
from dataclasses import dataclass
from types import FunctionType
from typing import Any

from keelback.compiler import ir
from keelback.compiler.evaluate.evaluator import Evaluator
from keelback.compiler.evaluate.fields import Fields
from keelback.compiler.program import Specialisation, Static, Value
from keelback.compiler.source import definition_of, file_of, hints_of
from keelback.compiler.types import VOID, ArrayPointer, Pointer, Type
from keelback.lang.array import Array
from keelback.lang.errors import LANGUAGE
from keelback.lang.struct import Struct
from keelback.lang.table import Table


@dataclass
class Functions(Evaluator):
    """Evaluates calls of what will be compiled too."""

    fields: Fields

    def called(self, node: ast.expr) -> Any:
        """Return the function that an expression names, if that is known without evaluating anything; else None."""
        if isinstance(node, ast.Name):
            value = self.expressions.value(node)
            return value.value if isinstance(value, Static) else None
        if isinstance(node, ast.Attribute):
            owner = self.called(node.value)
            if owner is not None and not isinstance(owner, (Struct, Array, Table)):
                value = self.fields.static_member(owner, node.attr, node)
                return value.value if isinstance(value, Static) else None
        if isinstance(node, ast.Subscript) and isinstance(node.slice, ast.Constant):
            elements, index = self.called(node.value), node.slice.value
            if isinstance(elements, tuple) and type(index) is int and index < len(elements):
                return elements[index]
        return None

    def arguments(self, function: FunctionType, owner: Value | None, node: ast.Call) -> dict[str, Value]:
        """Return the arguments of a call by parameter, in the order of parameters."""
        parameters = [each.arg for each in definition_of(function).args.args]
        given = self.expressions.operands([*node.args, *(each.value for each in node.keywords)])
        if owner is not None:
            given.insert(0, owner)
        names = [*parameters[: len(given) - len(node.keywords)], *(str(each.arg) for each in node.keywords)]
        defaults = function.__defaults__ or ()
        found: dict[str, Value] = dict(zip(reversed(parameters), map(Static, reversed(defaults)), strict=False))
        found |= zip(names, given, strict=False)
        if len(given) != len(names) or len(names) != len(set(names)) or set(found) != set(parameters):
            raise self.scope.refuse(node, "calls", f"{function.__name__} takes {', '.join(parameters)}")
        return {name: found[name] for name in parameters}

    def arguments_of(self, method: Callable[..., Any], node: ast.Call) -> list[ast.expr]:
        """Return the arguments of a method of the language's, in the order of its parameters."""
        parameters = [*inspect.signature(method).parameters][1:]
        names = [*parameters[: len(node.args)], *(each.arg for each in node.keywords)]
        if len(node.args) > len(parameters) or sorted(map(str, names)) != sorted(parameters):
            what = ", ".join(parameters) or "no arguments"
            raise self.scope.refuse(node, "calls", f"{method.__name__} takes {what}")
        given = dict(zip(names, [*node.args, *(each.value for each in node.keywords)], strict=True))
        return [given[each] for each in parameters]

    def values_of(self, method: Callable[..., Any], node: ast.Call) -> list[Value]:
        """Evaluate the arguments of a method of the language's as they are written; in the order of its parameters."""
        written = [*node.args, *(each.value for each in node.keywords)]
        nodes = self.arguments_of(method, node)
        values = self.expressions.operands(written)
        return [values[written.index(each)] for each in nodes]

    def call_function(self, function: FunctionType, owner: Value | None, node: ast.Call) -> Value:
        """Call a function of the program."""
        if inspect.isgeneratorfunction(function):
            raise self.scope.refuse(node, "generators", "a generator is used in a for loop")
        return self.call_with(function, self.arguments(function, owner, node), node)

    def call_with(self, function: FunctionType, given: dict[str, Value], node: ast.AST) -> Value:
        """Call a function with arguments by parameter."""
        specialised: list[tuple[str, Static | Type]] = []
        passed: list[ir.Expression] = []
        for name, value in given.items():
            wanted = self.passed_as(name, value, function, node)
            specialised.append((name, wanted))
            if not isinstance(wanted, Static):
                self.out.checked_at = entry_of(function)
                passed.append(self.values.fitted(value, wanted, f"{name} in {function.__name__}", node))
                self.out.checked_at = None
        key = self.scope.program.request(Specialisation(function, tuple(specialised)))
        return self.emit_call(key, passed, node)

    def passed_as(self, name: str, value: Value, function: FunctionType, node: ast.AST) -> Static | Type:
        """Return what a function is compiled for: the type of a parameter, or the value itself of a static one."""
        declared = self.scope.program.type_of(hints_of(function).get(name))
        if declared != VOID:
            return declared
        if isinstance(value, Static) and not isinstance(value.value, (Struct, Array)):
            return value
        found = self.values.tree(value, node).type
        if not isinstance(found, (ArrayPointer, Pointer)):
            raise self.scope.refuse(node, "calls", f"{name} of {function.__name__} needs an annotation")
        return found

    def note_call(self, key: ir.FunctionKey, node: ast.AST) -> None:
        """Take note of a call, for a cycle to be found."""
        calls = self.scope.program.calls.setdefault(self.scope.key.name, {})
        if key.name not in calls:
            calls[key.name] = self.scope.refuse(node, "recursion", "calls form no cycle")

    def emit_call(self, key: ir.FunctionKey, arguments: list[ir.Expression], node: ast.AST) -> Value:
        """Call a compiled function; its result is kept in a temporary."""
        self.note_call(key, node)
        if key.result == VOID:
            self.out.emit(ir.Call(self.scope.place(node), key, tuple(arguments)))
            return Static(None)
        result = self.out.new_temporary(key.result)
        self.out.emit(ir.Call(self.scope.place(node), key, tuple(arguments), result.name))
        return result


def entry_of(function: FunctionType) -> ir.Place | None:
    """Return where a function checks its parameters: its first line; None for what the language provides."""
    file = file_of(function)
    return None if file.startswith(LANGUAGE) else (file, definition_of(function).body[0].lineno)
