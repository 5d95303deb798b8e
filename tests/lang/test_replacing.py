"""What may replace a method, and what is said of the rest."""

import sys
from collections.abc import Iterator
from importlib.util import module_from_spec, spec_from_file_location

import pytest

from keelback.lang import Component, replaces, u8, u16, u32
from keelback.lang.replacing import REPLACED, WrongReplacement

SOURCE = """
from collections.abc import Iterator
from keelback.lang import Component, Struct, u8, u16, u32

class Base(Component):
    def inherited(self) -> u32:
        return 0

class Part(Base):
    def size(self, of: u8, more: u16 = 1) -> u32:
        return of + more

    def each(self, end: u32) -> Iterator[u32]:
        yield end

class Fields(Struct):
    count: u32

    def twice(self) -> u32:
        return self.count * 2

class Plain:
    def size(self) -> u32:
        return 0
"""


@pytest.fixture
def kinds(tmp_path, monkeypatch):
    """Return the classes of a new module, which a test may change."""
    (tmp_path / "kinds.py").write_text(SOURCE)
    spec = spec_from_file_location("kinds", tmp_path / "kinds.py")
    module = module_from_spec(spec)
    monkeypatch.setitem(sys.modules, "kinds", module)
    spec.loader.exec_module(module)
    return vars(module)


def test_a_function_replaces_a_method_of_a_component_and_of_a_struct(kinds):
    @replaces(kinds["Part"].size)
    def other(self, of: u8, more: u16 = 1) -> u32:
        return of * more

    @replaces(kinds["Fields"].twice)
    def thrice(self) -> u32:
        return self.count * 3

    assert kinds["Part"]().size(5) == 5
    assert vars(kinds["Fields"])["twice"] is thrice
    assert [each.name for each in REPLACED[-2:]] == ["Part.size", "Fields.twice"]


def test_a_class_replaces_methods_and_adds_some(kinds):
    @replaces(kinds["Part"])
    class Own:
        def size(self, of: u8, more: u16 = 1) -> u32:
            return self.added() + of

        def added(self) -> u32:
            return 100

    assert (kinds["Part"]().size(5), kinds["Part"]().added()) == (105, 100)


FORMS = [
    ("def size(self, of: u8) -> u32: return of", "(self, of: u8)"),
    ("def size(self, of: u8, more: u16) -> u32: return of", "(self, of: u8, more: u16)"),
    ("def size(self, of: u16, more: u16 = 1) -> u32: return of", "(self, of: u16, more: u16 = 1)"),
    ("def size(self, of: u8, more: u16 = 1) -> u16: return of", "-> u16"),
    ("def size(self, of: u8, more: u16 = 1): return of", "(self, of: u8, more: u16 = 1)$"),
    ("def size(self, on: u8, more: u16 = 1) -> u32: return on", "(self, on: u8"),
    ("def size(self, of: u8, *more: u16) -> u32: return of", "(self, of: u8, *more: u16)"),
    ("def size(self, of: 'u16', more: u16 = 1) -> u32: return of", "(self, of: u16"),
]


@pytest.mark.parametrize(("source", "said"), FORMS)
def test_another_form_is_refused_and_both_are_said(kinds, source, said):
    before = kinds["Part"].size
    names = {"u8": u8, "u16": u16, "u32": u32}
    exec(source, names)
    with pytest.raises(WrongReplacement) as caught:
        replaces(before)(names["size"])
    assert str(caught.value).startswith("Part.size is (self, of: u8, more: u16 = 1) -> u32; size is ")
    assert said.rstrip("$") in str(caught.value) and (said[-1] != "$" or str(caught.value).endswith(said[:-1]))
    assert kinds["Part"].size is before


def test_a_generator_is_replaced_by_a_generator_alone(kinds):
    def each(self, end: u32) -> Iterator[u32]:
        return iter([end])

    with pytest.raises(WrongReplacement, match=r"Part\.each yields, so what replaces it has to do the same"):
        replaces(kinds["Part"].each)(each)


def nothing(self) -> None:
    """Do nothing."""


def test_what_is_no_method_of_a_component_or_struct_stays(kinds):
    def size(self) -> u32:
        return 1

    with pytest.raises(WrongReplacement, match="Plain is neither a component nor a struct"):
        replaces(kinds["Plain"].size)(size)
    with pytest.raises(WrongReplacement, match="nothing is no method of a class"):
        replaces(nothing)(size)
    with pytest.raises(WrongReplacement, match="size can't replace 7: a function replaces a method"):
        replaces(7)(size)


def test_a_class_that_has_more_than_methods_is_refused_whole(kinds):
    before = dict(vars(kinds["Part"]))

    def with_attribute():
        @replaces(kinds["Part"])
        class Own:
            limit = 3

            def size(self, of: u8, more: u16 = 1) -> u32:
                return of

    def with_base():
        @replaces(kinds["Part"])
        class Own(Component):
            def size(self, of: u8, more: u16 = 1) -> u32:
                return of

    def without_methods():
        @replaces(kinds["Part"])
        class Own:
            pass

    def with_inherited():
        @replaces(kinds["Part"])
        class Own:
            def size(self, of: u8, more: u16 = 1) -> u32:
                return of

            def inherited(self) -> u32:
                return 1

    for make, said in (
        (with_attribute, "can't have its attribute limit"),
        (with_base, "can't have what it extends, Component"),
        (without_methods, "has no method to replace one of Part"),
        (with_inherited, r"Part\.inherited comes from a class that it extends"),
    ):
        with pytest.raises(WrongReplacement, match=said):
            make()
    assert dict(vars(kinds["Part"])) == before


def test_a_method_is_replaced_once_by_a_function_or_a_class(kinds):
    @replaces(kinds["Part"].size)
    def first(self, of: u8, more: u16 = 1) -> u32:
        return of

    def second(self, of: u8, more: u16 = 1) -> u32:
        return more

    class Own:
        def each(self, end: u32) -> Iterator[u32]:
            yield 0

        def size(self, of: u8, more: u16 = 1) -> u32:
            return more

    before = dict(vars(kinds["Part"]))
    for target, own in ((kinds["Part"].size, second), (kinds["Part"], Own)):
        with pytest.raises(WrongReplacement, match=r"Part\.size is replaced already, by test_replacing\.py:\d+$"):
            replaces(target)(own)
    assert dict(vars(kinds["Part"])) == before
