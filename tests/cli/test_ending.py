"""However a command ends: its status, one line, and nothing left behind."""

import os
import re
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest

from command_client import COMMAND, ENVIRONMENT
from consoles import ROOT
from keelback.cli import ending, statuses
from keelback.cli.ending import run_command
from keelback.cli.statuses import STATUSES
from keelback.errors import Interrupted, UserError
from keelback.lang import Panic
from support import sliced


def keelback(redirection, *words, **environment):
    """Run the command under a shell that redirects its streams."""
    done = subprocess.run(
        ["sh", "-c", f'"$@" {redirection}', "sh", *COMMAND, *words],
        capture_output=True,
        timeout=250,
        env=ENVIRONMENT | environment,
    )
    assert b"Traceback" not in done.stdout + done.stderr and b"Exception" not in done.stderr
    return done.returncode, done.stdout, done.stderr


# Errors become lines in one place.


def raised(monkeypatch, capfd, error):
    """Return status and standard error of a command that raises."""

    def run(_arguments):
        raise error

    monkeypatch.setattr(ending, "_run", run)
    return run_command(["run"]), capfd.readouterr().err


def unforeseen():
    try:
        return {}["nope"]
    except KeyError as error:
        return error


@pytest.mark.parametrize(
    ("error", "status", "says"),
    [
        (UserError("x.c: no such\n\x1b[31mfile\udcff"), 2, "keelback: x.c: no such\\n\\x1b[31mfile\\xff\n"),
        (UserError("x.c does not compile", "x.c:1:\x07 oops\n  ^"), 2, None),
        (Panic("it broke", ("kernel/memory/frames.py", 7)), 3, "keelback: kernel panic: it broke (frames.py:7)\n"),
        (Interrupted(), 130, "keelback: interrupted\n"),
        (Interrupted("kernel/kernel.py:7 (F.x)"), 130, "keelback: interrupted in kernel/kernel.py:7 (F.x)\n"),
        (BrokenPipeError(32, "Broken pipe"), 1, ""),
        (OSError(28, "No space left on device", "/tmp/x"), 4, "keelback: /tmp/x: No space left on device\n"),
        (
            MemoryError(),
            4,
            "keelback: there is not enough memory for this process: see `ulimit -v`, or give the machine less\n",
        ),
    ],
    ids=lambda value: type(value).__name__ if isinstance(value, BaseException) else "",
)
def test_an_error_is_a_line_and_a_status(monkeypatch, capfd, error, status, says):
    says = "keelback: x.c does not compile\nx.c:1:\\x07 oops\n  ^\n" if says is None else says
    assert raised(monkeypatch, capfd, error) == (status, says)


def test_an_error_that_nobody_has_foreseen_is_a_line_too_and_all_of_it_for_who_asks(monkeypatch, capfd):
    status, said = raised(monkeypatch, capfd, unforeseen())
    assert status == 4 and said.count("\n") == 1
    assert said.startswith("keelback: cli/test_ending.py:") and ": KeyError: 'nope' (" in said
    monkeypatch.setenv("KEELBACK_TRACEBACK", "1")
    assert "Traceback (most recent call last):" in raised(monkeypatch, capfd, unforeseen())[1]


@pytest.mark.parametrize(
    ("words", "said"),
    [
        (["layouts", "teaching"], "Got unexpected extra argument (teaching); see `keelback layouts --help`"),
        (["walk", "cow", "0x8049000"], "Invalid value for 'PID': 'cow' is not a valid number."),
        (["ps", "--at", "end", "cow"], "Invalid value for '--at': 'end' is not a valid number."),
        (
            ["story", "--layout", "teaching"],
            "No such option '--layout'; `keelback run`, `keelback watch`, `keelback check` and 14 others have it",
        ),
    ],
    ids=lambda each: " ".join(each[:2]) if isinstance(each, list) else "",
)
def test_words_that_a_command_does_not_take_are_told_in_its_own(capfd, words, said):
    assert (run_command(words), capfd.readouterr().err) == (2, f"keelback: {said}\n")


def test_the_statuses_are_those_of_the_help():
    shown = keelback("", "--help")[1].decode().split("Exit status:\n")[1]
    assert [line.strip() for line in shown.splitlines()] == [f"{status:<8} {says}" for status, says in STATUSES]
    numbers = [statuses.WELL, statuses.BADLY, statuses.MISTAKE, statuses.KERNEL_WRONG, statuses.HOST_FAILED]
    assert [status for status, _ in STATUSES] == [*map(str, numbers), "128 + n"]
    assert statuses.BY_SIGNAL == 128


