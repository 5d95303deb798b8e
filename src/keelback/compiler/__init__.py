"""The compiler: from a live, frozen object, of a kernel, a program or a library, to C.

The passes, in order, each a module or a package:

    source       the syntax tree of a live function
    syntax       whether all of it is Kernel Python
    annotations  what its annotations name, in both lives
    statics      what is constant in a static object
    program      which functions are reached, for which static objects; what everything is called
    evaluate     syntax and static values to the typed tree
    intervals    bounds of every integer, and the checks that are not needed
    raises       which errors leave each function
    exceptions   try, except and finally become jumps
    c_types      what each integer is in C
    verify       the tree is what the next pass may rely on, after each
    print_c      C text
"""

import gc
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any

from keelback.compiler import ir
from keelback.compiler.c_types import decide_types
from keelback.compiler.errors import blamed
from keelback.compiler.evaluate import evaluate
from keelback.compiler.exceptions import lower_exceptions
from keelback.compiler.print_c import PANIC, Printer
from keelback.compiler.program import Program
from keelback.compiler.raises import find_raises
from keelback.compiler.verify import EVALUATED, LOWERED, TYPED, verify
from keelback.lang.component import Component
from keelback.lang.deep import deep_walks
from keelback.lang.ram import Ram

__all__ = ["PANIC", "Compiled", "compile_program"]


@dataclass(frozen=True)
class Compiled:
    """A compiled program: its C, the sections of its static records with their addresses, its functions, its words."""

    c: str
    sections: tuple[tuple[str, int], ...]
    functions: Mapping[str, ir.Function]
    word_bits: int


@contextmanager
def _without_collection() -> Iterator[None]:
    """Look for no cycles of garbage meanwhile: a fifth of the time, for next to none."""
    usual = gc.isenabled()
    gc.disable()
    try:
        yield
    finally:
        if usual:
            gc.enable()


def compile_program(
    root: Component,
    ram: Ram,
    entries: Mapping[str, Callable[..., Any]],
    *,
    lines: bool = True,
    convention: str = "",
) -> Compiled:
    """Compile every function that the entries reach; `entries` are methods of static objects, by their names in C.

    With `lines`, debuggers see the Python source; `convention` is the attribute by which an entry is called in another
    way than C functions are.  Raises: CompileError at the first construct that is refused.
    """
    program = Program(root, ram)
    for name, method in entries.items():
        program.entry(method, name)
    functions = program.functions
    with deep_walks(), _without_collection(), blamed(lambda: program.at):
        while program.waiting:
            wanted, key = program.waiting.pop(0)
            functions[key.name] = evaluate(program, wanted, key)
        program.refuse_recursion()
        for function in program.each():
            verify(function, functions, ram.word_bits, EVALUATED)
        find_raises(functions)
        for function in program.each():
            lower_exceptions(function, functions)
            verify(function, functions, ram.word_bits, LOWERED)
        program.functions = functions = decide_types(functions, ram.word_bits)
        for function in program.each():
            verify(function, functions, ram.word_bits, TYPED)
        printer = Printer(ram, functions, tuple(entries), program.raised, lines=lines, convention=convention)
        bodies = [printer.function_text(function) for function in program.each()]
        return Compiled(printer.program(bodies), tuple(printer.sections()), functions, ram.word_bits)
