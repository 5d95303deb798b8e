"""`--layout` of every command that has it, and `keelback layouts`."""

from dataclasses import replace

import pytest

from keelback.cli.ending import run_command
from keelback.cli.machines import least_memory
from keelback.cli.options import LAYOUTS as KNOWN
from keelback.cli.options import PAGING
from keelback.kernel.layout import LAYOUTS, PUBLISHED, USERMODE
from keelback.kernel.x86.paging import SCHEMES
from support import MIB, sliced, some_of


@pytest.fixture
def keelback(capfd):
    """Return a function that runs the command with words, here; it returns exit status, output and errors."""

    def run(*words):
        status = run_command([*map(str, words)])
        said = capfd.readouterr()
        return status, said.out, said.err

    return run


def test_the_command_knows_just_the_published_layouts():
    assert [*KNOWN] == [layout.name for layout in LAYOUTS]


@pytest.mark.parametrize("options", [("--check",), ("--kernel", "compiled"), ("--machine", "qemu")], ids=" ".join)
def test_run_runs_programs_in_the_layout(keelback, options):
    status, output, errors = keelback("run", "--layout", "usermode", "--memory", "12M", *options, "hello you", "smash")
    assert (status, errors) == (1, "")
    assert "keelback: usermode layout, " in output and "hello: I am process 1, and I was told: you" in output
    assert "(smash) killed: page fault: write to 0x00801000, protected" in output


@pytest.mark.parametrize(
    ("program", "calls"), [("libraries", "load_library"), ("family", "spawn or wait or exec"), ("fork 9", None)]
)
def test_the_report_says_which_calls_a_program_missed_in_its_layout(keelback, program, calls):
    status, output, errors = keelback("run", "--layout", "teaching", "--memory", "2M", program)
    said = [line for line in output.splitlines() if line.startswith("the teaching layout has no ")]
    assert (status, errors) == (1 if calls else 0, "")
    assert said == ([f"the teaching layout has no {calls}, which {program} called"] if calls else [])


def test_a_fork_of_the_courses_misses_no_call(keelback, tmp_path):
    (tmp_path / "forks.c").write_text('#include "keelback.h"\nint main(void) { return sys_fork() == 0 ? 3 : 4; }')
    status, output, errors = keelback("run", "--layout", "teaching", "--memory", "2M", str(tmp_path / "forks.c"))
    assert (status, errors) == (1, "") and output.count("exited with status") == 2
    assert "has no" not in output


def test_compare_compares_in_the_layout(keelback):
    status, output, errors = keelback("compare", "--layout", "usermode", "hello", "null")
    assert (status, errors) == (0, "") and output.startswith("equal: ")
    traps, size = (int(word.replace(",", "")) for word in output.split() if word[0].isdigit())
    assert size > traps * (15 << 20), "without --memory, the machines have 16 MiB"


@pytest.mark.parametrize("layout", some_of(["microkernel", "usermode"], ["microkernel"]))
@pytest.mark.parametrize("paging", ["pae", "x86-64"])
@pytest.mark.parametrize("programs", sliced(["hello null stack lost philosophers", ""], 2), ids=["some", "all"])
def test_compare_finds_programs_equal_with_other_page_tables(keelback, layout, paging, programs):
    status, output, errors = keelback("compare", "--layout", layout, "--paging", paging, *programs.split())
    assert (status, errors) == (0, "") and output.startswith("equal: ")


def test_the_teaching_layout_runs_on_qemu_and_compares_equal(keelback):
    status, output, errors = keelback("run", "--layout", "teaching", "--machine", "qemu", "--memory", "2M", "fork 9")
    assert (status, errors) == (0, "") and output.count("fork: took pages: ") == 4 and "a leak?" not in output
    status, output, errors = keelback("compare", "--layout", "teaching", "fork 9", "smash")
    assert (status, errors) == (0, "") and output.startswith("equal: ")


