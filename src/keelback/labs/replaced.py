"""What importing a submission has changed: the methods of its lab, and nothing else of the kernel and its language.

This stands behind the reading of the text (`language.py`): whatever that lets pass, methods that are the kernel's own
are worth nothing.
"""

import sys
from collections.abc import Collection, Iterator, Mapping, Sequence
from types import CodeType, FunctionType, ModuleType

from keelback.errors import UserError

PACKAGES = ("keelback.kernel.", "keelback.abi.", "keelback.lang.")
Code = dict[tuple[str, str], CodeType]


def code_now() -> Code:
    """Return the code of all functions that are imported, by module and name: `keelback.kernel.…`, `Frames.drop`."""
    modules = [module for name, module in sys.modules.items() if name.startswith(PACKAGES)]
    return {(module.__name__, name): each.__code__ for module in modules for name, each in _functions(module)}


def _functions(module: ModuleType) -> Iterator[tuple[str, FunctionType]]:
    for name, value in [*vars(module).items()]:
        if isinstance(value, FunctionType):
            yield name, value
        elif isinstance(value, type) and value.__module__ == module.__name__:
            methods = ((f"{name}.{each}", method) for each, method in vars(value).items())
            yield from ((each, method) for each, method in methods if isinstance(method, FunctionType))


def check_replaced(before: Code, methods: Mapping[str, Sequence[str]], files: Collection[str]) -> None:
    """Check that files have put code of theirs in place of methods, by module, and of nothing else.

    Raises: UserError.
    """
    now = code_now()
    changed = {key for key, code in before.items() if now.get(key) is not code}
    wanted = [(module, name) for module, names in methods.items() for name in names]
    for _, name in sorted(changed.difference(wanted)):
        raise UserError(f"it replaces {name}, which is not of this lab")
    for key in wanted:
        if key not in changed or now[key].co_filename not in files:
            raise UserError(f"{key[1]} stays the kernel's own: nothing of this submission is in its place")
