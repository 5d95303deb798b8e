"""What words on the command line name, and what goes into the payload for them."""

import re
import sys

import pytest

from keelback.cli.needs import named_in_elf, named_in_source, with_needs
from keelback.cli.programs import select
from keelback.cli.python_files import module_of
from keelback.cli.sources import our_libraries, our_programs, purpose_of
from keelback.cli.words import Word, read_word, with_options
from keelback.errors import UserError
from keelback.kernel.layout import MICROKERNEL
from keelback.lang import Ram, Region

OURS = our_programs() | our_libraries()
PYTHON = """
from keelback.lang import i32, word
from keelback.user.system import Program


class Mine(Program):
    def main(self, argument: word) -> i32:
        self.output.write("mine: here I am\\n")
        return 0


PROGRAM = Mine
"""
LINKED = """
# from __future__ import annotations
from keelback.lang import Component, Ram, Ref, Region, Struct, i32, u32, word
from keelback.user.system import Kernel, Program


class Node(Struct):
    value: u32
    next: "Ref[Node]"


class Nodes(Component):
    def __init__(self, records: Region) -> None:
        self.nodes = records.array(Node, 4)

    def link(self, number: u32) -> bool:
        self.nodes[number].next = self.nodes[0]
        return self.nodes[number].next is None


class List(Program):
    def __init__(self, ram: Ram, records: Region, kernel: Kernel | None) -> None:
        super().__init__(ram, records, kernel)
        self.nodes = Nodes(records)

    def main(self, argument: word) -> i32:
        self.output.write("they are linked\\n")
        return 1 if self.nodes.link(3) else 0


PROGRAM = List
"""


def names(*words, **options):
    return [*select(words, MICROKERNEL, **options).files]


def test_only_what_is_named_is_built():
    assert names("hello") == ["hello"]
    assert names("pong", "ping 3", "pong") == ["ping", "pong"]


@pytest.mark.parametrize("name", ["family", "hostile", "liar", "libraries", "boxes"])
def test_what_a_program_of_ours_starts_or_loads_comes_with_it(name):
    calls = re.findall(r'\bsys_(?:exec|spawn|load_library)\("(\w+)"|#include "(lib\w+)\.h"', OURS[name].read_text())
    called = {each for pair in calls for each in pair if each in OURS} | ({"libgfx"} if name == "boxes" else set())
    assert called and called < {*names(name)}


def test_what_an_argument_or_the_kernels_command_line_names_comes_too():
    assert names("hello and null") == ["hello", "null"]
    assert names("hello", command_line='init="ping 3" quiet') == ["hello", "ping"]


def test_needs_are_followed_to_their_end(tmp_path):
    texts = {"one": 'exec("two", "");', "two": '#include "three.h"', "three": "", "four": ""}
    sources = {name: tmp_path / name for name in texts}
    for name, text in texts.items():
        sources[name].write_text(text)
    assert with_needs({"one", "none"}, sources) == {"one", "two", "three"}


def test_a_name_is_read_from_strings_includes_and_imports_only():
    assert {"hello", "libgfx", "cow.py"} <= named_in_source(
        'exec("hello", "x"); // stack\n#include "libgfx.h"\n"cow.py"'
    )
    assert "stack" not in named_in_source('exec("hello", "x"); // stack')
    assert named_in_source("from keelback.user.libraries.libcount import Count") == {"libcount"}
    assert named_in_elf(b"\x7fELF\0\x90hello\0x\0say hello\n\0") >= {"hello", "x"}