def test_the_docs_have_the_statuses_in_one_table():
    page = (ROOT / "docs" / "commands.md").read_text()
    table = page.split("| status | meaning |\n|---|---|\n")[1].split("\n\n")[0]
    assert table.splitlines() == [f"| {status} | {meaning} |" for status, meaning in STATUSES]


# Streams.


def test_output_that_can_not_be_written_is_said():
    for command in (["run", "hello"], ["layouts"], ["--help"]):
        assert keelback("> /dev/full", *command) == (4, b"", b"keelback: the output: No space left on device\n")


def test_a_stream_that_is_closed_or_full_is_as_good_as_none():
    status, output, errors = keelback(">&-", "run", "hello")
    assert (status, output, errors) == (0, b"", b"")
    assert keelback("2>&-", "run", "nope") == (2, b"", b"")
    assert keelback("2>/dev/full", "run", "nope") == (2, b"", b"")
    assert keelback("<&- >&- 2>&-", "run", "null") == (1, b"", b"")


@pytest.mark.parametrize("words", sliced([["shell", "hello"], ["run", "--shell"], ["run", "--input", "-", "hello"]], 3))
def test_a_closed_standard_input_is_an_empty_one(words):
    assert keelback("<&-", *words) == keelback("</dev/null", *words)


def test_a_terminal_that_has_only_ascii_is_given_others_characters():
    ascii_only = {"LC_ALL": "C", "PYTHONCOERCECLOCALE": "0", "PYTHONUTF8": "0", "PYTHONIOENCODING": "ascii"}
    status, drawn, errors = keelback("", "layouts", **ascii_only)
    assert (status, errors) == (0, b"") and drawn.isascii()
    assert b"0xffffffff +----" in drawn or b"0x00000000 +----" in drawn
    assert b"\\u" not in drawn
    status, _, errors = keelback("", "run", "née.c", **ascii_only)
    assert status == 2 and errors.startswith(b"keelback: n\\xc3\\xa9e.c: ")


def test_bytes_that_are_no_text_reach_the_kernel_and_are_shown(tmp_path):
    status, output, errors = keelback("", "run", b"hello", "--append", b"x=\xff\xfe")
    assert (status, errors) == (0, b"") and b"keelback: option x=" in output
    assert keelback("", "run", b"./\xff\n\x1b[1m/x") == (
        2,
        b"",
        b"keelback: \\xff\\n\\x1b[1m/x: No such file or directory\n",
    )


def test_too_little_memory_for_this_process_is_a_line():
    """Unicorn takes a GiB of addresses, and ends the process itself where it gets none."""
    says = b"keelback: there is not enough memory for this process: see `ulimit -v`, or give the machine less\n"
    for most, life in ((80_000, "interpreted"), (400_000, "compiled"), (1_500_000, "interpreted")):
        script = f'ulimit -v {most}; exec "$@"'
        words = ["sh", "-c", script, "sh", *COMMAND, "run", "--kernel", life, "hello"]
        done = subprocess.run(words, capture_output=True, timeout=60, env=ENVIRONMENT)
        assert (done.returncode, done.stdout, done.stderr) in ((4, b"", says), (0, done.stdout, b"")), most


# Signals.


def start(tmp_path, *words):
    return subprocess.Popen(
        [*COMMAND, *words],
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        env=ENVIRONMENT | {"TMPDIR": str(tmp_path), "KEELBACK_CACHE": str(tmp_path / "cache")},
    )


def left_in(folder):
    """Return what is left in a folder of temporary files but the cache of builds, and in that but builds."""
    kept = [
        path.name
        for path in (folder / "cache").glob("*")
        if len(path.name) != 64 and path.name not in ("compiled", "tidied", "locks")
    ]
    return [path.name for path in folder.iterdir() if path.name != "cache"] + kept


def wait_for_handlers(process):
    """Wait until signals are the command's affair: before, they are Python's, which says what it likes."""
    until, caught = time.monotonic() + 60, ""
    while not int(caught or "0", 16) >> signal.SIGTERM - 1 & 1:
        assert time.monotonic() < until
        time.sleep(0.005)
        caught = re.search(r"SigCgt:\s*(\w+)", Path(f"/proc/{process.pid}/status").read_text())[1]


