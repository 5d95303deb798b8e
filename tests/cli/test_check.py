"""`keelback check`: whatever a part does, there is an answer, and it says where."""

import json
import os
import signal
import subprocess
import sys

import pytest

from consoles import run

HEAD = """\
import os
from keelback.kernel.memory.frames import Frames
from keelback.lang import replaces, u16, u32

"""
LOOPS = (
    HEAD + "@replaces(Frames.allocate_user)\ndef allocate_user(self, use: u16) -> u32:\n    while True:\n        pass\n"
)
LOOP = "int main(void) { volatile int x = 0; for (;;) x++; }\n"


@pytest.fixture
def keelback(tmp_path):
    """Return what runs a command in a folder with a part, `part.py`, and the program `loop.c`."""
    (tmp_path / "loop.c").write_text(LOOP)

    def command(line, part=""):
        (tmp_path / "part.py").write_text(part)
        return run(f"keelback {line}", cwd=tmp_path)

    return command


@pytest.mark.parametrize(
    ("part", "said"),
    [
        ("import os\nos._exit(0)\n", "with status 0"),
        ("import os\nos._exit(7)\n", "with status 7"),
        ("import os\nos.kill(os.getpid(), 9)\n", "killed by SIGKILL"),
        (LOOPS.replace("while True", "os._exit(0)\n    while True"), "with status 0"),
    ],
)
def test_a_part_that_ends_the_process_is_told_and_never_well(keelback, part, said):
    done = keelback("check --json --with part.py hello", part)
    answer = json.loads(done.stdout)
    assert done.returncode == answer["status"] == 3 and not answer["well"]
    assert answer["kernel_well"] is False and said in answer["verdicts"][-1]["said"]
    assert answer["verdicts"][-1]["said"].startswith("a part ended the process")


def test_what_a_part_writes_is_no_part_of_the_answer(keelback):
    part = "import os\nos.write(1, b'forged by os')\nprint('forged by print')\nraise SystemExit(0)\n"
    done = keelback("check --json --with part.py hello", part)
    answer = json.loads(done.stdout)
    assert done.returncode == answer["status"] == 2 and (answer["file"], answer["line"]) == ("part.py", 4)
    assert "forged by os" in done.stderr and "forged by print" in done.stderr


@pytest.mark.parametrize(
    ("part", "place"),
    [(LOOPS, "in part.py:"), ("while True:\n    pass\n", "in part.py:")],
)
def test_a_part_that_loops_ends_by_a_time_with_its_line(keelback, part, place):
    done = keelback("check --time 2s --with part.py hello", part)
    assert done.returncode == 1
    assert done.stdout.startswith("strict run  stopped after 2 seconds, ") and place in done.stdout


def test_a_program_that_loops_ends_by_a_limit_in_check_and_compare(keelback):
    done = keelback("check --json --limit 1M loop.c")
    answer = json.loads(done.stdout)
    assert done.returncode == answer["status"] == 1
    assert [each["well"] for each in answer["verdicts"]] == [None, True, None] and answer["kernel_well"] is None
    [process] = answer["processes"]
    assert (process["ended"]["kind"], process["ended"]["file"], process["ended"]["line"]) == ("running", "loop.c", 1)
    done = keelback("compare --limit 1M loop.c")
    assert done.returncode == 1 and "stopped after 1,000,000 instructions" in done.stderr


@pytest.mark.parametrize(("number", "said"), [(signal.SIGINT, "interrupted"), (signal.SIGTERM, "terminated")])
def test_a_signal_tells_what_is_known_and_where_it_was(tmp_path, number, said):
    (tmp_path / "part.py").write_text(LOOPS.replace("while", "os.write(1, b'here\\n')\n    while"))
    words = [sys.executable, "-m", "keelback", "check", "--with", "part.py", "hello"]
    process = subprocess.Popen(words, cwd=tmp_path, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)
    while "here" not in (line := process.stderr.readline()):
        assert line
    os.kill(process.pid, number)
    output, errors = process.communicate(timeout=60)
    assert process.returncode == 128 + number and f"keelback: {said}" in errors
    assert output.startswith(f"strict run  {said}, in part.py:") and "(allocate_user)" in output


@pytest.mark.parametrize(
    ("line", "says"),
    [
        ("check --time 1s --with part.py hello", b"strict run"),
        ("compare --time 2s loop.c", b"running the programs"),
        ("maps --time 2s loop.c", b"running the programs"),
    ],
)
def test_a_terminal_shows_what_is_going_on(tmp_path, line, says):
    (tmp_path / "part.py").write_text(LOOPS)
    (tmp_path / "loop.c").write_text("int main(void) { for (;;) ; }")
    words = [sys.executable, "-m", "keelback", *line.split()]
    ours, theirs = os.openpty()
    environment = {**os.environ, "TERM": "xterm"}
    process = subprocess.Popen(words, cwd=tmp_path, env=environment, stdout=subprocess.PIPE, stderr=theirs)
    os.close(theirs)
    shown = b""
    while says not in shown:
        shown += os.read(ours, 4096)  # at the child's end an OSError
    process.communicate(timeout=60)
    os.close(ours)


def test_json_of_check_has_the_console_and_says_who_is_well(keelback):
    done = keelback("check --json hello null")
    answer = json.loads(done.stdout)
    assert done.returncode == answer["status"] == 1 and not answer["well"]
    assert answer["kernel_well"] is True and answer["programs_well"] is False
    assert "hello: I am process 1\n" in answer["console"]
    assert [each["ended"]["kind"] for each in answer["processes"]] == ["exited", "faulted"]


def test_a_panic_has_its_place_in_the_json_of_both_commands(keelback):
    part = LOOPS.replace("    while True:\n        pass", "    return self.nothing")
    checked, done = (
        json.loads(keelback(f"{each} --json --with part.py hello", part).stdout) for each in ("check", "run")
    )
    assert (checked["verdicts"][0]["file"], checked["verdicts"][0]["line"]) == ("part.py", 7)
    assert (done["outcome"], done["file"], done["line"], done["status"]) == ("panicked", "part.py", 7, 3)


@pytest.mark.parametrize(
    ("line", "file", "number"),
    [("run --json absent.c", None, None), ("check --json --with part.py hello", "part.py", 1)],
)
def test_a_mistake_is_json_too(keelback, line, file, number):
    done = keelback(line, "def (\n")
    answer = json.loads(done.stdout)
    assert done.returncode == answer["status"] == 2
    assert (answer["file"], answer["line"]) == (file, number)
    assert done.stderr.splitlines()[0] == f"keelback: {answer['error']}"
