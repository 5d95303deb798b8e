"""The consoles of the docs: their blocks, and what their commands print."""

import os
import re
import shlex
import subprocess
import sys
from pathlib import Path

import keelback

ROOT = Path(__file__).parents[1]
SOURCE = Path(keelback.__file__).parents[1]
PAGES = [ROOT / "README.md", *sorted((ROOT / "docs").glob("*.md"))]


def blocks(page, language):
    return re.findall(rf"^```{language}\n(.*?)^```$", page.read_text(), re.DOTALL | re.MULTILINE)


def consoles():
    """Yield each page, command and what the page says that it prints."""
    for page in PAGES:
        for block in blocks(page, "console"):
            for part in re.split(r"^\$ ", block, flags=re.MULTILINE)[1:]:
                command, _, expected = part.partition("\n")
                yield page, command, expected


def run_console(page, command, folder):
    """Return what a page's command prints in an empty folder, where the page's C files are."""
    for source in blocks(page, "c"):
        name = re.match(r"/\* (\w+\.c) \*/", source)
        (folder / name[1]).write_text(source)
    words = shlex.split(command)
    assert words[0] == "keelback"
    done = subprocess.run(
        [sys.executable, "-m", *words],
        cwd=folder,
        capture_output=True,
        text=True,
        timeout=60,
        env=os.environ | {"PYTHONPATH": str(SOURCE), "COLUMNS": "100"},
    )
    return "".join(line.rstrip() + "\n" for line in done.stdout.splitlines())
