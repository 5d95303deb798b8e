"""What a command names is looked for before anything is built: a wrong name costs no compiled kernel."""

import pytest

from cli.test_build import command

COMMANDS = (
    ("run", "--kernel", "compiled"),
    ("run", "--machine", "qemu"),
    ("compare",),
    ("check",),
    ("gdb",),
    ("build",),
    ("build", "--iso"),
)
NAMES = {
    "helo": "no program 'helo'; did you mean hello or hello.py?",
    "none.c": "none.c: No such file or directory",
    "libnone": "no library 'libnone': there are ",
    "text.c+hello.elf": "text.c+hello.elf: only C files become one program",
    "folder.c": "folder.c: Is a directory",
}


@pytest.fixture
def folder(tmp_path):
    (tmp_path / "text.c").write_text("int main(void) { return 0; }\n")
    (tmp_path / "folder.c").mkdir()
    (tmp_path / "cache").mkdir()
    return tmp_path


def refused(folder, *words, **environment):
    """Run a command whose words are wrong; return its line, and check that it has built nothing."""
    done = command(*words, cwd=folder, env={"KEELBACK_CACHE": folder / "cache", **environment})
    assert (done.returncode, done.stdout, len(done.stderr.splitlines())) == (2, "", 1)
    assert [*(folder / "cache").rglob("*")] == []
    return done.stderr.removeprefix("keelback: ")


@pytest.mark.parametrize("words", COMMANDS, ids=" ".join)
def test_a_wrong_name_is_told_before_anything_is_built(folder, words):
    assert refused(folder, *words, "hello", "helo").startswith(NAMES["helo"])


@pytest.mark.parametrize("name", NAMES)
def test_every_kind_of_wrong_name_is_told_before_what_stands_before_it_is_built(folder, name):
    assert refused(folder, "compare", "text.c", name).startswith(NAMES[name])


@pytest.mark.parametrize("output", ["none/keelback.img", "text.c"])
def test_an_output_that_cannot_be_is_told_before_anything_is_built(folder, output):
    assert output in refused(folder, "build", "-o", output, "text.c")


@pytest.mark.parametrize(
    "words", [("run", "--machine", "qemu"), ("story", "--machine", "qemu"), ("gdb",), ("build", "--iso")], ids=" ".join
)
def test_a_tool_that_is_missing_is_told_before_anything_is_built(folder, words):
    said = refused(folder, *words, PATH=str(folder))
    assert "apt-get install -y" in said
