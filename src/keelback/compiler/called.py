"""What parts of Python are called, by the names of their nodes in a syntax tree."""

import ast
from typing import Final

CALLED: Final = {
    # Operators.
    "Div": "/: // divides integers",
    "Pow": "**",
    "MatMult": "@",
    "In": "in",
    "NotIn": "not in",
    # Expressions.
    "Await": "await",
    "Dict": "dict",
    "DictComp": "dict comprehension",
    "GeneratorExp": "generator expression",
    "JoinedStr": "f-string here",
    "Lambda": "lambda",
    "List": "list",
    "ListComp": "list comprehension",
    "NamedExpr": ":=",
    "Set": "set",
    "SetComp": "set comprehension",
    "Slice": "slice here",
    "Starred": "* before a value",
    "YieldFrom": "yield from",
    # Statements.
    "AsyncFor": "async for",
    "AsyncFunctionDef": "async def",
    "AsyncWith": "async with",
    "ClassDef": "class within a function",
    "Delete": "del",
    "FunctionDef": "function within a function",
    "Global": "global",
    "Import": "import within a function",
    "ImportFrom": "import within a function",
    "Match": "match",
    "Nonlocal": "nonlocal",
    "TryStar": "except*",
    "TypeAlias": "type statement",
    "With": "with",
}


def called(node: ast.AST) -> str:
    """Return what a part of Python is called."""
    name = type(node).__name__
    return CALLED.get(name, name)
