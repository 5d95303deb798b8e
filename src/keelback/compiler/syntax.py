"""What Kernel Python has of Python's syntax: every node of the grammar, and every field of a node.

A node or a field that is not listed is refused, so that none is ever passed over.
"""

import ast
from collections.abc import Iterator
from typing import Any, NamedTuple

from keelback.compiler.called import called

DEEPEST = 100
"""How deep a method may be nested; each operand of `and`, `or` or a chain is one deeper than the last."""


class Refused(NamedTuple):
    """A construct that Kernel Python does not have: the node that tells the place, the rule and the message."""

    node: ast.AST
    rule: str
    message: str


class Absent(NamedTuple):
    """A field that must be empty, and why."""

    rule: str
    message: str


READ = "read"
"""A field that is evaluated."""
TYPE = "type"
"""An annotation, which is no expression: it names a type."""
NOTHING = "nothing"
"""A field that has no meaning when a program runs, or that follows from the others."""

SYNTAX: dict[type[ast.AST], dict[str, str | Absent]] = {
    # Statements.
    ast.Return: {"value": READ},
    ast.Assign: {"targets": READ, "value": READ, "type_comment": NOTHING},
    ast.AugAssign: {"target": READ, "op": READ, "value": READ},
    ast.AnnAssign: {"target": READ, "annotation": TYPE, "value": READ, "simple": NOTHING},
    ast.For: {
        "target": READ,
        "iter": READ,
        "body": READ,
        "orelse": Absent("loops", "a loop has no else"),
        "type_comment": NOTHING,
    },
    ast.While: {"test": READ, "body": READ, "orelse": Absent("loops", "a loop has no else")},
    ast.If: {"test": READ, "body": READ, "orelse": READ},
    ast.Raise: {"exc": READ, "cause": READ},
    ast.Try: {"body": READ, "handlers": READ, "orelse": READ, "finalbody": READ},
    ast.Assert: {"test": READ, "msg": READ},
    ast.Expr: {"value": READ},
    ast.Pass: {},
    ast.Break: {},
    ast.Continue: {},
    # Expressions.
    ast.BoolOp: {"op": READ, "values": READ},
    ast.BinOp: {"left": READ, "op": READ, "right": READ},
    ast.UnaryOp: {"op": READ, "operand": READ},
    ast.IfExp: {"test": READ, "body": READ, "orelse": READ},
    ast.Compare: {"left": READ, "ops": READ, "comparators": READ},
    ast.Call: {"func": READ, "args": READ, "keywords": READ},
    ast.JoinedStr: {"values": READ},
    ast.FormattedValue: {"value": READ, "conversion": READ, "format_spec": READ},
    ast.Constant: {"value": READ, "kind": NOTHING},
    ast.Attribute: {"value": READ, "attr": READ, "ctx": NOTHING},
    ast.Subscript: {"value": READ, "slice": READ, "ctx": NOTHING},
    ast.Name: {"id": READ, "ctx": NOTHING},
    ast.Tuple: {"elts": READ, "ctx": NOTHING},
    ast.Yield: {"value": READ},
    # What belongs to them.
    ast.ExceptHandler: {"type": READ, "name": READ, "body": READ},
    ast.keyword: {"arg": READ, "value": READ},
    **{
        each: {}
        for each in (ast.And, ast.Or, ast.Not, ast.USub, ast.UAdd, ast.Invert)
        + (ast.Add, ast.Sub, ast.Mult, ast.FloorDiv, ast.Mod, ast.LShift, ast.RShift, ast.BitAnd, ast.BitOr, ast.BitXor)
        + (ast.Eq, ast.NotEq, ast.Lt, ast.LtE, ast.Gt, ast.GtE, ast.Is, ast.IsNot)
        + (ast.Load, ast.Store)
    },
}
HEAD: dict[type[ast.AST], dict[str, str | Absent]] = {
    ast.FunctionDef: {
        "name": READ,
        "args": READ,
        "body": READ,
        "decorator_list": READ,
        "returns": TYPE,
        "type_comment": NOTHING,
        "type_params": Absent("functions", "Kernel Python has no type parameter"),
    },
    ast.arguments: {
        "posonlyargs": Absent("functions", "Kernel Python has no positional-only parameter"),
        "args": READ,
        "vararg": Absent("functions", "Kernel Python has no * parameter"),
        "kwonlyargs": Absent("functions", "Kernel Python has no keyword-only parameter"),
        "kw_defaults": NOTHING,
        "kwarg": Absent("functions", "Kernel Python has no ** parameter"),
        "defaults": NOTHING,
    },
    ast.arg: {"arg": READ, "annotation": TYPE, "type_comment": NOTHING},
}
"""The head of a method; what a default is was found out by Python when it made the function."""


