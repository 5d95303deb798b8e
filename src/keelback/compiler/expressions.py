"""From a function's syntax and its static values to the typed tree: expressions.

A value is `Static` when it is known now, else a tree without effects.  What has effects is emitted as a statement, and
operands that read RAM are kept in a temporary before a later operand's effects.
"""

import ast
import builtins
import operator
from collections import Counter
from collections.abc import Callable, Sequence
from dataclasses import fields, is_dataclass, replace
from enum import Enum
from types import FunctionType
from typing import Any

from keelback.compiler import intervals, ir
from keelback.compiler.errors import CompileError
from keelback.compiler.intervals import Interval
from keelback.compiler.program import Program, Static, Value, local_name
from keelback.compiler.source import file_of
from keelback.compiler.types import (
    BOOLEAN,
    NONE,
    TEXT,
    ArrayPointer,
    Boolean,
    Integer,
    Pointer,
    Type,
    exactly,
    integer,
    join,
)
from keelback.lang.array import Array, IntegerArray
from keelback.lang.integers import word
from keelback.lang.layout import (
    ArrayKind,
    BoolKind,
    EnumKind,
    Field,
    IntegerKind,
    RefKind,
    StructKind,
    layout_of,
)
from keelback.lang.struct import Struct, StructArray
from keelback.lang.table import Table

OPERATORS: dict[type, tuple[str, Callable[[Any, Any], Any]]] = {
    ast.Add: ("+", operator.add),
    ast.Sub: ("-", operator.sub),
    ast.Mult: ("*", operator.mul),
    ast.FloorDiv: ("//", operator.floordiv),
    ast.Mod: ("%", operator.mod),
    ast.LShift: ("<<", operator.lshift),
    ast.RShift: (">>", operator.rshift),
    ast.BitAnd: ("&", operator.and_),
    ast.BitOr: ("|", operator.or_),
    ast.BitXor: ("^", operator.xor),
}
UNARY: dict[type, Callable[[int], int]] = {ast.USub: operator.neg, ast.UAdd: operator.pos, ast.Invert: operator.inv}
COMPARISONS: dict[type, tuple[str, Callable[[Any, Any], Any]]] = {
    ast.Eq: ("==", operator.eq),
    ast.NotEq: ("!=", operator.ne),
    ast.Lt: ("<", operator.lt),
    ast.LtE: ("<=", operator.le),
    ast.Gt: (">", operator.gt),
    ast.GtE: (">=", operator.ge),
    ast.Is: ("==", operator.is_),
    ast.IsNot: ("!=", operator.is_not),
}
OPPOSITE = {"==": "!=", "!=": "==", "<": ">=", ">=": "<", ">": "<=", "<=": ">"}
MIRRORED = {"==": "==", "!=": "!=", "<": ">", ">=": "<=", ">": "<", "<=": ">="}
FREE = (ir.SetLocal, ir.Check)
"""Statements that change nothing that an expression could read."""


UNKNOWN = object()
"""What a name stands for that has a different static value on each way to here."""


