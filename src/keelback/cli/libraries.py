"""The libraries that a command names: ours by name, or a path of one in C or in Kernel Python."""

from importlib import import_module
from importlib.util import module_from_spec, spec_from_file_location
from pathlib import Path
from types import ModuleType

from keelback.cli.errors import CommandError
from keelback.image.libraries import LibraryError, build_library
from keelback.image.own_sources import kept_build
from keelback.image.toolchain import ToolchainError
from keelback.user import LIBRARIES, RUNTIME

LONGEST_NAME = 31
BUILT_FROM = ("compiler", "image", "lang", "user")
"""The parts of Keelback that decide what becomes of a program or library in Kernel Python."""


def is_library(word: str) -> bool:
    """Say whether a word names a library."""
    return Path(word).name.startswith("lib") and (Path(word).suffix in ("", ".c", ".py"))


def our_libraries() -> dict[str, Path]:
    """Return the sources of our own libraries, by name."""
    return {path.stem: path for path in sorted(LIBRARIES.glob("lib*")) if path.suffix in (".c", ".py")}


def payload_libraries() -> dict[str, bytes]:
    """Return all libraries of ours, built, by name.  Raises: CommandError."""
    return {name: build(source) for name, source in our_libraries().items()}


def add_library(word: str, argument: str, files: dict[str, bytes]) -> None:
    """Build a library and put it among the payload's files, under its stem.  Raises: CommandError."""
    if argument.strip():
        raise CommandError(f"{word}: a library takes no argument")
    source = Path(word) if "/" in word or Path(word).suffix else our_libraries().get(word)
    if source is None:
        known = ", ".join(our_libraries())
        raise CommandError(f"no library {word!r}: there are {known}; or give the path of a C or Python file")
    if len(source.stem) > LONGEST_NAME or not source.stem.isascii() or " " in source.stem:
        raise CommandError(f"{word}: {source.stem!r} is no library name: at most {LONGEST_NAME} ASCII characters")
    made = build(source)
    if files.setdefault(source.stem, made) != made:
        raise CommandError(f"{word}: another library called {source.stem!r} was given already; rename the file")


def build(source: Path) -> bytes:
    """Return a library, built from its source.  Raises: CommandError."""
    try:
        if source.parent == LIBRARIES:
            return kept_build(BUILT_FROM, "library", source.name, build=lambda: _build(source))
        return _build(source)
    except OSError as error:
        raise CommandError(f"{source}: {error.strerror}") from error
    except (LibraryError, ToolchainError) as error:
        raise CommandError(str(error)) from error


def _build(source: Path) -> bytes:
    return build_library(source, runtime=RUNTIME) if source.suffix == ".c" else build_python(source)


def build_python(source: Path) -> bytes:
    """Return a library in Kernel Python, compiled.  Raises: CommandError; LibraryError; ToolchainError; OSError."""
    # Imported here: who needs no such library needs no compiler.
    from keelback.compiler.errors import CompileError
    from keelback.image.python_libraries import build_python_library
    from keelback.lang import freeze
    from keelback.user.library import Library, exports_of, make_library

    kind = getattr(_module(source), "LIBRARY", None)
    if not isinstance(kind, type) or not issubclass(kind, Library):
        raise CommandError(f"{source}: no library in it: it has to say LIBRARY = its class, a keelback.user Library")
    if getattr(kind, "name", "") != source.stem:
        raise CommandError(f"{source}: its class has to say name = {source.stem!r}, which programs load it by")
    library, ram = make_library(kind)
    freeze(library)
    exports = {name: getattr(library, name) for name in exports_of(kind)}
    try:
        return build_python_library(source, library, ram, exports, runtime=RUNTIME, size=kind.image_size)
    except CompileError as error:
        raise CommandError(str(error)) from error


def _module(source: Path) -> ModuleType:
    if source.parent == LIBRARIES:
        return import_module(f"keelback.user.libraries.{source.stem}")
    source.stat()  # as an OSError, which tells what is wrong
    spec = spec_from_file_location(source.stem, source)
    assert spec is not None and spec.loader is not None
    module = module_from_spec(spec)
    try:
        spec.loader.exec_module(module)
    except Exception as error:  # whatever a module of the user's may raise
        raise CommandError(f"{source}: {type(error).__name__}: {error}") from error
    return module
