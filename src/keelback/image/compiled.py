"""Kernel Python compiled for an image: the live object to C, and the C to an object file.

The C is kept in the cache directory, where compiler messages and debuggers can find it.
"""

import hashlib
from collections.abc import Callable, Mapping, Sequence
from typing import Any

from keelback.compiler import PANIC, Compiled, compile_program
from keelback.compiler.names import STRICT_C
from keelback.image.cache import cache_directory
from keelback.image.kernel_image import CompiledKernel
from keelback.image.toolchain import NO_WARNINGS, compile_c
from keelback.lang.component import Component
from keelback.lang.ram import Ram

__all__ = ["PANIC", "build_object", "compile_kernel"]

KERNEL_FLAGS = ('-DSTOP="ud2"', "-fno-omit-frame-pointer", "-fno-optimize-sibling-calls")
"""A failed check is a trap from ring 0, and panics walk the stack by its frames."""


def compile_kernel(root: Component, ram: Ram, entries: Mapping[str, Callable[..., Any]]) -> CompiledKernel:
    """Compile a kernel whose records are in `ram`; `entries` are its methods by their names in C.

    Raises: CompileError; ToolchainError.
    """
    compiled = compile_program(root, ram, entries)
    return CompiledKernel({"kernel.o": build_object(compiled, "kernel", KERNEL_FLAGS)}, compiled.sections)


def build_object(compiled: Compiled, name: str, flags: Sequence[str] = ()) -> bytes:
    """Build the object file of compiled Kernel Python; `name` is what its C file is called.  Raises: ToolchainError."""
    text = compiled.c.encode()
    folder = cache_directory() / "compiled" / hashlib.sha256(text).hexdigest()[:16]
    source = folder / f"{name}.c"
    if not source.exists() or source.read_bytes() != text:
        folder.mkdir(parents=True, exist_ok=True)
        source.write_bytes(text)
    return compile_c(source, flags=(STRICT_C, *NO_WARNINGS, *flags))
