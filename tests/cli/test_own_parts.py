"""A user's own parts of the kernel: what is in place, and what is said of those that are wrong."""

import json
import re

import pytest

from consoles import ROOT, blocks, run

PAGE = ROOT / "docs" / "own-parts.md"
HEAD = """\
from keelback.abi.calls import COUNT
from keelback.kernel.calls.own_calls import system_call
from keelback.kernel.memory.frames import Frames
from keelback.kernel.processes.threads import Thread
from keelback.lang import replaces, u16, u32, word

"""
USERMODE = "from keelback.kernel.layout import USERMODE\nL = "
BODY = "return self.table[frame].references == 1"
GOOD = HEAD + "@replaces(Frames.is_alone)\ndef is_alone(self, frame: u32) -> bool:\n" + f"    {BODY}\n"
CRASH = GOOD.replace("table[frame]", "table[frame + 1_000_000]")
TWICE = (
    HEAD + '@system_call("double", {"number": COUNT}, "")\ndef double(self, thread: Thread) -> word:\n    return 1\n'
)


@pytest.fixture
def keelback(tmp_path):
    """Return what runs a command in a folder with the page's files."""
    for source in blocks(PAGE, "python") + blocks(PAGE, "c"):
        (tmp_path / re.match(r"(?:/\*|#) ([\w.]+)", source)[1]).write_text(source)

    def command(line, files=(), **parts):
        for name, content in dict(files).items():
            (tmp_path / name).write_text(content)
        for name, content in parts.items():
            (tmp_path / f"{name}.py").write_text(content)
        return run(f"keelback {line}", cwd=tmp_path)

    return command


WRONG = {
    "no such file": ("absent", None, "absent.py: No such file or directory"),
    "nothing in it": ("empty", "x = 1\n", "empty.py: it replaces nothing of the kernel"),
    "no Python": ("broken", "def (\n", "broken.py:1: SyntaxError: invalid syntax"),
    "an error": ("failing", HEAD + "1 / 0\n", "failing.py:7: ZeroDivisionError: division by zero"),
    "no such method": ("gone", HEAD + "@replaces(Frames.no_such)\ndef f(self): ...\n", "gone.py:7: AttributeError"),
    "a name of ours": ("frames", GOOD, "frames.py: a source of the kernel is called frames.py too"),
    "a call of ours": ("ours", TWICE.replace('"double"', '"puts"'), "ours.py:7: there is a system call puts already"),
    "two words": ("two", TWICE.replace('"double"', '"two\\nlines"'), "two.py:7: 'two\\nlines' is no name of a"),
    "a list": ("listed", TWICE.replace('{"number": COUNT}', "[]"), "listed.py:7: double has [] as arguments; they are"),
    "a method of ours": ("serves", TWICE.replace('"double"', '"serve"'), "serves.py:7: SystemCalls has a serve"),
    "a number of ours": ("seven", TWICE.replace('"")', '"", number=7)'), "seven.py:7: double has number 7, which is "),
    "a high number": ("high", TWICE.replace('"")', '"", number=256)'), "high.py:7: double has number 256; a system"),
    "no form": ("three", TWICE.replace("COUNT}", "3}"), "three.py:7: double: number is 3; it has to be COUNT"),
    "another form": ("form", TWICE.replace(" -> word", " -> u16"), "form.py:7: a system call is (self, thread"),
    "an exit": ("leaving", HEAD + "raise SystemExit(0)\n", "leaving.py:7: SystemExit: 0"),
}  # fmt: skip


@pytest.mark.parametrize("name", WRONG)
def test_a_mistake_is_one_line_with_its_place(keelback, name):
    stem, content, said = WRONG[name]
    done = keelback(f"run --with {stem}.py hello", **({stem: content} if content is not None else {}))
    assert done.returncode == 2 and done.stdout == ""
    [line] = done.stderr.splitlines()
    assert line.startswith(f"keelback: {said}")


def test_what_is_no_python_file_is_refused(keelback):
    assert "a part of the kernel is a Python file, .py" in keelback("run --with twice.c hello").stderr


