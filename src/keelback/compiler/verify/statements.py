"""What each statement is made of, and which statements there are after which pass."""

from collections.abc import Iterable, Mapping
from functools import cache
from typing import Any

from keelback.compiler import ir
from keelback.compiler.intervals import Interval
from keelback.compiler.types import BOOLEAN, TEXT, VOID, ArrayPointer, Integer, Pointer, Type, promoted
from keelback.compiler.verify.expressions import U8, Expressions, TreeError, fits, is_text, within
from keelback.compiler.walk import expressions_in, parts_of
from keelback.lang.integers import IntegerType
from keelback.lang.layout import ArrayKind, StructKind, layout_of

ALWAYS = (
    *(ir.Constant, ir.TextConstant, ir.Local, ir.StaticPlace, ir.FieldValue, ir.FieldPlace, ir.ElementValue),
    *(ir.ElementPlace, ir.AddressOf, ir.StructAt, ir.ConstantElement, ir.ErrorText, ir.Unary, ir.Binary),
    *(ir.SameBytes, ir.Choice, ir.SetLocal, ir.StoreField, ir.StoreElement, ir.CopyElements, ir.CopyStruct),
    *(ir.FillBytes, ir.FillElements, ir.SetText, ir.Call, ir.WriteText, ir.WriteNumber, ir.Check, ir.If, ir.Switch),
    *(ir.Loop, ir.Break, ir.Continue, ir.Block, ir.Return),
)
EVALUATED = frozenset({*ALWAYS, ir.Raise, ir.Try})
"""The nodes that the evaluator makes."""
LOWERED = frozenset({*ALWAYS, ir.Fail})
"""The nodes that are left when exceptions have become jumps."""
TYPED = LOWERED - {ir.WriteNumber} | {ir.Cast, ir.WriteDigits}
"""The nodes that are printed, whose integers have C types."""
Exits = frozenset[Any]
"""How a statement may leave what it is in: classes of statements, and those that name a label with the label."""


