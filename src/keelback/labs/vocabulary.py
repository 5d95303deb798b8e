"""What a student's methods may call: the classes of the kernel that its own bodies use, as an outline.

1. Names, types and the first sentences of docstrings are those of the kernel's source as it is now.
2. Which of it a body uses, and in which order, is not said.
3. What begins with an underscore is listed of the classes whose methods are written, and of no other.
"""

import ast
import inspect
import sys
from collections.abc import Iterator
from operator import attrgetter
from types import FunctionType
from typing import Any

from keelback.image.live_kernels import kernel_of
from keelback.labs.lab import Lab
from keelback.labs.skeleton import Module
from keelback.lang import Component, Struct
from keelback.lang.layout import struct_on

VOCABULARY = "kernel.md"
Live = dict[type, Component]
"""The components of a kernel, by their classes."""
HEAD = """\
# What the kernel has for lab {number}

These are the classes of what the methods of this lab are given, and of what they reach from `self`.
All of it may be called; the sources, by which each class is headed, say more.

Besides, `record.copy_from(other)` makes a struct as another, `record.clear()` makes it all zero, and
`array.copy_from(start, source, source_start, count)` copies elements (Keelback's docs, kernel-python.md).
"""


def vocabulary(lab: Lab) -> str:
    """Return the outline, in Markdown.  Raises: UserError when the kernel has no such method."""
    live = {type(each): each for each in _components(kernel_of(lab.layout)[0], set())}
    return HEAD.format(number=lab.number) + "".join(_section(lab, each, live) for each in _classes(lab, live))


def _classes(lab: Lab, live: Live) -> list[type]:
    """Return the classes: those of the lab's methods first, then in the order in which they are met."""
    own: dict[type, None] = {}
    used: dict[type, None] = {}
    for name, methods in lab.methods.items():
        module = Module(name)
        for owner, bodies in module.methods(methods).items():
            class_ = getattr(sys.modules[name], owner)
            own[class_] = None
            for body in bodies:
                used |= dict.fromkeys(_used_by(body, live.get(class_), vars(sys.modules[name])))
    bits = lab.layout.paging.word_bits
    return [*own, *(struct_on(each, bits) for each in used if each not in own)]


def _components(root: Any, seen: set[int]) -> Iterator[Component]:
    """Yield a component and all below it, each once."""
    if isinstance(root, Component) and id(root) not in seen:
        seen.add(id(root))
        yield root
        for each in vars(root).values():
            yield from _components(each, seen)


def _used_by(body: ast.FunctionDef, owner: Component | None, names: dict[str, Any]) -> Iterator[type]:
    """Yield the classes of what a method is given, and of what it reaches from its component."""
    given = [each.annotation for each in body.args.args if each.annotation] + [body.returns or ast.Constant(None)]
    structs = [value for each in given for name in ast.walk(each) if isinstance(name, ast.Name)
               if isinstance(value := names.get(name.id), type) and issubclass(value, Struct)]  # fmt: skip
    attributes = [each for each in ast.walk(body) if isinstance(each, ast.Attribute)]
    read = {each.attr for each in attributes}
    for struct in structs:
        yield struct
        structs += [kind for name, kind in _fields(struct).items() if name in read and kind not in structs]
    for each in attributes:
        first, _, path = ast.unparse(each).partition(".")
        if first == "self" and path.replace(".", "").isidentifier() and owner is not None:
            try:
                found = attrgetter(path)(owner)
            except AttributeError:
                continue
            if isinstance(found, Component):
                yield type(found)


def _fields(struct: type) -> dict[str, type]:
    """Return the fields of a struct that are structs, each with its class."""
    names = vars(sys.modules[struct.__module__])
    kinds = {name: names.get(text) for name, text in _annotations(struct)}
    return {name: kind for name, kind in kinds.items() if isinstance(kind, type) and issubclass(kind, Struct)}


def _annotations(class_: type) -> Iterator[tuple[str, str]]:
    """Yield what a class declares, each name with its type as the source has it."""
    [node] = ast.parse(inspect.getsource(class_)).body
    for each in getattr(node, "body", ()):
        if isinstance(each, ast.AnnAssign):
            yield ast.unparse(each.target), ast.unparse(each.annotation).strip("'")


def _section(lab: Lab, class_: type, live: Live) -> str:
    """Return a class: what it is, what it holds, and its methods, of which the lab's are marked."""
    written = {name for methods in lab.methods.values() for name in methods}
    is_own = any(name.startswith(f"{class_.__name__}.") for name in written)
    lines = [f"\n## {class_.__name__}, in {class_.__module__}\n\n{_sentence(class_)}\n\n```python"]
    lines += [f"{name}: {kind}" for name, kind in _annotations(class_)]
    parts = vars(live[class_]) if class_ in live else {}
    lines += [f"{name}: {type(each).__name__}" for name, each in parts.items() if isinstance(each, Component | Struct)]
    for name, method in vars(class_).items():
        if not isinstance(method, FunctionType) or name.startswith("__") or (name.startswith("_") and not is_own):
            continue
        lines.append(f"{name}{_signature(method)}" + "  # to be written" * (f"{class_.__name__}.{name}" in written))
        lines += [f"    {_sentence(method)}"] * bool(method.__doc__)
    return "\n".join([*lines, "```\n"])


def _signature(method: FunctionType) -> str:
    [node] = ast.parse(inspect.cleandoc("\n" + inspect.getsource(method))).body
    assert isinstance(node, ast.FunctionDef)
    arguments = ast.unparse(node.args).removeprefix("self").removeprefix(", ")
    return f"({arguments}) -> {ast.unparse(node.returns) if node.returns else 'None'}"


def _sentence(documented: Any) -> str:
    """Return the first paragraph of a docstring in one line."""
    return " ".join(inspect.cleandoc(documented.__doc__ or "").partition("\n\n")[0].split())