def test_build_builds_for_the_layout_and_show_says_so(keelback, tmp_path):
    assert keelback("build", "--layout", "usermode", "-o", tmp_path / "image", "hello")[::2] == (0, "")
    status, output, _ = keelback("image", "show", tmp_path / "image")
    lines = [" ".join(line.split()) for line in output.splitlines()]
    assert status == 0 and "layout 0x2 usermode" in lines and ", usermode layout, " in lines[0]


def test_gdb_debugs_in_the_layout(keelback):
    status, output, _ = keelback("gdb", "--layout", "usermode", "hello", "--batch", "-e", "print/x layout.user_base")
    assert status == 0 and "$1 = 0x800000\n" in output


def test_compile_compiles_for_the_layout(keelback):
    status, output, errors = keelback("compile", "--layout", "usermode", "--show", "c", "*_reason")
    assert (status, errors) == (0, "") and "0x7ff000" in output


def test_layouts_draws_all_and_a_running_machine_of_one(keelback):
    output = keelback("layouts")[1]
    assert [line for line in output.splitlines() if line.startswith("The ")] == [
        f"The {layout.name} layout, {layout.paging.name} page tables: the kernel image file" for layout in LAYOUTS
    ]
    one = keelback("layouts", "--layout", "usermode")[1]
    assert one.startswith("The usermode layout, i386 page tables: the kernel image file\n") and one in output
    status, output, errors = keelback("layouts", "--memory", "16M")
    assert (status, output, errors) == (2, "", "keelback: --memory is of a running machine; say --live, too\n")
    status, output, errors = keelback("layouts", "--live", "--layout", "usermode", "--memory", "16M")
    assert (status, errors) == (0, "")
    assert output.startswith("The kernel region of a running machine with 16,384 KiB, usermode layout\n")
    assert "\n 0x007fd000 ┌" in output


def test_with_page_tables_layouts_draws_those_that_can_have_them(keelback):
    for paging, names in (("pae", ["microkernel", "usermode"]), ("x86-64", ["microkernel", "usermode", "teaching"])):
        status, output, errors = keelback("layouts", "--paging", paging)
        assert (status, errors) == (0, "")
        drawn = [line.split()[1] for line in output.splitlines() if line.startswith("The ")]
        assert drawn == names


def test_machines_that_are_compared_have_memory_by_their_layout():
    least = {(each.name, each.paging.name): least_memory(each) // MIB for each in PUBLISHED}
    assert least == {
        ("microkernel", "i386"): 8, ("usermode", "i386"): 16, ("teaching", "x86-64"): 2,
        ("microkernel", "PAE"): 16, ("usermode", "PAE"): 16, ("microkernel", "x86-64"): 16, ("usermode", "x86-64"): 16,
    }  # fmt: skip
    assert least_memory(replace(USERMODE, name="own", number=99)) == 16 * MIB


@pytest.mark.parametrize("words", ["run", "compare", "build", "gdb", "compile", "layouts --live"])
def test_a_layout_that_is_none_is_refused_in_one_line(keelback, words):
    status, output, errors = keelback(*words.split(), "--layout", "flat")
    assert (status, output) == (2, "")
    known = ", ".join(layout.name for layout in LAYOUTS)
    assert errors == f"keelback: there is no layout flat; there are {known}, or your own, FILE.py:NAME\n"


@pytest.mark.parametrize("words", ["compare hello", "layouts --live"])
def test_less_than_8_mib_are_refused_in_one_line(keelback, words):
    status, output, errors = keelback(*words.split(), "--layout", "usermode", "--memory", "7M")
    assert (status, output) == (2, "")
    why = "There is not enough memory: from 0x100000 on it ends at 0x700000, and 0x800000 is needed"
    assert errors == f"keelback: can't start. {why}\n"


def test_the_command_knows_just_the_schemes_of_page_tables():
    assert [*PAGING] == [scheme.name for scheme in SCHEMES]


def test_page_tables_that_a_layout_has_not_are_one_line(keelback):
    status, output, errors = keelback("run", "--layout", "teaching", "--paging", "pae", "hello")
    assert (status, output) == (2, "") and len(errors.splitlines()) == 1
    assert errors == "keelback: the teaching layout has no PAE page tables; it has x86-64\n"
