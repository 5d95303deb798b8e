"""Zig's own C library, of which some files are built for programs."""

from collections.abc import Sequence
from pathlib import Path
from typing import Final

from keelback.image.cache import Entry
from keelback.image.progress import working_on
from keelback.image.toolchain import I386, built
from keelback.image.zig import run_zig, zig_folder

_ZIG_FLAGS: Final = (
    *("-target", "x86-linux-musl", "-mcpu=i686", "-lc"),  # what zig builds its C library for
    *("-O", "ReleaseSmall", "-fstrip", "-ffunction-sections", "-fdata-sections", "-fsingle-threaded"),
)


def build_zig_library(root: Path, parts: Sequence[str], *, empty: Sequence[str] = (), pic: bool = False) -> bytes:
    """Build files of zig's C library, relative to its folder, under a root file of ours to one object for an i386.

    Files named `empty` are taken for empty ones.  Raises: ToolchainError.
    """
    folder = zig_folder() / "lib"
    flags = ("-fPIC" if pic else "-fno-PIC", *_ZIG_FLAGS)

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

    return built(build, root, I386, "zig", root.read_bytes(), tuple(parts), tuple(empty), flags)
