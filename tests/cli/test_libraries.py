"""Libraries on the command line: ours by name, the user's by path; they are in the payload and are not started."""

import tarfile
from io import BytesIO
from pathlib import Path

import pytest

from keelback.cli.programs import select
from keelback.cli.sources import our_libraries, our_programs
from keelback.errors import UserError
from keelback.kernel.layout import MICROKERNEL
from libraries import Machine
from libraries import our_libraries as built

C = '#include "keelback.h"\nEXPORT int one(void) { return 1; }\n'
PYTHON = """
from keelback.lang import u32
from keelback.user.library import Library


class Mine(Library):
    name = "libmine"

    def twice(self, number: u32) -> u32:
        return number * 2 & 0xFFFF_FFFF


LIBRARY = Mine
"""


def test_ours_are_one_in_c_and_one_in_kernel_python():
    assert {name: path.suffix for name, path in our_libraries().items()} == {"libcount": ".c", "libgfx": ".py"}


def test_a_library_is_in_the_payload_and_is_not_started():
    selection = select(["libgfx", "hello you", "libcount", "libgfx"], MICROKERNEL)
    assert selection.lines == ["hello you"]
    with tarfile.open(fileobj=BytesIO(selection.payload())) as tar:
        for name in ("libgfx", "libcount"):
            assert tar.extractfile(name).read() == built()[name]


def test_a_path_is_a_library_called_as_its_file(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    (tmp_path / "libone.c").write_text(C)
    (tmp_path / "libmine.py").write_text(PYTHON)
    files = select(["libone.c", "./libmine.py", "hello"], MICROKERNEL).files
    machine = Machine()
    assert machine.call(machine.load(files["libone"], 0x10000000), "one") == 1
    assert machine.call(machine.load(files["libmine"], 0x20000000), "twice", 21) == 42


@pytest.mark.parametrize(
    ("word", "text", "said"),
    [
        ("libnone", "", "no library 'libnone': there are libcount, libgfx; or give the path of a C or Python file"),
        ("libgfx now", "", "libgfx: a library takes no argument"),
        ("libnone.c", "", "libnone.c: No such file or directory"),
        ("libnone.py", "", "libnone.py: No such file or directory"),
        ("libtest.c", "int one;", "libtest.c: it exports nothing; as its name begins with lib, it is a library"),
        ("libgfx.c", C, "libgfx.c: libgfx is called 'libgfx' already; rename the file"),
        (f"lib{'x' * 29}.c", C, f"lib{'x' * 29}.c: 'lib{'x' * 29}' is no library name: at most 31 ASCII characters"),
        (
            "libtest.py",
            "x = 1",
            "libtest.py: no library in it: it has to say LIBRARY = its class, a Library of keelback.user.library",
        ),
        ("libtest.py", PYTHON, "libtest.py: its class has to say name = 'libtest', which programs load it by"),
        (
            "./libtest",
            "x",
            "./libtest: a name that starts with lib is a library's, and a library is a C or Python file",
        ),
        ("libtest.py", "raise SystemExit", "libtest.py:1: SystemExit"),
        (
            "libtest.py",
            "import sys\nsys.exit('well\\nkeelback: fine')",
            "libtest.py:2: SystemExit: well\nkeelback: fine",
        ),
        ("libtest.py", "raise KeyboardInterrupt", "libtest.py:1: KeyboardInterrupt"),
        ("libtest.py", "raise MemoryError", "libtest.py:1: MemoryError"),
        ("libtest.py", "class E(BaseException):\n    __str__ = None\nraise E", "libtest.py:3: E"),
        (
            "libtest.py",
            "def f():\n    f()\nf()",
            "libtest.py:2: RecursionError: maximum recursion depth exceeded",
        ),
        ("libtest.py", "int main(void) { return 0; }", "libtest.py:1: SyntaxError: invalid syntax"),
        ("libtest.py", "\x00", "libtest.py: SyntaxError: source code string cannot contain null bytes"),
        (
            "libtest.py",
            PYTHON.replace("libmine", "libtest").replace("u32) -> u32", "nothing) -> u32"),
            "libtest.py:9: NameError: name 'nothing' is not defined",
        ),
        (
            "libtest.py",
            PYTHON.replace("libmine", "libtest") + "\nMine.__init__ = lambda *them: 1 / 0\n",
            "libtest.py:15: ZeroDivisionError: division by zero",
        ),
        (
            "libtest.py",
            PYTHON.replace("libmine", "libtest") + "\nMine.image_size = 'many'\n",
            "libtest.py: image_size is 'many'; it has to be a number of bytes",
        ),
        ("libtest.py", "1 / 0", "libtest.py:1: ZeroDivisionError: division by zero"),
    ],
)
def test_a_mistake_is_one_clear_line(tmp_path, monkeypatch, word, text, said):
    monkeypatch.chdir(tmp_path)
    if text:
        (tmp_path / word).write_text(text)
    with pytest.raises(UserError) as refused:
        select(["hello", "libgfx", word], MICROKERNEL)
    assert str(refused.value) == said


@pytest.mark.parametrize(
    ("name", "text"),
    [
        ("library.c", "int main(void) { return 0; }"),
        ("lib.c", '#include <stdio.h>\nint\nmain(int argc, char *argv[])\n{ printf("%d", argc); }'),
        ("libtest.c", "/* main() { */ extern int main(void);\n" + C),
        ("library.py", Path(our_programs()["fib"]).read_text()),
    ],
)
def test_what_has_a_main_is_a_program_whatever_its_name(tmp_path, monkeypatch, name, text):
    (tmp_path / name).write_text(text)
    monkeypatch.chdir(tmp_path)
    selection = select([name, "hello"], MICROKERNEL)
    is_library = name == "libtest.c"
    assert selection.lines == [*[Path(name).stem] * (not is_library), "hello"]
    assert (selection.files[Path(name).stem][16] == 3) == is_library  # ET_DYN


def test_a_library_is_one_file(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    for name in ("libone.c", "more.c"):
        (tmp_path / name).write_text(C)
    with pytest.raises(UserError) as refused:
        select(["libone.c+more.c"], MICROKERNEL)
    said = "libone.c+more.c: a library is one file; a program that loads it is a word of its own"
    assert str(refused.value) == said


def test_libraries_alone_start_nothing():
    with pytest.raises(UserError) as refused:
        select(["libgfx"], MICROKERNEL)
    assert str(refused.value) == "only libraries are named; name a program to start too"


def test_what_kernel_python_has_not_is_told_with_its_place(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    (tmp_path / "libmine.py").write_text(PYTHON.replace("number * 2 & 0xFFFF_FFFF", "int(number * 1.5)"))
    with pytest.raises(UserError) as refused:
        select(["hello", "libmine.py"], MICROKERNEL)
    assert str(refused.value).startswith("libmine.py:10:16: Kernel Python can't call 'int'")
