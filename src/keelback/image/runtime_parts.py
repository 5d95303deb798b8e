"""What of a runtime directory is Kernel Python: modules whose `make_part` says what is compiled, and under which names.

Each becomes an object file, as if it were written in C, and is kept for as long as Keelback's sources stay as they are:
a program in C needs no compiler of Kernel Python but the first time.
"""

from collections.abc import Sequence
from importlib.util import module_from_spec, spec_from_file_location
from pathlib import Path

from keelback.image.own_sources import BUILT_FROM, kept_build
from keelback.image.toolchain import Target


def build_parts(runtime: Path, flags: Sequence[str], target: Target) -> dict[str, bytes]:
    """Return the objects of a runtime's modules, by file name.  Raises: CompileError; ToolchainError."""
    flags = (*flags, *trap_flags(runtime))
    return {f"runtime/{each.stem}.o": _kept(each, flags, target) for each in sorted(runtime.glob("[a-z]*.py"))}


def trap_flags(runtime: Path) -> tuple[str, ...]:
    """Return the flags for C that makes system calls by the stubs of Kernel Python."""
    return ("-include", str((runtime / "trap.h").absolute()))


def _kept(source: Path, flags: Sequence[str], target: Target) -> bytes:
    key = ("runtime", source.read_bytes(), target, *flags)
    return kept_build(BUILT_FROM, *key, build=lambda: _build(source, flags, target))


def _build(source: Path, flags: Sequence[str], target: Target) -> bytes:
    # Imported here: who finds the object in the cache needs no compiler.
    from keelback.compiler import compile_program
    from keelback.image.compiled import CHECK_FLAG, build_object

    spec = spec_from_file_location(f"keelback.user.runtime.{source.stem}", source)
    assert spec is not None and spec.loader is not None, "a file of Python has a loader"
    module = module_from_spec(spec)
    spec.loader.exec_module(module)
    part = compile_program(*module.make_part(target.word_bits))
    return build_object(part, source.stem, (*flags, CHECK_FLAG))
