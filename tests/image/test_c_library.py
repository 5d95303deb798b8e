"""The list of the C library's parts says what they define, and a program has of them what it uses."""

import pytest

import refresh_libc
from keelback.image.c_library import build_part, read_parts
from keelback.image.programs import build_program
from keelback.image.runtime import build_runtime
from keelback.image.symbols import defined_in, takes_words, undefined_in
from keelback.image.toolchain import I386, TARGETS, USER_FLAGS
from keelback.image.user_c import compile_user_c
from keelback.image.zig import musl_folder
from keelback.user import RUNTIME
from support import sliced, some_of

BASE = 0x8048000


def build(tmp_path, text):
    source = tmp_path / "it.c"
    source.write_text(text)
    return build_program(source, runtime=RUNTIME, image_base=BASE)


WIDE_ONLY = set(
    [
        "__ashlti3",
        "__lshrti3",
        "clock_gettime",
        "ctime",
        "ctime_r",
        "gmtime",
        "gmtime_r",
        "localtime",
        "localtime_r",
        "mktime",
        "nanosleep",
        "time",
        "timegm",
    ]
)
"""Names of the list that are nobody's with 32 bits: what has to do with time is called otherwise there."""


@pytest.mark.campaign
def test_the_list_is_what_the_parts_define():
    assert refresh_libc.PARTS.read_text() == refresh_libc.made()


targets = pytest.mark.parametrize("target", some_of(TARGETS.values(), [I386]), ids=lambda target: target.zig)


@pytest.mark.campaign
def test_the_list_is_what_the_parts_define_with_32_bits():
    listed = {part: {*names} - WIDE_ONLY for part, names in read_parts(RUNTIME).items()}
    assert refresh_libc.names_for(I386) == listed


@pytest.mark.campaign
@targets
def test_what_parts_need_is_in_parts_or_in_the_runtime(target):
    parts = read_parts(RUNTIME)
    there = {name for names in parts.values() for name in names} | {"main"}
    there |= set().union(*map(defined_in, build_runtime(RUNTIME, target=target).values()))
    for part in parts:
        assert undefined_in(build_part(part, RUNTIME, USER_FLAGS, target)) <= there, part


def test_the_library_is_under_the_licence_that_ours_allows():
    text = (musl_folder() / "COPYRIGHT").read_text()
    assert "musl as a whole is licensed under the following standard MIT license" in text


def test_a_program_has_what_it_uses_and_no_more(tmp_path):
    small = build(tmp_path, '#include "keelback.h"\nint main(void) { print("x"); return 0; }')
    assert not {"print_hex", "printf", "malloc", "exit", "strcmp"} & defined_in(small)
    larger = build(tmp_path, '#include <stdio.h>\nint main(void) { printf("%d", 1); return 0; }')
    assert {"printf", "vfprintf", "exit"} <= defined_in(larger)
    assert not {"sscanf", "malloc", "strcmp", "print_hex", "fmemopen"} & defined_in(larger)


def test_a_programs_own_function_comes_before_the_librarys(tmp_path):
    elf = build(
        tmp_path,
        "#include <string.h>\nint strcmp(const char *a, const char *b) { return 7; }\n"
        'int main(void) { return strcmp("", "") + (int)strlen(""); }',
    )
    assert "strcmp" in defined_in(elf)


@pytest.mark.parametrize(
    ("declaration", "words"),
    [
        ("int main(void)", False),
        ("int main()", False),
        ("int main(const char *argument)", False),
        ("int main(char *argument)", False),
        ("/* int main(const char *argument) */\nint main(int argc, char **argv)", True),
        ("#define TEXT const char *\nint main(TEXT argument)", False),
        ("typedef const char *text;\nint main(text argument)", False),
        ("int main(int argc, char **argv)", True),
        ("int main(int argc, char *argv[], char **environment)", True),
        ("typedef int count;\nint main(const count n, const char *const *words)", True),
        ("int main(n, words) int n; char **words;", True),
    ],
)
def test_what_main_takes_is_seen(tmp_path, declaration, words):
    source = tmp_path / "it.c"
    source.write_text(f"{declaration}\n{{ return 0; }}\n")
    assert takes_words(compile_user_c(source, RUNTIME)) is words


HEADERS = [
    *("assert", "ctype", "dirent", "err", "errno", "fcntl", "fnmatch", "getopt", "inttypes", "iso646"),
    *("langinfo", "libgen", "limits", "locale", "malloc", "math", "memory", "poll", "pthread", "pwd", "regex"),
    *("sched", "search", "semaphore", "setjmp", "signal", "spawn", "stdalign", "stdarg", "stdbool"),
    *("stddef", "stdint", "stdio", "stdio_ext", "stdlib", "stdnoreturn", "string", "strings", "sys/mman"),
    *("sys/param", "sys/stat", "sys/time", "sys/types", "sys/uio", "sys/wait", "sysexits", "termios"),
    *("threads", "time", "uchar", "unistd", "wchar", "wctype"),
]


@pytest.mark.parametrize("header", sliced(HEADERS, 3))
def test_a_header_goes_with_keelbacks(tmp_path, header):
    """In either order, and without a warning."""
    theirs, ours = f"#include <{header}.h>\n", '#include "keelback.h"\n#include "library.h"\n'
    for number, text in enumerate((theirs + ours, ours + theirs)):
        source = tmp_path / f"it{number}.c"
        source.write_text(text + "int main(void) { return 0; }\n")
        compile_user_c(source, RUNTIME, flags=("-Werror",))


def test_keelbacks_headers_are_good_for_cpp_too(tmp_path):
    source = tmp_path / "it.cpp"
    source.write_text(
        '#include "keelback.h"\n#include "library.h"\n#include <stdio.h>\n#include <unistd.h>\n'
        'int f() { sys_yield(); return printf("%d", sys_wait(fork(), NULL)); }\n'
    )
    wanted = undefined_in(compile_user_c(source, RUNTIME, flags=("-Werror", "-fno-exceptions")))
    assert {"printf", "fork"} <= wanted