class Expressions:
    """Evaluates expressions of one function."""

    def __init__(self, program: Program, function: FunctionType, types: dict[str, Type]) -> None:
        self.program = program
        self.types = types
        self.globals: dict[str, Any] = function.__globals__
        self.file = file_of(function)
        self.block: list[ir.Statement] = []
        self.names: dict[str, Value] = {}
        self.declared: dict[str, Type] = {}
        self.seen: dict[str, Type] = {}
        self.assigned: Counter[str] = Counter()
        self.labels = 0
        self.prefix = ""
        self.generator: Any = None
        self.rounds: list[str] = []
        self.errors_named: set[str] = set()
        self.error_type = Integer(Interval(ir.PROCESS_FAULT, 0))
        self.checked_at: ir.Place | None = None
        self.unrolled = 0
        self.at: ast.AST

    # Helpers.

    def place(self, node: ast.AST) -> ir.Place:
        """Return where a node stands."""
        return (self.file, getattr(node, "lineno", getattr(self.at, "lineno", 0)))

    def refuse(self, node: ast.AST, rule: str, message: str) -> CompileError:
        """Return the error that refuses a node."""
        line = self.place(node)[1]
        return CompileError(rule, message, self.file, line, getattr(node, "col_offset", 0) + 1)

    def emit(self, statement: ir.Statement) -> None:
        """Add a statement."""
        self.block.append(statement)

    def new_label(self, stem: str) -> str:
        """Return a name that no other label or temporary has."""
        self.labels += 1
        return f"{stem}_{self.labels}"

    def new_temporary(self, type: Type, stem: str = "t") -> ir.Local:
        """Return a new local."""
        name = self.new_label(stem)
        self.declared[name] = type
        return ir.Local(type, name)

    def c_name(self, name: str) -> str:
        """Return what a local of the function at hand is called in C."""
        return local_name(self.prefix + name)

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
        if isinstance(static, Enum) and isinstance(static, int):
            return ir.Constant(Integer(Interval(int(static), int(static)), type(static)), int(static))
        if isinstance(static, int):
            return self.number(static)
        if static is None:
            return ir.Constant(NONE, None)
        if isinstance(static, str):
            return ir.TextConstant(TEXT, static)
        if isinstance(static, Struct):
            return ir.StaticPlace(Pointer(type(static).__mro__[1]), static._address)
        if isinstance(static, IntegerArray):
            return ir.StaticPlace(ArrayPointer(static._type, len(static)), static._address)
        if isinstance(static, StructArray):
            return ir.StaticPlace(ArrayPointer(static._struct, len(static)), static._address)
        raise self.refuse(node, "values", f"a {type(static).__name__} is no value at run time")

    def frozen(self, value: Value) -> Value:
        """Return a value that later statements can't change: itself, or a temporary that keeps it."""
        if isinstance(value, (Static, ir.Constant, ir.StaticPlace, ir.TextConstant)):
            return value
        if isinstance(value, ir.Local) and value.name in self.declared and value.name.startswith("t_"):
            return value
        kept = self.new_temporary(value.type)
        self.emit(ir.SetLocal(self.place(self.at), kept.name, value))
        return kept

    def check(self, condition: ir.Expression, message: str, node: ast.AST) -> None:
        """Panic unless a condition holds."""
        self.emit(ir.Check(self.checked_at or self.place(node), condition, message))

    def fitted(self, value: Value, wanted: Type, what: str, node: ast.AST) -> ir.Expression:
        """Return a value that a place of the wanted type can store, checked where that is not certain."""
        expression = self.dynamic(value, node)
        found = expression.type
        if isinstance(wanted, Integer) and isinstance(found, Integer) and wanted.enum in (None, found.enum):
            return self.within(expression, wanted, what, node)
        if isinstance(wanted, Pointer) and isinstance(found, Pointer):
            if found.struct in (wanted.struct, type(None)):
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
        kept = self.dynamic(self.frozen(value), node)
        if interval.low < wanted.interval.low:
            self.check(ir.Binary(BOOLEAN, ">=", kept, self.number(wanted.interval.low)), f"does not fit {what}", node)
        if interval.high > wanted.interval.high:
            self.check(ir.Binary(BOOLEAN, "<=", kept, self.number(wanted.interval.high)), f"does not fit {what}", node)
        low, high = max(interval.low, wanted.interval.low), min(interval.high, wanted.interval.high)
        return replace(kept, type=Integer(Interval(low, max(low, high)), value.type.enum))

    def bounded(self, value: ir.Expression, node: ast.AST) -> None:
        """Refuse an integer that no 64-bit type holds."""
        if isinstance(value.type, Integer) and not value.type.interval.is_bounded:
            low, high = value.type.interval.low, value.type.interval.high
            raise self.refuse(node, "bounded integers", f"can't bound this to 64 bits ({low} … {high}); annotate it")

    # Evaluation.

    def value(self, node: ast.expr) -> Value:
        """Evaluate an expression."""
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
        """Keep earlier values that read RAM or locals, if the statements from `start` on could change them."""
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

    def in_block(self, evaluate: Callable[[], Value]) -> tuple[Value, tuple[ir.Statement, ...]]:
        """Evaluate something whose statements go into a block of their own."""
        outer, self.block = self.block, []
        value = evaluate()
        emitted, self.block = self.block, outer
        return value, tuple(emitted)

    def value_Constant(self, node: ast.Constant) -> Value:
        """A number, a bool, None or text."""
        if isinstance(node.value, (int, str, type(None))):
            return Static(node.value)
        raise self.refuse(node, "expressions", f"Kernel Python has no {type(node.value).__name__} constants")

    def value_Name(self, node: ast.Name) -> Value:
        """A local, a global or a builtin."""
        if node.id in self.names:
            found = self.names[node.id]
            if isinstance(found, Static) and found.value is UNKNOWN:
                raise self.refuse(node, "names", f"{node.id} has no one value here")
            if isinstance(found, ir.Local) and found.name in self.types and found.name not in self.declared:
                return replace(found, type=self.types[found.name])
            return found
        if self.c_name(node.id) in self.types:
            name = self.c_name(node.id)
            return ir.Local(self.types[name], name)
        if node.id in self.globals:
            return Static(self.globals[node.id])
        if hasattr(builtins, node.id):
            return Static(getattr(builtins, node.id))
        raise self.refuse(node, "names", f"{node.id} has no value here")

    def value_Tuple(self, node: ast.Tuple) -> Value:
        """A tuple of static values."""
        values = [self.value(each) for each in node.elts]
        if all(isinstance(each, Static) for each in values):
            return Static(tuple(each.value for each in values if isinstance(each, Static)))
        raise self.refuse(node, "expressions", "a tuple holds static values only")

    def value_Attribute(self, node: ast.Attribute) -> Value:
        """A field of a struct, or an attribute of a static object."""
        return self.member(self.value(node.value), node.attr, node)

    def member(self, base: Value, name: str, node: ast.AST) -> Value:
        """Return what an attribute of a value is."""
        if isinstance(base, Static) and not isinstance(base.value, (Struct, Table, Array)):
            return self.static_member(base.value, name, node)
        if isinstance(base, Static) and isinstance(base.value, Table):
            if name in ("record", "ram", "element_size"):
                return Static(getattr(base.value, name))
            if name == "elements":
                return base
        expression = self.dynamic(base, node)
        if isinstance(expression, ir.Local) and expression.name in self.errors_named:
            return self.error_member(expression, name, node)
        if isinstance(expression.type, Pointer):
            return self.field_value(expression, self.field(expression.type, name, node))
        raise self.refuse(node, "attributes", f"no attribute {name}")

    def error_member(self, error: ir.Local, name: str, node: ast.AST) -> Value:
        """Return the number or the sentence of the error that is being handled."""
        number = ir.Local(Integer(Interval(-255, -1)), error.name)
        if name == "number":
            return number
        if name == "sentence":
            return ir.ErrorText(TEXT, number)
        raise self.refuse(node, "errors", "an error has a number and a sentence, nothing else")

    def static_member(self, owner: Any, name: str, node: ast.AST) -> Value:
        """Return an attribute of a static object; a property only of what is frozen."""
        if isinstance(getattr(type(owner), name, None), property) and not (
            is_dataclass(owner) or isinstance(owner, Enum)
        ):
            raise self.refuse(
                node, "properties", f"{type(owner).__name__}.{name}: only frozen dataclasses have properties"
            )
        try:
            return Static(getattr(owner, name))
        except AttributeError:
            raise self.refuse(node, "attributes", f"{type(owner).__name__} has no attribute {name}") from None

    def field(self, pointer: Pointer, name: str, node: ast.AST) -> Field:
        """Return a field of a struct."""
        try:
            return layout_of(pointer.struct, self.program.word_bits).field(name)
        except KeyError:
            raise self.refuse(node, "attributes", f"{pointer.struct.__name__} has no field {name}") from None

    def field_value(self, base: ir.Expression, field: Field) -> ir.Expression:
        """Return the value of a field, or the place of what lies inside it."""
        kind = field.kind
        if isinstance(kind, BoolKind):
            return ir.FieldValue(BOOLEAN, base, field)
        if isinstance(kind, EnumKind):
            return ir.FieldValue(integer(kind.type, kind.enum), base, field)
        if isinstance(kind, RefKind):
            return ir.FieldValue(Pointer(kind.target, True), base, field)
        if isinstance(kind, IntegerKind):
            return ir.FieldValue(integer(kind.type), base, field)
        if isinstance(kind, StructKind):
            return ir.FieldPlace(Pointer(kind.layout.struct), base, field)
        element = kind.element.layout.struct if isinstance(kind.element, StructKind) else kind.element.type
        return ir.FieldPlace(ArrayPointer(element, kind.count), base, field)

    def store_member(self, base: Value, name: str, value: Value, node: ast.AST) -> None:
        """Store in a field."""
        if isinstance(base, Static) and not isinstance(base.value, Struct):
            raise self.refuse(node, "components", "only fields of structs change")
        expression = self.dynamic(base, node)
        if not isinstance(expression.type, Pointer):
            raise self.refuse(node, "components", "only fields of structs change")
        field = self.field(expression.type, name, node)
        if isinstance(field.kind, (StructKind, ArrayKind)):
            raise self.refuse(node, "structs", "what lies inside a struct is changed in place")
        wanted = self.field_value(expression, field).type
        what = f"{expression.type.struct.__name__}.{name}"
        fitted = self.fitted(value, wanted, what, node)
        if isinstance(field.kind, RefKind):
            fitted = self.at_home(fitted, field.kind.target, node)
        self.emit(ir.StoreField(self.place(node), expression, field, fitted))

    def at_home(self, value: ir.Expression, struct: type, node: ast.AST) -> ir.Expression:
        """Return a struct, or None, that is checked to lie in the home array; most structs lie nowhere else."""
        ram = self.program.ram
        home = ram.homes[struct]
        elsewhere = [each for each in ram.records if each.address != home._address and _holds(each.struct, struct)]
        if not elsewhere or isinstance(value, (ir.Constant, ir.FieldValue)):
            return value
        kept = self.dynamic(self.frozen(value), node)
        address = ir.AddressOf(self.program.type_of(word), kept)
        size = layout_of(struct, ram.word_bits).size
        start, end = self.number(home._address), self.number(home._address + size * len(home))
        offset = self.binary(ast.Sub(), address, Static(home._address), node)
        aligned = self.binary(ast.Mod(), offset, Static(size), node)
        held: ir.Expression = ir.Binary(BOOLEAN, "==", kept, ir.Constant(NONE, None))
        inside = ir.Binary(BOOLEAN, ">=", address, start)
        for other in (
            ir.Binary(BOOLEAN, "<", address, end),
            ir.Binary(BOOLEAN, "==", self.dynamic(aligned, node), self.number(0)),
        ):
            inside = ir.Binary(BOOLEAN, "and", inside, other)
        held = ir.Binary(BOOLEAN, "or", held, inside)
        self.check(held, f"a Ref[{struct.__name__}] takes an element of its home array or None", node)
        return kept

    def value_Subscript(self, node: ast.Subscript) -> Value:
        """An element of an array, a table or a static tuple."""
        base, index = self.operands([node.value, node.slice])
        return self.item(base, index, node)

    def item(self, base: Value, index: Value, node: ast.AST) -> Value:
        """Return what an element is."""
        if isinstance(base, Static) and isinstance(base.value, (tuple, str)):
            return self.tuple_item(base.value, index, node)
        array, place = self.element(base, index, node)
        assert isinstance(array.type, ArrayPointer)
        element = array.type.element
        if isinstance(element, type):
            return ir.ElementPlace(Pointer(element), array, place)
        return ir.ElementValue(integer(element), array, place)

    def element(self, base: Value, index: Value, node: ast.AST) -> tuple[ir.Expression, ir.Expression]:
        """Return an array and an index that is checked to lie in it."""
        array, count = self.array(base, node)
        place = self.dynamic(index, node)
        if not isinstance(place.type, Integer):
            raise self.refuse(node, "types", "an index is an integer")
        return array, self.below(place, count, "an index is out of range", node)

    def array(self, base: Value, node: ast.AST) -> tuple[ir.Expression, ir.Expression]:
        """Return an array, and how many elements it has."""
        if isinstance(base, Static) and isinstance(base.value, Table):
            return self.table_elements(base.value, node)
        array = self.dynamic(base, node)
        if not isinstance(array.type, ArrayPointer):
            raise self.refuse(node, "types", "only arrays, tables and static tuples have elements")
        return array, self.number(array.type.count)

    def table_elements(self, table: Table[Any], node: ast.AST) -> tuple[ir.Expression, ir.Expression]:
        """Return the array that a table's record points to, and its count."""
        record = self.dynamic(Static(table.record), node)
        kind = table._element
        element = kind.layout.struct if isinstance(kind, StructKind) else kind.type
        base, count = (self.member(record, name, node) for name in ("base", "count"))
        assert isinstance(base, ir.Expression) and isinstance(count, ir.Expression)
        return ir.StructAt(ArrayPointer(element, 0), base), count

    def below(self, index: ir.Expression, count: ir.Expression, message: str, node: ast.AST) -> ir.Expression:
        """Return an index that is checked to be at least 0 and below a count."""
        assert isinstance(index.type, Integer) and isinstance(count.type, Integer)
        interval, limit = index.type.interval, count.type.interval
        if interval.low >= 0 and interval.high < limit.low:
            return index
        self.bounded(index, node)
        kept = self.dynamic(self.frozen(index), node)
        if interval.low < 0:
            self.check(ir.Binary(BOOLEAN, ">=", kept, self.number(0)), message, node)
        self.check(ir.Binary(BOOLEAN, "<", kept, count), message, node)
        return replace(kept, type=Integer(Interval(max(interval.low, 0), max(min(interval.high, limit.high - 1), 0))))

    def tuple_item(self, values: Any, index: Value, node: ast.AST) -> Value:
        """Return an element of a static tuple: static itself, or out of a constant table of integers or texts."""
        if isinstance(index, Static):
            try:
                return Static(values[index.value])
            except (IndexError, TypeError):
                raise self.refuse(node, "tuples", f"no element {index.value}") from None
        place = self.below(self.dynamic(index, node), self.number(len(values)), "an index is out of range", node)
        if all(isinstance(each, str) for each in values):
            return ir.ConstantElement(TEXT, tuple(values), place)
        if all(isinstance(each, int) and not isinstance(each, bool) for each in values):
            return ir.ConstantElement(Integer(Interval(min(values), max(values))), tuple(values), place)
        raise self.refuse(node, "tuples", "only integers, texts and methods are picked from a tuple at run time")

    def store_item(self, base: Value, index: Value, value: Value, node: ast.AST) -> None:
        """Store in an element."""
        array, place = self.element(base, index, node)
        assert isinstance(array.type, ArrayPointer)
        if isinstance(array.type.element, type):
            raise self.refuse(node, "structs", "a struct in an array is changed field by field")
        fitted = self.fitted(value, integer(array.type.element), "an element", node)
        self.emit(ir.StoreElement(self.place(node), array, place, fitted))

    # Operators.

    def value_UnaryOp(self, node: ast.UnaryOp) -> Value:
        """`-x`, `+x`, `~x`, `not x`."""
        if isinstance(node.op, ast.Not):
            condition = self.truth(node.operand)
            return Static(not condition.value) if isinstance(condition, Static) else self.negated(condition)
        value = self.value(node.operand)
        if isinstance(value, Static) and isinstance(value.value, int):
            return Static(UNARY[type(node.op)](value.value))
        expression = self.dynamic(value, node)
        if not isinstance(expression.type, Integer):
            raise self.refuse(node, "types", "an integer is needed")
        if isinstance(node.op, ast.UAdd):
            return expression
        sign, bound = ("-", intervals.negate) if isinstance(node.op, ast.USub) else ("~", intervals.invert)
        return ir.Unary(Integer(bound(expression.type.interval)), sign, expression)

    def value_BinOp(self, node: ast.BinOp) -> Value:
        """Arithmetic."""
        left, right = self.operands([node.left, node.right])
        return self.binary(node.op, left, right, node)

    def binary(self, op: ast.operator, left: Value, right: Value, node: ast.AST) -> Value:
        """Return the result of an operator; division and shifts are checked where need be."""
        if type(op) not in OPERATORS:
            raise self.refuse(node, "operators", f"Kernel Python has no {type(op).__name__}")
        sign, function = OPERATORS[type(op)]
        if isinstance(left, Static) and isinstance(right, Static):
            try:
                return Static(function(left.value, right.value))
            except (ArithmeticError, ValueError, TypeError) as error:
                raise self.refuse(node, "operators", str(error)) from None
        first, second = self.dynamic(left, node), self.dynamic(right, node)
        if not isinstance(first.type, Integer) or not isinstance(second.type, Integer):
            raise self.refuse(node, "types", f"{sign} takes integers")
        if sign in ("//", "%"):
            first, second = self.divided(first, second, node)
        elif sign in ("<<", ">>"):
            second = self.shifted(second, node)
        assert isinstance(first.type, Integer) and isinstance(second.type, Integer)
        if sign in ("//", "%", ">>"):
            self.bounded(first, node)
        bound = intervals.BINARY[sign](first.type.interval, second.type.interval)
        together = first.type.interval.join(second.type.interval).join(bound)
        if sign in ("//", "%") and not together.is_bounded:
            raise self.refuse(
                node, "bounded integers", f"can't hold both sides of {sign} in one 64-bit type; annotate them"
            )
        return ir.Binary(Integer(bound), sign, first, second)

    def divided(self, left: ir.Expression, right: ir.Expression, node: ast.AST) -> tuple[ir.Expression, ir.Expression]:
        """Check a divisor that may be 0."""
        self.bounded(right, node)
        interval = right.type.interval  # type: ignore[union-attr]
        if interval.low <= 0 <= interval.high:
            right = self.dynamic(self.frozen(right), node)
            self.check(ir.Binary(BOOLEAN, "!=", right, self.number(0)), "division by zero", node)
            if isinstance(right, ir.Constant):
                return left, self.number(1)
            low = 1 if interval.low == 0 else interval.low
            right = replace(right, type=Integer(Interval(low, max(interval.high, low))))
        return left, right

    def shifted(self, right: ir.Expression, node: ast.AST) -> ir.Expression:
        """Check a shift that may be negative; refuse one that may be 64 or more."""
        interval = right.type.interval  # type: ignore[union-attr]
        if interval.high > 63:
            raise self.refuse(node, "bounded integers", "can't bound this shift below 64; mask it")
        if interval.low < 0:
            right = self.dynamic(self.frozen(right), node)
            self.check(ir.Binary(BOOLEAN, ">=", right, self.number(0)), "a negative shift", node)
            right = replace(right, type=Integer(Interval(0, max(interval.high, 0))))
        return right

    def value_Compare(self, node: ast.Compare) -> Value:
        """A comparison, or a chain of them that ends at the first that is false."""
        if len(node.ops) == 1:
            left, right = self.operands([node.left, node.comparators[0]])
            return self.compared(node.ops[0], left, right, node)
        first = self.value(node.left)

        def chain(left: Value, rest: int) -> Value:
            right = self.value(node.comparators[rest])
            if rest + 1 < len(node.ops):
                right = self.frozen(right)
            held = self.compared(node.ops[rest], left, right, node)
            if rest + 1 == len(node.ops):
                return held
            return self.both(held, lambda: chain(right, rest + 1), node)

        return chain(self.frozen(first), 0)

    def compared(self, op: ast.cmpop, left: Value, right: Value, node: ast.AST) -> Value:
        """Return the result of one comparison."""
        if type(op) not in COMPARISONS:
            raise self.refuse(node, "operators", f"Kernel Python has no {type(op).__name__}")
        sign, function = COMPARISONS[type(op)]
        if isinstance(left, Static) and isinstance(right, Static):
            return Static(function(left.value, right.value))
        first, second = self.dynamic(left, node), self.dynamic(right, node)
        comparable = (
            (isinstance(first.type, Integer) and isinstance(second.type, Integer))
            or (isinstance(first.type, Boolean) and first.type == second.type)
            or (isinstance(first.type, Pointer) and isinstance(second.type, Pointer) and sign in ("==", "!="))
        )
        if not comparable:
            raise self.refuse(node, "types", f"{sign} can't compare {first.type} and {second.type}")
        if (
            isinstance(first.type, Pointer)
            and isinstance(second.type, Pointer)
            and join(first.type, second.type) is None
        ):
            raise self.refuse(node, "types", f"{sign} can't compare {first.type} and {second.type}")
        if isinstance(op, (ast.Is, ast.IsNot)) and not isinstance(first.type, Pointer):
            raise self.refuse(node, "types", "`is` stands between structs, or a Ref and None")
        return self.ordered(sign, first, second, node)

    def ordered(self, sign: str, first: ir.Expression, second: ir.Expression, node: ast.AST) -> ir.Expression:
        """Return a comparison; where no 64-bit type holds both sides, a negative one is told apart first."""
        self.bounded(first, node)
        self.bounded(second, node)
        if not isinstance(first.type, Integer) or not isinstance(second.type, Integer):
            return ir.Binary(BOOLEAN, sign, first, second)
        if first.type.interval.join(second.type.interval).is_bounded:
            return ir.Binary(BOOLEAN, sign, first, second)
        if second.type.interval.low < 0:
            return self.ordered(MIRRORED[sign], second, first, node)
        below = ir.Binary(BOOLEAN, "<", first, self.number(0))
        rest = ir.Binary(BOOLEAN, sign, _not_negative(first), second)
        if sign in ("<", "<=", "!="):
            return ir.Binary(BOOLEAN, "or", below, rest)
        return ir.Binary(BOOLEAN, "and", self.negated(below), rest)

    def negated(self, condition: ir.Expression) -> ir.Expression:
        """Return the opposite of a condition."""
        if isinstance(condition, ir.Constant):
            return ir.Constant(BOOLEAN, not condition.value)
        if isinstance(condition, ir.Binary) and condition.operator in OPPOSITE:
            return ir.Binary(BOOLEAN, OPPOSITE[condition.operator], condition.left, condition.right)
        return ir.Unary(BOOLEAN, "not", condition)

    def condition(self, node: ast.expr) -> ir.Expression:
        """Evaluate a condition to a bool at run time."""
        return self.dynamic(self.truth(node), node)

    def truth(self, node: ast.expr) -> Value:
        """Evaluate a condition: a bool, or an integer that is not 0."""
        if isinstance(node, ast.BoolOp):
            return self.combined(node, self.truth)
        return self.as_bool(self.value(node), node)

    def as_bool(self, value: Value, node: ast.AST) -> Value:
        """Return the truth of a value."""
        if isinstance(value, Static):
            return Static(bool(value.value))
        if isinstance(value.type, Boolean):
            return value
        if isinstance(value.type, Integer):
            self.bounded(value, node)
            return ir.Binary(BOOLEAN, "!=", value, self.number(0))
        raise self.refuse(node, "types", "a condition is a bool or an integer; ask a Ref `is None`")

    def value_BoolOp(self, node: ast.BoolOp) -> Value:
        """`and` and `or` of bools: what either returns is one of them."""

        def value_of(operand: ast.expr) -> Value:
            value = self.value(operand)
            if isinstance(self.dynamic(value, operand).type, Boolean):
                return value
            raise self.refuse(operand, "types", "`and` and `or` take bools, but in a condition")

        return self.combined(node, value_of)

    def combined(self, node: ast.BoolOp, value_of: Callable[[ast.expr], Value]) -> Value:
        """Combine operands from left to right, each only where it is needed."""
        combine = self.both if isinstance(node.op, ast.And) else self.either

        def fold(rest: list[ast.expr]) -> Value:
            value = value_of(rest[0])
            return value if len(rest) == 1 else combine(value, lambda: fold(rest[1:]), node)

        return fold(node.values)

    def both(self, left: Value, right: Callable[[], Value], node: ast.AST) -> Value:
        """Return `left and right`."""
        return self.short_circuit("and", left, right, node)

    def either(self, left: Value, right: Callable[[], Value], node: ast.AST) -> Value:
        """Return `left or right`."""
        return self.short_circuit("or", left, right, node)

    def short_circuit(self, sign: str, left: Value, right: Callable[[], Value], node: ast.AST) -> Value:
        """Combine bools: the right one's statements run only where its value is needed."""
        if isinstance(left, Static):
            return right() if bool(left.value) == (sign == "and") else left
        value, emitted = self.in_block(right)
        second = self.dynamic(value, node)
        if not emitted:
            return ir.Binary(BOOLEAN, sign, left, second)
        result = self.new_temporary(BOOLEAN)
        place = self.place(node)
        self.emit(ir.SetLocal(place, result.name, left))
        condition = result if sign == "and" else self.negated(result)
        self.emit(ir.If(place, condition, (*emitted, ir.SetLocal(place, result.name, second))))
        return result

    def value_IfExp(self, node: ast.IfExp) -> Value:
        """`a if condition else b`."""
        condition = self.truth(node.test)
        if isinstance(condition, Static):
            return self.value(node.body if condition.value else node.orelse)
        first, then = self.in_block(lambda: self.value(node.body))
        second, otherwise = self.in_block(lambda: self.value(node.orelse))
        return self.chosen(condition, (self.dynamic(first, node), then), (self.dynamic(second, node), otherwise), node)

    def chosen(
        self,
        condition: ir.Expression,
        first: tuple[ir.Expression, tuple[ir.Statement, ...]],
        second: tuple[ir.Expression, tuple[ir.Statement, ...]],
        node: ast.AST,
    ) -> ir.Expression:
        """Return one of two values, each with the statements that it needs."""
        joined = join(first[0].type, second[0].type)
        if joined is None:
            raise self.refuse(node, "types", "both values of a choice have one type")
        if not first[1] and not second[1]:
            return ir.Choice(joined, condition, first[0], second[0])
        result, place = self.new_temporary(joined), self.place(node)
        then = (*first[1], ir.SetLocal(place, result.name, first[0]))
        otherwise = (*second[1], ir.SetLocal(place, result.name, second[0]))
        self.emit(ir.If(place, condition, then, otherwise))
        return result


def _not_negative(value: ir.Expression) -> ir.Expression:
    assert isinstance(value.type, Integer)
    return replace(value, type=Integer(Interval(max(value.type.interval.low, 0), max(value.type.interval.high, 0))))


def _holds(outer: type, struct: type) -> bool:
    """Say whether a struct is another one, or has it inside."""
    kinds = [each.kind for each in layout_of(outer).fields]
    inner = [each.element if isinstance(each, ArrayKind) else each for each in kinds]
    return outer is struct or any(_holds(each.layout.struct, struct) for each in inner if isinstance(each, StructKind))


def _reads_ram(value: Any) -> bool:
    """Say whether a tree reads RAM or a local."""
    if isinstance(value, (ir.FieldValue, ir.ElementValue)):
        return True
    if isinstance(value, ir.Expression):
        return any(_reads_ram(getattr(value, each.name)) for each in fields(value) if each.name != "type")
    return False
