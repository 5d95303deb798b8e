"""What names stand for: locals, static objects, and the error that is being handled."""

import ast
import builtins
import sys
from dataclasses import dataclass, replace
from typing import NamedTuple

from keelback.compiler import ir
from keelback.compiler.evaluate.evaluator import Evaluator
from keelback.compiler.evaluate.fields import Fields
from keelback.compiler.intervals import Interval
from keelback.compiler.program import Static, Value
from keelback.compiler.reads import note_attribute
from keelback.compiler.types import TEXT, Integer, Pointer


class Handled(NamedTuple):
    """What the name of an `except` has: an error with one of some codes, which a local holds."""

    local: str
    codes: frozenset[int]


@dataclass
class Names(Evaluator):
    """Evaluates names, constants, and attributes of either."""

    fields: Fields

    def value_Constant(self, node: ast.Constant) -> Value:
        """A number, a bool, None or text."""
        if isinstance(node.value, (int, str, type(None))):
            return Static(node.value)
        raise self.scope.refuse(node, "expressions", f"Kernel Python has no {type(node.value).__name__} constants")

    def value_Name(self, node: ast.Name) -> Value:
        """What Python says that a name means: a local, a global or a builtin."""
        if node.id in self.scope.frame.locals:
            return self.local(node)
        if node.id in self.scope.frame.free:
            raise self.scope.refuse(node, "names", f"{node.id} belongs to the function outside")
        if node.id in self.scope.frame.globals:
            note_attribute(sys.modules.get(self.scope.frame.function.__module__), node.id)
            return Static(self.scope.frame.globals[node.id])
        if hasattr(builtins, node.id):
            return Static(getattr(builtins, node.id))
        raise self.scope.refuse(node, "names", f"{node.id} has no value here")

    def local(self, node: ast.Name) -> Value:
        """Return the value of a local, which has one on every way to here."""
        found = self.known.here.names.get(self.scope.frame.name(node.id))
        if found is None:
            raise self.scope.refuse(node, "names", f"{node.id} may have no value here")
        if found.static is not None:
            if isinstance(found.static.value, Handled):
                raise self.scope.refuse(node, "errors", "an error is no value: take its number or its sentence")
            return found.static
        if found.local is None:
            raise self.scope.refuse(node, "names", f"{node.id} has no one value here")
        local = ir.Local(self.scope.type_of_local(found.local), found.local)
        if isinstance(local.type, Pointer) and self.known.here.is_present(local):
            return replace(local, type=Pointer(local.type.struct))
        return local

    def value_Tuple(self, node: ast.Tuple) -> Value:
        """A tuple of static values."""
        values = [self.expressions.value(each) for each in node.elts]
        if all(isinstance(each, Static) for each in values):
            return Static(tuple(each.value for each in values if isinstance(each, Static)))
        raise self.scope.refuse(node, "expressions", "a tuple holds static values only")

    def value_Attribute(self, node: ast.Attribute) -> Value:
        """A field of a struct, or an attribute of a static object."""
        if isinstance(node.value, ast.Name) and node.value.id in self.scope.frame.locals:
            found = self.known.here.names.get(self.scope.frame.name(node.value.id))
            if found is not None and found.static is not None and isinstance(found.static.value, Handled):
                return self.error_member(found.static.value, node.attr, node)
        return self.fields.member(self.expressions.value(node.value), node.attr, node)

    def error_member(self, error: Handled, name: str, node: ast.AST) -> Value:
        """Return the number or the sentence of the error that is being handled."""
        if ir.PROCESS_FAULT in error.codes:
            raise self.scope.refuse(node, "errors", "a ProcessFault has no number and no sentence")
        number = ir.Local(Integer(Interval(-255, -1)), error.local)
        if name == "number":
            return number
        if name == "sentence":
            return ir.ErrorText(TEXT, number)
        raise self.scope.refuse(node, "errors", "an error has a number and a sentence, nothing else")
