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
        + "L = replace(USERMODE, name='many', number=9, processes=1024, threads=1025)\n".replace("L = ", USERMODE),
        impossible=head + "L = replace(MICROKERNEL, number=9, threads=3)\n",
        float=head + "L = replace(MICROKERNEL, number=9, processes=12.5)\n",
    )
    assert done.returncode == 2 and len(done.stderr.splitlines()) == 1
    assert done.stderr.startswith(f"keelback: {LAYOUTS[word]}")
    assert word != "many.py:L" or done.stderr.endswith("; processes=1,024, threads=1,025)\n")


def test_layouts_draws_one_of_your_own_from_constants_and_live(keelback):
    drawn, live = keelback("layouts --layout small.py:SMALL"), keelback("layouts --live --layout small.py:SMALL")
    assert "The small layout, i386 page tables: the kernel image file" in drawn.stdout and "small layout" in live.stdout
    assert drawn.returncode == live.returncode == 0
    assert keelback("layouts --layout small.py:NONE").returncode == 2


DEEP_HEAD = """\
from keelback.kernel.calls.system_calls import SystemCalls
from keelback.kernel.processes.threads import Thread
from keelback.lang import native, replaces, u8, u32, word

@replaces(SystemCalls)
class Deep:
    def getpid(self, thread: Thread) -> word:
        return self._level_0(thread.pid) + self._level_0(thread.pid + 1)

    def _level_5(self, n: u32) -> u32:
        return n & 0xFF

    @native("volatile unsigned char room[800]; room[n] = n; return room[n];")
    def _room(self, n: u32) -> u32:
        return n & 0xFF
"""
LEVEL = """
    def _level_{0}(self, n: u32) -> u32:
        digit: u8 = 0
{1}
        if n & {2} == 0:
            return self._room(self._level_{2}(n + 1) & 0xFF) + digit
        return self._room(self._level_{2}(n + 2) & 0xFF)
"""
CHECKS = "\n".join(f"        digit = n // {each} - n // {each + 2}" for each in range(7, 23))
"""Too much for the C compiler to make one function of two such."""


@pytest.mark.campaign  # a chain that is too deep is refused in image/test_stacks.py in every run
def test_calls_that_take_too_much_stack_are_refused_with_their_chain(keelback, tmp_path):
    deep = DEEP_HEAD + "".join(LEVEL.format(each, CHECKS, each + 1) for each in range(5))
    done = keelback("build --with deep.py hello", deep=deep)
    assert done.returncode == 2 and done.stdout == "" and not (tmp_path / "keelback.img").exists()
    line, source, _ = done.stderr.splitlines()
    chain = " → ".join(f"calls_level_{each} 8[0-9]{{2}}" for each in range(5))
    says = "the kernel stack has 4,096 bytes, of which 512 are to be left; this chain takes 4,[0-9]{3}"
    on_top = "panic [0-9]+ → entry code [0-9]+ → kernel_panic [0-9]+ → [^:]+ → non-maskable interrupt 12"
    pattern = (
        rf"keelback: deep\.py:([0-9]+):1: {says}: entry code 4 → kernel_trap [0-9]+ → "
        rf"(?:calls_getpid [0-9]+ → )?{chain} → {on_top} \[stack\]"  # which may be one function with what calls it
    )
    found = re.fullmatch(pattern, line)
    assert found and source.strip() == deep.splitlines()[int(found[1]) - 1].strip()
    assert source.strip().startswith("def _level_")


HELPER = "from keelback.lang import u32\n\nONE = 1\n\n\ndef is_one(count: u32) -> bool:\n    return count == ONE\n"
WITH_HELPER = "from mine import is_one\n" + GOOD.replace(BODY, "return is_one(self.table[frame].references)")


def test_a_part_imports_what_lies_beside_it(keelback, tmp_path):
    (tmp_path / "parts").mkdir()
    (tmp_path / "parts" / "mine.py").write_text(HELPER)
    (tmp_path / "parts" / "alone.py").write_text(WITH_HELPER)
    done = keelback("run --check --with parts/alone.py forkexit")
    assert (done.returncode, done.stderr) == (0, ""), done.stdout
    (tmp_path / "parts" / "mine.py").write_text(HELPER.replace("= 1\n", "= 1 // 0\n"))
    done = keelback("run --with parts/alone.py hello")
    assert (done.returncode, done.stdout) == (2, "")
    assert done.stderr == "keelback: parts/mine.py:3: ZeroDivisionError: integer division or modulo by zero\n"
    (tmp_path / "parts" / "mine.py").unlink()
    done = keelback("run --with parts/alone.py hello")
    assert done.stderr == "keelback: parts/alone.py:1: ModuleNotFoundError: No module named 'mine'\n"


