"""Zig's own C library, of which some files are built for programs."""

from collections.abc import Sequence
from pathlib import Path
from typing import Final

from keelback.image.cache import Entry
from keelback.image.progress import working_on
from keelback.image.toolchain import Target, built
from keelback.image.zig import run_zig, zig_folder

_CPUS: Final = {"x86": "i686", "x86_64": "x86_64-sse-sse2-mmx-fxsr+soft_float"}
"""The processors that code is for, as zig calls them; none has registers for floating point that programs may use."""
_ZIG_FLAGS: Final = (
    *("-lc", "-O", "ReleaseSmall", "-ffunction-sections", "-fdata-sections", "-fsingle-threaded"),
    *("-fno-strip", "-fno-unwind-tables"),  # the way through a function is told by its debug data only
)


def build_zig_library(
    root: Path, parts: Sequence[str], *, target: Target, empty: Sequence[str] = (), pic: bool = False
) -> bytes:
    """Build files of zig's C library, relative to its folder, under a root file of ours to one object.

    Files named `empty` are taken for empty ones.  Only its debug data says in which folders it was built.
    Raises: ToolchainError.
    """
    folder = zig_folder() / "lib"
    machine = ("-target", f"{target.zig}-linux-musl", f"-mcpu={_CPUS[target.zig]}")  # it builds a C library for Linux
    flags = ("-fPIC" if pic else "-fno-PIC", *machine, *_ZIG_FLAGS)

    def build(work: Path) -> Entry:
        (work / "source").mkdir()
        for part in (*parts, *empty):
            place = work / "source" / part
            place.parent.mkdir(parents=True, exist_ok=True)
            place.write_bytes(b"" if part in empty else (folder / part).read_bytes())
        (work / "source" / root.name).write_bytes(root.read_bytes())
        arguments = ["build-obj", root.name, *flags, f"-femit-bin={work / 'output.o'}"]
        with working_on("the C library"):
            said = run_zig(root, "does not compile", work, work / "source", arguments)
        return Entry((work / "output.o").read_bytes(), said)

    return built(build, root, target, "zig", root.read_bytes(), tuple(parts), tuple(empty), flags)
