"""Mistakes of students keep their effect, and the runtime says whose they are."""

import re
import tempfile
from pathlib import Path

import pytest

from keelback.cli.running import LimitReached, run_to_end
from keelback.inspect.endings import endings
from support import c_program, console, make_pc, run, sliced


def ended(text):
    """Run a program; return how it ended and what it said."""
    program = c_program(text)
    pc = run("it", programs={"it": program})
    [ending] = endings(pc.kernel, {"it": program})
    return ending, console(pc)


@pytest.mark.parametrize(
    "body",
    sliced(
        [
            "int zero = 0; return 1 / zero;",
            "return 1 / 0;",
            "return 7 % 0;",
            "int zero = 0; 1 / zero; return 0;",
            "int zero = 0, lost = 5 % zero; return 0;",
            "unsigned zero = 0; return (int)(1u / zero);",
            "long long zero = 0; return (int)(1 / zero);",
            "unsigned long long zero = 0; return (int)(1 % zero);",
            "short zero = 0; return 3 / zero;",
            "int zero = 0; zero /= zero; return 0;",
            "volatile int zero = 0; for (int i = 0; i < 3; i++) print_number(i / zero); return 0;",
            "volatile int least = -2147483647 - 1, minus = -1; return least / minus;",
            "int least = -2147483647 - 1, minus = -1; least / minus; return 0;",
            "int least = -2147483647 - 1, minus = -1, lost = least % minus; return 0;",
        ],
        3,
    ),
)
def test_division_by_zero_is_a_divide_error_at_its_place(body):
    ending, lines = ended(f"int main(void)\n{{\n    {body}\n}}\n")
    assert ending.how == "killed: division error" and " in main+0x" in ending.place
    assert len(lines) == 1


@pytest.mark.parametrize(
    ("body", "fault"),
    sliced(
        [
            ("int *p = NULL; int x = *p;", "read of 0x00000000"),
            ("int x = *(int *)NULL;", "read of 0x00000000"),
            ("int *p = NULL; *p;", "read of 0x00000000"),
            ("int *p = NULL; (void)p[1];", "read of 0x00000004"),
            ("int *p = NULL; p[2] + 1;", "read of 0x00000008"),
            ("char *p = sys_map(NULL, PAGESIZE, CAN_WRITE); sys_unmap(p, PAGESIZE); *p;", "read of 0x"),
            ("struct { int a[9]; } *p = NULL, copy = *p;", "read of 0x000000"),
            ("*(int *)NULL = 1;", "write to 0x00000000"),
            ("int *p = NULL; *p = 1; p = (int *)&p; *p = 2;", "write to 0x00000000"),
            ('char *text = "text"; text[0] = 84;', "write to 0x"),
            ("static const int one = 1; *(int *)&one = 2;", "write to 0x"),
            ("void (*f)(void) = NULL; f();", "fetch from 0x00000000"),
            ("int (*f)(int) = NULL; f(1) + 1;", "fetch from 0x00000000"),
            ("int *p; memset(&p, 0, sizeof p); return *p;", "read of 0x00000000"),
        ],
        3,
    ),
)
def test_an_access_where_nothing_may_be_accessed_is_a_page_fault(body, fault):
    ending, lines = ended(f'int main(void)\n{{\n    {body}\n    print("survived");\n    return 0;\n}}\n')
    assert ending.how.startswith(f"killed: page fault, {fault}") and len(lines) == 1
    assert fault.startswith("fetch") or re.search(r" in (main|memcpy)\+0x", ending.place)


DIRTY = "void dirty(void) { volatile unsigned words[9]; for (int i = 0; i < 9; i++) words[i] = 0x10; }\n"


def test_a_pointer_that_nobody_set_is_what_lay_there():
    wild = "int wild(void) { int *words[9]; return *words[4]; }\n"
    ending, _ = ended(f"{DIRTY}{wild}int main(void) {{ dirty(); wild(); }}\n")
    assert ending.how == "killed: page fault, read of 0x00000010, not mapped" and " in wild+0x" in ending.place


