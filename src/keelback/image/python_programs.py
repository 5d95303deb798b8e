"""User programs in Kernel Python, compiled to static ELF files like those in C."""

from pathlib import Path
from typing import Any

from keelback.compiler import Compiled, compile_program, ir
from keelback.errors import UserError
from keelback.image.compact import link_sized
from keelback.image.compiled import CHECK_FLAG, build_object
from keelback.image.debug_data import link_with_debug_data
from keelback.image.program_linking import program_script
from keelback.image.progress import working_on
from keelback.image.runtime import build_runtime, named
from keelback.image.runtime_parts import trap_flags
from keelback.image.toolchain import TARGETS, USER_FLAGS
from keelback.lang.component import Component
from keelback.lang.integers import INTEGER_TYPES
from keelback.lang.ram import Ram

MAIN, THREAD = "main", "thread_of_program"
"""What the C runtime calls: for the program, and for each thread that it starts."""


def build_python_program(name: str, root: Component, ram: Ram, *, runtime: Path, image_base: int) -> bytes:
    """Compile a program in Kernel Python, a frozen component with a `main`, to an ELF file, as wide as its RAM's words.

    Its static records are its data; the C runtime starts it.  Its `image_size`, unless 0, fixes the image's bytes.
    Raises: UserError, as CompileError and ToolchainError; ValueError when the image base is not the start of a page.
    """
    program: Any = root
    with working_on(name):
        compiled = compile_python_program(root, ram)
    target, flags = TARGETS[ram.word_bits], (*USER_FLAGS, CHECK_FLAG, *trap_flags(runtime))
    own = {f"{name}.o": build_object(compiled, name, flags)}
    library = named(build_runtime(runtime, target=target), name)
    if program.image_size:
        return link_sized(own, library, image_base, str(program.image_size), target)
    return link_with_debug_data(own, program_script(image_base), archive=library, target=target)


def compile_python_program(root: Component, ram: Ram) -> Compiled:
    """Compile a program in Kernel Python, a frozen component with a `main`, to C.

    Raises: CompileError; UserError where it starts threads and has no `thread` for them.
    """
    program: Any = root
    entries = {MAIN: program._start}
    if hasattr(program, "thread"):
        entries[THREAD] = program.thread
    compiled = compile_program(root, ram, entries)
    if THREAD in compiled.c and not _takes_a_word(compiled.functions.get(THREAD), ram.word_bits):
        name = type(root).__name__
        raise UserError(f"{name} starts threads, so it has to have: def thread(self, argument: word) -> word")
    return compiled


def _takes_a_word(function: ir.Function | None, bits: int) -> bool:
    """Say whether there is such a function, and it takes a word and returns one."""
    word = INTEGER_TYPES["word"].resolved(bits)
    return function is not None and [*function.parameters.values(), function.key.result] == [word, word]
