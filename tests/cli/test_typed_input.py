"""What is typed on a machine, as a person types it: files, a log, this terminal."""

import os
import pty
import select
import subprocess
import termios
import time
from pathlib import Path

import pytest

from cli.test_run import command
from command_client import COMMAND, ENVIRONMENT
from keelback.machine.input_log import Device, Typed, read_log

PARTS = Path(__file__).parents[1] / "machine"
DRIVER = ("--with", str(PARTS / "line_part.py"))
SERIAL, KEYBOARD = str(PARTS / "driver.c"), f"{PARTS / 'driver.c'} 1"
WAIT = 60


def told(text):
    """Return what a driver told, as bytes."""
    rows = [row for row in text.splitlines() if row.startswith("0x")]
    return bytes(int(each, 16) for row in rows for each in row.split())


@pytest.fixture
def text(tmp_path):
    made = tmp_path / "text"
    made.write_bytes(b"ls\nq")
    return str(made)


def test_a_file_is_typed_and_comes_again_from_its_log_and_from_a_recorded_run(text, tmp_path):
    log, run = str(tmp_path / "log"), str(tmp_path / "it.run")
    done = command("run", *DRIVER, "--input", text, "--input-log", log, "--record", run, SERIAL, "ping 2")
    assert done.returncode == 0 and told(done.stdout) == b"ls\nq"
    assert read_log(Path(log).read_bytes()) == [Typed(0, Device.SERIAL, b"ls\nq")]
    again = command("run", *DRIVER, "--input", log, SERIAL, "ping 2")
    assert (again.returncode, again.stdout) == (0, done.stdout)
    replayed = command("replay", run)
    assert (replayed.returncode, replayed.stderr) == (0, "")
    assert told(replayed.stdout) == b"ls\nq" and replayed.stdout.split("\n\n")[0] == done.stdout.split("\n\n")[0]


def test_a_text_is_typed_on_the_keyboard_from_standard_input(tmp_path):
    words = ["run", *DRIVER, "--keys", "-", KEYBOARD]
    done = subprocess.run([*COMMAND, *words], input=b"aq", capture_output=True, env=ENVIRONMENT, timeout=WAIT)
    assert done.returncode == 0 and told(done.stdout.decode()) == b"\x1e\x9e\x10\x90"


def test_both_lives_are_compared_with_what_is_typed(text):
    done = command("compare", "--input", text, "--keys", text, "ping 2")
    assert (done.returncode, done.stderr) == (0, "") and done.stdout.startswith("equal: 7 traps")


def test_a_machine_is_looked_at_with_what_was_typed_by_then(text):
    done = command("ps", *DRIVER, "--input", text, "--until", "0x0000006c", SERIAL)
    assert done.returncode == 0 and "driver" in done.stdout
    never = command("ps", *DRIVER, "--until", "0x0000006c", SERIAL)
    assert never.returncode == 2 and "the console never said that; the machine ended after" in never.stderr


def test_who_interrupts_is_told_by_name(text):
    done = command("run", *DRIVER, "--trace", "--input", text, "--keys", text, SERIAL, KEYBOARD)
    events = {line.split("  ")[-1].strip() for line in done.stderr.splitlines()}
    assert {"serial line", "keyboard"} <= events


LOG = "keelback input 1\n"
WRONG = {
    "no such file": (["--input", "nosuch"], {}, "nosuch: No such file or directory"),
    "a folder": (["--keys", "."], {}, ".: Is a directory"),
    "a bad log": (["--input", "log"], {"log": f"{LOG}ls\n"}, 'log: line 2 is not of the form {"time": 0, '),
    "no key": (["--keys", "keys"], {"keys": "ab\ncé\n"}, "keys:2: 'é' is on no key of a US keyboard"),
    "too much": (["--input", "much"], {"much": "x" * ((4 << 20) + 1)}, "much: that is too much to type: 4,194,305"),
    "too many keys": (["--keys", "much"], {"much": "x" * ((1 << 20) + 1)}, "much: that is too much to type: 1,048,577"),
    "twice standard input": (["--input", "-", "--keys", "-"], {}, "--input and --keys: standard input is only one"),
    "a file and a person": (["--type", "--input", "-"], {}, "--type and -: standard input is only one; name a file"),
    "a log and a person": (
        ["--type", "--input", "log"],
        {"log": LOG + '{"time": 7, "device": "serial", "bytes": "a"}'},
        "--type and log: an input log has its own times; say one of them",
    ),
    "keys on QEMU": (["--machine", "qemu", "--keys", "x"], {}, "--keys types on the simulated PC's keyboard; on QEMU"),
    "a log of QEMU": (["--machine", "qemu", "--input-log", "x"], {}, "--input-log has the simulated PC's times; say "),
    "no place for a log": (["--input-log", "no/log"], {}, "no/log: No such file or directory"),
}  # fmt: skip


