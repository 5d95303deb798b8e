"""Write again the symbols of the C library's parts, whose names stay as they are: python tests/refresh_libc.py."""

import os
from concurrent.futures import ThreadPoolExecutor
from itertools import product

from keelback.image.c_library import FOLDER, build_part, read_parts
from keelback.image.symbols import defined_in, weak_in
from keelback.image.toolchain import TARGETS, USER_FLAGS
from keelback.user import RUNTIME

PARTS = RUNTIME / FOLDER / "parts.list"
HEAD = "# The files of the C library, and what each defines; the symbols are written by tests/refresh_libc.py.\n"


def made() -> str:
    """Return what the list is to have: a name is its part's that defines it, not theirs that only have it weakly.

    It is for all machines: on some of them, some names are nobody's.
    """
    parts = sorted(read_parts(RUNTIME))
    wanted = list(product(parts, TARGETS.values()))
    with ThreadPoolExecutor(os.cpu_count()) as pool:
        objects = pool.map(lambda each: build_part(each[0], RUNTIME, USER_FLAGS, each[1]), wanted)
        built = dict(zip(wanted, objects, strict=True))
    names: dict[str, set[str]] = {part: set() for part in parts}
    for target in TARGETS.values():
        strong = set[str]().union(*(defined_in(built[part, target]) - weak_in(built[part, target]) for part in parts))
        for part in parts:
            names[part] |= defined_in(built[part, target]) - (weak_in(built[part, target]) & strong)
    return HEAD + "".join(f"{part}: {' '.join(sorted(each))}\n" for part, each in names.items())


if __name__ == "__main__":
    PARTS.write_text(made())