class Statements(Expressions):
    """The rules of statements."""

    error: Type = ir.ERROR
    """The type of a local that holds an error."""

    def __init__(
        self, function: ir.Function, functions: Mapping[str, ir.Function], word_bits: int, nodes: frozenset[type]
    ) -> None:
        super().__init__({**function.locals, **function.parameters}, word_bits)
        self.function = function
        self.functions = functions
        kind: Any = type(self)
        self.rules = _rules(kind, nodes)
        self.labels: set[str] = set()
        self.exits: Exits = frozenset()

    def body(self, body: Iterable[ir.Statement], exits: Exits) -> None:
        """Check statements that may leave what they are in by some exits."""
        for statement in body:
            self.exits = exits
            for node in (*expressions_in(statement), statement):
                rule = self.rules.get(type(node))
                if rule is None:
                    raise TreeError(self.function, statement, f"There is no {type(node).__name__} here.")
                if not rule(self, node):
                    raise TreeError(self.function, statement, rule.__doc__)
            if inside := parts_of(statement):
                self.inside(statement, inside, exits)

    def inside(self, statement: ir.Statement, parts: Iterable[tuple[ir.Statement, ...]], exits: Exits) -> None:
        """Check the statements inside a statement, by part; none leaves a step or a finally."""
        if isinstance(statement, (ir.Loop, ir.Block)):
            exits |= {(each, statement.label) for each in (ir.Break, ir.Continue)[: 1 + isinstance(statement, ir.Loop)]}
        closed = statement.step if isinstance(statement, ir.Loop) else ()
        closed = statement.final if isinstance(statement, ir.Try) else closed
        for part in parts:
            self.body(part, frozenset() if part is closed else exits)

    # Stores.

    def SetLocal(self, node: ir.SetLocal) -> bool:
        """A local is declared, and gets what fits it."""
        return node.name in self.locals and fits(node.value.type, self.locals[node.name])

    def StoreField(self, node: ir.StoreField) -> bool:
        """A field that is stored is one of the struct's, holds no struct or array, and gets what fits it."""
        stored = not isinstance(node.field.kind, (StructKind, ArrayKind))
        return self.has(node.base, node.field) and stored and fits(node.value.type, self.held(node.field.kind))

    def StoreElement(self, node: ir.StoreElement) -> bool:
        """An element that is stored is one of an array of integers, and gets what fits it."""
        element = self.element(node.base, node.index)
        return isinstance(element, IntegerType) and fits(node.value.type, self.integer(element))

    def CopyElements(self, node: ir.CopyElements) -> bool:
        """Elements are copied between ranges of arrays of one type."""
        ranges = ((node.target, node.target_start), (node.source, node.source_start))
        first, second = (self.element(*each, past=0) for each in ranges)
        return first == second is not None and self.is_length(node.count)

    def CopyStruct(self, node: ir.CopyStruct) -> bool:
        """A struct is copied over one of its own class."""
        return is_struct(node.target) and node.source.type == node.target.type

    def FillBytes(self, node: ir.FillBytes) -> bool:
        """An array, or a whole struct, is filled with a byte."""
        filled = isinstance(node.target.type, ArrayPointer)
        if isinstance(node.target.type, Pointer) and is_struct(node.target):
            size = layout_of(node.target.type.struct, self.word_bits).size
            filled = isinstance(node.size, ir.Constant) and node.size.value == size
        return filled and self.is_length(node.size) and within(node.value, 0, 255)

    def FillElements(self, node: ir.FillElements) -> bool:
        """Elements of an array of integers are filled with what fits them."""
        element = self.element(node.target, node.start, past=0)
        fitting = isinstance(element, IntegerType) and fits(node.value.type, self.integer(element))
        return fitting and self.is_length(node.count)

    def SetText(self, node: ir.SetText) -> bool:
        """A text fills an array of bytes of its length."""
        return node.target.type == ArrayPointer(U8, len(node.text)) and is_text(node.text)

    def is_length(self, value: ir.Expression) -> bool:
        """Say whether a value is an integer that is not negative, of two words at most."""
        return within(value, 0, (self.highest + 1) ** 2 - 1)

    # Calls.

    def Call(self, node: ir.Call) -> bool:
        """A function that is there is called with what fits it; its result and error get locals of their own."""
        callee, arguments = self.functions.get(node.function.name), [each.type for each in node.arguments]
        if callee is None or len(arguments) != len(callee.parameters) or node.function.result != callee.key.result:
            return False
        fails = bool(callee.raises) and ir.Fail in self.rules
        result = VOID if node.result is None else self.locals.get(node.result)
        error = None if node.error is None else self.locals.get(node.error, VOID)
        passed = all(map(fits, arguments, map(promoted, callee.parameters.values())))
        returned = result == callee.key.result or self.is_unread(node, callee)
        return passed and returned and error == (self.error if fails else None)

    def is_unread(self, node: ir.Call, callee: ir.Function) -> bool:
        """Say whether a call is one whose result nobody reads."""
        return False

    def WriteText(self, node: ir.WriteText) -> bool:
        """A text is written to a function that takes each of its bytes."""
        return node.text.type == TEXT and self.is_sink(node.put)

    def WriteNumber(self, node: ir.WriteNumber) -> bool:
        """An integer of 64 bits is written to a function that takes bytes; in hexadecimal, one that is not negative."""
        value = isinstance(node.value.type, Integer) and node.value.type.interval.fits(64)
        base = node.base == 10 or (node.base == 16 and within(node.value, 0, (1 << 64) - 1))
        return value and base and 0 <= node.width <= 16 and self.is_sink(node.put)

    def is_sink(self, put: ir.FunctionKey) -> bool:
        """Say whether a function takes a byte."""
        taken = [*self.functions[put.name].parameters.values()] if put.name in self.functions else []
        return len(taken) == 1 and (isinstance(taken[0], IntegerType) or fits(Integer(Interval(0, 127)), taken[0]))

    # Control.

    def Check(self, node: ir.Check) -> bool:
        """A check asks a bool, and has a message."""
        return node.condition.type == BOOLEAN and isinstance(node.message, str)

    def If(self, node: ir.If) -> bool:
        """A condition is a bool."""
        return node.condition.type == BOOLEAN

    def Switch(self, node: ir.Switch) -> bool:
        """A switch has a case for each value of its integer."""
        return within(node.value, 0, len(node.cases) - 1)

    def Loop(self, node: ir.Loop) -> bool:
        """A loop asks a bool, has a label that no other has, and steps by giving locals values."""
        steps = all(isinstance(each, ir.SetLocal) for each in node.step)
        return node.condition.type == BOOLEAN and self.is_new(node.label) and steps

    def Block(self, node: ir.Block) -> bool:
        """A block has a label that no other has."""
        return self.is_new(node.label)

    def is_new(self, label: str) -> bool:
        """Say whether a label was not there before."""
        before = len(self.labels)
        self.labels.add(label)
        return len(self.labels) > before

    def Break(self, node: ir.Break) -> bool:
        """A break names a loop or a block that it is in."""
        return (ir.Break, node.label) in self.exits

    def Continue(self, node: ir.Continue) -> bool:
        """A continue names a loop that it is in."""
        return (ir.Continue, node.label) in self.exits

    def Return(self, node: ir.Return) -> bool:
        """A return has a value that fits the function's result, or none where there is no result."""
        return ir.Return in self.exits and fits(node.value.type if node.value else VOID, self.function.key.result)

    # Errors.

    def Raise(self, node: ir.Raise) -> bool:
        """What is raised is the number of an error, or that of the error at hand."""
        at_hand = isinstance(node.code, ir.Local) and node.code.type == self.error
        return ir.Raise in self.exits and (at_hand or is_error(node.code))

    def Fail(self, node: ir.Fail) -> bool:
        """A function fails that raises, with the number of an error, or that of the error at hand."""
        at_hand = isinstance(node.code, ir.Local) and node.code.type == self.error
        return bool(self.function.raises) and ir.Fail in self.exits and (at_hand or is_error(node.code))

    def Try(self, node: ir.Try) -> bool:
        """A handler takes errors, and has a local that holds one."""
        errors = range(ir.PROCESS_FAULT, 0)
        return all(self.locals.get(each.name) == self.error and each.codes <= {*errors} for each in node.handlers)


@cache
def _rules(kind: Any, nodes: frozenset[type]) -> dict[type, Any]:
    """Return the rule of each node, of those that a class has."""
    return {each: getattr(kind, each.__name__) for each in nodes}


def is_struct(value: ir.Expression) -> bool:
    """Say whether a value is a struct that is there."""
    return isinstance(value.type, Pointer) and not value.type.optional


def is_error(code: ir.Expression) -> bool:
    """Say whether a value is the number of an error."""
    return isinstance(code, ir.Constant) and within(code, ir.PROCESS_FAULT, -1)
