"""What `keelback compile` is asked about: the kernel, or a user's program or components in a file."""

import inspect
import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from types import ModuleType
from typing import Any, get_type_hints

from keelback.cli.options import KernelChoice
from keelback.cli.own_parts import chosen_layout
from keelback.cli.python_files import compile_program_class, module_of, program_in
from keelback.cli.users_files import check_readable, imports_beside, users_python
from keelback.compiler import Compiled, compile_program, ir
from keelback.compiler.component import compile_components, entries_of
from keelback.compiler.print_c import Form, Printer
from keelback.errors import UserError
from keelback.image.debug_data import with_debug_data
from keelback.image.kernels import compiled
from keelback.image.linked import make_symbols
from keelback.image.live_kernels import entries_of as kernel_entries
from keelback.image.live_kernels import kernel_of
from keelback.image.python_components import build_components
from keelback.image.python_programs import MAIN, compile_python_program
from keelback.image.toolchain import TARGETS
from keelback.kernel.layout import Layout
from keelback.lang import Component, Ram, Region, freeze
from keelback.lang.replacing import REPLACED
from keelback.user.in_cpython import make_program

RECORDS, RAM = 0x1000, 1 << 20
"""Where records of components start that a file has only the classes of, and the end of their RAM."""


@dataclass(frozen=True)
class Subject:
    """Compiled functions by their names in C, what prints their C, and what makes the ELF file with their code.

    `title` is what they are functions of; `file` the user's file, whose functions are meant where none is named.
    """

    title: str
    functions: Mapping[str, ir.Function]
    printer: Printer
    build: Callable[[], bytes]
    file: Path | None = None


def kernel_subject(choice: KernelChoice) -> Subject:
    """Return the kernel that a command's words choose, compiled.  Raises: UserError."""
    layout = chosen_layout(choice)
    kernel, ram = kernel_of(layout)
    entries = kernel_entries(kernel)
    made = compile_program(kernel, ram, entries)
    return _subject("the kernel", made, ram, [*entries], lambda: make_symbols(layout, compiled(layout)))


def file_subject(file: Path, layout: Layout) -> Subject:
    """Return the program or the components of a user's file, compiled.  Raises: UserError."""
    if file.suffix != ".py":
        raise UserError(f"{file}: what is compiled is Kernel Python, a file that ends in .py")
    check_readable(file)
    before = len(REPLACED)
    with users_python(file), imports_beside(file):
        module = module_of(file)
        if len(REPLACED) > before:
            raise UserError(f"{file}: it replaces parts of the kernel, so it is the kernel's: --with {file}")
        if hasattr(module, "PROGRAM"):
            return _program(file, module, layout)
        return _components(file, module)


def _program(file: Path, module: ModuleType, layout: Layout) -> Subject:
    kind = program_in(file, module)
    target = TARGETS[layout.paging.word_bits]
    program, ram = make_program(kind, word_bits=target.word_bits)
    freeze(program)
    made = compile_python_program(program, ram)

    def build() -> bytes:
        return with_debug_data(compile_program_class(file.stem, kind, layout.image_base, target))

    return _subject(str(file), made, ram, [MAIN], build, file)


def _components(file: Path, module: ModuleType) -> Subject:
    ram, found = components_of(file, module)

    def build() -> bytes:
        return build_components(file.stem, compile_components(ram, found, lines=True), ram)

    return _subject(str(file), compile_components(ram, found), ram, [*entries_of(found)], build, file)


def components_of(file: Path, module: ModuleType) -> tuple[Ram, dict[str, Component]]:
    """Return the components at the top level of a module, by name, and their RAM; of classes alone, one each.

    Raises: UserError.
    """
    made = {name: each for name, each in vars(module).items() if isinstance(each, Component)}
    if made:
        rams = [each for each in vars(module).values() if isinstance(each, Ram)]
        return rams[0] if rams else Ram(RAM), {name: each for name, each in made.items()}
    ram = Ram(RAM)
    given = {Ram: ram, Region: Region(ram, RECORDS, RAM)}
    classes = [each for each in vars(module).values() if _is_own(each, module)]
    if not classes:
        raise UserError(f"{file}: no program and no component in it: neither PROGRAM = its class nor a Component")
    return ram, {_snake(each.__name__): _made(file, each, given) for each in classes}


def _is_own(value: Any, module: ModuleType) -> bool:
    return isinstance(value, type) and issubclass(value, Component) and value.__module__ == module.__name__


def _snake(name: str) -> str:
    return re.sub(r"(?<=[a-z0-9])(?=[A-Z])", "_", name).lower()


def _made(file: Path, kind: type[Component], given: Mapping[type, Any]) -> Component:
    """Return a component of a class that takes nothing but the RAM and a region of it.  Raises: UserError."""
    hints = get_type_hints(kind.__init__)
    wanted = [*inspect.signature(kind).parameters] if kind.__init__ is not object.__init__ else []
    other = [name for name in wanted if hints.get(name) not in given]
    if other:
        example = f"{_snake(kind.__name__)} = {kind.__name__}(…)"
        raise UserError(f"{file}: {kind.__name__} takes {', '.join(other)}; make one in the file: {example}")
    return kind(*(given[hints[name]] for name in wanted))


def _subject(
    title: str, made: Compiled, ram: Ram, entries: list[str], build: Callable[[], bytes], file: Path | None = None
) -> Subject:
    return Subject(title, made.functions, Printer(ram, made.functions, entries, form=Form(lines=False)), build, file)
