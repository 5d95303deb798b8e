"""Programs and libraries in Kernel Python: from a class in a file to what goes into the payload."""

from importlib import import_module
from importlib.util import spec_from_file_location
from pathlib import Path
from types import ModuleType
from typing import Any

from keelback.cli.users_files import check_readable, imports_beside, run_module, users_python
from keelback.errors import UserError
from keelback.image.python_libraries import build_python_library
from keelback.image.python_programs import build_python_program
from keelback.image.toolchain import I386, Target
from keelback.lang import freeze
from keelback.user import LIBRARIES, RUNTIME
from keelback.user.in_cpython import make_program
from keelback.user.library import Library, exports_of, make_library
from keelback.user.system import Program

PACKAGE = "keelback.files"
"""The name of a file's module begins with it, so that no module of Python's has the same."""


def build_program_file(source: Path, image_base: int, target: Target = I386) -> bytes:
    """Return the program of a user's file, compiled.  Raises: UserError."""
    check_readable(source)
    with users_python(source), imports_beside(source):
        return compile_program_class(source.stem, program_in(source, module_of(source)), image_base, target)


def program_in(source: Path, module: ModuleType) -> type[Program]:
    """Return the program of a user's module.  Raises: UserError."""
    kind = getattr(module, "PROGRAM", None)
    if not isinstance(kind, type) or not issubclass(kind, Program):
        raise UserError(
            f"{source}: no program in it: it has to say PROGRAM = its class, a Program of keelback.user.system"
        )
    return kind


def compile_program_class(name: str, kind: type[Program], image_base: int, target: Target = I386) -> bytes:
    """Return a program, compiled.  Raises: UserError; whatever its Python raises."""
    program, ram = make_program(kind, word_bits=target.word_bits)
    freeze(program)
    return build_python_program(name, program, ram, runtime=RUNTIME, image_base=image_base)


def build_library_file(source: Path, target: Target = I386) -> bytes:
    """Return the library of a file, compiled.  Raises: UserError; whatever its Python raises."""
    kind: Any = getattr(module_of(source), "LIBRARY", None)
    if not isinstance(kind, type) or not issubclass(kind, Library):
        raise UserError(
            f"{source}: no library in it: it has to say LIBRARY = its class, a Library of keelback.user.library"
        )
    if getattr(kind, "name", "") != source.stem:
        raise UserError(f"{source}: its class has to say name = {source.stem!r}, which programs load it by")
    if type(kind.image_size) is not int or kind.image_size < 0:
        raise UserError(f"{source}: image_size is {kind.image_size!r}; it has to be a number of bytes")
    library, ram = make_library(kind, word_bits=target.word_bits)
    freeze(library)
    exports = {name: getattr(library, name) for name in exports_of(kind)}
    return build_python_library(source, library, ram, exports, runtime=RUNTIME, size=kind.image_size)


def module_of(source: Path) -> ModuleType:
    """Return the module of a file in Kernel Python, run anew.  Raises: whatever its Python raises."""
    if source.parent == LIBRARIES:
        return import_module(f"keelback.user.libraries.{source.stem}")
    spec = spec_from_file_location(f"{PACKAGE}.{source.stem}", source)
    assert spec is not None
    return run_module(source, spec)
