"""The sources of our own programs and libraries, by name."""

import ast
import re
from pathlib import Path
from typing import TYPE_CHECKING

from keelback.user import LIBRARIES, OUTSIDE, PROGRAMS

if TYPE_CHECKING:
    from keelback.kernel.layout import Layout

COURSE = ("allocator", "fork", "forkexit")
"""Those that the course's exercises run."""


def our_programs() -> dict[str, Path]:
    """Return the sources of our programs, by their names in the payload, sorted.

    Where there is a program of one name in C and in Kernel Python, the latter has `.py` behind its name.
    """
    in_c = {path.stem: path for path in PROGRAMS.glob("*.c")}
    in_python = {path.stem: path for path in (PROGRAMS.parent / "python").glob("[a-z]*.py")}
    renamed = {f"{name}.py" if name in in_c else name: path for name, path in in_python.items()}
    return dict(sorted((in_c | renamed).items()))


def outside_programs() -> dict[str, tuple[Path, ...]]:
    """Return the C files of the servers, the shell and its programs, by name, sorted; that with `main` is first."""
    alone = {path.stem: (path,) for path in OUTSIDE.glob("*.c")}
    folders = {path.name: path / f"{path.name}.c" for path in OUTSIDE.iterdir() if path.is_dir()}
    several = {
        name: (main, *sorted({*main.parent.glob("*.c")} - {main})) for name, main in folders.items() if main.exists()
    }
    return dict(sorted((alone | several).items()))


def programs_for(layout: "Layout") -> list[str]:
    """Return the names of all our programs that a layout is for: the course's where it has no part but the kernel's."""
    return [*our_programs()] if layout.parts else [*COURSE]


def our_libraries() -> dict[str, Path]:
    """Return the sources of our libraries, by name, sorted."""
    return {path.stem: path for path in sorted(LIBRARIES.glob("lib*")) if path.suffix in (".c", ".py")}


def purpose_of(source: Path) -> str:
    """Return what a source says at its start that it is for, the first sentence."""
    text = source.read_text()
    if source.suffix == ".py":
        said = ast.get_docstring(ast.parse(text)) or ""
    else:
        comment = re.match(r"/\*(.*?)\*/", text, re.DOTALL)
        said = comment[1].replace("\n *", " ") if comment else ""
    return re.split(r"(?<=\.)\s", " ".join(said.split()))[0]
