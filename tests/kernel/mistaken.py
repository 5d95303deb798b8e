"""Kernels with a mistake that both lives can have: a method whose source is changed in a copy of its file."""

import ast
import importlib
import inspect
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from keelback.image.compiled import compile_kernel_again
from keelback.image.kernel_image import CompiledKernel
from keelback.image.kernels import base_of
from keelback.image.live_kernels import entries_of, kernel_of
from keelback.kernel.layout import MICROKERNEL
from keelback.lang.replacing import REPLACED, Replacement


@contextmanager
def mistaken(folder: Path, module: str, owner: str, method: str, right: str, wrong: str) -> Iterator[Replacement]:
    """Replace a piece of a line of a method of a module, named from the kernel on, for a while; lines stay in place."""
    place = importlib.import_module(f".{module}", "keelback.kernel")
    cls = getattr(place, owner)
    before = cls.__dict__[method]
    lines, first = inspect.getsourcelines(before)
    source = "".join(lines)
    assert source.count(right) == 1 and right.count("\n") == wrong.count("\n"), f"{method} does not have {right!r} once"
    file = Path(inspect.getfile(place))
    whole = file.read_text().replace(source, source.replace(right, wrong))
    copy = folder / file.name
    copy.write_text(whole)
    nodes = [each for each in ast.walk(ast.parse(whole)) if isinstance(each, ast.FunctionDef)]
    [node] = [each for each in nodes if min(line.lineno for line in (each, *each.decorator_list)) == first]
    names = dict(vars(place))
    exec(compile(ast.Module([node], []), str(copy), "exec"), names)
    with put_in_place(cls, method, names[method]):
        yield Replacement(f"{owner}.{method}", names[method], cls)


@contextmanager
def put_in_place(cls: type, method: str, own: Any) -> Iterator[None]:
    """Put a function in the place of a method for a while."""
    before = cls.__dict__[method]
    setattr(cls, method, own)
    try:
        yield
    finally:
        setattr(cls, method, before)


@contextmanager
def noted(replacement: Replacement) -> Iterator[None]:
    """Have the compiler know for a while what stands in a method's place, as it knows a part of a user's."""
    REPLACED.append(replacement)
    try:
        yield
    finally:
        REPLACED.remove(replacement)


def compiled_mistaken(folder: Path, mistake: tuple[str, str, str, str, str]) -> CompiledKernel:
    """Compile what a mistake changes of the `microkernel`; nothing is proven of its stacks."""
    base = base_of(MICROKERNEL)  # before the mistake
    kernel, ram = kernel_of(MICROKERNEL)
    with mistaken(folder, *mistake) as replacement, noted(replacement):
        return compile_kernel_again(base, kernel, ram, entries_of(kernel))
