"""Shared libraries in Kernel Python, compiled to ELF files like those in C."""

from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

from keelback.compiler import Compiled, compile_program
from keelback.image.compiled import build_object
from keelback.image.libraries import LIBRARY_FLAGS, LibraryError, finish, functions_of, link_library
from keelback.image.runtime_parts import trap_flags
from keelback.image.toolchain import TARGETS
from keelback.lang.component import Component
from keelback.lang.ram import Ram


def build_python_library(
    source: Path, root: Component, ram: Ram, exports: Mapping[str, Callable[..., Any]], *, runtime: Path, size: int = 0
) -> bytes:
    """Compile a library in Kernel Python, a frozen component of which some methods are exported, to an ELF file.

    Its static records are its data; `size` fixes the image's size in bytes, 0 leaves it as it comes.
    Raises: LibraryError; CompileError; ToolchainError.
    """
    name = source.stem
    compiled = compile_program(root, ram, {f"{name}_{export}": method for export, method in exports.items()})
    _check_errors(source, compiled, name, exports)
    target = TARGETS[ram.word_bits]
    made = build_object(compiled, name, (*LIBRARY_FLAGS, *trap_flags(runtime)))
    fixed = str(size) if size else ""
    linked = link_library(source, f"{name}.o", made, runtime=runtime, size=fixed, target=target)
    places = functions_of(linked)
    return finish(source, linked, {export: places[f"{name}_{export}"] for export in exports})


def _check_errors(source: Path, compiled: Compiled, name: str, exports: Mapping[str, object]) -> None:
    """Refuse an export that lets an error out: its caller would not see it.  Raises: LibraryError."""
    for export in exports:
        if compiled.functions[f"{name}_{export}"].raises:
            raise LibraryError(source, f"export {export!r} may raise an error: return a number instead")
