"""The verifier between passes: a tree that breaks a rule is a mistake of the compiler's, and stops it at once."""

from collections.abc import Iterable, Mapping

from keelback.compiler import ir
from keelback.compiler.types import ArrayPointer, Boolean, Integer, Pointer
from keelback.compiler.walk import expressions_in, parts_of


class TreeError(Exception):
    """The compiler made a tree that breaks its own rules."""


def verify(function: ir.Function, functions: Mapping[str, ir.Function]) -> None:
    """Check a function of a program.  Raises: TreeError."""
    _Verifier(function, functions).body(function.body, frozenset())


class _Verifier:
    def __init__(self, function: ir.Function, functions: Mapping[str, ir.Function]) -> None:
        self.function = function
        self.functions = functions
        self.locals = {**function.locals, **function.parameters}

    def wrong(self, what: str, statement: ir.Statement) -> TreeError:
        file, line = statement.place
        return TreeError(f"{self.function.key.name}: {what}: {statement} ({file}:{line})")

    def body(self, body: Iterable[ir.Statement], labels: frozenset[str]) -> None:
        for statement in body:
            self.statement(statement, labels)

    def statement(self, statement: ir.Statement, labels: frozenset[str]) -> None:
        for expression in expressions_in(statement):
            self.expression(expression, statement)
        if isinstance(statement, (ir.Break, ir.Continue)) and statement.label not in labels:
            raise self.wrong("leaves what it is not in", statement)
        if isinstance(statement, (ir.If, ir.Check, ir.Loop)) and not isinstance(statement.condition.type, Boolean):
            raise self.wrong("a condition is a bool", statement)
        if isinstance(statement, (ir.StoreField, ir.FieldValue)) and not isinstance(statement.base.type, Pointer):
            raise self.wrong("a field is in a struct", statement)
        if isinstance(statement, ir.CopyStruct) and statement.target.type != statement.source.type:
            raise self.wrong("a struct is copied from one of its own", statement)
        if isinstance(statement, ir.SetLocal) and statement.name not in self.locals:
            raise self.wrong(f"{statement.name} is no local", statement)
        if isinstance(statement, ir.Call):
            self.call(statement)
        inner = labels | {statement.label} if isinstance(statement, (ir.Loop, ir.Block)) else labels
        for part in parts_of(statement):
            self.body(part, inner)

    def call(self, statement: ir.Call) -> None:
        callee = self.functions.get(statement.function.name)
        if callee is None:
            raise self.wrong("calls what is not there", statement)
        if len(callee.parameters) != len(statement.arguments):
            raise self.wrong(f"{len(callee.parameters)} arguments are wanted", statement)
        for argument, wanted in zip(statement.arguments, callee.parameters.values(), strict=True):
            if isinstance(wanted, Integer) and not (
                isinstance(argument.type, Integer) and argument.type.interval in wanted.interval
            ):
                raise self.wrong(f"{argument} does not fit {wanted}", statement)

    def expression(self, value: ir.Expression, statement: ir.Statement) -> None:
        if isinstance(value, ir.Local) and value.name not in self.locals:
            raise self.wrong(f"{value.name} is no local", statement)
        if isinstance(value, ir.SameBytes) and not isinstance(value.left.type, ArrayPointer):
            raise self.wrong("an array is compared", statement)
        if isinstance(value, (ir.ElementValue, ir.ElementPlace)) and not isinstance(value.base.type, ArrayPointer):
            raise self.wrong("an element is in an array", statement)