@pytest.mark.parametrize(
    "functions",
    [
        "int deep(int n) { return 1 + deep(n + 1); }",
        "int deep(int n) { return deep(n + 1); }",
        "int deep(int n) { return n * deep(n - 1); }",
        "int other(int n); int deep(int n) { return other(n); } int other(int n) { return deep(n); }",
        "void deep(int n) { deep(n); }",
    ],
)
def test_a_recursion_without_end_meets_the_limit_of_the_stack(functions):
    ending, _ = ended(f"{functions}\nint main(void)\n{{\n    deep(0);\n    return 0;\n}}\n")
    assert ending.how.endswith("the stack is at its limit")


def test_a_list_without_an_end_meets_its_null_pointer():
    ending, _ = ended("""
struct node { int value; struct node *next; };
static int sum(struct node *node) { return node->value + sum(node->next); }
int main(void) { struct node one = {1, NULL}; return sum(&one); }
""")
    assert ending.how == "killed: page fault, read of 0x00000000, not mapped" and " in sum+0x" in ending.place


@pytest.mark.parametrize("use", ["a[0] = 1;", "a[0];", "(void)a;"])
def test_an_array_that_the_stack_has_no_room_for_meets_its_limit(use):
    ending, _ = ended(f"int main(void)\n{{\n    char a[8 << 20];\n    {use}\n    return 0;\n}}\n")
    assert ending.how.endswith("the stack is at its limit") and " in main+0x" in ending.place


@pytest.mark.parametrize(
    "loop", ["for (;;) ;", "while (1) ;", "unsigned i = 1; while (i != 0) i += 2;", "again: goto again;"]
)
def test_a_loop_without_end_stays(loop):
    program = c_program(f"int main(void)\n{{\n    {loop}\n    return 0;\n}}\n")
    pc = make_pc("it", programs={"it": program})
    with pytest.raises(LimitReached):
        run_to_end(pc, instructions=100_000)
    [ending] = endings(pc.kernel, {"it": program})
    assert ending.how == "had not ended: running" and " in main+0x" in ending.place


def test_two_divisions_are_two_places():
    program = c_program("""
int main(const char *argument)
{
    int zero = *argument == 0 ? 0 : 1, other = *argument == 'x' ? 0 : 1;
    print_number(5 / zero);
    print_number(6 / other);
    return 0;
}
""")
    places = set()
    for argument in ("", "x"):
        line = next(line for line in console(run(f"it {argument}", programs={"it": program})) if "division" in line)
        places.add(re.search(r"instruction at (0x[0-9a-f]+)", line)[1])
    assert len(places) == 2


@pytest.mark.parametrize("main", ["int main(void)", "int main()", "int main(int argc, char **argv)"])
def test_main_need_not_return(main):
    ending, lines = ended(f'#include <stdio.h>\n{main}\n{{\n    printf("said");\n}}\n')
    assert ending.well and lines == ["said"]


@pytest.mark.parametrize(
    ("text", "line"),
    [
        ('int main(void) { sys_panic("too bad"); }', "panic: program: too bad"),
        (
            "#include <assert.h>\nint main(void)\n{\n    assert(1 + 1 == 3);\n}\n",
            "program: program.c:5: main: assertion failed: 1 + 1 == 3",
        ),
        (
            '#include <stdio.h>\nint main(void) { printf("%f", 1.5); }',
            "panic: program: printf or scanf of floating point, which programs do not have here: "
            "no such register outlives a trap",
        ),
        ('#include <stdio.h>\nint main(void) { float f; sscanf("1", "%f", &f); }', "panic: program: printf or scanf "),
        ('#include <err.h>\nint main(void) { errx(3, "no %s", "luck"); }', "program: no luck"),
        (
            '#include <stdio.h>\n#include <errno.h>\nint main(void) { errno = ENOMEM; perror("I"); return 1; }',
            "I: Out of memory",
        ),
    ],
)
def test_a_program_that_gives_up_says_who_it_is(text, line):
    ending, lines = ended(text)
    assert not ending.well and lines[0].startswith(line)


