"""Random broken trees: good ones of the compiler's, each with one mistake in it.

A mistake breaks a rule, or leaves the tree as it was.
"""

import random
from collections.abc import Callable, Iterator
from dataclasses import dataclass, fields, is_dataclass, replace
from typing import Any

import pytest

from keelback.compiler import compile_program, ir, passes
from keelback.compiler.intervals import Interval
from keelback.compiler.types import BOOLEAN, TEXT, ArrayPointer, Integer, Pointer, exactly
from keelback.lang import Struct, u8
from keelback.lang.layout import layout_of

HUGE = 1 << 130
WAYS = (ir.Break, ir.Continue)


class Stranger(Struct):
    value: u8


@dataclass
class Tree:
    """A function as a pass leaves it, in its program."""

    function: ir.Function
    functions: dict[str, ir.Function]
    nodes: frozenset[type]


def trees_of(root, ram, entries) -> Iterator[Tree]:
    """Yield the functions of a program as each pass leaves them."""
    kept = []

    def keep(function, functions, word_bits, nodes):
        kept.append((replace(function), functions, nodes))

    with pytest.MonkeyPatch.context() as patched:
        patched.setattr(passes, "verify", keep)
        compile_program(root, ram, entries)
    for nodes in dict.fromkeys(each[2] for each in kept):
        functions = {function.key.name: function for function, _, stage in kept if stage is nodes}
        yield from (Tree(each, functions, nodes) for each in functions.values() if each.body)


def parts(tree: Any) -> Iterator[Any]:
    """Yield every node of a tree, itself first."""
    if isinstance(tree, tuple):
        for each in tree:
            yield from parts(each)
    elif isinstance(tree, (ir.Statement, ir.Expression, ir.Handler)):
        yield tree
        for each in fields(tree):
            yield from parts(getattr(tree, each.name))


def changed(tree: Any, old: Any, new: Any) -> Any:
    """Return a tree with another node, or with several statements, in place of one."""
    if tree is old:
        return new
    if isinstance(tree, tuple):
        found = []
        for each in tree:
            there = changed(each, old, new)
            found += there if each is old and isinstance(there, list) else [there]
        return tuple(found)
    if is_dataclass(tree) and isinstance(tree, (ir.Statement, ir.Expression, ir.Handler)):
        return replace(tree, **{each.name: changed(getattr(tree, each.name), old, new) for each in fields(tree)})
    return tree


def of_another_kind(node: ir.Expression, dice: random.Random) -> Any:
    """Return an expression of a type that does not stand where another does."""
    kinds = {
        Integer: ir.Constant(exactly(HUGE), HUGE),
        type(BOOLEAN): ir.Constant(BOOLEAN, True),
        Pointer: ir.StaticPlace(Pointer(Stranger), 0x1000),
        ArrayPointer: ir.StaticPlace(ArrayPointer(Stranger, 3), 0x1000),
        type(TEXT): ir.TextConstant(TEXT, "text"),
    }
    return dice.choice([each for kind, each in kinds.items() if kind is not type(node.type)])


def out_of_bounds(node: Any, dice: random.Random) -> Any:
    """Return a statement or a place with an integer that does not fit it."""
    if not isinstance(node, (ir.Statement, ir.ElementValue, ir.ElementPlace, ir.ConstantElement, ir.StructAt)):
        return None
    operands = {each.name: getattr(node, each.name) for each in fields(node)}
    integers = [name for name, each in operands.items() if isinstance(getattr(each, "type", None), Integer)]
    return replace(node, **{dice.choice(integers): ir.Constant(exactly(HUGE), HUGE)}) if integers else None


def less_than_it_is(node: ir.Expression, dice: random.Random) -> Any:
    """Return an operation whose type says less than its operands have."""
    if not isinstance(node, (ir.Constant, ir.Unary, ir.Binary, ir.Choice)) or not isinstance(node.type, Integer):
        return None
    low, high = node.type.interval.low, node.type.interval.high
    return replace(node, type=Integer(Interval(high + 1, high + 1) if low == high else Interval(high, high)))


def undeclared(node: Any, dice: random.Random) -> Any:
    """Return a node that names a local which is not there."""
    if isinstance(node, ir.Call):
        return replace(node, **{dice.choice(["result", "error"]): "nobody"})
    return replace(node, name="nobody") if isinstance(node, (ir.Local, ir.SetLocal, ir.Handler)) else None


def other_arguments(node: Any, dice: random.Random) -> Any:
    """Return a call with too many arguments, or too few."""
    if not isinstance(node, ir.Call):
        return None
    more = (*node.arguments, ir.Constant(BOOLEAN, True))
    return replace(node, arguments=dice.choice([more, node.arguments[1:] if node.arguments else more]))


def elsewhere(node: Any, dice: random.Random) -> Any:
    """Return a jump to what is not around it, or a statement that jumps from where it stands."""
    if isinstance(node, ir.Statement) and dice.random() < 0.3:
        return [dice.choice(WAYS)(node.place, "nowhere"), node]
    return replace(node, label="nowhere") if isinstance(node, WAYS) else None


def twice(node: Any, dice: random.Random) -> Any:
    """Return a labelled statement two times."""
    return [node, node] if isinstance(node, (ir.Loop, ir.Block)) else None


def of_no_such_pass(node: Any, dice: random.Random) -> Any:
    """Return a statement of a pass before or after; both are refused where the other is right."""
    code = ir.Constant(exactly(-1), -1)
    wrong = [ir.Raise(node.place, code), ir.Fail(node.place, code)] if isinstance(node, ir.Statement) else []
    return [*wrong, node] if wrong else None


def of_a_stranger(node: Any, dice: random.Random) -> Any:
    """Return a node with a field of another struct."""
    field = layout_of(Stranger).fields[0]
    return replace(node, field=field) if isinstance(node, (ir.FieldValue, ir.FieldPlace, ir.StoreField)) else None


MISTAKES: tuple[Callable[[Any, random.Random], Any], ...] = (
    of_another_kind,
    out_of_bounds,
    less_than_it_is,
    undeclared,
    other_arguments,
    elsewhere,
    twice,
    of_no_such_pass,
    of_a_stranger,
)
OF_EXPRESSIONS = (of_another_kind, less_than_it_is)


def broken(tree: Tree, dice: random.Random) -> tuple[str, ir.Function] | None:
    """Return a tree with one mistake in it, and the mistake's name; None where the mistake fits no node."""
    mistake = dice.choice(MISTAKES)
    nodes = [each for each in parts(tree.function.body) if mistake not in OF_EXPRESSIONS or hasattr(each, "type")]
    made = [(node, new) for node in nodes if (new := mistake(node, dice)) is not None]
    if not made:
        return None
    node, new = dice.choice(made)
    return mistake.__name__, replace(tree.function, body=changed(tree.function.body, node, new))
