"""The kernel's modules and their methods, found in their sources: nothing of them is run."""

import ast
from functools import cache
from pathlib import Path

from keelback import kernel

KERNEL = Path(kernel.__path__[0])


@cache
def modules() -> tuple[str, ...]:
    """Return the names of the kernel's modules, sorted."""
    files = (each.relative_to(KERNEL).with_suffix("") for each in KERNEL.rglob("*.py") if each.stem != "__init__")
    return tuple(sorted(".".join((kernel.__name__, *each.parts)) for each in files))


@cache
def methods_in(module: str) -> tuple[str, ...]:
    """Return the methods of one of the kernel's modules, as `VirtualMemory.map` names them, but for special ones."""
    file = KERNEL.joinpath(*module.removeprefix(f"{kernel.__name__}.").split(".")).with_suffix(".py")
    return tuple(
        f"{owner.name}.{method.name}"
        for owner in ast.parse(file.read_bytes()).body
        if isinstance(owner, ast.ClassDef)
        for method in owner.body
        if isinstance(method, ast.FunctionDef) and not method.name.startswith("__")
    )
