"""The tree that the passes work on: typed expressions without effects, and statements with all of them.

1. An expression has no effect and never fails: a call, a store or a check is a statement.
2. An expression reads RAM only as it is at the statement that holds it.
3. Every expression has a type, every statement the place in the source that it comes from.
"""

from dataclasses import dataclass, field
from typing import Any, ClassVar, dataclass_transform

from keelback.compiler.intervals import Interval
from keelback.compiler.types import Integer, Type, exactly
from keelback.lang.layout import Field

Place = tuple[str, int]
"""File and line in the source."""


@dataclass_transform(frozen_default=True)
class Node:
    """Base of all expressions and statements, each a frozen dataclass."""

    __dataclass_fields__: ClassVar[dict[str, Any]]

    def __init_subclass__(cls) -> None:
        dataclass(frozen=True)(cls)


class Expression(Node):
    """Base of all expressions."""

    type: Type


class Constant(Expression):
    """An integer, a bool or None."""

    value: int | bool | None


class TextConstant(Expression):
    """Constant text."""

    value: str


class Local(Expression):
    """A local variable or parameter."""

    name: str


class StaticPlace(Expression):
    """A struct or an array at a fixed address."""

    address: int


class FieldValue(Expression):
    """The value of a field of a struct; a Ref's is the element itself."""

    base: Expression
    field: Field


class FieldPlace(Expression):
    """A struct or array inside a struct."""

    base: Expression
    field: Field


class ElementValue(Expression):
    """An integer element of an array; the index is in range."""

    base: Expression
    index: Expression


class ElementPlace(Expression):
    """A struct element of an array; the index is in range."""

    base: Expression
    index: Expression


class AddressOf(Expression):
    """The address of a struct, as an integer."""

    base: Expression


class StructAt(Expression):
    """The struct at an address, or with an ArrayPointer type the array."""

    address: Expression


class ConstantElement(Expression):
    """An element of a constant tuple of integers or texts; the index is in range."""

    values: tuple[Any, ...]
    index: Expression


class ErrorText(Expression):
    """The sentence of the error class whose number an expression is."""

    number: Expression


class Unary(Expression):
    """`-`, `~` or `not`."""

    operator: str
    operand: Expression


class Binary(Expression):
    """Arithmetic, comparison (`==`, `<` …), or `and` and `or` of bools."""

    operator: str
    left: Expression
    right: Expression


class Cast(Expression):
    """An integer of one C type as another: its low bits, where it does not fit."""

    value: Expression


class SameBytes(Expression):
    """Whether an array and another, or a text constant, have the same first `size` bytes."""

    left: Expression
    right: Expression
    size: int


class Choice(Expression):
    """`left if condition else right`."""

    condition: Expression
    left: Expression
    right: Expression


class Statement(Node):
    """Base of all statements."""

    place: Place


class SetLocal(Statement):
    """Give a local a value."""

    name: str
    value: Expression


class StoreField(Statement):
    """Store into a field; the value fits it."""

    base: Expression
    field: Field
    value: Expression


class StoreElement(Statement):
    """Store into an integer element; the value fits it, the index is in range."""

    base: Expression
    index: Expression
    value: Expression


class CopyElements(Statement):
    """Move `count` elements between arrays, which may overlap; both ranges are inside."""

    target: Expression
    target_start: Expression
    source: Expression
    source_start: Expression
    count: Expression


class CopyStruct(Statement):
    """Copy all bytes of a struct over those of another of the same class."""

    target: Expression
    source: Expression


class FillBytes(Statement):
    """Set `size` bytes from the start of an array or a struct to one byte."""

    target: Expression
    size: Expression
    value: Expression


class FillElements(Statement):
    """Set `count` integers of an array to a value that fits; the range is inside."""

    target: Expression
    start: Expression
    count: Expression
    value: Expression


class SetText(Statement):
    """Fill a whole array of `u8` with a text constant of the same length."""

    target: Expression
    text: str