def test_a_variable_that_would_need_floating_point_is_refused_by_the_compiler():
    from keelback.image.toolchain import ToolchainError

    with pytest.raises(ToolchainError, match="floating point"):
        c_program("int main(void) { volatile double x = 3; return (int)(x * 1.5); }")


def test_a_heap_that_was_overwritten_ends_the_program_with_a_line():
    ending, lines = ended("""
int main(void)
{
    char *first = malloc(600), *second = malloc(600), *third = malloc(700);

    free(second);
    memset(first, 0xff, 1300);
    free(third);
    return malloc(5000) == NULL;
}
""")
    assert not ending.well and len(lines) == 1 and lines[0].startswith("panic: program: ")


def test_a_check_of_kernel_python_that_fails_says_whose_it_is_and_where(tmp_path):
    from keelback.cli.programs import select
    from keelback.kernel.layout import MICROKERNEL
    from support import make_pc

    (tmp_path / "mine.py").write_text(
        '"""Mine."""\nfrom keelback.lang import i32, u32, word\nfrom keelback.user.system import Program\n\n\n'
        'class Mine(Program):\n    """Mine."""\n\n    def main(self, argument: word) -> i32:\n        """Count."""\n'
        '        count: u32 = self.number(argument, 0)\n        assert count > 0, "no number"\n'
        "        return 8 // (count - 1)\n\n\nPROGRAM = Mine\n"
    )
    selection = select([f"{tmp_path}/mine.py", f"{tmp_path}/mine.py 1", f"{tmp_path}/mine.py 5"], MICROKERNEL)
    pc = make_pc(*selection.lines, programs=selection.files)
    pc.boot()
    pc.run()
    first, second = console(pc)
    assert re.fullmatch(r"panic: mine: .*mine\.py:12: assertion failed: no number", first)
    assert re.fullmatch(r"panic: mine: .*mine\.py:13: .*", second)
    assert pc.kernel.processes.table[3].exit_status == 2


def test_a_program_may_have_functions_of_the_runtimes_names():
    from keelback.image.programs import build_program
    from keelback.kernel.layout import MICROKERNEL
    from keelback.user import RUNTIME

    names = ("print", "print_number", "print_line", "print_hex", "number_in", "kill", "sleep", "clock", "write")
    names += ("fork", "wait", "malloc_trim", "sbrk", "fail", "line", "sys_panic", "check_failed", "strlcpy", "index")
    functions = "".join(f'int {name}(int n) {{ printf("{name} "); return n; }}\n' for name in names)
    calls = " + ".join(f"{name}(1)" for name in names)
    text = (
        f"#define _ISOC11_SOURCE\n#include <assert.h>\nint printf(const char *, ...);\nvoid *malloc(unsigned);\n"
        f"void exit(int);\nint getpid(void);\n{functions}"
        f'int main(int argc, char **argv)\n{{\n    malloc(5); getpid();\n    printf("%d\\n", {calls});\n'
        f"    assert(argc == 7);\n}}\n"
    )
    with tempfile.TemporaryDirectory() as folder:
        Path(folder, "mine.c").write_text(text)
        elf = build_program(Path(folder, "mine.c"), runtime=RUNTIME, image_base=MICROKERNEL.image_base)
    said, failed, *rest = console(run("it", programs={"it": elf}))
    assert sorted(said.split()) == sorted([*names, str(len(names))])
    assert failed.startswith("mine: mine.c:") and failed.endswith("main: assertion failed: argc == 7") and not rest


def test_without_a_compiler_a_user_is_told_how_to_get_it(tmp_path, monkeypatch):
    from keelback.image import zig
    from keelback.image.toolchain import ToolchainError

    monkeypatch.setattr(zig, "_installed_zig", lambda: None)
    with pytest.raises(ToolchainError, match="there is no C compiler: pip install ziglang"):
        c_program("int main(void) { return 77; }")
