"""Draw the pictures of the docs again: python tests/refresh_pictures.py."""

import sys
import tempfile
from pathlib import Path

sys.path.insert(0, str(Path(__file__).parent))
from consoles import PAGES, ROOT, blocks, run

PICTURES = ("own-page.svg", "allocators.svg", "two-states.svg", "film.svg")
"""Each drawn by a command of the docs that names it."""


def drawn(name, folder):
    """Return what the command of the docs that names a picture draws."""
    lines = [
        line.removeprefix("$ ")
        for page in PAGES
        for kind in ("console", "sh")
        for block in blocks(page, kind)
        for line in block.splitlines()
    ]
    at = next(number for number, line in enumerate(lines) if line.endswith((f"--svg {name}", f"--film {name}")))
    before = [lines[at - 1]] if "--film" in lines[at] else []  # the run is recorded first
    for command in (*before, lines[at]):
        done = run(command, cwd=folder)
        assert (done.returncode, done.stderr) == (0, ""), command
    return (folder / name).read_text()


if __name__ == "__main__":
    for name in PICTURES:
        with tempfile.TemporaryDirectory() as folder:
            (ROOT / "docs" / name).write_text(drawn(name, Path(folder)))