LAYOUTS = {
    "small.py:NONE": "small.py: NONE is no Layout in it; it has SMALL",
    "small.py:SMAL": "small.py: SMAL is no Layout in it; did you mean SMALL?",
    "small.py:": "small.py: a Layout in it is to be named; it has SMALL",
    "double.py:L": "double.py: L is no Layout in it\n",
    "published.py:OURS": "published.py: OURS has number 1, which is a published layout's; give it another",
    "micro": "there is no layout micro; did you mean microkernel?",
    "user": "there is no layout user; did you mean usermode?",
    "mine": "there is no layout mine; there are microkernel, usermode, teaching, or your own, FILE.py:NAME",
    "impossible.py:L": "impossible.py:2: processes=512, threads=3: against the rule that every process has a thread",
    "float.py:L": "float.py:2: processes=12.5: against the rule that it is of the type int",
    "named.py:L": "named.py: L is called microkernel, as a published layout is; give it another name",
    "many.py:L": "many.py: L: no kernel can be made with it: ",
    "absent.py:L": "absent.py: No such file or directory",
}


@pytest.mark.parametrize("word", LAYOUTS)
def test_a_layout_that_is_none_is_one_line(keelback, word):
    head = "from dataclasses import replace; from keelback.kernel.layout import MICROKERNEL\n"
    done = keelback(
        f"run --layout {word} hello",
        published=head + "OURS = replace(MICROKERNEL, name='mine')\n",
        named=head + "L = replace(MICROKERNEL, number=9)\n",
        many=head
        + "L = replace(USERMODE, name='many', number=9, processes=900, threads=900)\n".replace("L = ", USERMODE),
        impossible=head + "L = replace(MICROKERNEL, number=9, threads=3)\n",
        float=head + "L = replace(MICROKERNEL, number=9, processes=12.5)\n",
    )
    assert done.returncode == 2 and len(done.stderr.splitlines()) == 1
    assert done.stderr.startswith(f"keelback: {LAYOUTS[word]}")
    assert word != "many.py:L" or done.stderr.endswith("; processes=900, threads=900)\n")


def test_layouts_draws_one_of_your_own_from_constants_and_live(keelback):
    drawn, live = keelback("layouts --layout small.py:SMALL"), keelback("layouts --live --layout small.py:SMALL")
    assert "The small layout: the kernel image file" in drawn.stdout and "small layout" in live.stdout
    assert drawn.returncode == live.returncode == 0
    assert keelback("layouts --layout small.py:NONE").returncode == 2


HELPER = "from keelback.lang import u32\n\nONE = 1\n\n\ndef is_one(count: u32) -> bool:\n    return count == ONE\n"
WITH_HELPER = "from mine import is_one\n" + GOOD.replace(BODY, "return is_one(self.table[frame].references)")


def test_a_part_imports_what_lies_beside_it(keelback, tmp_path):
    (tmp_path / "parts").mkdir()
    (tmp_path / "parts" / "mine.py").write_text(HELPER)
    (tmp_path / "parts" / "alone.py").write_text(WITH_HELPER)
    done = keelback("check --with parts/alone.py regions")
    assert (done.returncode, done.stderr) == (0, ""), done.stdout
    (tmp_path / "parts" / "mine.py").write_text(HELPER.replace("= 1\n", "= 1 // 0\n"))
    done = keelback("run --with parts/alone.py hello")
    assert (done.returncode, done.stdout) == (2, "")
    assert done.stderr == "keelback: parts/mine.py:3: ZeroDivisionError: integer division or modulo by zero\n"
    (tmp_path / "parts" / "mine.py").unlink()
    done = keelback("run --with parts/alone.py hello")
    assert done.stderr == "keelback: parts/alone.py:1: ModuleNotFoundError: No module named 'mine'\n"


@pytest.mark.parametrize("life", ["--check", "--kernel compiled"])
def test_what_lies_beside_a_part_is_part_of_the_kernel_too(keelback, life):
    helper = HELPER.replace("return count", "more: u32 = count - 9\n    return more")
    done = keelback(f"run {life} --with alone.py regions", alone=WITH_HELPER, mine=helper)
    assert done.returncode == 3 and re.search(r"kernel panic.* does not fit more.* \(mine\.py:7\)\n", done.stderr)


