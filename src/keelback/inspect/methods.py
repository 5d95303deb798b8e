"""The kernel's methods as Python calls them, `Frames.allocate_user`, by the lines of their sources."""

import ast
import struct
from bisect import bisect_right
from collections.abc import Iterator
from functools import cache
from pathlib import Path
from typing import Any, NamedTuple

import keelback
from keelback.kernel.calls.places import TABLE_MAGIC
from keelback.kernel.kernel import Kernel

KERNEL = Path(keelback.__file__).parent / "kernel"
SOURCES = {path.name: path for path in KERNEL.rglob("*.py")}
"""The kernel's sources by their names, of which no two are alike; a user's own parts are added."""


RANGE, PLACE = struct.Struct("<II"), struct.Struct("<H2xHH")
"""How a range of code and a place lie in the image's table (`kernel/calls/places.py`)."""


class Method(NamedTuple):
    """A function or method: its name with its classes', its lines [first, end), its parameters and its locals.

    `words` are those of both that are declared to have the type of an address.
    """

    name: str
    first: int
    end: int
    parameters: tuple[str, ...]
    locals: tuple[str, ...]
    words: tuple[str, ...]


@cache
def methods_of(file: Path) -> tuple[Method, ...]:
    """Return the functions of a source, in the order of their first lines; none where it can't be read."""
    try:
        return tuple(sorted(_methods(ast.parse(file.read_text("utf-8-sig")), ""), key=lambda each: each.first))
    except (OSError, ValueError, SyntaxError):
        return ()


def _methods(node: ast.AST, outer: str) -> Iterator[Method]:
    for each in ast.iter_child_nodes(node):
        name = f"{outer}{getattr(each, 'name', '')}"
        if isinstance(each, ast.FunctionDef | ast.AsyncFunctionDef):
            yield Method(name, each.lineno, (each.end_lineno or each.lineno) + 1, *_variables(each))
        if isinstance(each, ast.stmt):
            yield from _methods(each, f"{name}." if isinstance(each, ast.ClassDef) else outer)


def _variables(function: ast.FunctionDef | ast.AsyncFunctionDef) -> tuple[tuple[str, ...], ...]:
    """Return a function's parameters, its locals, and those of both that are words."""
    nodes = [*ast.walk(function)]
    parameters = [each for each in nodes if isinstance(each, ast.arg)]
    declared = [(each.arg, each.annotation) for each in parameters]
    declared += [(ast.unparse(each.target), each.annotation) for each in nodes if isinstance(each, ast.AnnAssign)]
    names = dict.fromkeys(each.arg for each in parameters)
    stored = [each.id for each in nodes if isinstance(each, ast.Name) and isinstance(each.ctx, ast.Store)]
    words = [name for name, kind in declared if isinstance(kind, ast.Name) and kind.id == "word"]
    return tuple(names), tuple(name for name in dict.fromkeys(stored) if name not in names), tuple(words)


def in_words(file: str, line: int) -> str:
    """Return a place in a source of the kernel for a person: `kernel/memory/frames.py:67 (Frames.allocate_user)`."""
    path = SOURCES.get(Path(file).name, KERNEL / Path(file).name)
    methods = methods_of(path) if line else ()
    around = [each for each in methods[: bisect_right(methods, line, key=lambda each: each.first)] if line < each.end]
    name = f" ({around[-1].name})" if around else ""
    shown = f"kernel/{path.relative_to(KERNEL)}" if path.is_relative_to(KERNEL) else path.name
    return f"{shown}{f':{line}' if line else ''}{name}"


def place_of_address(kernel: Kernel, contents: Any, address: int) -> str:
    """Return the line of the kernel of an address of a compiled one, empty where its image's table has none.

    RAM stays as it is: the kernel's own search would place its tables first.
    """
    head = kernel.panics.places.head
    if head.magic != TABLE_MAGIC:
        return ""
    ranges = memoryview(contents)[head.ranges : head.ranges + RANGE.size * head.range_count].cast("B").cast("I")
    index = bisect_right(ranges[::2], address)
    number = ranges[2 * index - 1] if index else 0
    while number:
        file_name, line, caller = PLACE.unpack_from(contents, head.places + PLACE.size * (number - 1))
        file = _text(contents, head.texts + file_name)
        if not caller or (line and file in SOURCES):
            return in_words(file, line)
        number = caller  # it is a line of the language's, inlined, or of several
    return ""


def _text(contents: Any, address: int) -> str:
    """Return the zero-terminated text at an address of RAM."""
    return bytes(contents[address : address + 256]).partition(b"\0")[0].decode("ascii", "replace")
