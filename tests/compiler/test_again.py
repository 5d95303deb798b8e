"""A program compiled again: what differs, those that were made from it, and nothing else."""

from itertools import pairwise

import pytest

from keelback.compiler import again
from keelback.compiler.again import compile_again, compile_base
from keelback.lang import Ram, Region, Struct, u32
from keelback.lang.component import Component, freeze
from keelback.lang.errors import KernelError
from keelback.lang.replacing import REPLACED, replaces

KNOWN = iter(range(-244, -254, -1))
"""Numbers of errors that no other test has."""


class Full(KernelError):
    """Nothing is left."""

    number = next(KNOWN)


class Odd(KernelError):
    """It is odd."""

    number = next(KNOWN)


class Store(Component):
    def take(self, count: u32) -> u32:
        if count > 9:
            raise Full
        return count + 1

    def parity(self, count: u32) -> u32:
        if count % 2 != 0:
            raise Odd
        return count

    def twice(self, count: u32) -> u32:
        return count * 2 & 0xFF


LIMIT = 7


class Desk(Component):
    def __init__(self, store: Store) -> None:
        self.store = store
        self.servers = (store.twice, store.parity)
        self.most = 3

    def ask(self, count: u32) -> u32:
        try:
            return self.store.take(self.store.twice(count & 3))
        except Full:
            return 0

    def other(self, count: u32) -> u32:
        return self.store.parity(count)

    def middle(self, count: u32) -> u32:
        return self.ask(count & 0xFF)

    def serve(self, which: u32, count: u32) -> u32:
        return self.servers[which](count) if which < len(self.servers) else 0

    def least(self, count: u32) -> u32:
        return min(count, self.most)

    def limited(self, count: u32) -> u32:
        return min(count, LIMIT)


@pytest.fixture
def compiled():
    """Return what replaces methods of a store, and gives the program compiled again."""
    desk = Desk(Store())
    freeze(desk)
    ram = Ram(1 << 16)
    entries = {"middle": desk.middle, "other": desk.other}
    whole, base = compile_base(desk, ram, entries, convention="")
    before, count = dict(vars(Store)), len(REPLACED)

    def compile_with(own):
        replaces(Store)(own)
        return whole, compile_again(base, desk, ram, entries, convention="")

    yield compile_with
    for name, value in before.items():
        if vars(Store).get(name) is not value:
            setattr(Store, name, value)
    del REPLACED[count:]


def bodies(compiled):
    """Return the names of the functions that have a body."""
    names = [line.partition("(")[0].split()[-1].lstrip("*") for line in heads(compiled)]
    return {each for each in names if each in compiled.functions}


def heads(compiled):
    lines = compiled.c.splitlines()
    return [
        line.replace("__attribute__((unused)) ", "").replace("__attribute__((weak)) ", "")
        for line, following in pairwise(lines)
        if following == "{"
    ]


def test_a_whole_base_has_functions_that_others_may_replace(compiled):
    class Mine:
        def twice(self, count: u32) -> u32:
            return count & 0x7F

    whole, _ = compiled(Mine)
    assert {"middle", "other", "kernel_ask", "store_take", "store_parity", "store_twice"} <= bodies(whole)
    assert "__attribute__((weak)) u32 middle(u32 count)" in whole.c


def test_what_is_replaced_and_who_read_it_are_compiled_again(compiled):
    class Mine:
        def twice(self, count: u32) -> u32:
            return self.more(count) & 0x7F

        def more(self, count: u32) -> u32:
            return count & 3

    _, changed = compiled(Mine)
    assert bodies(changed) == {"kernel_ask", "store_twice", "store_more"}
    prototypes = changed.c.splitlines()
    assert "static __attribute__((unused)) u32 store_more(u32 count);" in prototypes
    assert "__attribute__((unused)) u32 store_twice(u32 count);" in prototypes


def test_who_calls_what_fails_otherwise_is_compiled_again(compiled):
    class Mine:
        def take(self, count: u32) -> u32:
            if count > 8:
                raise Odd
            return count

    _, changed = compiled(Mine)
    assert bodies(changed) == {"middle", "kernel_ask", "store_take"}, "Odd leaves them all now"


class Third:
    def third(self, count: u32) -> u32:
        return count // 3


@pytest.fixture
def made_again():
    """Return what gives a desk with other attributes than those of its base, compiled again."""

    def desk_with(**attributes):
        desk = Desk(Store())
        for name, value in attributes.items():
            setattr(desk, name, value)
        freeze(desk)
        return desk, Ram(1 << 16), {name: getattr(desk, name) for name in ("serve", "least", "limited")}

    _, base = compile_base(*desk_with(), convention="")
    return lambda **attributes: compile_again(base, *desk_with(**attributes), convention="")


def test_what_an_attribute_tells_is_compiled_again_where_it_is_another(made_again):
    assert bodies(made_again(most=4)) == {"least"}


def test_nothing_is_compiled_again_where_all_is_the_same(made_again):
    assert bodies(made_again()) == set()


def test_who_picks_of_methods_is_compiled_again_where_there_is_one_more(made_again, monkeypatch):
    monkeypatch.setattr(Store, "third", Third.third, raising=False)
    store = Store()
    assert bodies(made_again(store=store, servers=(store.twice, store.parity, store.third))) == {"serve", "store_third"}


def test_who_names_what_another_module_changed_is_compiled_again(made_again, monkeypatch):
    monkeypatch.setitem(globals(), "LIMIT", 8)
    assert bodies(made_again()) == {"limited"}


class Counted(Struct):
    total: u32


def test_records_that_lie_elsewhere_are_more_than_functions():
    def made(first):
        ram = Ram(1 << 16)
        root = Counter(Region(ram, first, 0x2000))
        freeze(root)
        return root, ram, {"count": root.count}

    root, ram, entries = made(0x1000)
    _, base = compile_base(root, ram, entries, convention="")
    assert compile_again(base, *made(0x1000), convention="") is not None
    assert compile_again(base, *made(0x1010), convention="") is None


class Counter(Component):
    def __init__(self, home: Region) -> None:
        self.counted = home.struct(Counted)

    def count(self) -> u32:
        self.counted.total = self.counted.total + 1 & 0xFF
        return self.counted.total


def test_an_error_that_nobody_raised_before_is_more_than_functions(compiled):
    class Rare(KernelError):
        """It is rare."""

        number = next(KNOWN)

    class Mine:
        def take(self, count: u32) -> u32:
            if count > 8:
                raise Rare
            return count

    globals()["Rare"] = Rare
    try:
        assert compiled(Mine)[1] is None
    finally:
        del globals()["Rare"], KernelError.known[Rare.number]


def test_what_is_refused_is_told_by_compiling_all(compiled):
    class Mine:
        def take(self, count: u32) -> u32:
            return [count][0]

    assert compiled(Mine)[1] is None


def test_a_function_that_cant_be_told_again_is_more_than_functions(compiled, monkeypatch):
    monkeypatch.setattr(again.Identities, "of", lambda self, wanted: None)

    class Mine:
        def take(self, count: u32) -> u32:
            return count

    assert compiled(Mine)[1] is None
