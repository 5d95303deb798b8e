"""Kernel Python compiled for an image: the live object to C, and the C to an object file.

The C is kept in the cache directory, where compiler messages and debuggers can find it.
"""

import hashlib
import re
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

from keelback.compiler import PANIC, Compiled, compile_program
from keelback.compiler.again import Base, compile_again, compile_base
from keelback.compiler.errors import CompileError
from keelback.compiler.names import STRICT_C
from keelback.compiler.print_c import short_path
from keelback.image.cache import cache_directory
from keelback.image.kernel_image import CompiledKernel
from keelback.image.leftovers import folder_of_this_process
from keelback.image.progress import working_on
from keelback.image.stacks.proven import StackBound, UnprovenStack
from keelback.image.toolchain import TARGETS, ToolchainError, compile_c
from keelback.lang.component import Component
from keelback.lang.ram import Ram

__all__ = ["PANIC", "build_object", "compile_kernel", "compile_kernel_again", "compile_kernel_base"]

C_FLAGS = ("-Wno-everything", "-fbracket-depth=4096")
"""What the C warns of is nothing that a reader of the Kernel Python could change, and it nests as deep as that."""
LARGEST_FRAME = 1024
"""Bytes of stack that a function of the kernel may take: none jumps over the guard page below a kernel stack."""
KERNEL_FLAGS = (
    *('-DSTOP="ud2"', "-fno-omit-frame-pointer", "-fno-optimize-sibling-calls", "-falign-loops=1"),
    *(f"-Wframe-larger-than={LARGEST_FRAME}", "-Werror=frame-larger-than"),
)
"""A failed check is a trap from ring 0, and panics walk the stack by its frames; loops are too short to be aligned."""
CONVENTIONS = {32: "", 64: "preserve_none"}
"""How entry code calls, by the bits of a word: it has saved all registers, and where it passes one, that is r12."""
CHECK_FLAG = '-DSTOP="call check_failed"'
"""A failed check ends a program with a line (`user/runtime/print.c`)."""

Proof = Callable[[CompiledKernel], Sequence[StackBound]]


def no_proof(_made: CompiledKernel) -> Sequence[StackBound]:
    """Say nothing of how deep stacks get."""
    return ()


def compile_kernel(
    root: Component,
    ram: Ram,
    entries: Mapping[str, Callable[..., Any]],
    *,
    flags: Sequence[str] = (),
    prove: Proof = no_proof,
) -> CompiledKernel:
    """Compile a kernel whose records are in `ram`; `entries` are its methods by their names in C.

    `flags` are for the C compiler, behind our own; `prove` returns how deep its stacks get, or raises UnprovenStack.

    Raises: CompileError; ToolchainError.
    """
    with working_on("the kernel"):
        compiled = compile_program(root, ram, entries, convention=CONVENTIONS[ram.word_bits])
    made = CompiledKernel({"kernel.o": build_object(compiled, "kernel", (*KERNEL_FLAGS, *flags))}, compiled.sections)
    return _proven(made, compiled, entries, prove)


def _proven(made: CompiledKernel, compiled: Compiled, entries: Iterable[str], prove: Proof) -> CompiledKernel:
    """Return a kernel with its bounds.  Raises: CompileError, at a function that its stacks are too small for."""
    try:
        return replace(made, stacks=tuple(prove(made)))
    except UnprovenStack as error:
        function = next(each for each in (*error.functions, *entries) if each in compiled.functions)
        raise CompileError("stack", str(error), *compiled.functions[function].place, 1) from error


@dataclass(frozen=True)
class KernelBase:
    """A compiled kernel in the place of whose functions others may stand."""

    base: Base
    object: bytes


def compile_kernel_base(
    root: Component, ram: Ram, entries: Mapping[str, Callable[..., Any]], *, flags: Sequence[str] = ()
) -> KernelBase:
    """Compile a kernel so that it can be compiled again when a few methods are others.

    Raises: CompileError; ToolchainError.
    """
    with working_on("the kernel"):
        compiled, base = compile_base(root, ram, entries, convention=CONVENTIONS[ram.word_bits])
    return KernelBase(base, build_object(compiled, "kernel", (*KERNEL_FLAGS, *flags)))


def compile_kernel_again(
    kept: KernelBase,
    root: Component,
    ram: Ram,
    entries: Mapping[str, Callable[..., Any]],
    *,
    flags: Sequence[str] = (),
    prove: Proof = no_proof,
) -> CompiledKernel:
    """Compile a kernel as `compile_kernel` does, in less time where only functions differ from what was kept.

    Raises: CompileError; ToolchainError.
    """
    with working_on("the kernel"):
        compiled = compile_again(kept.base, root, ram, entries, convention=CONVENTIONS[ram.word_bits])
    if compiled is None:
        return compile_kernel(root, ram, entries, flags=flags, prove=prove)
    changed = build_object(compiled, "changed", (*KERNEL_FLAGS, *flags))
    objects = {"changed.o": changed, "kernel.o": kept.object}
    made = CompiledKernel(objects, (*kept.base.sections, *compiled.sections))
    return _proven(made, compiled, entries, prove)


def build_object(compiled: Compiled, name: str, flags: Sequence[str] = ()) -> bytes:
    """Build the object file of compiled Kernel Python; `name` is what its C file is called.  Raises: ToolchainError."""
    text = compiled.c.encode()
    source = _written(text, Path("compiled", hashlib.sha256(text).hexdigest()[:16], f"{name}.c"))
    try:
        return compile_c(source, flags=(STRICT_C, *C_FLAGS, *flags), target=TARGETS[compiled.word_bits])
    except ToolchainError as error:
        raise refusal_of(compiled, error) from error


def _written(text: bytes, place: Path) -> Path:
    """Write C to its place in the cache, or for this process alone where that has no room.  Raises: OSError."""
    try:
        return _write(text, cache_directory() / place)
    except OSError:
        return _write(text, folder_of_this_process() / place)


def _write(text: bytes, source: Path) -> Path:
    if not source.exists() or source.read_bytes() != text:
        source.parent.mkdir(parents=True, exist_ok=True)
        source.write_bytes(text)
    return source


def refusal_of(compiled: Compiled, error: ToolchainError) -> CompileError | ToolchainError:
    """Return what the C compiler refuses, told at the line of the Kernel Python that it came from."""
    found = re.search(r"^(.*?):(\d+):\d+: (?:fatal )?error: (.*)$", error.diagnostics, re.MULTILINE)
    inside = [each for each in compiled.functions.values() if found and short_path(each.place[0]) == found[1]]
    if found is None or not inside:
        return error
    file, line = inside[0].place[0], int(found[2])
    if frame := re.match(r"stack frame size \((\d+)\) exceeds limit", found[3]):
        message = f"this takes {int(frame[1]):,} bytes of stack, and no function of a kernel may take more than"
        return CompileError("stack", f"{message} {LARGEST_FRAME:,}", file, line, 1)
    if any(each.native and each.place[1] == line for each in inside):
        return CompileError("native", f"the C compiler refuses this body: {found[3]}", file, line, 1)
    message = f"the C compiler refuses what this became, which is a fault of Keelback's: {found[3]}"
    return CompileError("compiler", message, file, line, 1)
