"""Programs of several C files, with folders of headers and macros, as the commands take them."""

import os
import subprocess
import sys
from pathlib import Path

import pytest

import keelback
from keelback.cli.programs import select
from keelback.cli.words import Word, read_word, with_options
from keelback.errors import UserError
from keelback.image.toolchain import ToolchainError
from keelback.kernel.layout import MICROKERNEL, USERMODE
from support import console, make_pc


@pytest.fixture(autouse=True)
def folder(tmp_path, monkeypatch):
    """Go to a folder with a program of two files and a header."""
    monkeypatch.chdir(tmp_path)
    (tmp_path / "head ers").mkdir()
    (tmp_path / "head ers" / "twice.h").write_text("int twice(int number);\n")
    (tmp_path / "main.c").write_text(
        "#include <stdio.h>\n#include <twice.h>\n"
        "int main(int argc, char **argv) { printf(TEXT, argv[1], twice(argc)); return 0; }\n"
    )
    (tmp_path / "the rest.c").write_text('#include "twice.h"\nint twice(int number) { return 2 * number; }\n')
    return tmp_path


def said(words, layout=MICROKERNEL):
    selection = select(words, layout)
    pc = make_pc(*selection.lines, programs=selection.files, layout=layout, memory=16 << 20)
    pc.boot()
    pc.run()
    return console(pc)


@pytest.mark.parametrize("layout", [MICROKERNEL, USERMODE], ids=lambda layout: layout.name)
def test_several_files_are_one_program_with_options(layout):
    words = with_options(["'main.c+the rest.c' one two"], ["head ers"], ['TEXT="%s %d\\n"'])
    assert said(words, layout) == ["one 6"]


def test_files_of_one_name_in_two_folders_are_one_program(folder):
    (folder / "other").mkdir()
    (folder / "other" / "main.c").write_text("int twice(int number) { return number * TWO; }\n")
    assert said(with_options(["main.c+other/main.c x"], ["head ers"], ['TEXT="%s %d\\n"', "TWO=2"])) == ["x 4"]


def test_a_file_with_a_plus_in_its_name_is_that_file(folder):
    (folder / "c+c.c").write_text("int main(void) { return 0; }\n")
    assert [str(path) for path in read_word("c+c.c x").paths] == ["c+c.c"]
    assert [*select(["c+c.c"], MICROKERNEL).files] == ["c+c"]


def test_options_come_before_a_word_and_leave_it_as_it_is():
    words = with_options(["main.c 1", "the rest.c"], ["head ers"], ["A", "B=x y"])
    assert [read_word(word) for word in words] == [
        Word("main.c", "1", ("head ers",), ("A", "B=x y")),
        Word("the rest.c", "", ("head ers",), ("A", "B=x y")),
    ]
    [word] = with_options(["main.c 1"], ["head ers"], ["A"], optimise=True)
    assert read_word(word) == Word("main.c", "1", ("head ers",), ("A",), optimise=True)
    assert with_options(["hello you"], [], []) == ("hello you",)


def test_files_are_compiled_as_written_or_optimised(folder):
    (folder / "deep.c").write_text("int main(void)\n{\n    int x = *(int *)0;\n    return 0;\n}\n")
    for optimise in (False, True):
        assert len(said(with_options(["deep.c"], [], [], optimise=optimise))) == (0 if optimise else 1)


@pytest.mark.parametrize(
    ("includes", "defines", "problem"),
    [
        (["nowhere"], [], "-I nowhere: there is no such folder"),
        (["main.c"], [], "-I main.c: there is no such folder"),
        ([], ["3"], "-D 3: not NAME or NAME=VALUE"),
        ([], ["A B"], "-D A B: not NAME or NAME=VALUE"),
        ([], ["=1"], "-D =1: not NAME or NAME=VALUE"),
    ],
)
def test_an_option_that_says_nothing_is_refused(includes, defines, problem):
    with pytest.raises(UserError) as refused:
        with_options(["main.c"], includes, defines)
    assert str(refused.value) == problem


