"""A run that is stopped, by a limit or by a signal, ends with the report: where each process was."""

import json
import re
import signal
import subprocess
import time
from pathlib import Path

import pytest

from cli.test_run import command
from command_client import COMMAND, ENVIRONMENT
from keelback.cli.sources import our_programs
from support import sliced, some_of

PRIMES_IS_SHOWN = re.compile(r"\n  1  primes   had not ended: r.*\n +at primes\.c(:\d+)? in (main|is_prime), 0x")
"""A run may stop at any instruction of its loops, of which some belong to no line."""

WAYS = [("--kernel", "interpreted"), ("--kernel", "compiled"), ("--machine", "qemu")]


@pytest.mark.parametrize("kernel", ["interpreted", "compiled"])
def test_a_limit_of_virtual_time_ends_a_run_at_the_same_trap_every_time(kernel):
    runs = [command("run", "--kernel", kernel, "--limit", "1M", "primes 1000000", "sleeper 100") for _ in range(2)]
    assert runs[0].stdout == runs[1].stdout and runs[0].returncode == 1
    assert runs[0].stderr == "keelback: stopped after 1,000,000 instructions of virtual time\n"
    assert "1  primes   had not ended: running" in runs[0].stdout and "at primes.c:" in runs[0].stdout
    assert "2  sleeper  had not ended: asleep" in runs[0].stdout


@pytest.mark.parametrize("way", WAYS, ids=" ".join)
def test_a_time_ends_a_run(way):
    done = command("run", *way, "--time", "2s", "primes 4000000000", "hello")
    assert (done.returncode, done.stderr) == (1, "keelback: stopped after 2 seconds\n")
    assert PRIMES_IS_SHOWN.search(done.stdout)
    assert "exited with status 0" in done.stdout and "user frames: " in done.stdout


def test_a_run_that_ends_before_its_limits_is_as_without_them():
    plain = command("run", "hello")
    assert command("run", "--time", "1h", "--limit", "1G", "hello").stdout == plain.stdout


SIGNALS = [(signal.SIGINT, "interrupted"), (signal.SIGTERM, "terminated")]


@pytest.mark.parametrize(("number", "said"), sliced(SIGNALS, 2))
@pytest.mark.parametrize("way", WAYS, ids=" ".join)
def test_a_signal_shows_where_each_process_was(way, number, said):
    words = [*COMMAND, "run", *way, "--time", "1h", "primes 4000000000", "hello"]
    process = subprocess.Popen(words, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True, env=ENVIRONMENT)
    while "hello: I am process 2" not in (line := process.stdout.readline()):
        assert line
    time.sleep(0.5)  # the kernel is still at that line
    children = Path(f"/proc/{process.pid}/task/{process.pid}/children").read_text().split()
    assert len(children) == (way[1] == "qemu")
    process.send_signal(number)
    output, errors = process.communicate(timeout=30)
    assert (process.returncode, errors) == (128 + number, f"keelback: {said}\n")
    assert not any(Path("/proc", child).exists() for child in children)
    assert PRIMES_IS_SHOWN.search(output)
    assert "\n  2  hello    " in output


@pytest.mark.parametrize(
    ("words", "says"),
    [
        (["--limit", "10x"], "--limit 10x: not a count such as 50000, 10M or 2G"),
        (["--limit", "0"], "--limit 0: not a count such as 50000, 10M or 2G"),
        (["--time", "soon"], "--time soon: not a time such as 500ms, 30s, 5m or 1h, at most a day"),
        (["--time", "48h"], "--time 48h: not a time such as 500ms, 30s, 5m or 1h, at most a day"),
        (
            ["--machine", "qemu", "--limit", "1M"],
            "--limit counts the simulated PC's instructions; with QEMU, say --time",
        ),
    ],
)
def test_a_limit_that_is_none_is_one_clear_line(words, says):
    done = command("run", *words, "hello")
    assert (done.returncode, done.stdout, done.stderr) == (2, "", f"keelback: {says}\n")