def test_a_users_file_brings_what_it_names(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    main = 'int main(const char *a) { return sys_spawn("null", a) < 0; }'
    (tmp_path / "shell.c").write_text(f'#include "keelback.h"\n{main}')
    assert names("shell.c") == ["null", "shell"]
    (tmp_path / "shell.elf").write_bytes(select(["shell.c"], MICROKERNEL).files["shell"])
    assert names("shell.elf") == ["null", "shell"]


def test_a_file_that_is_named_by_its_path_comes_before_ours(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    (tmp_path / "hello.c").write_text("int main(void) { return 7; }")
    own, ours = (select([word], MICROKERNEL).files["hello"] for word in ("hello.c", "hello"))
    assert own != ours
    assert select(["family", "hello.c"], MICROKERNEL).files["hello"] == own
    (tmp_path / "hello.py").write_text(PYTHON)
    assert names("hello.py") == ["hello"]
    (tmp_path / "hello.py").unlink()
    assert names("hello.py") == ["hello.py"]


def test_a_program_in_kernel_python_is_named_by_its_path(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    (tmp_path / "mine.py").write_text(PYTHON)
    selection = select(["mine.py", "./mine.py now"], MICROKERNEL)
    assert [*selection.files] == ["mine"] and selection.lines == ["mine", "mine now"]
    assert b"mine: here I am" in selection.files["mine"]


@pytest.mark.parametrize("hint", ['"Ref[Node]"', "Ref[Node]"])
@pytest.mark.parametrize("stem", ["mine", "struct"])
def test_a_struct_of_a_file_refers_to_itself(tmp_path, stem, hint):
    file = tmp_path / f"{stem}.py"
    file.write_text(LINKED.replace('"Ref[Node]"', hint).replace("# ", "" if hint[0] == "R" else "# "))
    assert b"they are linked" in select([str(file)], MICROKERNEL).files[stem]
    module = module_of(file)
    assert not module.Nodes(Region(Ram(0x3000), 0x1000, 0x2000)).link(1)
    assert sys.modules["struct"].pack("<H", 1) == b"\1\0"


def test_a_program_imports_what_lies_beside_it_and_that_is_forgotten(tmp_path):
    built = []
    for status in (1, 2):
        folder = tmp_path / f"{status}"
        folder.mkdir()
        (folder / "mine.py").write_text("from beside import STATUS\n" + PYTHON.replace("return 0", "return STATUS"))
        (folder / "beside.py").write_text(f"STATUS = {status}\n")
        path = [*sys.path]
        built.append(select([f"{folder / 'mine.py'}"], MICROKERNEL).files["mine"])
        assert "beside" not in sys.modules and sys.path == path
    assert built[0] != built[1]


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("x = 1", "mine.py: no program in it: it has to say PROGRAM = its class, a Program of keelback.user.system"),
        ("x = (", "mine.py:1: SyntaxError: '(' was never closed"),
        ("1 / 0", "mine.py:1: ZeroDivisionError: division by zero"),
        (PYTHON.replace("return 0", "return 1.5"), None),
    ],
)
def test_a_mistake_in_it_is_one_clear_line(tmp_path, monkeypatch, text, said):
    monkeypatch.chdir(tmp_path)
    (tmp_path / "mine.py").write_text(text)
    with pytest.raises(UserError) as refused:
        select(["mine.py"], MICROKERNEL)
    if said is None:
        assert refused.value.said.startswith("mine.py:9:16: Kernel Python has no float constants")
    else:
        assert str(refused.value) == said


def test_a_library_that_is_no_file_says_which_there_are():
    with pytest.raises(UserError, match="no library 'libgxf': there are libcount, libgfx"):
        select(["libgxf"], MICROKERNEL)


@pytest.mark.parametrize(
    ("text", "word"),
    [
        ("hello", Word("hello", "")),
        ("  hello  to  you ", Word("hello", "to  you")),
        ("hello it's #1 \"you\\n", Word("hello", "it's #1 \"you\\n")),
        ("'a b/c d.c' 1 2", Word("a b/c d.c", "1 2")),
        ('"it\'s.c" x', Word("it's.c", "x")),
        ("c:\\x y", Word("c:\\x", "y")),
    ],
)
def test_a_word_is_a_name_and_an_argument(text, word):
    assert read_word(text) == word


def test_a_word_that_is_a_file_needs_no_quotes(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    (tmp_path / "my own.c").write_text("int main(void) { return 0; }")
    assert read_word("my own.c") == Word("my own.c", "")
    selection = select(["my own.c", "'my own.c' 3"], MICROKERNEL)
    assert selection.lines == ["my_own", "my_own 3"] and [*selection.files] == ["my_own"]


def test_every_program_of_ours_says_what_it_is_for():
    for name, source in OURS.items():
        purpose = purpose_of(source)
        assert 10 < len(purpose) < 200 and purpose.endswith("."), name


def test_what_is_there_and_is_no_file_is_told_as_it_is(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    (tmp_path / "loop.c").symlink_to("loop.c")
    (tmp_path / "folder.c").mkdir()
    with (tmp_path / "large.c").open("wb") as large:
        large.truncate((16 << 20) + 1)
    said = {"loop.c": "Too many levels of symbolic links", "folder.c": "Is a directory"}
    for word, why in {**said, "large.c": "16,777,217 bytes are too many; at most 16,777,216 are read"}.items():
        with pytest.raises(UserError) as refused:
            select([word], MICROKERNEL)
        assert refused.value.said == f"{word}: {why}"


@pytest.mark.parametrize(
    ("word", "near"),
    [
        ("mian.c", "main.c"),
        ("./mian.c 3", "main.c"),
        ("fib.py", "fib"),
        ("main.c+lits.c", "list.c"),
        ("hello.c", "hello"),
        ("src/first.c+second.c", "src/second.c"),
    ],
)
def test_a_file_that_is_not_there_is_told_with_what_is_near(tmp_path, monkeypatch, word, near):
    monkeypatch.chdir(tmp_path)
    (tmp_path / "src").mkdir()
    for name in ("main.c", "list.c", "src/first.c", "src/second.c"):
        (tmp_path / name).write_text("int main(void) { return 0; }")
    with pytest.raises(UserError) as refused:
        select([word], MICROKERNEL)
    assert refused.value.said.endswith(f": No such file or directory; did you mean {near}?")


@pytest.mark.parametrize(
    ("word", "said"),
    [
        ("args", "no program 'args'; did you mean args.c?"),
        ("agrs 3", "no program 'agrs'; did you mean args.c?"),
        ("helo", "no program 'helo'; did you mean hello or hello.py?"),
        ("folder", "folder: Is a directory; name a program's file in it"),
        ("my dir/a.c+my dir/b.c 3", "no program 'my'; a path with blanks is quoted: \"'my program.c'+'a list.c' 20\""),
        ("args.c + list.c", "args.c + list.c: files of one program are joined without blanks: args.c+list.c"),
        ("my file.c", "no program 'my'; a path with blanks is quoted: \"'my program.c'+'a list.c' 20\""),
    ],
)
def test_a_name_that_nothing_has_is_told_with_what_may_be_meant(tmp_path, monkeypatch, word, said):
    monkeypatch.chdir(tmp_path)
    (tmp_path / "folder").mkdir()
    (tmp_path / "args.c").write_text("int main(void) { return 0; }")
    with pytest.raises(UserError) as refused:
        select([word], MICROKERNEL)
    assert refused.value.said == said


def test_paths_with_blanks_and_plus_need_no_quotes(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    for name, text in (("a main.c", "int two(void); int main(void) { return TWO; }"), ("a list.c", "int two;")):
        (tmp_path / name).write_text(text.replace("TWO", "2"))
    assert read_word("a main.c+a list.c") == Word("a main.c+a list.c", "")
    assert read_word(*with_options(["a main.c+a list.c"], [], ["TWO=2"])) == Word(
        "a main.c+a list.c", "", (), ("TWO=2",)
    )
    assert names("a main.c+a list.c") == ["a_main"]


def test_a_file_without_main_is_told_so(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    (tmp_path / "part.c").write_text("int part(void) { return 0; }")
    with pytest.raises(UserError) as refused:
        select(["part.c"], MICROKERNEL)
    assert refused.value.said == "part.c has no main, where a program starts"
    assert "begin with lib" in refused.value.details
    (tmp_path / "main.c").write_text("int other(void); int main(void) { return other(); }")
    with pytest.raises(UserError, match="does not link"):
        select(["main.c"], MICROKERNEL)
