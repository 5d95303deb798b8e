"""C files of programs as a library of this machine, so that their functions can be called one by one."""

import ctypes
import subprocess
from collections.abc import Sequence
from functools import cache
from pathlib import Path
from tempfile import TemporaryDirectory

from keelback.image.zig import zig_program
from keelback.user import OUTSIDE, RUNTIME

CHECKED = ("-O1", "-g", "-Wall", "-Wextra", "-Werror", "-fsanitize=undefined", "-fsanitize-trap=undefined")


@cache
def library(*sources: str, extra: str = "") -> ctypes.CDLL:
    """Return some files of the folder of the outside, and some C besides, compiled for this machine and loaded.

    What they need of the C library is that of this process.  Undefined behaviour ends it.
    """
    paths = [OUTSIDE / each for each in sources]
    with TemporaryDirectory() as folder:
        own, made = Path(folder, "own.c"), Path(folder, "made.so")
        own.write_text(extra)
        _run(
            [*CHECKED, "-shared", "-nostdlib", "-fPIC", *_folders(paths), *map(str, paths), str(own), "-o", str(made)],
            folder,
        )
        return ctypes.CDLL(str(made))


def _folders(paths: Sequence[Path]) -> list[str]:
    return sorted({f"-I{each.parent}" for each in paths} | {f"-I{RUNTIME}"})


def _run(arguments: Sequence[str], folder: str) -> None:
    caches = {"ZIG_LOCAL_CACHE_DIR": folder, "ZIG_GLOBAL_CACHE_DIR": folder, "PATH": "/usr/bin:/bin"}
    done = subprocess.run([zig_program(), "cc", *arguments], env=caches, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