def test_control_c_at_any_moment_of_the_start_is_one_line_at_most(tmp_path):
    for step in range(6):
        process = start(tmp_path, "run", "primes 100000000")
        wait_for_handlers(process)
        time.sleep(0.2 * step)
        process.send_signal(signal.SIGINT)
        _, errors = process.communicate(timeout=60)
        assert (process.returncode, errors) in ((130, "keelback: interrupted\n"), (130, "")), step
        assert left_in(tmp_path) == []


def test_a_signal_while_a_folder_is_removed_leaves_nothing_of_it(tmp_path):
    script = """
import os, shutil, signal, sys
from pathlib import Path
from keelback.cli import end_at_once
from keelback.image import leftovers

real = shutil.rmtree

def interrupted(*arguments, **options):
    shutil.rmtree = real
    os.kill(os.getpid(), signal.SIGTERM)
    real(*arguments, **options)

signal.signal(signal.SIGTERM, end_at_once)
shutil.rmtree = interrupted
with leftovers.scratch_folder(Path(sys.argv[1])) as folder:
    (folder / "file").write_text("content")
print("not ended")
"""
    done = subprocess.run([sys.executable, "-c", script, str(tmp_path)], capture_output=True, text=True)
    assert "not ended" not in done.stdout and [*tmp_path.iterdir()] == []


MAKES = {
    "a program": (
        "subprocess",
        "Popen",
        "leftovers.start_tool([sys.executable, '-c', 'input()', sys.argv[1]], stdin=-1)",
    ),
    "a folder": ("tempfile", "mkdtemp", "leftovers.scratch_folder(Path(sys.argv[1])).__enter__()"),
}


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
@pytest.mark.parametrize("made", MAKES)
def test_a_signal_while_something_is_made_leaves_nothing_of_it(tmp_path, made, number):
    module, name, make = MAKES[made]
    script = f"""
import {module}, os, signal, sys
from pathlib import Path
from keelback.cli import end_at_once
from keelback.image import leftovers

def interrupted(*arguments, make={module}.{name}, **options):
    made = make(*arguments, **options)
    os.kill(os.getpid(), {int(number)})
    print("made", flush=True)
    return made

signal.signal({int(number)}, end_at_once)
{module}.{name} = interrupted
{make}
print("not ended")
"""
    words = [sys.executable, "-c", script, str(tmp_path)]
    done = subprocess.run(words, capture_output=True, text=True, timeout=60, env=ENVIRONMENT)
    assert (done.returncode, done.stdout) == (128 + number, "made\n")
    assert list(tmp_path.iterdir()) == [] and str(tmp_path) not in all_commands()


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGHUP])
def test_a_signal_that_ends_a_build_leaves_nothing(tmp_path, number):
    process = start(tmp_path, "run", "hello")
    until = time.monotonic() + 20
    while not any(path.name.startswith("keelback-") for path in tmp_path.iterdir()) and time.monotonic() < until:
        time.sleep(0.01)
    process.send_signal(number)
    assert process.communicate(timeout=20) == ("", "")
    assert process.returncode == 128 + number and left_in(tmp_path) == []
    while str(tmp_path) in (running := all_commands()) and time.monotonic() < until:
        time.sleep(0.05)  # what was killed takes a moment to die on a busy host
    assert str(tmp_path) not in running


def all_commands():
    return subprocess.run(["ps", "-eww", "-o", "args"], capture_output=True, text=True, check=True).stdout


def test_what_a_killed_process_left_is_removed_by_the_next_and_nothing_else(tmp_path):
    script = (
        "import time; from keelback.image.leftovers import scratch_folder\n"
        "with scratch_folder() as folder: (folder / 'file').touch(); print(folder.name, flush=True); time.sleep(60)"
    )
    environment = ENVIRONMENT | {"TMPDIR": str(tmp_path)}
    both = [
        subprocess.Popen([sys.executable, "-c", script], stdout=subprocess.PIPE, text=True, env=environment)
        for _ in range(2)
    ]
    left, live = (process.stdout.readline().strip() for process in both)
    both[0].kill()
    both[0].wait()
    others = [f"keelback-{os.getuid()}", "keelback-1-x.txt", "mine"]
    for name in others:
        (tmp_path / name).mkdir()
    assert {left, live} < {path.name for path in tmp_path.iterdir()}
    script = "from keelback.image.leftovers import scratch_folder\nwith scratch_folder(): pass"
    subprocess.run([sys.executable, "-c", script], check=True, env=environment)
    assert {path.name for path in tmp_path.iterdir()} == {live, *others}
    both[1].kill()
    both[1].communicate()
