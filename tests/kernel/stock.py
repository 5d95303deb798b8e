"""Machines that were made before: one that is asked for again is put back to where it stood, not booted anew.

    again(key, make) ──> none of that key is free ──> make one, and note how it stands ──┐
                    └──> one is free: put it back to how it stood ──────────────────────┴─> its driver

1. A machine is free when nobody has a reference to it or to its kernel; who looks at it has one to its driver.
2. One that was put back is as it was: RAM, console, what its parts keep, and what their other attributes are.
3. While a test has something else in place of what is in our sources, each machine is made for it.
4. Few are kept, those that were asked for last.
"""

import sys
from collections.abc import Callable, Collection, Hashable, Mapping
from copy import copy
from functools import cache
from itertools import chain
from typing import Any

MOST = 16
"""How many machines are kept, each with a copy of its RAM."""
OURS = ("keelback.kernel.", "keelback.lang.", "keelback.machine.simulated.")
"""What decides how a machine is made and runs."""
NOTED_BY_PYTHON = ("__slotnames__", "__annotations__")
"""What Python writes into a class by itself: when one of its objects is pickled, when its annotations are asked for."""
OBSERVERS = ("at_booted", "before_trap", "after_trap")


class Stand:
    """How a machine stood when it was made, and its driver, of which each that is given is a copy."""

    def __init__(self, key: Hashable, driver: Any) -> None:
        self.key = key
        self.driver = driver
        pc = driver.pc
        self.ram, self.console = bytes(pc.contents), bytes(pc.console)
        self.observers = {name: [*getattr(pc, name)] for name in OBSERVERS}
        self.parts = [(part, _constants(part), part.kept()) for part in pc.parts()]
        self.of_ram = dict(vars(pc.ram))
        self.holders = 0

    def count(self) -> int:
        """Return how many references there are to the machine and its kernel."""
        return sys.getrefcount(self.driver.pc) + sys.getrefcount(self.driver.pc.kernel)

    def is_free(self) -> bool:
        return self.count() == self.holders

    def given(self) -> Any:
        """Return a driver of the machine, which has it for as long as it is there."""
        driver = copy(self.driver)
        vars(driver).update({name: copy(each) for name, each in vars(driver).items() if isinstance(each, dict | set)})
        return driver

    def put_back(self) -> None:
        """Make the machine what it was."""
        pc = self.driver.pc
        vars(pc.ram).update(self.of_ram)
        for part, constants, values in self.parts:
            vars(part).update(constants)
            part.put_back(values)
        for name, each in self.observers.items():
            getattr(pc, name)[:] = each
        pc.contents[: len(self.ram)] = self.ram
        pc.console[:] = self.console
        pc.processor.forget_all()


def _constants(part: Any) -> dict[str, Any]:
    """Return the attributes of a part of a machine that do not change in a run."""
    kept = {name for each in type(part).__mro__ for name in vars(each).get("KEPT", ())}
    return {name: each for name, each in vars(part).items() if name not in kept}


_stands: list[Stand] = []


def again(key: Hashable, make: Callable[[], Any]) -> Any:
    """Return the driver of a machine as `make` makes it; `key` is all that decides how that is."""
    if not _is_as_written():
        return make()
    for stand in _stands:
        if stand.key == key and stand.is_free():
            stand.put_back()
            break
    else:
        stand = _noted(key, make)
    if stand in _stands:
        _stands.remove(stand)
    _stands.append(stand)
    del _stands[:-MOST]
    return stand.given()


def _names() -> list[Any]:
    """Return what the names in our modules and classes stand for."""
    return [*chain.from_iterable(map(_written_in, _places()))]


def _written_in(names: Mapping[str, Any]) -> Collection[Any]:
    if names.keys().isdisjoint(NOTED_BY_PYTHON):
        return names.values()
    return [each for name, each in names.items() if name not in NOTED_BY_PYTHON]


@cache
def _places() -> list[Mapping[str, Any]]:
    modules = [each for name, each in sys.modules.items() if name.startswith(OURS)]
    classes = {each for module in modules for each in vars(module).values() if isinstance(each, type)}
    return [*map(vars, modules), *(vars(each) for each in classes if each.__module__.startswith(OURS))]


@cache
def _written() -> list[Any]:
    return _names()


def _is_as_written() -> bool:
    return _names() == _written()  # which looks no further where each is the same object


def _noted(key: Hashable, make: Callable[[], Any]) -> Stand:
    stand = Stand(key, make())
    stand.holders = stand.count()
    return stand
