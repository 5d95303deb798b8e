"""Expressions inside gdb: Python over the kernel's parts (`processes[1].state`), and over what the place shown has.

That are the locals of the function that is shown, and its `self`.
"""

import ast
import builtins
from collections.abc import Iterator
from typing import Any

import gdb  # type: ignore[import-untyped]

from keelback.debug.gdb_places import method_shown
from keelback.debug.gdb_values import ENUMS, KERNEL, Address, in_python, part_of

OPTIMIZED_OUT = "<optimized out>"
"""What gdb shows of a variable that has no value in the compiled code at this place."""


class OptimizedOut(Exception):
    """A variable of the Python that is shown has no value in the compiled code at this place."""


class NotPython(Exception):
    """A text is no expression about the kernel in Python, so it is C's."""


def evaluate(text: str) -> Any:
    """Return the value of an expression.

    Raises: OptimizedOut; NotPython when it has another syntax, no name at all or one that means nothing; what Python
    raises.
    """
    try:
        tree = ast.parse(text.strip(), mode="eval")
    except (SyntaxError, ValueError):
        raise NotPython from None
    names = [node for node in ast.walk(tree) if isinstance(node, ast.Name)]
    bound = {node.id for node in names if isinstance(node.ctx, ast.Store)}
    used = {node.id for node in names} - bound - set(vars(builtins))
    if not used:
        raise NotPython
    return eval(compile(tree, "<print>", "eval"), {name: meaning_of(name) for name in used})


def meaning_of(name: str) -> Any:
    """Return what a name stands for, as Python looks it up: local first.  Raises: NotPython."""
    local = local_value(name)
    method = method_shown()
    if local is not None:
        value = in_python(local)
        return Address(value) if method and name in method["words"] and type(value) is int else value
    if name != "self" and method and name in (*method["parameters"], *method["locals"]):
        raise OptimizedOut  # and no part of the kernel that has the same name
    numbers = {**KERNEL["names"], **own_part()}
    if name in numbers:
        return part_of(numbers[name])
    if name in ENUMS:
        return ENUMS[name]
    raise NotPython


def local_value(name: str) -> Any:
    """Return a local of the function that is shown, None when it has no such one.  Raises: gdb.error."""
    for symbol in local_symbols():
        if symbol.name in (name, f"{name}$"):  # a word of C's is marked
            value = symbol.value(gdb.selected_frame())
            if value.is_optimized_out:
                raise OptimizedOut
            return value
    return None


def local_symbols() -> Iterator[Any]:
    """Yield the locals of the function that is shown, inner before outer."""
    try:
        block = gdb.selected_frame().block()
    except (gdb.error, RuntimeError):  # nothing runs, or what runs has no source
        return
    while block is not None and not block.is_static and not block.is_global:
        yield from (symbol for symbol in block if symbol.is_variable or symbol.is_argument)
        block = None if block.function else block.superblock


def own_part() -> dict[str, int]:
    """Return the number of the part whose method is shown, as `self`: its name starts the function's."""
    try:
        function = gdb.selected_frame().function()
    except gdb.error:
        return {}
    starts = [each for each in KERNEL["selves"] if f"{function}_".startswith(f"{each}_")]
    return {"self": KERNEL["selves"][max(starts, key=len)]} if starts else {}


def shown(name: str) -> str:
    """Return a variable's value as Python writes it."""
    try:
        meaning = meaning_of(name)
        return str(meaning) if isinstance(meaning, gdb.Value) else repr(meaning)
    except OptimizedOut:
        return OPTIMIZED_OUT
    except gdb.error as error:
        return f"<{error}>"
