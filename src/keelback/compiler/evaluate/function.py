"""A whole function: evaluated until the types of its locals no longer change."""

import ast
import inspect
import re
from typing import Any

from keelback.compiler import ir
from keelback.compiler.errors import blamed
from keelback.compiler.evaluate.arithmetic import Arithmetic
from keelback.compiler.evaluate.assignments import Assignments
from keelback.compiler.evaluate.calls import Calls
from keelback.compiler.evaluate.conditions import Conditions
from keelback.compiler.evaluate.control import Control
from keelback.compiler.evaluate.elements import Elements
from keelback.compiler.evaluate.emitter import Emitter
from keelback.compiler.evaluate.environment import Binding
from keelback.compiler.evaluate.evaluator import made
from keelback.compiler.evaluate.expressions import Expressions, named
from keelback.compiler.evaluate.failure import Failure
from keelback.compiler.evaluate.frame import Frame
from keelback.compiler.evaluate.known import Known
from keelback.compiler.evaluate.loops import Loops
from keelback.compiler.evaluate.names import Names
from keelback.compiler.evaluate.rounds import Rounds
from keelback.compiler.evaluate.scope import Scope
from keelback.compiler.evaluate.statements import Statements
from keelback.compiler.intervals import Interval
from keelback.compiler.names import C_WORDS, ascii_name
from keelback.compiler.program import Program, Specialisation, Static
from keelback.compiler.reads import note_attribute
from keelback.compiler.source import definition_of, file_of
from keelback.compiler.types import VOID, Integer, Type, join

EXPRESSIONS: tuple[type, ...] = (Arithmetic, Elements, Conditions, Names, Calls)
STATEMENTS: tuple[type, ...] = (Assignments, Rounds, Loops, Failure, Control)
"""The evaluators that have methods for nodes of Python's syntax."""
ROUNDS = 8
WIDEN_AFTER = 3
WIDE = (-(1 << 63), -(1 << 31), 0, (1 << 31) - 1, (1 << 32) - 1, (1 << 63) - 1, (1 << 64) - 1)


def evaluate(program: Program, wanted: Specialisation, key: ir.FunctionKey) -> ir.Function:
    """Return one specialisation as a typed tree.  Raises: CompileError."""
    program.at = (file_of(wanted.function), definition_of(wanted.function).lineno, 1)
    native = getattr(wanted.function, "c_body", None)
    if native is not None:
        return _native(wanted, key, native)
    types: dict[str, Type] = {}
    for round_number in range(ROUNDS):
        evaluation = Evaluation(program, wanted, key, types)
        if inspect.isgeneratorfunction(wanted.function):
            nodes = ast.walk(definition_of(wanted.function))
            at = next(each for each in nodes if isinstance(each, (ast.Yield, ast.YieldFrom)))
            raise evaluation.scope.refuse(at, "generators", "a generator is used in a for loop")
        with blamed(evaluation.scope.where):
            function = evaluation.function()
        if evaluation.scope.is_settled():
            return function
        for name, seen in evaluation.scope.seen.items():
            joined = join(types.get(name, seen), seen)
            types[name] = _widened(joined) if round_number >= WIDEN_AFTER and joined != types.get(name) else joined  # type: ignore[assignment,arg-type]
    definition, message = definition_of(wanted.function), "a local can't be bounded; annotate it"
    raise evaluation.scope.refuse(definition, "bounded integers", message)


def _widened(type: Type) -> Type:
    if not isinstance(type, Integer):
        return type
    low = max((bound for bound in WIDE if bound <= type.interval.low), default=type.interval.low)
    high = min((bound for bound in WIDE if bound >= type.interval.high), default=type.interval.high)
    return Integer(Interval(low, high), type.enum)


def _native(wanted: Specialisation, key: ir.FunctionKey, body: str) -> ir.Function:
    parameters: dict[str, Type] = {}
    for name, value in wanted.parameters:
        if isinstance(value, Static):
            for attribute, content in vars(value.value).items():
                note_attribute(value.value, attribute)
                if isinstance(content, int):
                    body = body.replace(f"{name}_{attribute}", f"{content:#x}u")
        else:
            called = ascii_name(name) + ("$" if name in C_WORDS or name[0] == "_" else "")
            body = re.sub(rf"\b{name}\b", called, body)
            parameters[called] = value
    place = file_of(wanted.function), wanted.function.__code__.co_firstlineno
    return ir.Function(key, place, parameters, native=body, is_rare=is_rare(wanted))


def is_rare(wanted: Specialisation) -> bool:
    """Say whether a function is marked as one that is called seldom."""
    return hasattr(wanted.function, "is_rare")


class Evaluation:
    """Evaluates one specialisation, once."""

    def __init__(self, program: Program, wanted: Specialisation, key: ir.FunctionKey, types: dict[str, Type]) -> None:
        frame = Frame(wanted.function, definition_of(wanted.function))
        self.is_rare = is_rare(wanted)
        self.scope = scope = Scope(program, key, frame, types)
        held: dict[type, Any] = {Scope: scope}
        self.known, self.out, self.statements = (made(kind, held) for kind in (Known, Emitter, Statements))
        self.statements.methods = named("do_", [made(each, held) for each in STATEMENTS])
        made(Expressions, held).methods = named("value_", [made(each, held) for each in EXPRESSIONS])
        assignments = made(Assignments, held)
        scope.declare_annotated()
        self.parameters: dict[str, Type] = {}
        for name, value in wanted.parameters:
            if isinstance(value, Static):
                assignments.set_local(name, value, frame.definition)
            else:
                variable = scope.variable(name)
                self.parameters[variable] = scope.declared[variable] = value
                assignments.bind(name, Binding(local=variable))

    def function(self) -> ir.Function:
        """Return the function as a tree."""
        scope, definition = self.scope, self.scope.frame.definition
        self.statements.run(definition.body)
        if scope.key.result != VOID and self.known.reached:
            raise scope.refuse(definition, "functions", f"{definition.name} may end without a result")
        locals = {
            **scope.seen,
            **{name: scope.types.get(name, type) for name, type in scope.seen.items()},
            **scope.declared,
        }
        for name in self.parameters:
            locals.pop(name, None)
        place, body = scope.place(definition), tuple(self.out.block)
        return ir.Function(
            scope.key, place, self.parameters, locals, body, is_rare=self.is_rare, numbers=self.out.labels
        )
