"""From a function's syntax and its static values to the typed tree: statements.

Expressions are in `expressions.py`, calls in `calls.py`.  A function is evaluated until the types of its locals no
longer change: a local without an annotation gets the join of all that is stored in it.
"""

import ast
from collections import Counter
from dataclasses import dataclass
from types import FunctionType
from typing import Any, get_args

from keelback.compiler import ir
from keelback.compiler.calls import Calls, entry_of
from keelback.compiler.expressions import UNKNOWN
from keelback.compiler.intervals import Interval
from keelback.compiler.ir import leaves, parts_of
from keelback.compiler.program import Program, Specialisation, Static, Value
from keelback.compiler.source import definition_of, file_of, hints_of
from keelback.compiler.types import (
    BOOLEAN,
    VOID,
    ArrayPointer,
    Integer,
    Type,
    join,
)
from keelback.lang.array import Array
from keelback.lang.errors import KernelError, ProcessFault
from keelback.lang.struct import Struct
from keelback.lang.table import Table

ROUNDS = 8
WIDEN_AFTER = 3
WIDE = (-(1 << 63), -(1 << 31), 0, (1 << 31) - 1, (1 << 32) - 1, (1 << 63) - 1, (1 << 64) - 1)


def evaluate(program: Program, wanted: Specialisation, key: ir.FunctionKey) -> ir.Function:
    """Return one specialisation as a typed tree.  Raises: CompileError."""
    native = getattr(wanted.function, "c_body", None)
    if native is not None:
        return _native(wanted, key, native)
    types: dict[str, Type] = {}
    for round_number in range(ROUNDS):
        evaluator = Evaluator(program, wanted, key, types)
        function = evaluator.function()
        if all(name in types and join(types[name], seen) == types[name] for name, seen in evaluator.seen.items()):
            return function
        for name, seen in evaluator.seen.items():
            joined = join(types.get(name, seen), seen)
            types[name] = _widened(joined) if round_number >= WIDEN_AFTER and joined != types.get(name) else joined  # type: ignore[assignment,arg-type]
    raise evaluator.refuse(evaluator.definition, "bounded integers", "a local can't be bounded; annotate it")


def is_variable(value: Static) -> bool:
    """Say whether a variable can hold a static value."""
    return value.value is None or isinstance(value.value, (int, Struct))


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
                if isinstance(content, int):
                    body = body.replace(f"{name}_{attribute}", f"{content:#x}u")
        else:
            parameters[name] = value
    return ir.Function(
        key, (file_of(wanted.function), wanted.function.__code__.co_firstlineno), parameters, native=body
    )


@dataclass
class Inlined:
    """A generator that is being inlined: the loop that it is for, and what was known there."""

    loop: ast.For
    saved: tuple[Any, ...]
    label: str
    loops: list[str]
    type: Type


def yielded_by(function: FunctionType) -> Any:
    """Return the annotation of what a generator yields."""
    return next(iter(get_args(hints_of(function).get("return"))), None)


