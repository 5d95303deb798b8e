"""The CPU: each method is the one instruction of its hardware, in C and in Python."""

import inspect
import re
from typing import Protocol, get_type_hints

import pytest

from keelback.lang import Component, Cpu, Hardware, HostObject, NoHardware, freeze
from keelback.lang.layout import integer_type

METHODS = {name: value for name, value in vars(Cpu).items() if inspect.isfunction(value) and name != "__init__"}
methods = pytest.mark.parametrize("name", METHODS)


class Recorder(HostObject):
    """Hardware that notes what it is asked and answers 7."""

    def __init__(self):
        self.calls = []

    def __getattr__(self, name):
        return lambda *arguments: self.calls.append((name, *arguments)) or 7


def parameters(name):
    return list(inspect.signature(METHODS[name]).parameters)[1:]


@methods
def test_a_method_asks_the_hardware_for_just_itself(name):
    hardware = Recorder()
    arguments = list(range(1, len(parameters(name)) + 1))
    result = METHODS[name](Cpu(hardware), *arguments)
    assert hardware.calls == [(name, *arguments)]
    returns = METHODS[name].__annotations__["return"] is not None
    assert result == (7 if returns else None)


@methods
def test_a_c_body_uses_every_parameter_and_returns_what_python_returns(name):
    body = METHODS[name].c_body
    assert all(re.search(rf"\b{each}\b", body) for each in parameters(name))
    assert ("return" in body) == (METHODS[name].__annotations__["return"] is not None)


@methods
def test_what_a_method_takes_and_returns_is_an_integer_of_a_width(name):
    hints = get_type_hints(METHODS[name], include_extras=True)
    assert all(integer_type(hint) for hint in hints.values() if hint is not type(None))


@methods
def test_in_strict_mode_a_value_too_large_never_reaches_the_hardware(name, panics):
    """The tests' own strict mode is on: see tests/conftest.py."""
    hardware = Recorder()
    for place, parameter in enumerate(parameters(name)):
        type = integer_type(get_type_hints(METHODS[name], include_extras=True)[parameter]).resolved(32)
        arguments = [0] * len(parameters(name))
        arguments[place] = type.maximum + 1
        with panics(f"{type.maximum + 1} does not fit {parameter} in {name}: {type.name}"):
            METHODS[name](Cpu(hardware), *arguments)
    assert hardware.calls == []


def test_hardware_offers_what_the_methods_use_and_that_a_window_was_opened():
    assert issubclass(Hardware, Protocol)
    offered = {name for name, value in vars(Hardware).items() if inspect.isfunction(value) and name[0] != "_"}
    assert offered == {*METHODS, "window_opened"}


def test_a_kernel_that_is_only_looked_at_has_no_hardware(request):
    class Root(Component):
        def __init__(self):
            self.cpu = Cpu(NoHardware())

    root = Root()
    freeze(root)
    with pytest.raises(TypeError, match=r"^this kernel is only inspected: it has no hardware to read_cr2$"):
        root.cpu.read_cr2()
