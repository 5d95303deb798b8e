"""The file that a student begins with: the kernel's own methods, their bodies to be written.

1. It comes from the kernel's source as that is now: signatures and docstrings are the kernel's, word for word.
2. It imports what the kernel's own bodies use, and what the signatures name.
3. A body that is not written is a kernel panic that names the method, in every life; the rest of the kernel runs.
"""

import ast
import importlib
import inspect
from collections.abc import Callable, Iterator
from typing import Any

from keelback.errors import UserError
from keelback.labs.lab import Lab

INDENT = " " * 8
WIDTH = 120

Definition = ast.FunctionDef


def skeleton(lab: Lab) -> str:
    """Return the student's file, no body written.  Raises: UserError when the kernel has no such method."""
    return _file_of(lab, f"Lab {lab.number}: {lab.title}. Write the bodies.", _not_written)


def solution(lab: Lab) -> str:
    """Return the student's file with the kernel's own bodies.  Raises: UserError when the kernel has no such method."""
    return _file_of(lab, f"Lab {lab.number}: {lab.title}, as the kernel has it.", _as_it_is)


def _file_of(lab: Lab, tagline: str, write: Callable[["Module", str, Definition], str]) -> str:
    modules = [Module(name) for name in lab.methods]
    imported: dict[str, set[str]] = {"keelback.lang": {"replaces"}}
    classes = []
    for module in modules:
        methods = module.methods(lab.methods[module.name])
        for name, found in methods.items():
            imported.setdefault(module.name, set()).add(name)
            for each in found:
                for origin, used in module.used_by(each):
                    imported.setdefault(origin, set()).add(used)
            bodies = "\n\n".join(write(module, name, each) for each in found)
            classes.append(f"@replaces({name})\nclass My{name}:\n{bodies}\n")
    lines = [_import(origin, sorted(names, key=_as_sorted)) for origin, names in sorted(imported.items())]
    return f'"""{tagline}"""\n\n' + "\n".join(lines) + "\n\n\n" + "\n\n".join(classes)


def _import(origin: str, names: list[str]) -> str:
    line = f"from {origin} import {', '.join(names)}"
    if len(line) <= WIDTH:
        return line
    return f"from {origin} import (\n" + "".join(f"    {name},\n" for name in names) + ")"


def _as_sorted(name: str) -> tuple[int, str]:
    """Return what names are sorted by: constants, classes, functions."""
    return (0 if name.isupper() else 1 if name[0].isupper() else 2), name


def _not_written(module: "Module", owner: str, method: Definition) -> str:
    """Return a method with its docstring and no body."""
    body = method.body
    has_docstring = isinstance(body[0], ast.Expr) and isinstance(body[0].value, ast.Constant)
    kept = module.lines[method.lineno - 1 : body[0].end_lineno if has_docstring else body[0].lineno - 1]
    refusal = f'{INDENT}assert False, "{owner}.{method.name} is not written yet"'
    return "\n".join([*kept, refusal])


def _as_it_is(module: "Module", _owner: str, method: Definition) -> str:
    return "\n".join(module.lines[method.lineno - 1 : method.end_lineno])


class Module:
    """The source of a module of the kernel."""

    def __init__(self, name: str) -> None:
        self.name = name
        try:
            source = inspect.getsource(importlib.import_module(name))
        except ImportError as error:
            raise UserError(f"the kernel has no module {name}: {error}") from None
        self.lines = source.splitlines()
        self.tree = ast.parse(source)
        self.origins = {used: origin for used, origin in self._names()}

    def _names(self) -> Iterator[tuple[str, str]]:
        """Yield each name that stands at the top of the module, and the module to import it from."""
        for node in self.tree.body:
            if isinstance(node, ast.ImportFrom):
                yield from ((alias.name, str(node.module)) for alias in node.names)
            elif isinstance(node, (ast.ClassDef, ast.FunctionDef)):
                yield node.name, self.name
            elif isinstance(node, (ast.Assign, ast.AnnAssign)):
                targets: list[Any] = node.targets if isinstance(node, ast.Assign) else [node.target]
                yield from ((each.id, self.name) for each in targets if isinstance(each, ast.Name))

    def methods(self, names: tuple[str, ...]) -> dict[str, list[Definition]]:
        """Return methods by their classes, as `VirtualMemory.map` names them.  Raises: UserError."""
        found: dict[str, list[Definition]] = {}
        for name in names:
            owner, _, method = name.partition(".")
            found.setdefault(owner, []).append(self._method(owner, method))
        return found

    def _method(self, owner: str, method: str) -> Definition:
        for node in self.tree.body:
            if isinstance(node, ast.ClassDef) and node.name == owner:
                for each in node.body:
                    if isinstance(each, ast.FunctionDef) and each.name == method:
                        return each
        raise UserError(f"{self.name} has no method {owner}.{method}")

    def used_by(self, method: Definition) -> Iterator[tuple[str, str]]:
        """Yield the names of the module's top that a method uses, each with the module to import it from.

        Decorators stay where they are, with the kernel.
        """
        parts = [method.args, *method.body, *([method.returns] if method.returns else [])]
        for node in (each for part in parts for each in ast.walk(part)):
            if isinstance(node, ast.Name) and node.id in self.origins:
                yield self.origins[node.id], node.id
