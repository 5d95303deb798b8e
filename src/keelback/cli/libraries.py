"""The libraries that a command names: ours by name, or a path of one in C or in Kernel Python."""

import re
from importlib import import_module
from importlib.util import module_from_spec, spec_from_file_location
from pathlib import Path
from types import ModuleType

from keelback.cli.users_files import check_readable, users_python
from keelback.errors import UserError
from keelback.image.libraries import build_library
from keelback.image.own_sources import kept_build
from keelback.user import LIBRARIES, RUNTIME

LONGEST_NAME = 31
BUILT_FROM = ("abi", "compiler", "image", "lang", "user")
"""The parts of Keelback that decide what becomes of a program or library in Kernel Python."""


def is_library(word: str) -> bool:
    """Say whether a word names a library."""
    return Path(word).name.startswith("lib") and (Path(word).suffix in ("", ".c", ".py"))


def our_libraries() -> dict[str, Path]:
    """Return the sources of our own libraries, by name."""
    return {path.stem: path for path in sorted(LIBRARIES.glob("lib*")) if path.suffix in (".c", ".py")}


def payload_libraries() -> dict[str, bytes]:
    """Return all libraries of ours, built, by name.  Raises: UserError."""
    return {name: build(source) for name, source in our_libraries().items()}


def add_library(word: str, argument: str, files: dict[str, bytes]) -> None:
    """Build a library and put it among the payload's files, under its stem.  Raises: UserError."""
    if argument.strip():
        raise UserError(f"{word}: a library takes no argument")
    source = Path(word) if "/" in word or Path(word).suffix else our_libraries().get(word)
    if source is None:
        known = ", ".join(our_libraries())
        raise UserError(f"no library {word!r}: there are {known}; or give the path of a C or Python file")
    if source.suffix not in (".c", ".py"):
        raise UserError(f"{word}: a name that starts with lib is a library's, and a library is a C or Python file")
    if not re.fullmatch(f"[!-~]{{1,{LONGEST_NAME}}}", source.stem):
        raise UserError(f"{word}: {source.stem!r} is no library name: at most {LONGEST_NAME} ASCII characters")
    made = build(source)
    if files.setdefault(source.stem, made) != made:
        raise UserError(f"{word}: another library called {source.stem!r} was given already; rename the file")


def build(source: Path) -> bytes:
    """Return a library, built from its source.  Raises: UserError."""
    if source.parent == LIBRARIES:
        return kept_build(BUILT_FROM, "library", source.name, build=lambda: _build(source))
    check_readable(source)
    return _build(source)


def _build(source: Path) -> bytes:
    if source.suffix == ".c":
        return build_library(source, runtime=RUNTIME)
    with users_python(source):
        return build_python(source)


def build_python(source: Path) -> bytes:
    """Return a library in Kernel Python, compiled.  Raises: UserError; whatever its Python raises."""
    # Imported here: who needs no such library needs no compiler.
    from keelback.image.python_libraries import build_python_library
    from keelback.lang import freeze
    from keelback.user.library import Library, exports_of, make_library

    kind = getattr(_module(source), "LIBRARY", None)
    if not isinstance(kind, type) or not issubclass(kind, Library):
        raise UserError(f"{source}: no library in it: it has to say LIBRARY = its class, a keelback.user Library")
    if getattr(kind, "name", "") != source.stem:
        raise UserError(f"{source}: its class has to say name = {source.stem!r}, which programs load it by")
    if type(kind.image_size) is not int or kind.image_size < 0:
        raise UserError(f"{source}: image_size is {kind.image_size!r}; it has to be a number of bytes")
    library, ram = make_library(kind)
    freeze(library)
    exports = {name: getattr(library, name) for name in exports_of(kind)}
    return build_python_library(source, library, ram, exports, runtime=RUNTIME, size=kind.image_size)


def _module(source: Path) -> ModuleType:
    if source.parent == LIBRARIES:
        return import_module(f"keelback.user.libraries.{source.stem}")
    spec = spec_from_file_location(source.stem, source)
    assert spec is not None and spec.loader is not None
    module = module_from_spec(spec)
    spec.loader.exec_module(module)
    return module
