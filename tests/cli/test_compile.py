"""`keelback compile` as a person runs it: what becomes of the kernel, and of Kernel Python of one's own."""

import json
import re
import subprocess
from functools import cache
from io import BytesIO
from subprocess import CompletedProcess

import pytest
from elftools.elf.elffile import ELFFile

from command_client import COMMAND, ENVIRONMENT, keelback_command
from keelback.cli import compiled_subject
from keelback.cli.ending import run_command
from keelback.image.kernels import compiled
from keelback.image.linked import make_symbols
from keelback.kernel.layout import MICROKERNEL

COUNTER = """\
from keelback.lang import Component, Region, Struct, u32


class Counts(Struct):
    total: u32
    calls: u32


class Counter(Component):
    def __init__(self, records: Region) -> None:
        self.counts = records.struct(Counts)

    def add(self, amount: u32) -> u32:
        self.counts.total += amount
        self._count()
        return self.counts.total

    def _count(self) -> None:
        self.counts.calls += 1
"""
PROGRAM = """\
from keelback.lang import i32, word
from keelback.user.system import Program


class Twice(Program):
    def main(self, argument: word) -> i32:
        number = self.number(argument, 21)
        self.output.write(f"{number * 2}\\n")
        return 0


PROGRAM = Twice
"""


def compile_(*words, columns=80, cwd=None):
    """Run the command as if a terminal had so many columns."""
    return keelback_command("compile", *words, cwd=cwd, env=ENVIRONMENT | {"COLUMNS": str(columns)})


kernel_subject = cache(compiled_subject.kernel_subject)


@pytest.fixture
def kernel(monkeypatch, capfd):
    """Return what runs the command here, where the kernel is compiled once for all that is asked about it."""
    monkeypatch.setattr(compiled_subject, "kernel_subject", kernel_subject)

    def run(*words, columns=80):
        monkeypatch.setenv("COLUMNS", str(columns))
        status = run_command(["compile", *words])
        return CompletedProcess(words, status, *capfd.readouterr())

    return run


def shown(*words, columns=80, cwd=None):
    return lines_of(compile_(*words, columns=columns, cwd=cwd))


def lines_of(done):
    assert (done.returncode, done.stderr) == (0, "")
    assert "\x1b" not in done.stdout
    return [line.rstrip() for line in done.stdout.splitlines()]


@pytest.fixture
def folder(tmp_path):
    (tmp_path / "counter.py").write_text(COUNTER)
    (tmp_path / "twice.py").write_text(PROGRAM)
    return tmp_path


# The kernel.


def test_it_lists_the_functions():
    lines = shown()
    [line] = [line for line in lines if line.startswith("scheduler_choose ")]
    assert "keelback/kernel/processes/scheduler.py:" in line
    assert len(lines) > 100


def test_c_is_below_the_python_where_it_is_narrow_and_beside_it_where_it_is_wide(kernel):
    lines = lines_of(kernel("--show", "c", "processes_of"))
    head = re.fullmatch(r"keelback/kernel/processes/processes\.py:(\d+)", lines[0])
    assert lines[1] == f"{head[1]}  def of(self, thread: Thread) -> Process:"
    assert lines.index("static Process *processes_of(Thread *thread)") > 4
    wide = lines_of(kernel("--show", "c", "processes_of", columns=120))
    assert re.match(
        r"\d+  def of\(self, thread: Thread\) -> Process: +static Process \*processes_of\(Thread \*thread\)$", wide[1]
    )
    assert len(wide) < len(lines) and max(map(len, wide)) <= 120


def test_what_does_not_fit_its_column_goes_on_below(kernel):
    lines = lines_of(kernel("--show", "c", "processes_of", columns=110))
    assert re.search(r"^\d+  +assert thread.pid", "\n".join(lines), re.M)
    joined = "".join(line[:44].strip() for line in lines).replace(" ", "")
    assert 'thread.pid!=0,"theidlethreadhasnoprocess"' in joined


def test_exactly_the_functions_that_are_named_are_shown_each_once(kernel):
    titles = [
        line
        for line in lines_of(kernel("--show", "c", "processes_of", "processes_o[f]"))
        if line.startswith("keelback/")
    ]
    assert len(titles) == 1
    names = {each["name"] for each in json.loads(kernel("--json", "scheduler_choos?", "processes_of").stdout)}
    assert names == {"scheduler_choose", "processes_of"}


