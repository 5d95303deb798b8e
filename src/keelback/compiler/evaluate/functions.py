"""Calls of functions of the program, each a statement of its own."""

import ast
import inspect
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from types import FunctionType
from typing import Any, TypeVar

from keelback.compiler import ir
from keelback.compiler.evaluate.evaluator import Evaluator
from keelback.compiler.evaluate.fields import Fields
from keelback.compiler.program import Specialisation, Static, Value, untyped
from keelback.compiler.source import definition_of, file_of, hints_of
from keelback.compiler.types import VOID, ArrayPointer, Pointer, Type
from keelback.lang.array import Array
from keelback.lang.errors import LANGUAGE
from keelback.lang.struct import Struct
from keelback.lang.table import Table

T = TypeVar("T")


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

    def bound(
        self, called: Any, parameters: Sequence[str], given: Sequence[T], defaults: dict[str, T], node: ast.Call
    ) -> dict[str, T]:
        """Return what a call gives for each parameter; what stands behind a name comes last in `given`."""
        names = [*parameters[: len(given) - len(node.keywords)], *(str(each.arg) for each in node.keywords)]
        found = {**defaults, **dict(zip(names, given, strict=False))}
        if len(given) != len(names) or len(names) != len(set(names)) or set(found) != set(parameters):
            raise self.scope.refuse(node, "calls", f"{called.__name__} takes {_taken(called, parameters)}")
        return {name: found[name] for name in parameters}

    def arguments(self, function: FunctionType, owner: Value | None, node: ast.Call) -> dict[str, Value]:
        """Evaluate the arguments of a call, by parameter."""
        parameters = [each.arg for each in definition_of(function).args.args]
        given = self.expressions.operands(written_in(node))
        defaults = map(Static, reversed(function.__defaults__ or ()))
        known: dict[str, Value] = dict(zip(reversed(parameters), defaults, strict=False))
        return self.bound(function, parameters, given if owner is None else [owner, *given], known, node)

    def arguments_of(self, method: Callable[..., Any], node: ast.Call) -> list[ast.expr]:
        """Return the arguments of a method of the language's, in the order of its parameters."""
        parameters = [*inspect.signature(method).parameters][1:]
        return [*self.bound(method, parameters, written_in(node), {}, node).values()]

    def values_of(self, method: Callable[..., Any], node: ast.Call) -> list[Value]:
        """Evaluate the arguments of a method of the language's as they are written; in the order of its parameters."""
        nodes, written = self.arguments_of(method, node), written_in(node)
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
            [parameter] = [each for each in definition_of(function).args.args if each.arg == name]
            raise self.scope.refuse(node, "calls", untyped(parameter, function.__name__))
        return found

    def note_call(self, key: ir.FunctionKey, node: ast.AST) -> None:
        """Take note of a call, for a cycle to be found."""
        self.scope.program.calls.setdefault(self.scope.key.name, {}).setdefault(key.name, self.scope.where(node))

    def emit_call(self, key: ir.FunctionKey, arguments: list[ir.Expression], node: ast.AST) -> Value:
        """Call a compiled function; its result is kept in a temporary."""
        self.note_call(key, node)
        if key.result == VOID:
            self.out.emit(ir.Call(self.scope.place(node), key, tuple(arguments)))
            return Static(None)
        result = self.out.new_temporary(key.result)
        self.out.emit(ir.Call(self.scope.place(node), key, tuple(arguments), result.name))
        return result


def written_in(node: ast.Call) -> list[ast.expr]:
    """Return the arguments of a call, as they are written."""
    return [*node.args, *(each.value for each in node.keywords)]


def entry_of(function: FunctionType) -> ir.Place | None:
    """Return where a function checks its parameters: its first line; None for what the language provides."""
    file = file_of(function)
    return None if file.startswith(LANGUAGE) else (file, definition_of(function).body[0].lineno)


def _taken(called: Callable[..., Any], parameters: Sequence[str]) -> str:
    """Return the parameters of a call but the object that a method is called on, a program's with their types."""
    types: dict[str, ast.expr | None] = {}
    if isinstance(called, FunctionType) and not called.__module__.startswith("keelback.lang"):
        types = {each.arg: each.annotation for each in definition_of(called).args.args}
    written = [f"{each}: {ast.unparse(kind)}" if (kind := types.get(each)) else each for each in parameters]
    return ", ".join(each for each in written if each != "self") or "no arguments"
