"""What is built from our own programs and libraries, each when it is asked for."""

from collections.abc import Collection, Mapping, Sequence
from importlib import import_module
from pathlib import Path

from keelback.cli.libraries import build
from keelback.cli.sources import our_libraries, our_programs, outside_programs
from keelback.image.c_options import OURS
from keelback.image.own_sources import BUILT_FROM, kept_build, kept_builds
from keelback.image.programs import build_program, build_programs
from keelback.image.toolchain import I386, NO_WARNINGS, Target
from keelback.user import RUNTIME


def build_ours(names: Collection[str], image_base: int, target: Target = I386) -> dict[str, bytes]:
    """Return some of our programs and libraries, built, by name: programs first, each sorted.  Raises: UserError."""
    programs = our_programs()
    chosen = {name: programs[name] for name in sorted(names) if name in programs}
    libraries = {name: path for name, path in our_libraries().items() if name in names}
    built = build_c({name: path for name, path in chosen.items() if path.suffix == ".c"}, image_base, target)
    for name, path in chosen.items():
        if path.suffix == ".py":
            built[name] = build_python(name, image_base, target)
    for name, sources in outside_programs().items():
        if name in names:
            built[name] = build_several(name, sources, image_base, target)
    built = dict(sorted(built.items()))
    return built | {name: build(path, target=target) for name, path in libraries.items()}


def build_c(sources: Mapping[str, Path], image_base: int, target: Target = I386) -> dict[str, bytes]:
    """Return programs of ours in C, built, by name; their sources are by the stems of the files.  Raises: UserError."""

    def build_missing(missing: list[str]) -> Mapping[str, bytes]:
        chosen = [sources[name] for name in missing]
        return build_programs(chosen, runtime=RUNTIME, image_base=image_base, flags=NO_WARNINGS, target=target)

    return kept_builds(BUILT_FROM, "program", image_base, target, names=sources, build=build_missing)


def build_several(name: str, sources: Sequence[Path], image_base: int, target: Target = I386) -> bytes:
    """Return a program of ours that several C files are.  Raises: UserError."""

    def build() -> bytes:
        return build_program(
            *sources, runtime=RUNTIME, image_base=image_base, flags=NO_WARNINGS, options=OURS, target=target
        )

    return kept_build(BUILT_FROM, "outside", name, image_base, target, build=build)


def build_python(name: str, image_base: int, target: Target = I386) -> bytes:
    """Return a program of ours in Kernel Python, compiled.  Raises: UserError."""
    key = ("program", name, image_base, target)
    return kept_build(BUILT_FROM, *key, build=lambda: _compile_python(name, image_base, target))


def _compile_python(name: str, image_base: int, target: Target) -> bytes:
    from keelback.cli.python_files import compile_program_class  # here, because most need no compiler

    module = import_module(f"keelback.user.python.{our_programs()[name].stem}")
    return compile_program_class(name, module.PROGRAM, image_base, target)
