"""A fixed slice of the second fuzzer; and it notices when the compiler makes a mistake."""

import ast
import random

import pytest

from compiler.scenario_fuzz import Report, run, session, write
from compiler.scenario_mistakes import MISTAKES, rounds_up, seeded
from compiler.scenarios import SHAPES, make
from compiler.surgery import over_lines
from compiler.transplants import transplant
from support import some_of

SEED = "fixed.1"
GROUPS, GROUP = 80, 20
"""After so many groups of programs, every mistake has been noticed; most after the first two."""

QUICKLY = (rounds_up,)
"""Mistakes that the first group notices."""


def test_scenarios_do_the_same_in_both_lives(tmp_path):
    report = Report()
    session(SEED, modules=1, seconds=60, directory=tmp_path, report=report)
    assert not report.faults, report.faults[0]
    assert min(report.runs[bits] for bits in (32, 64)) > 600
    assert report.outcomes["panic"] and report.outcomes["error"]
    assert report.refused.total() * 2 < report.made.total()


@pytest.mark.parametrize("mistake", some_of(MISTAKES, QUICKLY))
def test_a_mistake_of_the_compiler_is_noticed(mistake, tmp_path):
    for group in range(GROUPS):
        programs = [write(f"{SEED}.{group}.{each}") for each in range(GROUP)]
        with seeded(mistake):
            blamed = [fault.program for fault in faults(programs, tmp_path)]
        if blamed and len(faults(blamed, tmp_path)) < len(blamed):  # the right compiler is right about one
            return
    pytest.fail(f"not noticed by {GROUPS * GROUP} programs")


def faults(programs, directory):
    report = Report()
    run(programs, directory / "program.py", 32, report)
    return report.faults


def test_every_shape_is_made_and_every_program_is_python():
    programs = [make(f"{SEED}.{each}") for each in range(600)]
    assert {each.shape for each in programs} == {shape for shape, _ in SHAPES}
    assert all(each.is_python() for each in programs)
    assert all(transplant(f"{SEED}.{each}").is_python() for each in range(50))


def test_a_seed_makes_the_same_program_again():
    assert [write(f"{SEED}.{each}") for each in range(20)] == [write(f"{SEED}.{each}") for each in range(20)]


def test_more_lines_are_the_same_program():
    for each in range(50):
        program = make(f"{SEED}.{each}")
        wider = over_lines(program.text, random.Random(each))
        assert ast.dump(ast.parse(wider)) == ast.dump(ast.parse(program.text))
