"""What a lab.toml may say: its keys and what each has to be, checked before anything else believes them.

1. A key that is not here is refused, and the one that is near is named.
2. What is wrong is told in one line: where it stands, what it is, and what it has to be.
"""

import json
import re
from collections.abc import Callable, Collection, Iterable, Mapping
from keyword import iskeyword
from typing import Any, NamedTuple

from keelback.kernel.layout import LAYOUTS
from keelback.labs.sources import methods_in, modules
from keelback.near import did_you_mean, near_names
from keelback.user import LIBRARIES

MOST_FAILURES = 64
"""Allocations of one call that are made to fail, each in a run of its own."""
MOST_TIME = 20_000_000
"""Virtual time that a trial takes at most, in instructions, unless its lab says otherwise."""
NAME = re.compile("[a-z][a-z0-9]*(-[a-z0-9]+)*")
PROGRAM = re.compile("[A-Za-z0-9_][A-Za-z0-9_-]*( [ -~]{1,255})?")
MOST_LETTERS = 40
SHOWN = 40
"""Letters of a wrong value that are shown."""
Table = dict[str, Any]


class Key(NamedTuple):
    """What the value of a key has to be, in words and as a test; a default where the key may be left out.

    `names` returns all values that a text may have.
    """

    what: str
    fits: Callable[[Any], bool]
    default: Any = ...
    names: Callable[[], Collection[str]] = tuple


def _number(first: int, last: int, default: Any = ...) -> Key:
    return Key(
        f"a whole number from {first:,} to {last:,}", lambda it: type(it) is int and first <= it <= last, default
    )


def _choice(what: str, names: Callable[[], Collection[str]]) -> Key:
    return Key(what, lambda it: isinstance(it, str) and it in names(), names=names)


def _calls() -> tuple[str, ...]:
    # Imported here: it brings the whole kernel, which few labs need to be read.
    from keelback.inspect.call_decoding import call_names

    return call_names()


def _layouts() -> tuple[str, ...]:
    return tuple(each.name for each in LAYOUTS)


def _is_list(value: Any, fits: Callable[[Any], bool]) -> bool:
    """Say whether a value is a list, not an empty one, of what fits."""
    return isinstance(value, list) and len(value) > 0 and all(map(fits, value))


def _is_line(value: Any) -> bool:
    return isinstance(value, str) and value.strip() != "" and value.isprintable()


def _is_name(value: Any) -> bool:
    """Say whether a lab can have a name, and its file one that Python can import."""
    if not isinstance(value, str) or len(value) > MOST_LETTERS or not NAME.fullmatch(value):
        return False
    return not iskeyword(value.replace("-", "_"))


def _is_table(value: Any) -> bool:
    return isinstance(value, dict)


def _is_program(value: Any) -> bool:
    return isinstance(value, str) and PROGRAM.fullmatch(value) is not None


def _are_methods(value: Any) -> bool:
    """Say whether a value is a table of lists of texts, each text once."""
    return (
        _is_table(value)
        and all(map(_is_line, value))
        and _is_list([*value.values()], lambda names: _is_list(names, _is_line))
        and all(len(set(names)) == len(names) for names in value.values())
    )


FLAG = Key("true or false", lambda it: type(it) is bool, False)
LINE = Key("a text of one line", _is_line)
TABLES = Key("one table or more", lambda it: _is_list(it, _is_table))
IN_C = tuple(sorted(each.stem for each in LIBRARIES.glob("*.c")))
LAB: Mapping[str, Key] = {
    "number": _number(1, 999),
    "name": Key("small letters and digits, perhaps with hyphens between them, and no word of Python's", _is_name),
    "title": LINE,
    "layout": _choice(f"one of {', '.join(_layouts())}", _layouts),
    "memory": _number(1, 1024),
    "methods": Key("a table with a list of methods for each module of the kernel", _are_methods),
    "requirement": TABLES,
    "libraries": Key(
        f"a list of libraries: {', '.join(IN_C)}",
        lambda it: isinstance(it, list) and all(each in IN_C for each in it),
        (),
    ),
    "frames": FLAG,
}
REQUIREMENT: Mapping[str, Key] = {"says": LINE, "points": _number(1, 1000), "trial": TABLES}
TRIAL: Mapping[str, Key] = {
    "programs": Key(
        'a list of programs, each a name and perhaps an argument, such as "holders 3"',
        lambda it: _is_list(it, _is_program),
    ),
    "fail": Key("a table of a call and the first of its allocations that fails", _is_table, None),
    "strict": FLAG,
    "events": FLAG,
    "hidden": FLAG,
    "time": _number(1, 1_000_000_000, MOST_TIME),
}
FAIL: Mapping[str, Key] = {
    "call": _choice("a call of the kernel's, such as fork", _calls),
    "first": _number(1, MOST_FAILURES - 1),
}


def described(facts: Table) -> Table:
    """Return what a lab.toml says, checked, with all keys.  Raises: ValueError."""
    lab = _read(facts, LAB, "")
    _check_methods(lab["methods"])
    lab["requirement"] = [
        _requirement(each, f"requirement {number}") for number, each in enumerate(lab["requirement"], 1)
    ]
    return lab


def _requirement(facts: Table, where: str) -> Table:
    found = _read(facts, REQUIREMENT, f"{where}: ")
    found["trial"] = [_trial(each, f"{where}, trial {number}: ") for number, each in enumerate(found["trial"], 1)]
    return found


def _trial(facts: Table, where: str) -> Table:
    found = _read(facts, TRIAL, where)
    if found["fail"] is not None:
        found["fail"] = _read(found["fail"], FAIL, f"{where}fail: ")
    return found


def _read(facts: Table, keys: Mapping[str, Key], where: str) -> Table:
    """Return the values of a table's keys.  Raises: ValueError."""
    for name in facts:
        if name not in keys:
            raise ValueError(f"{where}there is no key {_shown(name)}{_near(name, keys) or f'; there are {_all(keys)}'}")
    for name, key in keys.items():
        if name not in facts and key.default is ...:
            raise ValueError(f"{where}{name} is missing; it has to be {key.what}")
        if name in facts and not key.fits(facts[name]):
            wrong = f"{where}{name} = {_shown(facts[name])}"
            raise ValueError(f"{wrong}: it has to be {key.what}{_near(facts[name], key.names())}")
    return {name: facts.get(name, key.default) for name, key in keys.items()}


def _check_methods(methods: Mapping[str, Iterable[str]]) -> None:
    """Check that the kernel has all methods.  Raises: ValueError."""
    for module, names in methods.items():
        if module not in modules():
            raise ValueError(f"methods: the kernel has no module {module}{_near(module, modules())}")
        known = methods_in(module)
        for name in names:
            if name not in known:
                raise ValueError(f"methods: {module} has no method {name}{_near(name, known)}")


def _near(value: Any, names: Collection[str]) -> str:
    return did_you_mean(near_names(value, names)) if isinstance(value, str) else ""


def _all(names: Iterable[str]) -> str:
    return ", ".join(names)


def _shown(value: Any) -> str:
    """Return a value as the file has it, or its beginning."""
    text = json.dumps(value, ensure_ascii=False, default=str)
    return text if len(text) <= SHOWN else f"{text[:SHOWN]}…"
