"""Exceptions become jumps: a try is a labelled block, a failing call is asked for its error, a finally is copied.

What leaves a block by raising, returning, breaking or continuing runs every finally on its way out, innermost first.
"""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, replace

from keelback.compiler import ir
from keelback.compiler.errors import CompileError
from keelback.compiler.raises import Codes, raised_by
from keelback.compiler.types import BOOLEAN, Type, exactly
from keelback.compiler.walk import statements_in, with_blocks


@dataclass(frozen=True)
class Catching:
    """Inside a try with handlers: a raised code goes into `error`, and `label` is left."""

    error: str
    label: str


@dataclass(frozen=True)
class Finally:
    """Inside a try with a finally."""

    body: tuple[ir.Statement, ...]


@dataclass(frozen=True)
class Inside:
    """Inside a loop or a labelled block; a copy of one, in a finally, has another name."""

    label: str
    name: str


Context = tuple[Catching | Finally | Inside, ...]


def lower_exceptions(function: ir.Function, functions: Mapping[str, ir.Function]) -> None:
    """Replace every Try and Raise of a function, and give every failing call the local of its error."""
    function.body = tuple(_Lowering(function, functions).lower(function.body, ()))


class _Lowering:
    def __init__(self, function: ir.Function, functions: Mapping[str, ir.Function]) -> None:
        self.function = function
        self.functions = functions
        self.handled: dict[str, Codes] = {}
        self.labels: set[str] = set()
        self.count = function.numbers
        self.copied = 0

    def new_label(self, stem: str) -> str:
        self.count += 1
        return f"{stem}_{self.count}"

    def new_local(self, stem: str, type: Type) -> ir.Local:
        self.count += 1
        self.function.locals[f"{stem}${self.count}"] = type
        return ir.Local(type, f"{stem}${self.count}")

    def lower(self, body: Iterable[ir.Statement], context: Context) -> list[ir.Statement]:
        lowered: list[ir.Statement] = []
        for statement in body:
            lowered += self.statement(statement, context)
        return lowered

    def statement(self, statement: ir.Statement, context: Context) -> list[ir.Statement]:
        if isinstance(statement, ir.Try):
            return self.lower_try(statement, context)
        if isinstance(statement, ir.Raise):
            return self.unwind(statement.place, statement.code, context)
        if isinstance(statement, ir.Return):
            return self.lower_return(statement, context)
        if isinstance(statement, (ir.Break, ir.Continue)):
            name = next(
                each.name for each in reversed(context) if isinstance(each, Inside) and each.label == statement.label
            )
            return [*self.finals(context, statement.label), replace(statement, label=name)]
        if isinstance(statement, ir.Call) and self.functions[statement.function.name].raises:
            return self.lower_call(statement, context)
        return [self.inside(statement, context)]

    def inside(self, statement: ir.Statement, context: Context) -> ir.Statement:
        if isinstance(statement, (ir.Loop, ir.Block)):
            name = self.new_label(statement.label) if statement.label in self.labels else statement.label
            self.labels.add(name)
            context = (*context, Inside(statement.label, name))
            statement = replace(statement, label=name)
        if isinstance(statement, ir.If):
            statement = replace(statement, rare=bool(statement.then) and isinstance(statement.then[-1], ir.Raise))
        return with_blocks(statement, lambda body: tuple(self.lower(body, context)))

    def lower_call(self, call: ir.Call, context: Context) -> list[ir.Statement]:
        error = self.new_local("failed", ir.ERROR)
        failed = ir.Binary(BOOLEAN, "!=", error, ir.Constant(exactly(0), 0))
        leave = self.unwind(call.place, error, context)
        return [replace(call, error=error.name), ir.If(call.place, failed, tuple(leave), rare=True)]

    def unwind(self, place: ir.Place, code: ir.Expression, context: Context) -> list[ir.Statement]:
        """Run what is on the way to who takes an error, and go there."""
        for depth in reversed(range(len(context))):
            frame, outside = context[depth], context[:depth]
            if isinstance(frame, Catching):
                return [ir.SetLocal(place, frame.error, code), ir.Break(place, frame.label)]
            if isinstance(frame, Finally):
                return [*self.copy(frame, outside), *self.unwind(place, code, outside)]
        return [ir.Fail(place, code)]

    def finals(self, context: Context, label: str | None) -> list[ir.Statement]:
        """Run every finally between here and a label, or the function's end."""
        found: list[ir.Statement] = []
        for depth in reversed(range(len(context))):
            frame = context[depth]
            if isinstance(frame, Inside) and frame.label == label:
                break
            if isinstance(frame, Finally):
                found += self.copy(frame, context[:depth])
        return found

    def copy(self, final: Finally, context: Context) -> list[ir.Statement]:
        """Return a copy of a finally, with those of others in it.  Raises: CompileError where there are too many."""
        self.copied += sum(1 for _ in statements_in(final.body))
        if self.copied > ir.MOST_STATEMENTS:
            message = (
                f"copied for each way out, these are more than {ir.MOST_STATEMENTS:,} statements: name a part of it"
            )
            raise CompileError("size", message, *final.body[0].place, 1)
        return self.lower(final.body, context)

    def lower_return(self, statement: ir.Return, context: Context) -> list[ir.Statement]:
        finals = self.finals(context, None)
        if not finals or statement.value is None:
            return [*finals, statement]
        kept = self.new_local("result", statement.value.type)
        return [ir.SetLocal(statement.place, kept.name, statement.value), *finals, replace(statement, value=kept)]

    def lower_try(self, statement: ir.Try, context: Context) -> list[ir.Statement]:
        inner: Context = (*context, Finally(statement.final)) if statement.final else context
        possible = raised_by(statement.body, self.functions, self.handled)
        if not possible or not statement.handlers:
            body = [*self.lower(statement.body, inner), *self.lower(statement.otherwise, inner)]
        else:
            body = [self.caught(statement, inner, possible)]
        return [*body, *self.lower(statement.final, context)]

    def caught(self, statement: ir.Try, context: Context, possible: Codes) -> ir.Statement:
        place, raised = statement.place, self.new_local("raised", ir.ERROR)
        tried, done, error = self.new_label("tried"), self.new_label("done"), raised.name
        context = (*context, Inside(done, done))
        inner = (*context, Catching(error, tried))
        body = [*self.lower(statement.body, inner), *self.lower(statement.otherwise, context), ir.Break(place, done)]
        handling: list[ir.Statement] = []
        for handler in statement.handlers:
            taken = possible & handler.codes
            possible -= handler.codes
            if taken:
                handling += self.handler(handler, error, taken, bool(possible), done, context, place)
        if possible:
            handling += self.unwind(place, raised, context)
        return ir.Block(place, done, (ir.Block(place, tried, tuple(body)), *handling))

    def handler(
        self, handler: ir.Handler, error: str, taken: Codes, others: bool, done: str, context: Context, place: ir.Place
    ) -> list[ir.Statement]:
        self.handled[handler.name] = taken
        raised = ir.Local(ir.ERROR, error)
        body = [ir.SetLocal(place, handler.name, raised), *self.lower(handler.body, context), ir.Break(place, done)]
        if not others:
            return body
        matches = [ir.Binary(BOOLEAN, "==", raised, ir.Constant(exactly(code), code)) for code in sorted(taken)]
        condition = matches[0]
        for each in matches[1:]:
            condition = ir.Binary(BOOLEAN, "or", condition, each)
        return [ir.If(place, condition, tuple(body))]
