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

from collections.abc import Callable, Mapping
from typing import Any

from keelback.compiler.passes import Compiled, evaluate_all, finish, working_on_program
from keelback.compiler.print_c import PANIC, Form
from keelback.compiler.program import Program
from keelback.lang.component import Component
from keelback.lang.ram import Ram

__all__ = ["PANIC", "Compiled", "compile_program"]


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
    with working_on_program(program):
        return finish(program, evaluate_all(program, entries), entries, Form(lines, convention))
