"""Write again the symbols of the C library's parts, whose names stay as they are: python tests/refresh_libc.py."""

import os
from concurrent.futures import ThreadPoolExecutor

from keelback.image.c_library import FOLDER, build_part, read_parts
from keelback.image.symbols import defined_in, weak_in
from keelback.image.toolchain import TARGETS, USER_FLAGS, Target
from keelback.user import RUNTIME

PARTS = RUNTIME / FOLDER / "parts.list"
HEAD = "# The files of the C library, and what each defines; the symbols are written by tests/refresh_libc.py.\n"


def made() -> str:
    """Return what the list is to have, for all machines: on some of them, some names are nobody's."""
    found = [names_for(target) for target in TARGETS.values()]
    names = {part: set[str]().union(*(each[part] for each in found)) for part in found[0]}
    return HEAD + "".join(f"{part}: {' '.join(sorted(each))}\n" for part, each in names.items())


def names_for(target: Target) -> dict[str, set[str]]:
    """Return the names that are each part's on a machine: which it defines, and not only has weakly."""
    parts = sorted(read_parts(RUNTIME))
    with ThreadPoolExecutor(os.cpu_count()) as pool:
        objects = pool.map(lambda part: build_part(part, RUNTIME, USER_FLAGS, target), parts)
        built = dict(zip(parts, objects, strict=True))
    strong = set[str]().union(*(defined_in(each) - weak_in(each) for each in built.values()))
    return {part: defined_in(each) - (weak_in(each) & strong) for part, each in built.items()}


if __name__ == "__main__":
    PARTS.write_text(made())