def test_assembly_is_that_of_the_kernel_that_is_built_with_the_lines_of_the_python(kernel):
    """Every byte of the function is shown, and the lines beside are those of it that its code comes from."""
    lines = lines_of(kernel("--show", "asm", "processes_of", "kernel_trap"))
    elf = ELFFile(BytesIO(make_symbols(MICROKERNEL, compiled(MICROKERNEL))))
    [symbol] = elf.get_section_by_name(".symtab").get_symbol_by_name("kernel_trap")
    text = "\n".join(lines)
    code = [
        (int(line or "0"), int(address, 16))
        for line, address in re.findall(r"^ *(\d*)  ([0-9a-f]{8})  [a-z]", text.partition("kernel/kernel.py")[2], re.M)
    ]
    assert code[0][1] == symbol["st_value"] and code[-1][1] < symbol["st_value"] + symbol["st_size"]
    assert [address for _, address in code] == sorted({address for _, address in code})
    first = int(re.search(r"kernel/kernel\.py:(\d+)$", text, re.M)[1])
    python = re.findall(r"^(\d+)  .*$", text.partition("kernel/kernel.py")[2], re.M)
    assert {line for line, _ in code if line} <= {int(each) for each in python} and int(python[0]) == first
    assert "; traps.py:" in text and re.search(r"call \w+_\w+", text)


def test_a_function_that_has_become_part_of_others_is_shown_there(kernel):
    lines = lines_of(kernel("--show", "asm", "spaces_enter"))
    assert re.search(r"^part of \w+$", "\n".join(lines), re.M)
    assert any(re.match(r" *\d+  [0-9a-f]{8}  ", line) for line in lines)


# A user's file.


def test_a_components_own_functions_are_shown(folder):
    assert [line.split()[0] for line in shown("--file", "counter.py", cwd=folder)] == ["counter_add", "counter_count"]
    lines = shown("--file", "counter.py", "--show", "c", cwd=folder)
    assert "u32 counter_add(u32 amount)" in lines and "static void counter_count(void)" in lines
    assert '    CHECK(t$1 <= 0xffffffffll, "does not fit Counts.total");' in lines
    lines = shown("--file", "counter.py", "--show", "c", "counter_add", cwd=folder)
    assert lines[0] == "counter.py:13" and "static void counter_count(void)" not in lines


def test_a_components_assembly_has_the_lines_of_its_file_and_its_records(folder):
    lines = shown("--file", "counter.py", "--show", "asm", "counter_add", columns=80, cwd=folder)
    [stored] = [line for line in lines if re.search(r"mov dword ptr \[counter_counts\], \w+$", line)]
    assert re.match(r" +(14)?  [0-9a-f]{8}  mov", stored)
    assert any(line.endswith("; counter.py:19") for line in lines) and lines[-1] == ""


def test_objects_at_the_top_of_a_file_are_compiled_as_they_are(folder):
    made = "ram = Ram(0x10000)\nregion = Region(ram, 0x4000, 0x5000)\nleft = Counter(region)\nright = Counter(region)\n"
    (folder / "two.py").write_text(f"{COUNTER.replace('Component,', 'Component, Ram,')}\n\n{made}")
    names = [line.split()[0] for line in shown("--file", "two.py", cwd=folder)]
    assert names == ["left_add", "right_add", "left_count", "right_count"]
    lines = shown("--file", "two.py", "--show", "asm", "right_add", cwd=folder)
    assert any("[right_counts" in line for line in lines)


def test_a_program_is_shown_as_it_is_run(folder):
    lines = shown("--file", "twice.py", cwd=folder)
    assert [line.split() for line in lines if "twice.py" in line] == [["kernel_main", "twice.py:6"]]
    assert any(line.startswith("main ") for line in lines)
    lines = shown("--file", "twice.py", "--show", "asm", cwd=folder)
    places = [int(each, 16) for each in re.findall(r"  ([0-9a-f]{8})  ", "\n".join(lines))]
    assert lines[0] == "twice.py:6" and len(places) > 5
    assert all(0x0804_8000 <= each < 0x0805_0000 for each in places)


# Mistakes.


