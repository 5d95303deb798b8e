"""The passes over a program that is evaluated, in order, and what comes out of them."""

import gc
from collections.abc import Callable, Collection, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any

from keelback.compiler import ir
from keelback.compiler.c_types import decide_types
from keelback.compiler.errors import blamed
from keelback.compiler.evaluate import evaluate
from keelback.compiler.exceptions import lower_exceptions
from keelback.compiler.print_c import Form, Printer
from keelback.compiler.program import Program
from keelback.compiler.raises import find_raises
from keelback.compiler.reads import noting_reads
from keelback.compiler.verify import EVALUATED, LOWERED, TYPED, verify
from keelback.lang.deep import deep_walks


@dataclass(frozen=True)
class Compiled:
    """A compiled program: its C, the sections of its static records with their addresses, its functions, its words."""

    c: str
    sections: tuple[tuple[str, int], ...]
    functions: Mapping[str, ir.Function]
    word_bits: int


MUCH = 100_000
"""Objects that it takes long to go through."""


@contextmanager
def working_on_program(program: Program) -> Iterator[None]:
    """Have what is refused meanwhile told with the place that a pass is at; look for no cycles of garbage.

    That takes a fifth of the time, for next to none.  What was made counts as old then, where it is much, or all is
    gone through at once; but not where somebody has frozen what is to stay, which would be thawed.
    """
    usual = gc.isenabled()
    gc.disable()
    try:
        with deep_walks(), blamed(lambda: program.at):
            yield
    finally:
        if usual:
            if gc.get_count()[0] > MUCH and gc.get_freeze_count() == 0:  # which counts one by one
                gc.freeze()
                gc.unfreeze()
            gc.enable()


def evaluate_waiting(program: Program) -> None:
    """Evaluate every function that is asked for, and those that these ask for.

    Raises: CompileError at the first construct that is refused.
    """
    while program.waiting:
        wanted, key = program.waiting.pop(0)
        with noting_reads() as read:
            program.functions[key.name] = evaluate(program, wanted, key)
        program.made_from[key.name] = wanted, read


def evaluate_all(program: Program, entries: Mapping[str, Callable[..., Any]]) -> list[str]:
    """Evaluate a whole program from its entries, and find what leaves each function; return the functions' names.

    Raises: CompileError at the first construct that is refused.
    """
    program.enter(entries)
    evaluate_waiting(program)
    program.refuse_recursion()
    names = [*program.functions]
    check_evaluated(program, names)
    find_raises(program.functions)
    return names


def check_evaluated(program: Program, names: Sequence[str]) -> None:
    """Verify functions that are evaluated, and whom they call."""
    for function in program.each(names):
        verify(function, program.functions, program.word_bits, EVALUATED)


def finish(program: Program, names: Sequence[str], entries: Collection[str], form: Form) -> Compiled:
    """Do all passes after that which finds what is raised; of the functions, print those that are named."""
    bits = program.word_bits
    for function in program.each(names):
        lower_exceptions(function, program.functions)
        verify(function, program.functions, bits, LOWERED)
    program.functions = functions = decide_types(program.functions, bits)
    for function in program.each(names):
        verify(function, functions, bits, TYPED)
    printer = Printer(program.ram, functions, tuple(entries), program.raised, form)
    bodies = [printer.function_text(function) for function in program.each(names)]
    return Compiled(printer.program(bodies), tuple(printer.sections()), functions, bits)