TRIPLE = re.sub(
    r"argument\(0\).*",
    "argument(0) * 3",
    next(each for each in blocks(PAGE, "python") if each.startswith("# double.py")),
)
FIXED = TWICE.replace('"")', '"", number=240)').replace("return 1", "return thread.frame.argument(0) * 2")
OTHER = TWICE.replace("double", "other")
SEVERAL = {
    "alone": WITH_HELPER,
    "mine": HELPER.replace("return count", "more: u32 = count - 9\n    return more"),
    "triple": TRIPLE.replace("double", "triple"),
    "fixed": FIXED,
    "other": OTHER,
}
"""Parts that are in one kernel, which is compiled once: each is asked for by programs of its own."""


@pytest.fixture(params=["--check", "--kernel compiled"])
def with_several(request, keelback):
    """Return what runs a program with all of `SEVERAL`, in each life."""
    options = " ".join(f"--with {name}.py" for name in SEVERAL if name != "mine")
    return lambda program, files=(): keelback(f"run {request.param} {options} {program}", files=files, **SEVERAL)


def test_what_lies_beside_a_part_is_part_of_the_kernel_too(with_several):
    done = with_several("regions")
    assert done.returncode == 3 and re.search(r"kernel panic.* does not fit more.* \(mine\.py:7\)\n", done.stderr)


def test_a_panic_names_the_line_in_both_lives(keelback):
    for life in ("interpreted", "compiled"):
        done = keelback(f"run --kernel {life} --with crash.py forkexit", crash=CRASH)
        assert done.returncode == 3 and "(crash.py:9)" in done.stderr.splitlines()[-1]


def test_a_result_that_does_not_fit_is_a_panic_at_the_parts_own_line(with_several):
    line = TRIPLE.splitlines().index("    return thread.frame.argument(0) * 3") + 1
    program = "int main(void) { return sys_call(200, 1999999999, 0, 0, 0); }"
    done = with_several("calls.c", files={"calls.c": '#include "keelback.h"\n' + program})
    assert done.returncode == 3
    assert re.search(rf"does not fit .*\(triple.py:{line}\)$", done.stderr.splitlines()[-1])


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


@pytest.mark.campaign
def test_what_is_built_has_it_and_a_file_that_changes_is_built_again(keelback):
    ids = []
    for content in (TWICE, TWICE.replace("return 1", "return 2"), TWICE):
        done = keelback("build --layout teaching --with mine.py fork", mine=content)
        ids.append(re.search(r"^build id +(\w+)$", done.stdout, re.MULTILINE)[1])
    assert ids[0] == ids[2] != ids[1]
    assert f"{ids[0]}" not in keelback("build --layout teaching fork").stdout


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
        'int main(void) { printf("%lld %d\\n", (long long)sys_call(200, 0x7fffffff, 0, 0, 0), sys_call(99, 0, 0, 0, 0)'
        " == -1); return 0; }"
    )
    files = {"calls.c": '#include "keelback.h"\n' + program}
    done = keelback(f"run --paging {paging} --trace --with own.py calls.c", own=own, files=files)
    assert f"\n{printed} 1\n" in done.stdout
    assert f"double(2147483647) = {shown}" in done.stderr


def test_a_call_has_the_number_that_it_asks_for(with_several):
    program = "int main(void) { print_number(sys_call(240, 7, 0, 0, 0) - sys_call(30, 7, 0, 0, 0)); return 0; }"
    done = with_several("calls.c", files={"calls.c": '#include "keelback.h"\n' + program})
    assert "\n15\n" in done.stdout  # 14, and -1 of what is no call
    calls = {"triple": 200, "double": 240, "other": 201}
    assert done.stderr == "".join(f"keelback: {name} is call {number}\n" for name, number in calls.items())


def test_a_number_that_another_call_has_asked_for_is_refused(keelback):
    clash = OTHER.replace('"")', '"", number=240)')
    done = keelback("run --with fixed.py --with clash.py hello", fixed=FIXED, clash=clash)
    assert done.stderr == "keelback: clash.py:7: other has number 240, which is double's; 200 is free\n"


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