def refused_in_head(definition: ast.FunctionDef | ast.AsyncFunctionDef) -> Iterator[Refused]:
    """Yield what Kernel Python does not have in the head of a method; its decorators are not read."""
    if isinstance(definition, ast.AsyncFunctionDef):
        yield Refused(definition, "statements", f"Kernel Python has no {called(definition)}")
    yield from _fields(definition, definition, HEAD[ast.FunctionDef])
    for part in (definition.args, *definition.args.args):
        yield from _fields(part, part if isinstance(part, ast.arg) else definition, HEAD[type(part)])


def refused_in_body(definition: ast.FunctionDef) -> Iterator[Refused]:
    """Yield what Kernel Python does not have in the statements of a method, in the order of the source."""
    waiting: list[tuple[ast.AST, ast.AST, int]] = [(each, each, 1) for each in reversed(definition.body)]
    while waiting:
        node, place, depth = waiting.pop()
        place = node if hasattr(node, "lineno") else place
        if type(node) not in SYNTAX:
            yield Refused(place, *_unknown(node))
            continue
        if depth > DEEPEST:
            yield Refused(place, "nesting", f"nested more than {DEEPEST} deep: name a part of it")
            return
        yield from _fields(node, place, SYNTAX[type(node)])
        waiting += [(each, place, deep) for each, deep in reversed([*_children(node, depth)])]


def _unknown(node: ast.AST) -> tuple[str, str]:
    rule = "statements" if isinstance(node, ast.stmt) else "expressions" if isinstance(node, ast.expr) else "operators"
    return rule, f"Kernel Python has no {called(node)}"


def _children(node: ast.AST, depth: int) -> Iterator[tuple[ast.AST, int]]:
    """Yield the nodes in a node that are evaluated, in order, each with its depth."""
    chain, known = isinstance(node, (ast.BoolOp, ast.Compare)), SYNTAX[type(node)]
    for field, value in ast.iter_fields(node):
        if known.get(field) == READ:
            nodes = [each for each in (value if isinstance(value, list) else [value]) if isinstance(each, ast.AST)]
            yield from ((each, depth + 1 + (index if chain else 0)) for index, each in enumerate(nodes))


def _fields(node: ast.AST, place: ast.AST, known: dict[str, str | Absent]) -> Iterator[Refused]:
    for field, value in ast.iter_fields(node):
        rule = known.get(field) or Absent("statements", f"Kernel Python has no {field} of {type(node).__name__}")
        if isinstance(rule, Absent) and value not in (None, []):
            yield Refused(_first(value) or place, rule.rule, rule.message)
        if isinstance(value, str) and rule == READ and _is_mangled(node, field, value):
            yield Refused(place, "names", f"{value} is another name in each class: start it with one underscore")


def _first(value: Any) -> ast.arg | None:
    """Return the parameter that a message is about."""
    first = value[0] if isinstance(value, list) else value
    return first if isinstance(first, ast.arg) else None


def _is_mangled(node: ast.AST, field: str, name: str) -> bool:
    """Say whether Python puts the name of the class before a name."""
    return not isinstance(node, ast.Constant) and name.startswith("__") and not name.endswith("__")
