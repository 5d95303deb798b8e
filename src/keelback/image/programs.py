"""User programs: C files and their runtime, made into static ELF files (`program_linking.py`)."""

from __future__ import annotations

import os
from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from functools import partial
from pathlib import Path

from keelback.image.c_options import NO_C_OPTIONS, OURS, COptions
from keelback.image.program_linking import NO_SYMBOLS, link_program
from keelback.image.runtime import compile_runtime
from keelback.image.toolchain import I386, Target
from keelback.image.user_c import compile_user_c


def build_program(
    *sources: Path,
    runtime: Path,
    image_base: int,
    flags: Sequence[str] = (),
    options: COptions = NO_C_OPTIONS,
    symbols: Mapping[str, int] = NO_SYMBOLS,
    target: Target = I386,
) -> bytes:
    """Compile C files with the C files and headers of a runtime directory to an ELF file, named by the first's stem.

    Args:
        flags: for the program's own files; the runtime is always compiled with `NO_WARNINGS`.
        symbols: addresses by name that the program may use.

    Raises:
        ToolchainError: the compiler or the linker refused it.
        OSError: a source can't be read.
    """
    with ThreadPoolExecutor(os.cpu_count()) as pool:
        compile = partial(compile_user_c, runtime=runtime, flags=flags, options=options, target=target)
        compiled = [pool.submit(compile, each) for each in sources]
        base = compile_runtime(runtime, pool, target=target)
        own = dict(zip(_object_names(sources), (each.result() for each in compiled), strict=True))
        return link_program(sources[0], own, base, runtime, image_base, symbols, target)


def build_programs(
    sources: Sequence[Path], *, runtime: Path, image_base: int, flags: Sequence[str] = (), target: Target = I386
) -> dict[str, bytes]:
    """Build several programs of a file each, optimised, as many at once as there are processors.

    Each is named by its file's stem.

    Raises:
        ValueError: two sources have the same stem, or the image base is not the start of a page.
        ToolchainError: the compiler or the linker refused one.
        OSError: a source can't be read.
    """
    _check_names(sources)
    with ThreadPoolExecutor(os.cpu_count()) as pool:
        compile = partial(compile_user_c, runtime=runtime, flags=flags, options=OURS, target=target)
        compiled = [pool.submit(compile, each) for each in sources]
        base = compile_runtime(runtime, pool, target=target)

        def link(source: Path, own: Future[bytes]) -> bytes:
            objects = {f"{source.stem}.o": own.result()}
            return link_program(source, objects, base, runtime, image_base, NO_SYMBOLS, target)

        return dict(zip((source.stem for source in sources), pool.map(link, sources, compiled), strict=True))


def _object_names(sources: Sequence[Path]) -> list[str]:
    """Return names for the objects of sources, which may have equal stems."""
    stems = Counter(source.stem for source in sources)
    return [
        f"{source.stem}.o" if stems[source.stem] == 1 else f"{number}/{source.stem}.o"
        for number, source in enumerate(sources)
    ]


def _check_names(sources: Iterable[Path]) -> None:
    """Refuse two sources that would make programs of one name."""
    for stem, count in Counter(source.stem for source in sources).items():
        if count > 1:
            both = " and ".join(str(source) for source in sources if source.stem == stem)
            raise ValueError(f"{both} would both be the program {stem!r}")
