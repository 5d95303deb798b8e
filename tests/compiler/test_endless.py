"""A loop that does not end in CPython does not end compiled, whether or not anything else comes of it.

Random loops walk over few states, so each has ended after as many rounds as there are states, or never ends.
"""

import random
import sys
import textwrap

import pytest

from compiler.compare_lives import Lives
from compiler.native import StillRunning

STATES = 64
LINES = 4
"""How many lines a round of a random loop has at most."""
ENOUGH = 60 * STATES
"""Instructions that a compiled random loop needs for all its rounds, and more."""
PROGRAM = """\
from collections.abc import Iterator

from keelback.lang import *


class Flag(Struct):
    raised: bool
    count: u32


class Root(Component):
    def __init__(self, records: Region) -> None:
        self.flag = records.struct(Flag)

    def halves(self, n: u32) -> u32:
        while n != 1:
            n = n // 2
        return n

    def counted(self, n: u32) -> Iterator[u32]:
        while n != 4:
            yield n
            n = n ^ 1

    def entry_alone(self, a: u32) -> u32:
        while a != 1:
            a = a // 2
        return 7

    def entry_its_result(self, a: u32) -> u32:
        return self.halves(a)

    def entry_no_result(self, a: u32) -> u32:
        self.halves(a)
        self.flag.count = 1
        return 7

    def entry_store_behind(self, a: u32) -> u32:
        while a < 0xFFFF_FFFF:
            a = (a + 1) & 0xFFFF
        self.flag.count = 1
        return a

    def entry_flag(self, a: u32) -> u32:
        while not self.flag.raised:
            pass
        return a

    def entry_generator(self, a: u32) -> u32:
        total: u32 = 0
        for each in self.counted(a):
            total = each
        return total

    def entry_inner(self, a: u32) -> u32:
        while a != 1:
            for each in range(3):
                a = (a + each + 1) & 0xFE
        return a

    def entry_signed(self, a: i32) -> u32:
        while a != 0:
            a = a >> 1
        return 7

    def entry_handled(self, a: u32) -> u32:
        try:
            while a != 1:
                a = a // 2
        finally:
            self.flag.count = 2
        return a
"""
ENDLESS = {
    "alone": 0, "its_result": 0, "no_result": 0, "store_behind": 5, "flag": 3, "generator": 8, "inner": 2,
    "signed": -1, "handled": 0,
}  # fmt: skip
"""By entry, an argument that its loop does not end with."""
OPERATIONS = ("+", "-", "*", "^", "|", "&", "//", "%", "<<", ">>")


def compiled(tmp_path, text, word_bits):
    path = tmp_path / "program.py"
    path.write_text(text)
    lives = Lives(path, word_bits)
    lives.compile(name for name in dir(type(lives.root)) if name.startswith("entry_"))
    return lives


@pytest.mark.parametrize("word_bits", [32, 64])
def test_a_loop_without_end_stays_one(word_bits, tmp_path):
    lives = compiled(tmp_path, PROGRAM, word_bits)
    for name, argument in ENDLESS.items():
        with pytest.raises(StillRunning):
            lives.native.call(f"entry_{name}", argument, instructions=10_000)
    for name in ("alone", "its_result", "no_result", "handled"):
        lives.reset()
        assert lives.difference(f"entry_{name}", (9,)) is None


def random_loop(chosen):
    """Return a function's body: a loop over the states of `a`, of which nothing else than its end can be seen."""
    terms = [f"{chosen.choice(OPERATIONS)} {chosen.randrange(1, 7)}" for _ in range(chosen.randrange(1, 4))]
    step = f"a = ({'(' * len(terms)}a {') '.join(terms)})) % {STATES}"
    condition = f"a {chosen.choice(['!=', '!=', '<', '>', '=='])} {chosen.randrange(STATES)}"
    body = chosen.choice([step, step, f"if a & {1 << chosen.randrange(6)}:\n    {step}\nelse:\n    a = a ^ 1"])
    return f"while {condition}:\n{textwrap.indent(body, '    ')}\nreturn {chosen.choice(['7', 'a', 'a & 1'])}"


class Endless(Exception):
    """A loop over so many states has gone on for longer than there are states."""


def returned(function, argument):
    """Return a function's result, None where its loop never ends."""
    lines = 0

    def count(frame, event, _argument):
        nonlocal lines
        lines += event == "line" and frame.f_code is function.__code__
        if lines > LINES * (STATES + 1):
            raise Endless
        return count

    usual = sys.gettrace()
    sys.settrace(count)
    try:
        return function(argument)
    except Endless:
        return None
    finally:
        sys.settrace(usual)


@pytest.mark.parametrize("word_bits", [32, 64])
def test_random_loops_end_in_both_lives_or_in_none(word_bits, tmp_path):
    chosen = random.Random(f"loops.{word_bits}")
    head = PROGRAM.partition("    def halves")[0]
    entries = [f"def entry_{n}(self, a: u8) -> u8:\n{textwrap.indent(random_loop(chosen), '    ')}" for n in range(40)]
    lives = compiled(tmp_path, head + textwrap.indent("\n\n".join(entries), "    "), word_bits)
    ended = {True: 0, False: 0}
    for number in range(len(entries)):
        for argument in chosen.sample(range(STATES), 3):
            wanted = returned(getattr(lives.root, f"entry_{number}"), argument)
            try:
                found = lives.native.call(f"entry_{number}", argument, instructions=ENOUGH)
            except StillRunning:
                found = None
            assert found == wanted, entries[number]
            ended[wanted is not None] += 1
    assert min(ended.values()) > 20
