"""Values of the function at hand: static or trees, fitted to a type, kept and refused."""

import ast
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import replace
from enum import Enum

from keelback.compiler import ir
from keelback.compiler.errors import CompileError
from keelback.compiler.evaluate.environment import Name
from keelback.compiler.evaluate.frame import Frame
from keelback.compiler.evaluate.known import Known
from keelback.compiler.intervals import Interval
from keelback.compiler.program import Program, Static, Value
from keelback.compiler.statics import Passing, is_plain, is_plain_enum
from keelback.compiler.types import BOOLEAN, NONE, TEXT, ArrayPointer, Integer, NoneType, Pointer, Type, exactly
from keelback.compiler.walk import expressions_in
from keelback.lang.array import IntegerArray
from keelback.lang.struct import Struct, StructArray

FREE = (ir.SetLocal, ir.Check)
"""Statements that change nothing that an expression could read."""


class Values(Known):
    """What an expression is evaluated to, and where its statements go."""

    def __init__(self, program: Program, frame: Frame, types: dict[str, Type]) -> None:
        super().__init__()
        self.program = program
        self.frame = frame
        self.types = types
        self.block: list[ir.Statement] = []
        self.declared: dict[str, Type] = {}
        self.seen: dict[str, Type] = {}
        self.labels = 0
        self.temporaries: set[str] = set()
        self.checked_at: ir.Place | None = None
        self.unrolled = 0

    def place(self, node: ast.AST | None = None) -> ir.Place:
        """Return where the statement at hand starts, which all that it does belongs to, or another statement."""
        return (self.frame.file, (node if isinstance(node, ast.stmt) else self.frame.at).lineno)

    def where(self) -> tuple[str, int, int]:
        """Return file, line and column of the statement at hand."""
        return (self.frame.file, self.frame.at.lineno, self.frame.at.col_offset + 1)

    def refuse(self, node: ast.AST, rule: str, message: str) -> CompileError:
        """Return the error that refuses a node."""
        line, column = getattr(node, "lineno", self.frame.at.lineno), getattr(node, "col_offset", 0)
        return CompileError(rule, message, self.frame.file, line, column + 1)

    def emit(self, statement: ir.Statement) -> None:
        """Add a statement, and take note of what is known after it."""
        self.block.append(statement)
        self.follow(statement)

    def new_label(self, stem: str) -> str:
        """Return a name that no other label has."""
        return f"{stem}_{self.new_number()}"

    def new_number(self) -> int:
        """Return the number of a new label, temporary or inlined generator."""
        self.labels += 1
        return self.labels

    def new_temporary(self, type: Type, stem: str = "t") -> ir.Local:
        """Return a new local."""
        name = f"{stem}${self.new_number()}"
        self.declared[name] = type
        self.temporaries.add(name)
        return ir.Local(type, name)

    def variable(self, name: str) -> str:
        """Return what a local of the function at hand is called in the tree."""
        return self.variable_of(self.frame.name(name))

    def variable_of(self, name: Name) -> str:
        """Return what a local is called in the tree."""
        return name.name + name.suffix

    def number(self, value: int) -> ir.Constant:
        """Return a constant."""
        return ir.Constant(exactly(value), int(value))

    def dynamic(self, value: Value, node: ast.AST) -> ir.Expression:
        """Return a value as a tree."""
        if isinstance(value, ir.Expression):
            return value
        static = value.value
        if isinstance(static, bool):
            return ir.Constant(BOOLEAN, static)
        if isinstance(static, Enum) and isinstance(static, int) and is_plain(static):
            return ir.Constant(Integer(Interval(int(static), int(static)), type(static)), int(static))
        if type(static) is int:
            return self.number(static)
        if static is None:
            return ir.Constant(NONE, None)
        if type(static) is str:
            self.refuse_text(static, node)
            return ir.TextConstant(TEXT, static)
        if isinstance(static, Struct):
            return ir.StaticPlace(Pointer(type(static).__mro__[1]), static._address)
        if isinstance(static, IntegerArray):
            return ir.StaticPlace(ArrayPointer(static._type, len(static)), static._address)
        if isinstance(static, StructArray):
            return ir.StaticPlace(ArrayPointer(static._struct, len(static)), static._address)
        raise self.refuse(node, "values", f"a {type(static).__name__} is no value at run time")

    def plain(self, value: ir.Expression, node: ast.AST) -> None:
        """Refuse a member of an enum that has operators of its own."""
        if isinstance(value.type, Integer) and value.type.enum is not None and not is_plain_enum(value.type.enum):
            raise self.refuse(node, "types", f"{value.type.enum.__name__} is no IntEnum with the operators of one")

    def refuse_text(self, text: str, node: ast.AST) -> None:
        """Refuse text that no sink and no array takes."""
        if not text.isascii():
            raise self.refuse(node, "text", f"text is ASCII: {next(each for each in text if not each.isascii())!r}")

    def frozen(self, value: Value) -> Value:
        """Return a value that later statements can't change: itself, or a temporary that keeps it."""
        if isinstance(value, (Static, ir.Constant, ir.StaticPlace, ir.TextConstant)):
            return value
        if isinstance(value, ir.Local) and value.name in self.temporaries:
            return value
        kept = self.new_temporary(value.type)
        self.emit(ir.SetLocal(self.place(), kept.name, value))
        return kept

    def kept(self, value: Value, node: ast.AST) -> ir.Expression:
        """Return a tree that later statements can't change."""
        return self.dynamic(self.frozen(value), node)

    def check(self, condition: ir.Expression, message: str, node: ast.AST) -> None:
        """Panic unless a condition holds."""
        self.emit(ir.Check(self.checked_at or self.place(node), condition, message))

    def leave(self, statement: ir.Statement) -> None:
        """Add a statement that nothing gets past."""
        self.emit(statement)
        self.reached = False

    def followed(self, pointer: ir.Expression, node: ast.AST) -> ir.Expression:
        """Return a struct that is checked not to be None."""
        assert isinstance(pointer.type, Pointer)
        if pointer.type.struct is NoneType:
            raise self.refuse(node, "references", "None has no attributes")
        if not self.here.is_present(pointer):
            self.check(ir.Binary(BOOLEAN, "!=", pointer, ir.Constant(NONE, None)), "None is followed", node)
        return pointer

    # Bounds and types.

    def fitted(self, value: Value, wanted: Type, what: str, node: ast.AST) -> ir.Expression:
        """Return a value that a place of the wanted type can store, checked where that is not certain."""
        expression = self.dynamic(value, node)
        found = expression.type
        if isinstance(wanted, Integer) and isinstance(found, Integer) and wanted.enum in (None, found.enum):
            return self.within(expression, wanted, what, node)
        if isinstance(wanted, Pointer) and isinstance(found, Pointer):
            if found.struct in (wanted.struct, NoneType) and (wanted.optional or self.here.is_present(expression)):
                return replace(expression, type=Pointer(wanted.struct, wanted.optional))
        elif found == wanted:
            return expression
        raise self.refuse(node, "types", f"{what} takes {wanted}, not {found}")

    def within(self, value: ir.Expression, wanted: Integer, what: str, node: ast.AST) -> ir.Expression:
        """Return an integer that lies within bounds, checked where that is not certain."""
        assert isinstance(value.type, Integer)
        interval = value.type.interval
        if interval in wanted.interval:
            return value
        self.bounded(value, node)
        if interval.high < wanted.interval.low or interval.low > wanted.interval.high:
            self.check(ir.Constant(BOOLEAN, False), f"does not fit {what}", node)
            return ir.Constant(wanted, wanted.interval.low)
        kept = self.kept(value, node)
        kept = self.at_least(kept, wanted.interval.low, f"does not fit {what}", node)
        if interval.high > wanted.interval.high:
            self.check(ir.Binary(BOOLEAN, "<=", kept, self.number(wanted.interval.high)), f"does not fit {what}", node)
        return narrowed(kept, wanted.interval.low, wanted.interval.high)

    def at_least(self, value: ir.Expression, low: int, message: str, node: ast.AST) -> ir.Expression:
        """Return an integer that is checked not to be below a bound, where that is not certain."""
        if bounds(value).low < low:
            self.check(ir.Binary(BOOLEAN, ">=", value, self.number(low)), message, node)
        return narrowed(value, low, max(bounds(value).high, low))

    def bounded(self, value: ir.Expression, node: ast.AST, bits: int = 0) -> None:
        """Refuse an integer that no type of so many bits holds, or of two words."""
        bits = bits or self.program.widest
        if isinstance(value.type, Integer) and not value.type.interval.fits(bits):
            bounds = f"{value.type.interval.low} … {value.type.interval.high}"
            raise self.refuse(node, "bounded integers", f"can't bound this to {bits} bits ({bounds}); annotate it")

    # Order: what is evaluated first is kept before what could change it.

    def value(self, node: ast.expr) -> Value:
        """Evaluate an expression."""
        result = self.iterated(node)
        if isinstance(result, Static) and isinstance(result.value, Passing):
            raise self.refuse(node, "loops", "what reversed and enumerate give is gone over at once, by a loop")
        return result

    def iterated(self, node: ast.expr) -> Value:
        """Evaluate what a loop goes over."""
        method = getattr(self, f"value_{type(node).__name__}", None)
        if method is None:
            raise self.refuse(node, "expressions", f"Kernel Python has no {type(node).__name__} expression")
        result: Value = method(node)
        return result

    def operands(self, nodes: Sequence[ast.expr]) -> list[Value]:
        """Evaluate operands from left to right."""
        values: list[Value] = []
        for node in nodes:
            start = len(self.block)
            value = self.value(node)
            values = self.kept_before(values, start)
            values.append(value)
        return values

    def kept_before(self, values: list[Value], start: int) -> list[Value]:
        """Keep earlier values that read RAM, if the statements from `start` on could change them."""
        emitted = self.block[start:]
        if all(isinstance(each, FREE) for each in emitted):
            return values
        del self.block[start:]
        kept = [self.frozen(value) if _reads_ram(value) else value for value in values]
        self.block += emitted
        return kept

    def with_operand(self, first: Callable[[], Value], node: ast.expr) -> tuple[Value, Value]:
        """Evaluate a value and then an operand."""
        value = first()
        start = len(self.block)
        operand = self.value(node)
        return self.kept_before([value], start)[0], operand

    def with_value(self, value: Value, nodes: Sequence[ast.expr]) -> tuple[list[Value], Value]:
        """Evaluate a target's operands after the value that is to be stored there."""
        start = len(self.block)
        operands = self.operands(nodes)
        return operands, self.kept_before([value], start)[0]

    @contextmanager
    def collected(self) -> Iterator[list[ir.Statement]]:
        """Collect the statements that are added meanwhile in a block of their own."""
        outer, self.block = self.block, []
        yield self.block
        self.block = outer

    @contextmanager
    def inside(self, frame: Frame) -> Iterator[None]:
        """Evaluate in another function meanwhile."""
        outer, self.frame = self.frame, frame
        yield
        self.frame = outer

    def integer(self, value: Value, node: ast.AST, message: str) -> ir.Expression:
        """Return an integer as a tree; refuse what is none."""
        expression = self.dynamic(value, node)
        if not isinstance(expression.type, Integer):
            raise self.refuse(node, "types", message)
        return expression


def narrowed(value: ir.Expression, low: int, high: int) -> ir.Expression:
    """Return an integer that was checked to lie between two bounds; one of them if it can't."""
    assert isinstance(value.type, Integer)
    least, most = max(value.type.interval.low, low), min(value.type.interval.high, high)
    if least > most:
        return ir.Constant(exactly(low if least == low else high), low if least == low else high)
    return replace(value, type=Integer(Interval(least, most), value.type.enum))


def bounds(value: ir.Expression) -> Interval:
    """Return the bounds of an integer."""
    assert isinstance(value.type, Integer)
    return value.type.interval


def not_negative(value: ir.Expression) -> ir.Expression:
    """Return an integer that was checked to be at least 0."""
    assert isinstance(value.type, Integer)
    return narrowed(value, 0, max(value.type.interval.high, 0))


def _reads_ram(value: Value) -> bool:
    if isinstance(value, Static):
        return False
    return any(isinstance(each, (ir.FieldValue, ir.ElementValue, ir.SameBytes)) for each in expressions_in(value))