def test_a_stop_within_the_kernel_on_qemu_has_the_report_too(tmp_path):
    """The stop falls there nearly always: QEMU takes notice of it as it enters the kernel."""
    (tmp_path / "yields.c").write_text(
        '#include "keelback.h"\nint main(void)\n{\n    for (;;)\n        sys_yield();\n}\n'
    )
    done = command("run", "--machine", "qemu", "--time", "1s", "yields.c", cwd=tmp_path)
    assert re.fullmatch(r"keelback: stopped after 1 second(, in kernel/.*)?\n", done.stderr)
    assert "1  yields   had not ended: r" in done.stdout and "by yields.c:5 in main" in done.stdout


# A user's Python that does not end as it is read.

LOOPS = "print('read')\nimport time\nwhile True:\n    time.sleep(0.01)\n"
READING = ["loops.py", "--with loops.py hello", "--layout loops.py:L hello", "libloops.py hello"]


@pytest.mark.parametrize(
    ("name", "words"),
    some_of(
        [(name, words) for name in ("run", "compare", "check") for words in READING],
        [(name, READING[0]) for name in ("run", "compare", "check")],
    ),
)
def test_a_time_ends_the_reading_of_a_file_at_its_line(tmp_path, name, words):
    for each in ("loops.py", "libloops.py"):
        (tmp_path / each).write_text(LOOPS)
    done = command(name, "--time", "1s", *words.split(), cwd=tmp_path)
    said = f"stopped after 1 second, in {re.search('[a-z]+.py', words)[0]}:"
    assert done.returncode == 1 and said in (done.stdout if name == "check" else done.stderr)
    assert "read\n" in done.stderr and "read" not in done.stdout


@pytest.mark.parametrize("words", ["run loops.py", "build --with loops.py hello", "compile --file loops.py"])
def test_a_signal_ends_the_reading_of_a_file_at_its_line(tmp_path, words):
    (tmp_path / "loops.py").write_text("import os\nos.write(2, b'read\\n')\nwhile True:\n    pass\n")
    words = [*COMMAND, *words.split()]
    process = subprocess.Popen(words, stderr=subprocess.PIPE, text=True, env=ENVIRONMENT, cwd=tmp_path)
    assert process.stderr.readline() == "read\n"
    process.send_signal(signal.SIGINT)
    _, errors = process.communicate(timeout=30)
    assert re.fullmatch(r"keelback: interrupted in loops.py:[2-4]\n", errors) and process.returncode == 128 + 2


# The report as JSON.


def test_json_has_all_that_the_report_says_and_the_console():
    done = command("run", "--json", "hello", "family", "null")
    facts = json.loads(done.stdout)
    assert done.returncode == facts["status"] == 1 and done.stderr == ""
    assert "hello: I am process 1\n" in facts["console"] and facts["outcome"] == "powered off"
    by_pid = {each["pid"]: each for each in facts["processes"]}
    hello, null = by_pid[1], by_pid[3]["ended"]
    assert (hello["parent"], hello["program"], hello["well"]) == (None, "hello", True)
    assert (hello["ended"]["kind"], hello["ended"]["status"], hello["ended"]["fault"]) == ("exited", 0, None)
    assert (null["kind"], null["status"]) == ("faulted", None)
    assert null["fault"] == {"vector": 14, "address": 0, "access": "read of"}
    assert null["said"].startswith("killed: page fault, read of 0x00000000") and null["place"].startswith("null.c:")
    assert {each["parent"] for each in facts["processes"]} > {None, 2}
    assert facts["user_frames"]["total"] == facts["user_frames"]["free"] > 10_000
    assert facts["traps"] > 50 and facts["instructions"] > 1000


def test_json_is_alone_on_standard_output_whatever_a_program_prints_as_it_is_read(tmp_path):
    (tmp_path / "said.py").write_text("print('read')\n" + Path(our_programs()["fib"]).read_text())
    done = command("run", "--json", "said.py", cwd=tmp_path)
    assert json.loads(done.stdout)["well"] and done.stderr == "read\n"


def test_json_tells_a_run_that_was_stopped_or_failed():
    stopped = command("run", "--json", "--limit", "1M", "primes 1000000")
    assert json.loads(stopped.stdout)["status"] == stopped.returncode == 1
    assert json.loads(stopped.stdout)["outcome"] == "still running"
    refused = command("run", "--json", "--memory", "2560K", "hello")
    facts = json.loads(refused.stdout)
    assert (
        not facts["well"]
        and facts["failure"].startswith("the kernel could not start")
        and facts["status"] == refused.returncode == 1
    )
    assert "There is not enough memory" in facts["console"]
