"""Own methods in place of a component's or a struct's: `@replaces(Frames.allocate_user)`.

1. What is replaced is there, and what replaces it has the same parameters and the same result.
2. A class replaces the methods of another that it names too, and adds the others; its attributes are the other's.
3. A method is replaced once: which of two would count is nobody's guess.
4. It is replaced before a kernel is made, and for as long as this process lives.
"""

import inspect
import sys
from collections.abc import Callable
from types import FunctionType
from typing import Any, NamedTuple, TypeVar, get_type_hints

from keelback.lang.component import Component
from keelback.lang.native import native
from keelback.lang.rare import rare
from keelback.lang.struct import Struct

STARS = {"VAR_POSITIONAL": "*", "VAR_KEYWORD": "**"}
T = TypeVar("T", bound=Callable[..., Any])


class Replacement(NamedTuple):
    """A method that was replaced or added, such as `Frames.allocate_user`, what stands in its place, and its class."""

    name: str
    own: Callable[..., Any]
    owner: type


REPLACED: list[Replacement] = []
"""What was replaced or added in this process, in the order in which it was."""


# What follows a decorator of these stays as it was written, so the compiler may read it.
DECORATORS: list[Callable[..., Any]] = [native, rare]


class WrongReplacement(TypeError):
    """What is to be replaced is not there or has another form; the message says what it is and what this is."""


def replaces(target: Callable[..., Any]) -> Callable[[T], T]:
    """Put the function or the class that follows in place of a method, or of methods of a class.

    Raises: WrongReplacement; nothing has changed.
    """

    def put(own: T) -> T:
        if isinstance(target, type) and isinstance(own, type):
            _replace_methods(target, own)
        elif isinstance(target, FunctionType) and isinstance(own, FunctionType):
            owner = _owner_of(target)
            check_form(f"{owner.__name__}.{target.__name__}", target, own)
            _put(owner, target.__name__, own)
        else:
            raise WrongReplacement(
                f"{_name(own)} can't replace {_name(target)}: a function replaces a method, a class another"
            )
        return own

    return put


DECORATORS.append(replaces)


def add_method(owner: type, name: str, own: Callable[..., Any]) -> None:
    """Give a class a method that it has not.  Raises: WrongReplacement."""
    if hasattr(owner, name):
        raise WrongReplacement(f"{owner.__name__} has a {name} already; @replaces({owner.__name__}.{name}) replaces it")
    _put(owner, name, own)


def _put(owner: type, name: str, own: Callable[..., Any]) -> None:
    setattr(owner, name, own)
    REPLACED.append(Replacement(f"{owner.__name__}.{name}", own, owner))


def _check_once(method: object) -> None:
    """Check that a method is not in the place of another.  Raises: WrongReplacement."""
    for replaced in REPLACED:
        if replaced.own is method:
            code = replaced.own.__code__
            place = f"{code.co_filename.rpartition('/')[2]}:{code.co_firstlineno}"
            raise WrongReplacement(f"{replaced.name} is replaced already, by {place}")


def _owner_of(method: FunctionType) -> type:
    """Return the component or struct whose method this is, and ours.  Raises: WrongReplacement."""
    _check_once(method)
    owner: Any = sys.modules[method.__module__]
    for name in method.__qualname__.split(".")[:-1]:
        owner = getattr(owner, name, None)
    if not isinstance(owner, type) or vars(owner).get(method.__name__) is not method:
        raise WrongReplacement(f"{method.__qualname__} is no method of a class, so nothing can replace it")
    _check_owner(owner)
    return owner


def _check_owner(owner: type) -> None:
    if not issubclass(owner, (Component, Struct)):
        raise WrongReplacement(
            f"{owner.__name__} is neither a component nor a struct, so nothing can replace its methods"
        )


def _replace_methods(target: type, own: type) -> None:
    _check_owner(target)
    methods = {name: each for name, each in vars(own).items() if isinstance(each, FunctionType)}
    extra = {*vars(own)} - {
        *methods,
        "__module__",
        "__qualname__",
        "__doc__",
        "__dict__",
        "__weakref__",
        "__annotations__",
    }
    if own.__bases__ != (object,) or extra:
        wrong = f"its attribute {min(extra)}" if extra else f"what it extends, {own.__bases__[0].__name__}"
        raise WrongReplacement(f"{own.__name__} replaces methods of {target.__name__} alone, and can't have {wrong}")
    if not methods:
        raise WrongReplacement(f"{own.__name__} has no method to replace one of {target.__name__}")
    for name, each in methods.items():
        if isinstance(found := vars(target).get(name), FunctionType) and name != "__init__":
            check_form(f"{target.__name__}.{name}", found, each)
        elif found is None and hasattr(target, name):
            raise WrongReplacement(f"{target.__name__}.{name} comes from a class that it extends; replace it there")
    for name in methods:
        _check_once(vars(target).get(name))
    for name, each in methods.items():
        _put(target, name, each)


def check_form(what: str, target: Callable[..., Any], own: Callable[..., Any]) -> None:
    """Check that a function has the form of another, which is called `what`.  Raises: WrongReplacement."""
    wanted, given = _form(target), _form(own)
    if wanted != given:
        raise WrongReplacement(f"{what} is {wanted}; {own.__name__} is {given}")
    if inspect.isgeneratorfunction(target) != inspect.isgeneratorfunction(own):
        does = "yields" if inspect.isgeneratorfunction(target) else "yields nothing"
        raise WrongReplacement(f"{what} {does}, so what replaces it has to do the same")


def _form(function: Callable[..., Any]) -> str:
    """Return the parameters and the result of a function as Python would write them: `(self, use: u16) -> u32`."""
    hints = get_type_hints(function, include_extras=True)
    parts = []
    for name, parameter in inspect.signature(function).parameters.items():
        typed = f": {_name(hints[name])}" if name in hints else ""
        default = "" if parameter.default is parameter.empty else f" = {parameter.default!r}"
        parts.append(f"{STARS.get(parameter.kind.name, '')}{name}{typed}{default}")
    result = f" -> {_name(hints['return'])}" if "return" in hints else ""
    return f"({', '.join(['self', *parts[1:]])}){result}"


def _name(kind: Any) -> str:
    """Return a type as Python would write it."""
    metadata = getattr(kind, "__metadata__", None)
    if metadata:
        return str(getattr(metadata[0], "name", metadata[0]))
    if kind is type(None):
        return "None"
    return str(kind) if getattr(kind, "__args__", None) else str(getattr(kind, "__name__", kind))
