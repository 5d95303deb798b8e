"""Components by themselves, without a kernel or a program around them: one C file."""

import inspect
from collections.abc import Callable, Iterator, Mapping
from types import FunctionType
from typing import Any

from keelback.compiler import Compiled, compile_program
from keelback.compiler.source import hints_of
from keelback.lang.component import Component, freeze
from keelback.lang.ram import Ram

_LANGUAGE = Component.__module__.rpartition(".")[0]


class _Root(Component):
    """What holds components by their names."""

    def __init__(self, components: Mapping[str, Component]) -> None:
        for name, component in components.items():
            setattr(self, name, component)


def compile_components(ram: Ram, components: Mapping[str, Component], *, lines: bool = False) -> Compiled:
    """Compile components, which are frozen by it, to one C file that needs no other; its text is the result's `c`.

    A public method is a function there that others may call: `add` of a component with the name `counter` is
    `counter_add`.  What else it calls is `static`.  Records that lie in `ram` are variables, each in a section for its
    address.  With `lines`, debuggers see the Python source.
    Raises: CompileError at the first construct that is refused; TypeError when a component holds what none may.
    """
    freeze(root := _Root(components))
    return compile_program(root, ram, entries_of(components), lines=lines)


def entries_of(components: Mapping[str, Component]) -> dict[str, Callable[..., Any]]:
    """Return the public methods of components by their names in C.

    Left out is what C can't call: a generator, and a method that takes a component.
    """
    return {
        f"{name}_{method}": getattr(component, method)
        for name, component in components.items()
        for method in _public_methods(type(component))
    }


def _public_methods(kind: type) -> Iterator[str]:
    """Yield the names of a component's own methods that C can call, in the order of its class."""
    ours = [each for each in kind.__mro__ if issubclass(each, Component) and not each.__module__.startswith(_LANGUAGE)]
    for name in dict.fromkeys(name for each in ours for name in vars(each)):
        method = inspect.getattr_static(kind, name)
        if not name.startswith("_") and isinstance(method, FunctionType) and _has_c(method):
            yield name


def _has_c(method: FunctionType) -> bool:
    taken = [each for each in hints_of(method).values() if isinstance(each, type) and issubclass(each, Component)]
    return not taken and not inspect.isgeneratorfunction(method)
