"""Write again the symbols of the C library's parts, whose names stay as they are: python tests/refresh_libc.py."""

import os
from concurrent.futures import ThreadPoolExecutor

from keelback.image.c_library import FOLDER, build_part, read_parts
from keelback.image.symbols import defined_in, weak_in
from keelback.image.toolchain import USER_FLAGS
from keelback.user import RUNTIME

PARTS = RUNTIME / FOLDER / "parts.list"
HEAD = "# The files of the C library, and what each defines; the symbols are written by tests/refresh_libc.py.\n"


def made() -> str:
    """Return what the list is to have: a name is its part's that defines it, not theirs that only have it weakly."""
    with ThreadPoolExecutor(os.cpu_count()) as pool:
        parts = sorted(read_parts(RUNTIME))
        built = dict(zip(parts, pool.map(lambda part: build_part(part, RUNTIME, USER_FLAGS), parts), strict=True))
    strong = set[str]().union(*(defined_in(each) - weak_in(each) for each in built.values()))
    rows = ((part, defined_in(each) - (weak_in(each) & strong)) for part, each in built.items())
    return HEAD + "".join(f"{part}: {' '.join(sorted(names))}\n" for part, names in rows)


if __name__ == "__main__":
    PARTS.write_text(made())
