"""What a student's methods may call: the classes of the kernel that its own bodies use, as an outline.

1. Names, types and the first sentences of docstrings are those of the kernel's source as it is now.
2. Which of it a body uses, and in which order, is not said.
3. What begins with an underscore is listed of the classes whose methods are written, and of no other.
"""

import ast
import inspect
import sys
from collections.abc import Iterator
from enum import Enum
from types import FunctionType, MethodType
from typing import Any

from keelback.image.live_kernels import kernel_of
from keelback.labs.lab import Lab
from keelback.labs.reached import elements_of, reached_by
from keelback.labs.skeleton import Module
from keelback.lang import Component, Ram, Struct
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
    """Return the classes: those of the lab's methods first, then what they reach and hold, as it is met."""
    own: dict[type, None] = {}
    used: dict[type, None] = {}
    for name, methods in lab.methods.items():
        module = Module(name)
        for owner, bodies in module.methods(methods).items():
            class_ = getattr(sys.modules[name], owner)
            own[class_] = None
            for body in bodies:
                used |= dict.fromkeys(reached_by(body, live.get(class_, class_), vars(sys.modules[name])))
            held = vars(live[class_]).values() if class_ in live else ()
            used |= dict.fromkeys(type(each) for each in held if isinstance(each, Component))
    bits = lab.layout.paging.word_bits
    return [*dict.fromkeys([*own, *(struct_on(each, bits) for each in used)])]


def _components(root: Any, seen: set[int]) -> Iterator[Component]:
    """Yield a component and all below it, each once."""
    if isinstance(root, Component) and id(root) not in seen:
        seen.add(id(root))
        yield root
        for each in vars(root).values():
            yield from _components(each, seen)


def _declared(class_: type) -> Iterator[str]:
    """Yield what a class declares, each name with its type as the source has it, and the members of an enumeration."""
    if issubclass(class_, Enum):
        yield from (f"{each.name} = {each.value}" for each in class_)
        return
    for base in reversed(class_.__mro__):
        if base.__module__.startswith("keelback.") and base not in (Struct, Component):
            [node] = ast.parse(inspect.getsource(base)).body
            for each in getattr(node, "body", ()):
                if isinstance(each, ast.FunctionDef) and isinstance(getattr(class_, each.name), property):
                    yield f"{each.name}: {ast.unparse(each.returns or ast.Constant(None))}"
                elif isinstance(each, ast.AnnAssign):
                    yield f"{ast.unparse(each.target)}: {_type_in(each)}"


def _held(component: Component) -> Iterator[str]:
    """Yield what a component holds, each name with its type."""
    for name, each in vars(component).items():
        if name.startswith("_") or each is None or isinstance(each, Ram | MethodType):
            continue
        kind = type(each).__name__ if (element := elements_of(each)) is None else f"Array[{element.__name__}]"
        yield f"{name}: {kind}"


def _type_in(declaration: ast.AnnAssign) -> str:
    return ast.unparse(declaration.annotation).strip("'")


def _section(lab: Lab, class_: type, live: Live) -> str:
    """Return a class: what it is, what it holds, and its methods, of which the lab's are marked."""
    written = {name for methods in lab.methods.values() for name in methods}
    is_own = any(name.startswith(f"{class_.__name__}.") for name in written)
    lines = [f"\n## {class_.__name__}, in {class_.__module__}\n\n{_sentence(class_)}\n\n```python"]
    lines += dict.fromkeys([*_declared(class_), *(_held(live[class_]) if class_ in live else ())])
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