@pytest.mark.parametrize("name", WRONG)
def test_what_can_not_be_typed_is_one_line(tmp_path, name):
    words, files, said = WRONG[name]
    for file, content in files.items():
        (tmp_path / file).write_text(content)
    done = command("run", *words, "hello", cwd=tmp_path)
    assert (done.returncode, done.stdout) == (2, "")
    [line] = done.stderr.splitlines()
    assert line.startswith(f"keelback: {said}")


def test_a_machine_that_is_there_is_not_typed_on(text):
    done = command("ps", "--on", "file:it", "--input", text)
    said = (
        "keelback: --on names a machine that is there; a PROGRAM, --at, --until, --input and --keys are for one that is"
    )
    assert done.returncode == 2 and done.stderr == f"{said} not\n"


class Person:
    """Who types at a terminal in which a command runs; `seen` is what it shows."""

    def __init__(self, *words):
        self.master, terminal = pty.openpty()
        self.terminal = os.dup(terminal)
        self.process = subprocess.Popen(
            ["setsid", "--ctty", "--wait", *COMMAND, *words],
            stdin=terminal, stdout=terminal, stderr=terminal, env=ENVIRONMENT | {"NO_COLOR": "1"},
        )  # fmt: skip
        os.close(terminal)
        self.seen = ""

    def type(self, keys):
        os.write(self.master, keys)

    def see(self, text):
        """Wait until a text is seen."""
        end = time.monotonic() + WAIT
        while text not in self.seen:
            assert time.monotonic() < end, self.seen
            if select.select([self.master], [], [], 1)[0]:
                self.seen += os.read(self.master, 4096).decode().replace("\r\n", "\n")

    def leave(self):
        """Return the command's status, when it has ended."""
        status = self.process.wait(WAIT)
        while select.select([self.master], [], [], 0)[0]:
            self.seen += os.read(self.master, 4096).decode().replace("\r\n", "\n")
        return status

    def close(self):
        self.process.kill()
        self.process.wait()
        os.close(self.terminal)
        os.close(self.master)


@pytest.fixture
def person():
    people = []

    def begin(*words):
        people.append(Person(*words))
        return people[-1]

    yield begin
    for each in people:
        each.close()


def test_a_person_types_each_key_reaches_the_machine_and_the_run_comes_again(person, tmp_path):
    log, run = str(tmp_path / "log"), str(tmp_path / "it.run")
    typing = person("run", *DRIVER, "--type", "--input-log", log, "--record", run, SERIAL)
    before = termios.tcgetattr(typing.terminal)
    typing.see("KiB free")
    for keys, seen in ((b"l", "0x0000006c"), (b"\r", "0x0000000d"), (b"\x03", "0x00000003"), (b"\x1a", "0x0000001a")):
        typing.type(keys)
        typing.see(seen)
    typing.type(b"q")
    assert typing.leave() == 0 and "what you type goes to the machine; control-] ends the run" in typing.seen
    assert termios.tcgetattr(typing.terminal) == before, "the terminal is as it was"
    assert b"".join(each.data for each in read_log(Path(log).read_bytes())) == b"l\r\x03\x1aq"
    shown = typing.seen[typing.seen.index("keelback: microkernel") :].split("\n\n")[0]
    for words in (["replay", run], ["run", *DRIVER, "--input", log, SERIAL]):
        assert command(*words).stdout.split("\n\n")[0] == shown


@pytest.mark.parametrize("machine", ["simulated", "qemu"])
def test_control_and_bracket_end_a_run_in_which_a_person_types(person, machine):
    typing = person("run", "--machine", machine, "--type", "primes 100000000")
    before = termios.tcgetattr(typing.terminal)
    typing.see("KiB free")
    typing.type(b"\x03")
    time.sleep(1)
    assert typing.process.poll() is None, "control-C is the machine's"
    typing.type(b"\x1d")
    assert typing.leave() == 130 and "keelback: interrupted" in typing.seen
    assert termios.tcgetattr(typing.terminal) == before


def test_a_pipe_is_typed_as_it_comes_and_time_jumps_when_it_has_ended():
    with subprocess.Popen(
        [*COMMAND, "run", *DRIVER, "--type", SERIAL, "sleeper 500"],
        stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, env=ENVIRONMENT,
    ) as process:  # fmt: skip
        while b"KiB free" not in process.stdout.readline():
            pass
        process.stdin.write(b"a")
        process.stdin.flush()
        started = time.monotonic()
        time.sleep(0.5)
        process.stdin.write(b"q")
        process.stdin.close()
        rest = process.stdout.read().decode()
    assert process.returncode == 0 and told(rest) == b"aq" and rest.count("is over") == 3
    assert time.monotonic() - started < 14, "15 seconds of virtual time"
