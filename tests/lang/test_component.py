"""Components: built once, then frozen, and made of nothing that can change."""

from collections import deque
from dataclasses import dataclass
from enum import Enum

import pytest

from keelback.lang import Component, HostObject, Ram, Region, Struct, freeze, native, static_parts, u32


class Record(Struct):
    count: u32


class Leaf(Component):
    def __init__(self) -> None:
        self.number = 5

    def method(self) -> int:
        return self.number

    def change(self) -> None:
        self.number = 6


@dataclass(frozen=True)
class Settings:
    sizes: tuple[int, ...]
    leaf: object = None


@dataclass
class Loose:
    size: int


class Mode(Enum):
    ON = 1


class Machine(HostObject):
    def __init__(self) -> None:
        self.anything = [{}]


class Root(Component):
    def __init__(self, **attributes: object) -> None:
        for name, value in attributes.items():
            setattr(self, name, value)


def test_while_it_is_built_attributes_come_and_go():
    leaf = Leaf()
    leaf.number = 7
    leaf.extra = 1
    del leaf.extra
    assert vars(leaf) == {"number": 7}


def test_a_frozen_component_refuses_every_change():
    leaf = Leaf()
    freeze(Root(leaf=leaf))
    for change in (leaf.change, lambda: setattr(leaf, "new", 1), lambda: delattr(leaf, "number")):
        with pytest.raises(AttributeError, match=r"^Leaf\.\w+: a frozen component never changes; keep state in a Stru"):
            change()
    assert leaf.number == 5


@pytest.mark.parametrize("way", [lambda leaf: (leaf,), lambda leaf: leaf.method, lambda leaf: Settings((), leaf)])
def test_what_a_tuple_a_bound_method_or_a_frozen_dataclass_holds_is_frozen_too(way):
    leaf = Leaf()
    freeze(Root(inner=Root(way=((way(leaf),),))))
    with pytest.raises(AttributeError):
        leaf.change()


def test_components_may_hold_each_other_in_a_ring():
    first, second = Root(), Root()
    first.other, second.other = second, first
    freeze(first)
    with pytest.raises(AttributeError):
        second.other = None


def test_the_records_of_a_frozen_component_still_change():
    root = Root(record=Region(Ram(4096), 0, 4096).struct(Record))
    freeze(root)
    root.record.count += 1
    assert root.record.count == 1


@native("return 1;")
def function() -> int:
    return 1


def test_all_that_is_constant_may_be_held():
    ram = Ram(4096)
    region = Region(ram, 0, 4096)
    freeze(
        Root(
            number=1, text="a", data=b"a", flag=True, nothing=None, mode=Mode.ON, type=Record, function=function,
            method=Leaf().method, ram=ram, record=region.struct(Record), array=region.array(Record, 2),
            table=region.table(u32), settings=Settings((1, 2)), parts=(1, ("a", Leaf())), machine=Machine(),
        )
    )  # fmt: skip


@pytest.mark.parametrize(
    "value", [[1], {"a": 1}, {1}, 1.5, bytearray(1), deque(), Loose(1), object(), iter(()), len, 1j, range(3)]
)
def test_what_could_change_is_refused_by_its_path(value):
    kind = type(value).__name__
    advice = f"is a {kind}, which no static object may hold; use a tuple, a frozen dataclass or a Struct"
    for root, path in (
        (Root(value=value), "value"),
        (Root(inner=Root(value=value)), "inner.value"),
        (Root(parts=(1, value)), "parts[1]"),
        (Root(parts=(1, Root(deep=(value,)))), "parts[1].deep[0]"),
        (Root(settings=Settings((1, value))), "settings.sizes[1]"),
    ):
        with pytest.raises(TypeError) as caught:
            freeze(root)
        assert str(caught.value) == f"{path} {advice}"


def test_a_refusal_leaves_nothing_frozen():
    leaf = Leaf()
    with pytest.raises(TypeError):
        freeze(Root(leaf=leaf, wrong=[]))
    leaf.change()


def test_static_parts_yields_each_object_once_outer_before_inner():
    leaf = Leaf()
    root = Root(deep=Root(leaf=leaf), leaf=leaf, call=leaf.method)
    assert [(path, part) for path, part in static_parts(root)] == [("", root), ("deep", root.deep), ("leaf", leaf)]


def test_the_compiler_never_enters_a_host_object():
    assert [path for path, _ in static_parts(Root(machine=Machine()))] == ["", "machine"]