class Evaluator(Calls):
    """Evaluates one specialisation, once."""

    def __init__(self, program: Program, wanted: Specialisation, key: ir.FunctionKey, types: dict[str, Type]) -> None:
        super().__init__(program, wanted.function, types)
        self.key = key
        self.definition = definition_of(wanted.function)
        self.parameters: dict[str, Type] = {}
        for name, value in wanted.parameters:
            if isinstance(value, Static):
                self.names[name] = value
            else:
                self.parameters[name] = value
                self.names[name] = ir.Local(value, self.c_name(name))
                self.declared[self.c_name(name)] = value
        self.assigned = _assignments(self.definition)
        self.loops: list[str] = []
        self.error: str | None = None
        self.variables: dict[str, Value] = {}

    def function(self) -> ir.Function:
        """Return the function as a tree."""
        self.statements(self.definition.body)
        if self.key.result != VOID and falls_through(tuple(self.block)):
            raise self.refuse(self.definition, "functions", f"{self.definition.name} may end without a result")
        locals = {
            **self.seen,
            **{name: self.types.get(name, type) for name, type in self.seen.items()},
            **self.declared,
        }
        parameters = {self.c_name(name): type for name, type in self.parameters.items()}
        for name in parameters:
            locals.pop(name, None)
        return ir.Function(self.key, self.place(self.definition), parameters, locals, tuple(self.block))

    # Statements.

    def statements(self, nodes: list[ast.stmt]) -> None:
        """Evaluate statements in order."""
        for node in nodes:
            self.at = node
            method = getattr(self, f"do_{type(node).__name__}", None)
            if method is None:
                raise self.refuse(node, "statements", f"Kernel Python has no {type(node).__name__} statement")
            method(node)

    def inner(self, nodes: list[ast.stmt]) -> tuple[ir.Statement, ...]:
        """Evaluate statements into a block of their own."""
        outer, self.block = self.block, []
        self.statements(nodes)
        outer, self.block = self.block, outer
        return tuple(outer)

    def do_Pass(self, node: ast.Pass) -> None:
        """Do nothing."""

    def do_Expr(self, node: ast.Expr) -> None:
        """Evaluate for its effects; a docstring has none."""
        if isinstance(node.value, ast.Constant):
            return
        if isinstance(node.value, ast.Yield):
            self.do_yield(node.value)
        elif isinstance(node.value, ast.Call):
            self.call(node.value, wants_result=False)
        else:
            raise self.refuse(node, "statements", "an expression without effect")

    def do_Return(self, node: ast.Return) -> None:
        """Return a value that fits the function's result."""
        if self.generator is not None:
            raise self.refuse(node, "generators", "a generator has no return")
        if node.value is None or self.key.result == VOID:
            self.emit(ir.Return(self.place(node)))
            return
        value = self.fitted(self.value(node.value), self.key.result, f"the result of {self.definition.name}", node)
        self.emit(ir.Return(self.place(node), value))

    def do_Assert(self, node: ast.Assert) -> None:
        """Panic unless the condition holds."""
        message = str(node.msg.value) if isinstance(node.msg, ast.Constant) else ast.unparse(node.test)
        self.check(self.condition(node.test), f"assertion failed: {message}", node)

    def do_Assign(self, node: ast.Assign) -> None:
        """Store a value in a local, a field or an element."""
        if len(node.targets) != 1:
            raise self.refuse(node, "statements", "one target an assignment")
        self.assign(node.targets[0], node.value, node)

    def do_AnnAssign(self, node: ast.AnnAssign) -> None:
        """Store in a local whose type is declared."""
        if not isinstance(node.target, ast.Name) or node.value is None:
            raise self.refuse(node, "statements", "an annotated local has a value")
        declared = self.program.type_of(eval(compile(ast.Expression(node.annotation), "", "eval"), self.globals))
        if declared == VOID:
            self.assign(node.target, node.value, node)
            return
        value = self.value(node.value)
        name = self.c_name(node.target.id)
        self.declared[name] = declared
        fitted = self.fitted(value, declared, node.target.id, node)
        self.names[node.target.id] = ir.Local(declared, name)
        self.emit(ir.SetLocal(self.place(node), name, fitted))

    def do_AugAssign(self, node: ast.AugAssign) -> None:
        """Read, compute and store: the place is found once, and read before the operand is evaluated."""
        target = node.target
        if isinstance(target, ast.Name):
            load = ast.copy_location(ast.Name(target.id, ast.Load()), target)
            self.set_local(target.id, self.value(ast.copy_location(ast.BinOp(load, node.op, node.value), node)), node)
        elif isinstance(target, ast.Attribute):
            base = self.frozen(self.value(target.value))
            current, operand = self.with_operand(lambda: self.member(base, target.attr, target), node.value)
            self.store_member(base, target.attr, self.binary(node.op, current, operand, node), node)
        else:
            base, index = (self.frozen(each) for each in self.operands([target.value, target.slice]))
            current, operand = self.with_operand(lambda: self.item(base, index, target), node.value)
            self.store_item(base, index, self.binary(node.op, current, operand, node), node)

    def assign(self, target: ast.expr, source: ast.expr, node: ast.stmt) -> None:
        """Store the value of an expression in a target."""
        if isinstance(target, ast.Tuple) and isinstance(source, ast.Tuple) and len(target.elts) == len(source.elts):
            values = self.operands(source.elts)
            frozen = [self.frozen(value) for value in values]
            for each, value in zip(target.elts, frozen, strict=True):
                self.store(each, value, node)
        elif isinstance(target, (ast.Name, ast.Attribute, ast.Subscript)):
            self.store(target, self.value(source), node)
        else:
            raise self.refuse(node, "statements", "a target is a local, a field or an element")

    def store(self, target: ast.expr, value: Value, node: ast.stmt) -> None:
        """Store a value in a target."""
        if isinstance(target, ast.Name):
            self.set_local(target.id, value, node)
        elif isinstance(target, ast.Attribute):
            base, stored = self.with_value(value, [target.value])
            self.store_member(base[0], target.attr, stored, node)
        elif isinstance(target, ast.Subscript):
            base, stored = self.with_value(value, [target.value, target.slice])
            self.store_item(base[0], base[1], stored, node)

    def set_local(self, name: str, value: Value, node: ast.AST) -> None:
        """Bind a name to a static value, or store in a local variable."""
        c_name = self.c_name(name)
        if c_name in self.declared:
            fitted = self.fitted(value, self.declared[c_name], name, node)
            self.names[name] = ir.Local(self.declared[c_name], c_name)
            self.emit(ir.SetLocal(self.place(node), c_name, fitted))
            return
        if isinstance(value, Static) and self.assigned[name] == 1 and not (self.unrolled and is_variable(value)):
            self.names[name] = value
            return
        expression = self.dynamic(value, node)
        seen = self.seen.get(c_name)
        joined = expression.type if seen is None else join(seen, expression.type)
        if joined is None:
            raise self.refuse(node, "locals", f"{name} holds values of different types")
        self.seen[c_name] = joined
        known = join(self.types.get(c_name, joined), joined)
        self.names[name] = ir.Local(known or joined, c_name)
        self.emit(ir.SetLocal(self.place(node), c_name, expression))

    # Control.

    def do_If(self, node: ast.If) -> None:
        """Take one branch: a condition that is static leaves no trace of the other."""
        condition = self.truth(node.test)
        if isinstance(condition, Static):
            self.statements(node.body if condition.value else node.orelse)
            return
        before = dict(self.names)
        then = self.inner(node.body)
        after, self.names = self.names, dict(before)
        otherwise = self.inner(node.orelse)
        self.names = merged(after, falls_through(then), self.names, falls_through(otherwise))
        self.emit(ir.If(self.place(node), condition, then, otherwise))

    def do_While(self, node: ast.While) -> None:
        """Repeat while a condition holds."""
        if node.orelse:
            raise self.refuse(node, "loops", "a loop has no else")
        label = self.new_label("loop")
        outer, self.block = self.block, []
        condition = self.condition(node.test)
        before, self.block = self.block, outer
        self.loops.append(label)
        body = self.inner(node.body)
        self.loops.pop()
        if before:
            leave = ir.If(self.place(node), self.negated(condition), (ir.Break(self.place(node), label),))
            body, condition = (*before, leave, *body), ir.Constant(BOOLEAN, True)
        self.emit(ir.Loop(self.place(node), label, condition, body))

    def do_Break(self, node: ast.Break) -> None:
        """Leave the loop."""
        self.emit(ir.Break(self.place(node), self.loops[-1].removeprefix("unrolled ")))

    def do_Continue(self, node: ast.Continue) -> None:
        """Go on with the loop's next round."""
        label = self.loops[-1]
        if label.startswith("unrolled "):
            self.emit(ir.Break(self.place(node), self.rounds[-1]))
        else:
            self.emit(ir.Continue(self.place(node), label))

    def do_For(self, node: ast.For) -> None:
        """Repeat over a range, an array, a generator, or a static tuple, which unrolls."""
        if node.orelse:
            raise self.refuse(node, "loops", "a loop has no else")
        iterated = node.iter
        if isinstance(iterated, ast.Call):
            called = self.called(iterated.func)
            if called is range:
                self.for_range(node, iterated)
                return
            if called is not None and self.is_generator(called):
                self.for_generator(node, iterated)
                return
        value = self.value(iterated)
        if isinstance(value, Static) and isinstance(value.value, (tuple, range)):
            self.for_static(node, tuple(value.value))
        elif (isinstance(value, Static) and isinstance(value.value, (Array, Table))) or (
            isinstance(value, ir.Expression) and isinstance(value.type, ArrayPointer)
        ):
            self.for_array(node, value)
        else:
            raise self.refuse(node.iter, "loops", "a loop goes over a range, an array, a static tuple or a generator")

    def for_range(self, node: ast.For, iterated: ast.Call) -> None:
        """Count: the bounds are evaluated once, before."""
        if not isinstance(node.target, ast.Name) or not 1 <= len(iterated.args) <= 3:
            raise self.refuse(node, "loops", "`for name in range(…)`")
        values = [self.frozen(value) for value in self.operands(iterated.args)]
        start = self.dynamic(Static(0) if len(values) == 1 else values[0], node)
        stop = self.dynamic(values[0] if len(values) == 1 else values[1], node)
        step = values[2] if len(values) == 3 else Static(1)
        if not isinstance(step, Static) or not isinstance(step.value, int) or step.value <= 0:
            raise self.refuse(node, "loops", "the step of a range is a constant above 0")
        if not isinstance(start.type, Integer) or not isinstance(stop.type, Integer):
            raise self.refuse(node, "types", "a range goes from integer to integer")
        place = self.place(node)
        counter = self.new_temporary(
            Integer(
                Interval(
                    start.type.interval.low, max(stop.type.interval.high, start.type.interval.low) + step.value - 1
                )
            )
        )
        self.emit(ir.SetLocal(place, counter.name, start))
        label = self.new_label("loop")
        inside = Interval(start.type.interval.low, max(stop.type.interval.high - 1, start.type.interval.low))
        self.loops.append(label)
        outer, self.block = self.block, []
        self.set_local(node.target.id, ir.Local(Integer(inside), counter.name), node)
        self.statements(node.body)
        body, self.block = self.block, outer
        self.loops.pop()
        following = ir.Binary(counter.type, "+", ir.Local(Integer(inside), counter.name), self.number(step.value))
        step_statement = ir.SetLocal(place, counter.name, following)
        self.bounded(following, node)
        condition = self.ordered("<", counter, stop, node)
        self.emit(ir.Loop(place, label, condition, tuple(body), (step_statement,)))

    def for_static(self, node: ast.For, values: tuple[Any, ...]) -> None:
        """Unroll a loop over a static tuple."""
        label = self.new_label("unrolled")
        outer, self.block = self.block, []
        self.loops.append("unrolled " + label)
        self.unrolled += 1
        for value in values:
            self.rounds.append(self.new_label("round"))
            round_outer, self.block = self.block, []
            self.bind(node.target, value)
            self.statements(node.body)
            body, self.block = self.block, round_outer
            self.emit(ir.Block(self.place(node), self.rounds.pop(), tuple(body)))
        self.unrolled -= 1
        self.loops.pop()
        for each in ast.walk(node.target):
            if isinstance(each, ast.Name):
                self.names[each.id] = self.variables.get(each.id, Static(UNKNOWN))
        body, self.block = self.block, outer
        self.emit(ir.Block(self.place(node), label, tuple(body)))

    def bind(self, target: ast.expr, value: Any) -> None:
        """Bind the names of an unrolled loop's target: known in each round, and a variable for after the loop."""
        if isinstance(target, ast.Name):
            if is_variable(Static(value)):
                self.set_local(target.id, Static(value), target)
                self.variables[target.id] = self.names[target.id]
            if self.assigned[target.id] == 1 or not is_variable(Static(value)):
                self.names[target.id] = Static(value)
        elif isinstance(target, ast.Tuple) and isinstance(value, tuple) and len(target.elts) == len(value):
            for each, inner in zip(target.elts, value, strict=True):
                self.bind(each, inner)
        else:
            raise self.refuse(target, "loops", "the target of an unrolled loop is a name, or a tuple of names")

    def for_array(self, node: ast.For, array: Value) -> None:
        """Go over the elements of an array by index."""
        index, iterated = f"index_{node.lineno}", f"array_{node.lineno}"
        self.names[iterated] = self.frozen(array)
        counted = ast.For(
            ast.Name(index, ast.Store()),
            ast.Call(
                ast.Name("range", ast.Load()),
                [ast.Call(ast.Name("len", ast.Load()), [ast.Name(iterated, ast.Load())], [])],
                [],
            ),
            [
                ast.Assign(
                    [node.target],
                    ast.Subscript(ast.Name(iterated, ast.Load()), ast.Name(index, ast.Load()), ast.Load()),
                ),
                *node.body,
            ],
            [],
        )
        ast.copy_location(counted, node)
        for each in ast.walk(counted):
            if isinstance(each, (ast.expr, ast.stmt)) and not hasattr(each, "lineno"):
                ast.copy_location(each, node)
        self.assigned[index] = 2
        self.do_For(counted)

    def for_generator(self, node: ast.For, iterated: ast.Call) -> None:
        """Inline a generator: its one `yield` becomes the loop's body."""
        function, arguments = self.generator_call(iterated)
        definition = definition_of(function)
        if sum(isinstance(each, (ast.Yield, ast.YieldFrom)) for each in ast.walk(definition)) != 1:
            raise self.refuse(iterated, "generators", "a generator has exactly one yield")
        for each in ast.walk(definition):
            if isinstance(each, ast.Try) and any(isinstance(inner, ast.Yield) for inner in ast.walk(each)):
                raise self.refuse(iterated, "generators", "a generator does not yield within a try")
        label = self.new_label("generator")
        saved = (self.names, self.globals, self.prefix, self.generator, self.assigned, self.file)
        frozen = {name: self.frozen(value) for name, value in arguments.items()}
        outer, self.block = self.block, []
        loops, self.loops = self.loops, []
        self.generator = Inlined(node, saved, label, loops, self.program.type_of(yielded_by(function)))
        self.prefix = self.new_label(definition.name) + "_"
        self.globals, self.assigned, self.file = function.__globals__, _assignments(definition), file_of(function)
        self.names = {}
        for name, value in frozen.items():
            declared = self.program.type_of(hints_of(function).get(name))
            if isinstance(value, Static) and declared == VOID:
                self.names[name] = value
            else:
                self.declared[self.c_name(name)] = declared
                self.checked_at = entry_of(function)
                self.set_local(name, value, node)
                self.checked_at = None
        inlined = self.generator
        self.statements(definition.body)
        body, self.block = self.block, outer
        self.loops, saved = loops, inlined.saved
        self.names, self.globals, self.prefix, self.generator, self.assigned, self.file = saved
        self.emit(ir.Block(self.place(node), label, tuple(body)))

    def do_yield(self, node: ast.Yield) -> None:
        """Evaluate the body of the loop that a generator is inlined into."""
        if self.generator is None or node.value is None:
            raise self.refuse(node, "generators", "a generator is used in a for loop")
        value = self.value(node.value)
        if self.generator.type != VOID:
            value = self.fitted(value, self.generator.type, "what is yielded", node.value)
        value, inlined = self.frozen(value), self.generator
        inside = (self.names, self.globals, self.prefix, self.generator, self.assigned, self.file, self.loops)
        self.names, self.globals, self.prefix, self.generator, self.assigned, self.file = inlined.saved
        self.loops = [*inlined.loops, "unrolled " + inlined.label]
        self.rounds.append(self.new_label("round"))
        outer, self.block = self.block, []
        self.store(inlined.loop.target, value, inlined.loop)
        self.statements(inlined.loop.body)
        body, self.block = self.block, outer
        inlined.saved = (self.names, *inlined.saved[1:])
        self.names, self.globals, self.prefix, self.generator, self.assigned, self.file, self.loops = inside
        self.emit(ir.Block(self.place(node), self.rounds.pop(), tuple(body)))

    # Failure.

    def do_Raise(self, node: ast.Raise) -> None:
        """Fail: with an error class, or again with the error that is being handled."""
        if node.exc is None:
            if self.error is None:
                raise self.refuse(node, "errors", "`raise` alone stands in an except")
            self.emit(ir.Raise(self.place(node), ir.Local(self.error_type, self.error)))
            return
        raised = node.exc.func if isinstance(node.exc, ast.Call) else node.exc
        value = self.value(raised)
        if isinstance(node.exc, ast.Call) and (node.exc.args or node.exc.keywords):
            raise self.refuse(node, "errors", "an error carries nothing: facts go into a record")
        codes = self.codes_of(value, node)
        error: Any = value.value if isinstance(value, Static) else None
        if error is KernelError:
            raise self.refuse(node, "errors", "KernelError has no number: raise one of its classes")
        code = error.number if error is not ProcessFault else max(codes)
        self.emit(ir.Raise(self.place(node), self.number(code)))

    def codes_of(self, value: Value, node: ast.AST) -> frozenset[int]:
        """Return the error codes that a class stands for."""
        error = value.value if isinstance(value, Static) else None
        if error is KernelError:
            return frozenset(range(-255, 0))
        if isinstance(error, type) and issubclass(error, KernelError):
            below = (self.codes_of(Static(each), node) for each in error.__subclasses__())
            return frozenset({error.number}).union(*below)
        if error is ProcessFault:
            return frozenset({ir.PROCESS_FAULT})
        raise self.refuse(node, "errors", "an error is KernelError, one of its classes, or ProcessFault")

    def do_Try(self, node: ast.Try) -> None:
        """Keep Python's try as it is: the exceptions pass lowers it."""
        self.refuse_exits(node.finalbody)
        before = dict(self.names)
        body = self.inner(node.body)
        after = self.names
        handlers = []
        for handler in node.handlers:
            self.names = {**before, **after} if len(after) > len(before) else dict(before)
            handlers.append(self.handler(handler))
        self.names = after
        otherwise, final = self.inner(node.orelse), self.inner(node.finalbody)
        self.emit(ir.Try(self.place(node), body, tuple(handlers), otherwise, final))

    def handler(self, node: ast.ExceptHandler) -> ir.Handler:
        """Evaluate one except."""
        if node.type is None:
            raise self.refuse(node, "errors", "an except names what it takes")
        taken = node.type.elts if isinstance(node.type, ast.Tuple) else [node.type]
        codes = frozenset().union(*(self.codes_of(self.value(each), node) for each in taken))
        name = self.new_temporary(self.error_type, "error").name
        outer, self.error = self.error, name
        if node.name:
            self.names[node.name] = ir.Local(self.error_type, name)
            self.errors_named.add(name)
        body = self.inner(node.body)
        self.error = outer
        return ir.Handler(codes, name, body)

    def refuse_exits(self, nodes: list[ast.stmt]) -> None:
        """Refuse what would leave a finally."""
        for node in nodes:
            for each in ast.walk(node):
                if isinstance(each, (ast.Return, ast.Break, ast.Continue, ast.Raise)):
                    raise self.refuse(each, "errors", "nothing leaves a finally")