def test_a_panic_names_the_line_in_both_lives(keelback):
    for life in ("interpreted", "compiled"):
        done = keelback(f"run --kernel {life} --with crash.py forkexit", crash=CRASH)
        assert done.returncode == 3 and "(crash.py:9)" in done.stderr.splitlines()[-1]


def test_a_result_that_does_not_fit_is_a_panic_at_the_parts_own_line_in_both_lives(keelback):
    page = next(each for each in blocks(PAGE, "python") if each.startswith("# double.py"))
    double = re.sub(r"argument\(0\).*", "argument(0) * 3", page)
    line = double.splitlines().index("    return thread.frame.argument(0) * 3") + 1
    for life in ("interpreted", "compiled"):
        done = keelback(f"run --kernel {life} --with double.py 'twice.c 1999999999'", double=double)
        assert done.returncode == 3 and re.search(
            rf"does not fit .*\(double.py:{line}\)$", done.stderr.splitlines()[-1]
        )


RAISES = {
    "raise SystemExit(0)": "SystemExit: 0",
    "return nothing_there": "NameError: name 'nothing_there' is not defined",
    "raise StopIteration": "StopIteration: no message",
    "raise RuntimeError('it')": "RuntimeError: it",
    "import nothing_there": "ModuleNotFoundError: No module named 'nothing_there'",
}


@pytest.mark.parametrize("statement", RAISES)
def test_what_a_part_raises_as_it_runs_is_a_panic(keelback, statement):
    done = keelback("run --with odd.py forkexit", odd=GOOD.replace(BODY, statement))
    said = done.stderr.splitlines()[-1]
    assert done.returncode == 3 and f": {RAISES[statement]} (odd.py:9)" in said, said


LOSES = (
    HEAD
    + "from keelback.kernel.processes.scheduler import Scheduler\n\n\n@replaces(Scheduler.make_ready)\n"
    + "def make_ready(self, thread: Thread) -> None:\n    pass\n"
)


def test_the_report_tells_of_a_process_that_the_scheduler_lost(keelback):
    done = keelback("run --limit 1M --with loses.py hello", loses=LOSES)
    assert done.returncode == 1 and "1  hello    had not ended: lost by the scheduler" in done.stdout


def test_what_is_built_has_it_and_a_file_that_changes_is_built_again(keelback):
    ids = []
    for content in (GOOD, GOOD.replace("== 1", "<= 1"), GOOD):
        done = keelback("build --with mine.py hello", mine=content)
        ids.append(re.search(r"^build id +(\w+)$", done.stdout, re.MULTILINE)[1])
    assert ids[0] == ids[2] != ids[1]
    assert f"{ids[0]}" not in keelback("build hello").stdout


def test_the_trace_shows_own_calls_by_name(keelback):
    done = keelback("run --trace --with double.py 'twice.c 300'")
    assert "600" in done.stdout and "double(300) = 600" in done.stderr


@pytest.mark.parametrize(
    ("paging", "printed", "shown"),
    [("i386", -2, "-2: The memory is not"), ("PAE", -2, "-2: The memory is not"), ("x86-64", 4294967294, "4294967294")],
)
def test_a_result_is_as_wide_as_a_register_for_the_program_and_in_the_trace(keelback, paging, printed, shown):
    own = TWICE.replace("return 1", "return thread.frame.argument(0) * 2")
    program = (
        "#include <stdio.h>\n"
        'int main(void) { printf("%lld %d\\n", (long long)sys_call(22, 0x7fffffff, 0, 0, 0), sys_call(99, 0, 0, 0, 0)'
        " == -1); return 0; }"
    )
    files = {"calls.c": '#include "keelback.h"\n' + program}
    done = keelback(f"run --paging {paging} --trace --with own.py calls.c", own=own, files=files)
    assert f"\n{printed} 1\n" in done.stdout
    assert f"double(2147483647) = {shown}" in done.stderr


