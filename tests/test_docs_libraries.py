"""docs/libraries.md: its libraries and programs are built and run; its tables are what is so."""

import importlib
import re
import sys
from pathlib import Path

import pytest

from keelback.cli.libraries import build
from keelback.image.programs import build_program
from keelback.image.python_programs import build_python_program
from keelback.kernel.layout import MICROKERNEL
from keelback.lang import freeze
from keelback.user import RUNTIME
from keelback.user.in_cpython import make_program
from libraries import Machine, our_libraries

TEXT = (Path(__file__).parents[1] / "docs" / "libraries.md").read_text()
BASE = MICROKERNEL.image_base


@pytest.fixture
def files(tmp_path):
    """Return the folder with the page's files."""
    blocks = re.findall(r"^```(?:c|python)\n((?:/\*|#) (\w+\.\w+).*?)^```$", TEXT, re.DOTALL | re.MULTILINE)
    assert [name for _, name in blocks] == ["libsum.c", "sum.c", "libtally.py", "tally.py"]
    for text, name in blocks:
        (tmp_path / name).write_text(text)
    return tmp_path


def printed():
    return [each.encode() for each in re.findall(r"It prints:\n\n```text\n(.*?)```", TEXT, re.DOTALL)]


def test_the_library_and_the_program_in_c_do_what_they_say(files):
    machine = Machine({"libsum": build(files / "libsum.c")})
    machine.start(build_program(files / "sum.c", runtime=RUNTIME, image_base=BASE))
    assert (machine.status, b"".join(machine.written)) == (0, printed()[0])


def test_the_library_and_the_program_in_kernel_python_do_what_they_say(files, monkeypatch):
    monkeypatch.syspath_prepend(files)
    program, ram = make_program(importlib.import_module("tally").Tallying)
    freeze(program)
    machine = Machine({"libtally": build(files / "libtally.py")})
    machine.start(build_python_program("tally", program, ram, runtime=RUNTIME, image_base=BASE))
    assert (machine.status, b"".join(machine.written)) == (0, printed()[1])
    for name in ("tally", "libtally"):
        del sys.modules[name]


def test_our_libraries_export_what_the_table_says():
    rows = re.findall(r"^\| (lib[cg]\w+) \| [\w ]+ \| ([\w, ]+) \|$", TEXT, re.MULTILINE)
    machine, found = Machine(), {}
    for number, (name, elf) in enumerate(our_libraries().items(), 1):
        found[name] = ", ".join(machine.exports(machine.load(elf, number << 28)))
    assert dict(rows) == found


def test_the_refusals_are_those_that_are_tested():
    tested = (Path(__file__).parent / "image" / "test_libraries.py").read_text()
    rows = re.findall(r"^\| [\w `]+ \| ('names'.*|it .*|export .*) \|$", TEXT, re.MULTILINE)
    assert len(rows) == 6
    for row in rows:
        assert row in tested