def falls_through(body: tuple[ir.Statement, ...]) -> bool:
    """Say whether what follows some statements can be reached; a condition that is no constant may be anything."""
    return all(_goes_on(statement) for statement in body)


def _goes_on(statement: ir.Statement) -> bool:
    if isinstance(statement, (ir.Return, ir.Raise, ir.Break, ir.Continue)):
        return False
    if isinstance(statement, ir.Check):
        return statement.condition != ir.Constant(BOOLEAN, False)
    if isinstance(statement, ir.Loop):
        return statement.condition != ir.Constant(BOOLEAN, True) or leaves(statement.body, statement.label)
    if isinstance(statement, ir.Block):
        return falls_through(statement.body) or leaves(statement.body, statement.label)
    if isinstance(statement, ir.Try):
        normally = falls_through((*statement.body, *statement.otherwise))
        handled = any(falls_through(handler.body) for handler in statement.handlers)
        return (normally or handled) and falls_through(statement.final)
    if isinstance(statement, (ir.If, ir.Switch)):
        return any(falls_through(part) for part in parts_of(statement))
    return True


def merged(then: dict[str, Value], then_ends: bool, other: dict[str, Value], other_ends: bool) -> dict[str, Value]:
    """Return what names stand for after two branches; `…_ends` say whether the end of a branch is reached."""
    names: dict[str, Value] = {}
    for name in {**then, **other}:
        found = [each.get(name) for each, ends in ((then, then_ends), (other, other_ends)) if ends]
        values = [each for each in found or [then.get(name), other.get(name)] if each is not None]
        static = any(isinstance(each, Static) for each in values)
        if values:
            same = not found or (len(values) == len(found) and all(each == values[0] for each in values))
            names[name] = values[0] if same or not static else Static(UNKNOWN)
    return names


def _assignments(definition: ast.FunctionDef) -> Counter[str]:
    """Count how often each name gets a value."""
    counts: Counter[str] = Counter(each.arg for each in ast.walk(definition.args) if isinstance(each, ast.arg))

    def count(node: ast.AST, weight: int) -> None:
        if isinstance(node, ast.Name) and isinstance(node.ctx, ast.Store):
            counts[node.id] += weight
        if isinstance(node, ast.AugAssign) and isinstance(node.target, ast.Name):
            counts[node.target.id] += 2
        for child in ast.iter_child_nodes(node):
            count(child, weight)

    count(definition, 1)
    return counts