@pytest.mark.parametrize(
    ("word", "problem"),
    [
        ("main.c+hello.elf", "main.c+hello.elf: only C files become one program"),
        ("main.c+none.c", "none.c: No such file or directory"),
    ],
)
def test_files_that_make_no_program_are_refused(word, problem):
    with pytest.raises(UserError) as refused:
        select([word], MICROKERNEL)
    assert str(refused.value).startswith(problem)


def test_what_no_file_defines_is_told_with_its_place(folder):
    (folder / "alone.c").write_text("#include <stdio.h>\nint main(void)\n{\n    return getchar();\n}\n")
    with pytest.raises(ToolchainError) as refused:
        select(["alone.c"], MICROKERNEL)
    assert "undefined symbol: getchar" in refused.value.diagnostics and "alone.c:4" in refused.value.diagnostics
    assert "not in Keelback's C library (docs/c-programs.md)" in refused.value.diagnostics
    assert refused.value.diagnostics.endswith("\nSeveral files of one program are joined by +: main.c+list.c")


def test_where_memory_lies_is_that_of_the_layout(folder):
    (folder / "where.c").write_text(
        '#include "keelback.h"\n#include <stdio.h>\nextern char end[];\n'
        'int main(void)\n{\n    printf("%x %x %x %x %x %x\\n", USER_START, USER_END, MALLOC_START, MALLOC_END, '
        "STACK_BOTTOM, STACK_TOP);\n    return end <= (char *)main || (char *)sys_malloc_pages(1) != "
        "(char *)MALLOC_START || (uintptr_t)&folder < STACK_BOTTOM;\n}\n".replace(
            "&folder", "__builtin_frame_address(0)"
        )
    )
    for layout in (MICROKERNEL, USERMODE):
        selection = select(["where.c"], layout)
        pc = make_pc("where", programs=selection.files, layout=layout, memory=16 << 20)
        pc.boot()
        pc.run()
        wanted = (layout.user_base, layout.user_end, layout.malloc_base, layout.malloc_limit)
        assert console(pc) == [" ".join(f"{each:x}" for each in (*wanted, layout.stack_bottom, layout.stack_top))]
        assert pc.kernel.processes.table[1].exit_status == 0


@pytest.mark.campaign
def test_a_library_may_use_the_c_library_but_for_its_files(folder):
    (folder / "libmine.c").write_text(
        '#include <errno.h>\n#include <stdio.h>\n#include <stdlib.h>\n#include <string.h>\n#include "keelback.h"\n'
        "EXPORT int length_of(const char *text)\n{\n    char number[32];\n\n"
        '    snprintf(number, sizeof number, "%d", LESS);\n    errno = 0;\n'
        "    return (int)strlen(text) + atoi(number) + (strtol(number, NULL, 99), errno == EINVAL);\n}\n"
    )
    (folder / "user.c").write_text(
        '#include "library.h"\n#include <stdio.h>\n'
        "static struct { void *library; int (*length_of)(const char *); } mine;\n"
        'static const char *const names[] = {"length_of", NULL};\n'
        'int main(void)\n{\n    int error = connect_library("libmine", names, &mine);\n\n'
        '    printf("%d ", error);\n    printf("%d\\n", mine.length_of("xyz"));\n}\n'
    )
    assert said(with_options(["libmine.c", "user.c"], [], ["LESS=-2"])) == ["0 2"]
    (folder / "libprints.c").write_text(
        '#include <stdio.h>\n#include "keelback.h"\nEXPORT int say(void) { return puts("x"); }\n'
    )
    with pytest.raises(UserError, match="'__stdout_FILE' holds an address"):
        select(["libprints.c", "user.c"], MICROKERNEL)


@pytest.mark.parametrize("command", ["run", "compare"])
def test_commands_take_the_options(folder, command):
    words = ["-I", "head ers", '-DTEXT="%s %d\\n"', "'main.c+the rest.c' one two"]
    environment = os.environ | {"PYTHONPATH": str(Path(keelback.__file__).parents[1])}
    program = [sys.executable, "-m", "keelback", command, *words]
    done = subprocess.run(program, capture_output=True, text=True, cwd=folder, env=environment)
    assert (done.returncode, done.stderr) == (0, "")
    assert "one 6\n" in done.stdout if command == "run" else done.stdout.startswith("equal: ")