@pytest.mark.parametrize(
    ("words", "says"),
    [
        ("--show c zzzz", "the kernel has no function 'zzzz'; `keelback compile` lists them"),
        ("zzzz", "the kernel has no function 'zzzz'; `keelback compile` lists them"),
        (
            "--show c processes_of sheduler_wake_sleepers",
            "the kernel has no function 'sheduler_wake_sleepers'; did you mean scheduler_",
        ),
        ("--show asm Scheduler.sleep", "the kernel has no function 'Scheduler.sleep'; did you mean scheduler_sleep"),
    ],
)
def test_a_function_that_the_kernel_has_not_is_one_line(words, says, kernel):
    assert_one_line(kernel(*words.split()), says)


def assert_one_line(done, says):
    assert (done.returncode, done.stdout) == (2, "")
    [line] = done.stderr.splitlines()
    assert line.startswith(f"keelback: {says}")


@pytest.mark.parametrize(
    ("words", "says"),
    [
        ("--show c", "--show shows functions that you name; `keelback compile` lists them"),
        ("--file counter.py counter_ad", "counter.py has no function 'counter_ad'; did you mean counter_add"),
        ("--file nothing.py", "nothing.py: No such file or directory"),
        ("--file some.c", "some.c: what is compiled is Kernel Python, a file that ends in .py"),
        ("--file empty.py", "empty.py: no program and no component in it: neither PROGRAM = its class nor a Component"),
        ("--file wrong.py", "wrong.py:1: ZeroDivisionError: division by zero"),
        ("--file needs.py", "needs.py: Limited takes limit; make one in the file: limited = Limited(…)"),
        ("--file part.py", "part.py: it replaces parts of the kernel, so it is the kernel's: --with part.py"),
    ],
)
def test_a_mistake_is_one_line_and_nothing_is_shown(words, says, folder):
    (folder / "empty.py").write_text("")
    (folder / "wrong.py").write_text("1 / 0\n")
    (folder / "needs.py").write_text(
        "from keelback.lang import Component\n\n\nclass Limited(Component):\n"
        "    def __init__(self, limit: int) -> None:\n        self.limit = limit\n"
    )
    (folder / "part.py").write_text(
        "from keelback.kernel.memory.frames import Frames\nfrom keelback.lang import replaces, u32\n\n\n"
        "@replaces(Frames.check_user)\ndef check_user(self, count: u32) -> None:\n    return\n"
    )
    assert_one_line(compile_(*words.split(), cwd=folder), says)


@pytest.mark.parametrize("show", ["c", "asm"])
def test_what_the_compiler_refuses_is_told_with_its_line_and_rule(show, folder):
    (folder / "listed.py").write_text(COUNTER.replace("self._count()", "seen = [amount]"))
    done = compile_("--file", "listed.py", "--show", show, cwd=folder)
    assert (done.returncode, done.stdout) == (2, "")
    says, source, mark = done.stderr.splitlines()
    assert re.match(r"keelback: (\S*/)?listed\.py:15:16: .* \[\w+\]$", says)
    assert source.strip() == "seen = [amount]" and mark.index("^") == source.index("[")


def test_what_python_warns_of_is_a_line_told_once(folder):
    (folder / "odd.py").write_text(COUNTER.replace("self._count()", "assert (1if amount else 0) < 2"))
    done = compile_("--file", "odd.py", cwd=folder)
    line = COUNTER.splitlines().index("        self._count()") + 1
    assert done.returncode == 0
    assert done.stderr == f"keelback: {folder / 'odd.py'}:{line}: SyntaxWarning: invalid decimal literal\n"


def test_a_terminal_gets_colours(folder):
    script = f"import pty, sys; sys.exit(pty.spawn({[*COMMAND, 'compile', '--file', 'counter.py', '--show', 'c']!r}))"
    environment = {**ENVIRONMENT, "TERM": "xterm", "COLUMNS": "80"}
    environment.pop("NO_COLOR", None)
    command = [COMMAND[0], "-c", script]
    done = subprocess.run(
        command, capture_output=True, text=True, cwd=folder, env=environment, stdin=subprocess.DEVNULL
    )
    assert re.search("\x1b\\[[0-9;]*mdef\x1b\\[", done.stdout)


def test_what_can_not_be_shown_as_json_is_a_mistake_in_json(folder):
    done = compile_("--show", "c", "--json", "panic*", cwd=folder)
    assert done.returncode == 2
    assert json.loads(done.stdout)["error"] == "--json lists functions; it does not show them"