class Call(Statement):
    """Call a function; `result` names the local that gets its value, `error` the one that says how it failed."""

    function: "FunctionKey"
    arguments: tuple[Expression, ...]
    result: str | None = None
    error: str | None = None


class WriteText(Statement):
    """Give every byte of a text to a sink's `put`."""

    put: "FunctionKey"
    text: Expression


class WriteNumber(Statement):
    """Write an integer to a sink's `put`: base 10 or 16, prefix `0x` or not, zero-padded to a width."""

    put: "FunctionKey"
    value: Expression
    base: int
    prefix: bool
    width: int


class WriteDigits(Statement):
    """Write a magnitude of 64 bits, after a minus if it is of a negative number: what WriteNumber becomes."""

    put: "FunctionKey"
    magnitude: Expression
    negative: Expression
    base: int
    prefix: bool
    width: int


class Check(Statement):
    """Panic unless a condition holds."""

    condition: Expression
    message: str


class If(Statement):
    """Do one or the other."""

    condition: Expression
    then: tuple[Statement, ...]
    otherwise: tuple[Statement, ...] = ()
    rare: bool = False  # to do the first, which goes to who takes an error


class Switch(Statement):
    """Do the case whose number an expression is; it is one of them."""

    value: Expression
    cases: tuple[tuple[Statement, ...], ...]


class Loop(Statement):
    """Repeat: leave when `condition` is false, do `body`, then `step`.  `Break` and `Continue` name the loop."""

    label: str
    condition: Expression
    body: tuple[Statement, ...]
    step: tuple[Statement, ...] = ()


class Break(Statement):
    """Leave a loop or a labelled block."""

    label: str


class Continue(Statement):
    """Go on with a loop's step."""

    label: str


class Block(Statement):
    """Statements that `Break` with the label leaves."""

    label: str
    body: tuple[Statement, ...]


class Return(Statement):
    """Leave the function."""

    value: Expression | None = None


class Raise(Statement):
    """Fail with the error code that an expression is."""

    code: Expression


class Fail(Statement):
    """Leave the function with an error code: what Raise becomes."""

    code: Expression


@dataclass(frozen=True)
class Handler:
    """One `except`: the error codes it takes, the local that gets the code, and what it does."""

    codes: frozenset[int]
    name: str
    body: tuple[Statement, ...]


class Try(Statement):
    """Python's try statement; the exceptions pass turns it into jumps."""

    body: tuple[Statement, ...]
    handlers: tuple[Handler, ...]
    otherwise: tuple[Statement, ...]
    final: tuple[Statement, ...]


@dataclass(frozen=True)
class FunctionKey:
    """One specialisation of a Python function: its name in C and what it is called with."""

    name: str
    result: Type = field(compare=False)


@dataclass
class Function:
    """A function: parameters and locals by name, and its statements.

    One that `is_rare` is no part of its callers in C.
    `raises` are the codes it may fail with; labels and locals that a pass adds have numbers above `numbers`.
    `packed`, 64 or 128, says that it returns so many bits, an error in the high half and its result in the low one.
    """

    key: FunctionKey
    place: Place
    parameters: dict[str, Type]
    locals: dict[str, Type] = field(default_factory=dict)
    body: tuple[Statement, ...] = ()
    native: str | None = None
    is_rare: bool = False
    raises: frozenset[int] = frozenset()
    numbers: int = 0
    packed: int = 0


MOST_STATEMENTS = 10_000
"""How many statements a function may become: unrolled rounds and copies of a finally multiply where they are nested."""
PROCESS_FAULT = -256
"""The error code of `ProcessFault`; a `KernelError`'s is its number."""
ERROR = Integer(Interval(PROCESS_FAULT, 0))
"""The type of a local that holds the error code of a call that may have failed, or 0."""


def number(value: int) -> Constant:
    """Return an integer as a constant."""
    return Constant(exactly(value), int(value))