def test_a_call_has_the_number_that_it_asks_for_in_both_lives(keelback):
    fixed = TWICE.replace('"")', '"", number=40)').replace("return 1", "return thread.frame.argument(0) * 2")
    other = TWICE.replace("double", "other")
    program = "int main(void) { print_number(sys_call(40, 7, 0, 0, 0) - sys_call(30, 7, 0, 0, 0)); return 0; }"
    for life in ("interpreted", "compiled"):
        done = keelback(
            f"run --kernel {life} --with fixed.py --with other.py calls.c",
            fixed=fixed, other=other, files={"calls.c": '#include "keelback.h"\n' + program},
        )  # fmt: skip
        assert "\n15\n" in done.stdout  # 14, and -1 of what is no call
        assert done.stderr == "keelback: double is call 40\nkeelback: other is call 22\n"
    clash = other.replace('"")', '"", number=40)')
    done = keelback("run --with fixed.py --with clash.py hello", clash=clash)
    assert done.stderr == "keelback: clash.py:7: other has number 40, which is double's; 22 is free\n"


def test_check_answers_machines_too_whatever_a_part_prints(keelback):
    noisy = GOOD.replace("    return", "    print(frame)\n    return")
    done = keelback("check --json --with noisy.py forkexit", noisy=noisy)
    answer = json.loads(done.stdout)
    assert done.returncode == 3 and not answer["well"]
    run, compiler, lives = answer["verdicts"]
    assert (run["well"], compiler["well"], lives["well"]) == (True, False, None)
    assert "noisy.py:9:5: " in compiler["said"] and answer["processes"][0]["well"]


@pytest.mark.parametrize(("line", "status"), [("hello", 0), ("null", 1), ("--with crash.py forkexit", 3)])
def test_the_status_says_who_is_wrong(keelback, line, status):
    assert keelback(f"check {line}", crash=CRASH).returncode == status


LEAK = HEAD + "@replaces(Frames.drop)\ndef drop(self, frame: u32, holder: u16) -> None:\n    pass\n"


def test_the_report_names_parts_in_place_and_frames_that_are_left(keelback):
    leaking, well = keelback("run --with leak.py hello", leak=LEAK), keelback("run --with double.py hello")
    assert "\nwith leak.py: Frames.drop\n" in leaking.stdout
    assert re.search(r"\n\d+ user frames are used and no process is left: a leak\?\n", leaking.stdout)
    assert "\nwith double.py: SystemCalls.double\n" in well.stdout and "a leak" not in well.stdout
    assert "\nwith " not in keelback("run hello").stdout
    facts = json.loads(keelback("run --json --with leak.py hello", leak=LEAK).stdout)
    assert facts["parts"] == {"leak.py": ["Frames.drop"]} and facts["left_frames"] > 0


def test_a_broken_invariant_is_told_by_the_fact_and_then_the_rule(keelback):
    said = keelback("check --with hasty.py forkexit").stdout.splitlines()[0]
    assert re.search(r"traps: frame 0x\w+ counts 0 references, and should count 1 \(the rule: a frame's refer", said)


def test_a_part_that_is_named_twice_is_one_and_two_of_one_method_are_a_mistake(keelback):
    assert keelback("run --with one.py --with one.py hello", one=GOOD).returncode == 0
    done = keelback("run --with one.py --with two.py hello", one=GOOD, two=GOOD)
    assert (done.returncode, done.stderr) == (
        2,
        "keelback: two.py:7: Frames.is_alone is replaced already, by one.py:7\n",
    )


def test_a_part_with_which_no_kernel_can_be_made_is_one_line(keelback):
    head = "from keelback.kernel.devices.power import Power\nfrom keelback.lang import replaces\n\n\n@replaces(Power)\n"
    own = head + "class Own:\n    def __init__(self, cpu) -> None:\n        self.cpu, self.extra = cpu, [1]\n"
    done = keelback("run --with listed.py hello", listed=own)
    assert done.returncode == 2
    [line] = done.stderr.splitlines()
    assert line.startswith("keelback: listed.py: no kernel can be made with it: power.extra is a list, which no static")
