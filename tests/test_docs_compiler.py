"""docs/compiler.md: the call that turns a component into a whole C file, which a C compiler takes."""

import ctypes
import re
import subprocess
import sys

import pytest

from consoles import ROOT, blocks, run
from page_of_c import PAGE


@pytest.fixture
def folder(tmp_path):
    """A folder with the page's files."""
    for source in blocks(PAGE, "python"):
        if name := re.match(r"# (\w+\.py)\n", source):
            (tmp_path / name[1]).write_text(source)
    return tmp_path


def test_a_component_becomes_a_c_file_that_a_c_compiler_takes(folder):
    """It is the host's code then, and is called: both lives of the component give the same."""
    done = run("python to_c.py", cwd=folder)
    assert (done.returncode, done.stdout, done.stderr) == (0, "", "")
    compiler = [sys.executable, "-m", "ziglang", "cc", "-std=c17", "-Wall", "-Werror"]
    subprocess.run(
        [*compiler, "-fno-sanitize=undefined", "-nostdlib", "-shared", "-fPIC", "-o", "compiled.so", "counter.c"],
        check=True,
        cwd=folder,
    )
    counter = ctypes.CDLL(str(folder / "compiled.so"))
    interpreted = "from counter import *; from keelback.lang import *; c = Counter(Region(Ram(8192), 4096, 8192)); "
    said = subprocess.run(
        [sys.executable, "-c", f"{interpreted}print(c.add(5), c.add(3))"],
        capture_output=True, text=True, cwd=folder, env={"PYTHONPATH": str(ROOT / "src")},
    ).stdout  # fmt: skip
    assert said.split() == [str(counter.counter_add(amount)) for amount in (5, 3)] == ["5", "8"]
