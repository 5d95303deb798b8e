"""Scenarios: short programs with holes, each of which aims at a shape that compilers get wrong.

Those of a shape stand in its file in `scenarios/`, with a line `---` between two: an entry's body, or the entry and the
methods that it calls, whose names start with `help_Q`.  Holes are those of `holes`, and a line that is `«any*»` becomes
up to three statements.  `X`, `Y`, `Z` and `W` are names, likely ones that mean something elsewhere; after `«known X»`
any expression may use X.
"""

import re
import textwrap
from pathlib import Path

from compiler.holes import TYPES, Holes
from compiler.scenario_world import Program

FILES = sorted((Path(__file__).parent / "scenarios").glob("*.txt"))
SHAPES = [(file.stem, template) for file in FILES for template in file.read_text().split("\n---\n")]
LINE = re.compile(r"^( *)«(\w+)\*»$", re.MULTILINE)
PARAMETER = re.compile(rf"(\w+): ({'|'.join(sorted(set(TYPES)))})\b")
NAME = re.compile(r"\b[XYZW]\b")
HEAD = "def entry(self, a: {a}, b: {b}) -> u32:\n"


def make(seed: str) -> Program:
    """Return the program of a seed."""
    holes = Holes(seed)
    return fill(holes, *holes.pick(SHAPES), seed)


def fill(holes: Holes, shape: str, template: str, seed: str) -> Program:
    """Return a program: a template whose holes are filled."""
    names = {each: holes.name() for each in "XYZW"}
    text = template.strip("\n")
    text = LINE.sub(lambda found: textwrap.indent(_lines(holes, found[2]), found[1]), text)
    entry, *helpers = re.split(r"\n\n(?=def )", NAME.sub(lambda found: names[found[0]], text))
    if not entry.startswith("def "):
        entry = HEAD.format(**holes.types) + textwrap.indent(entry, "    ")
    return Program(shape, seed, "\n\n".join(_filled_method(holes, each) for each in (entry, *helpers)))


def _filled_method(holes: Holes, text: str) -> str:
    """Return a method whose holes are filled, with its own parameters."""
    head, colon, body = text.partition(":\n")
    head = holes.fill(head)
    holes.types = dict(PARAMETER.findall(head))
    return holes.fill(head + colon + body)


def _lines(holes: Holes, hole: str) -> str:
    """Return what fills a hole that is a line of its own; long ones are as long as programs get."""
    return LONG[hole](holes) if hole in LONG else "\n".join([f"«{hole}»"] * holes.pick((0, 1, 1, 2, 3))) or "pass"


def _sum(holes: Holes) -> str:
    operator = holes.pick((" + ", " - ", " ^ "))
    terms = ["a", "b", *(holes.pick((60, 90, 300)) * ["«atom»"])]
    return f"return ({operator.join(terms)}) & 0xFFFF"


def _or(holes: Holes) -> str:
    return f"if {' or '.join(f'a == {n} + «atom»' for n in range(holes.pick((60, 90, 200))))}:\n    return 1"


def _elifs(holes: Holes) -> str:
    count = holes.pick((12, 60, 90, 250))
    return "\nel".join(f"if (a + {n}) % {count + 1} == «small»:\n    «X = {n}|X = {n}|«any»»" for n in range(count))


def _chain(holes: Holes) -> str:
    """Return methods of which each calls the next."""
    last = holes.pick((12, 60, 100))
    head = "def help_Q_{}(self, n: u8) -> u8:\n    return "
    links = [f"{head.format(number)}self.help_Q_{number + 1}(n)" for number in range(last)]
    return "\n\n".join([*links, f"{head.format(last)}self.checked(n)"])


LONG = {"sum": _sum, "or": _or, "elifs": _elifs, "chain": _chain}
