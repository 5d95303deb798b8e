"""The shell and its servers: what is typed, on whichever device and machine, and what comes of it."""

import re
import shlex
import subprocess
import sys
import time

import pytest

from command_client import ENVIRONMENT, keelback_command
from keelback.cli.options import SHELL
from keelback.cli.programs import select
from keelback.errors import UserError
from keelback.kernel.layout import MICROKERNEL, MICROKERNEL_64, TEACHING
from keelback.machine.compare import compare
from keelback.machine.input_log import Device, Typed
from keelback.machine.observed import Outcome
from user.shell_sessions import LIVES, PROGRAMS, answers, machine, session

SESSION = """\
% echo  hello   world
hello world
% echo 'a  b' | cat | cat
a  b
% primes 30 > list; echo more >> list
% cat list; cat < list | cat
primes: 10 primes up to 30
more
primes: 10 primes up to 30
more
% rm list; cat list
cat: there is no file list
sh: cat ended with status 1
% cat
typed
typed
last
last
% null
null: reading address 0
keelback: process 18 (null) killed: page fault: read of 0x00000000, not mapped, instruction at 0x08048013
sh: null died of fault 14
% echo $?
142
% sleeper 100000
^C
sh: sleeper was killed
% echo $?
137
% 
"""
TYPED = (
    "echo  hello   world\recho 'a  b' | cat | cat\rprimes 30 > list; echo more >> list\rcat list; cat < list | cat\r"
    "rm list; cat list\rcat\rtyped\rlast\r\x04null\recho $?\rsleeper 100000\r\x03echo $?\r\x04"
)


@pytest.mark.parametrize("life", LIVES)
def test_a_session_is_what_was_typed_and_what_came_of_it(life):
    assert session(TYPED, life) == SESSION


@pytest.mark.campaign
def test_the_keyboard_and_a_kernel_of_64_bits_say_the_same():
    said = session(TYPED, layout=MICROKERNEL_64, device=Device.KEYBOARD)
    assert re.sub(r"0x[0-9a-f]+", "0x…", said) == re.sub(r"0x[0-9a-f]+", "0x…", SESSION)


def test_both_lives_leave_equal_memory():
    pcs = [machine(life, Typed(0, Device.SERIAL, TYPED.encode())) for life in LIVES]
    assert compare(*pcs).difference is None


def test_what_is_typed_is_edited():
    first = "ecko wrld\x01\x1b[C\x1b[C\x1b[3~h\x05\x1b[D\x1b[D\x1b[Do\r"
    said = session(f"{first}\x1b[A\x17again\r\x10\x10\r\x04")
    assert said.splitlines()[1::2] == ["world", "again", "world"]


def test_ls_lists_the_files_that_it_is_given_and_says_which_there_are_not():
    _, chosen, status, _ = answers(["echo a > f", "ls f none etc/init", "echo $?", "exit"])
    mine, missing, payloads, ended = chosen.splitlines()
    assert (mine.split(), missing) == (["2", "in", "memory", "f"], "ls: there is no file none")
    assert payloads.split()[1:] == ["payload", "etc/init"]
    assert (ended, status) == ("sh: ls ended with status 1", "1\n")


def test_what_mem_counts_is_all_memory():
    said = session("mem\r\x04")
    *counts, all_frames = map(int, re.findall(r"[a-z] +(\d+)$", said, re.MULTILINE))
    assert len(counts) == 7 and sum(counts) == all_frames == len(machine("interpreted").contents) // 4096


def test_what_is_wrong_is_said_in_a_line():
    assert answers(
        ["nothing", "cat nothing", "ls > ls", "echo >", "rm ls", "kill 77", "kill 1", "kill", "a |", "primes < none"]
        + ["exit"]
    )[:-1] == [
        "sh: there is no program nothing\n",
        "cat: there is no file nothing\nsh: cat ended with status 1\n",
        "sh: the payload has it and stays as it is: ls\n",
        "sh: a file has no name\n",
        "rm: the payload has it and stays as it is: ls\nsh: rm ended with status 1\n",
        "sh: there is no process 77\n",
        "sh: nobody may kill 1\n",
        "sh: there is no process without a number: kill ID\n",
        "sh: a program is missing\n",
        "sh: there is no file none\n",
    ]


def test_a_number_that_is_none_is_refused():
    assert answers(["exit abc", "echo $?", "wait abc", "wait 77", "echo $?", "exit 4294967296", "exit"])[:-1] == [
        "sh: that is no number: abc\n",
        "2\n",
        "sh: that is no number: abc\n",
        "sh: nothing behind the shell has the number 77\n",
        "127\n",
        "sh: that is no number: 4294967296\n",
    ]


def test_a_line_is_taken_whole_or_not_at_all():
    words = "; ".join(f"echo {letter * 40}" for letter in "abcdefghijklmnopqrst")
    said = session(f"{words}\r{words}{words}\recho\r\x04").replace("\b", "")
    assert said.split("\n")[1:21] == [letter * 40 for letter in "abcdefghijklmnopqrst"]
    assert said.count("\a") == len(words) * 2 - 1023
    assert said.endswith("\nconsole: a line of more than 1,023 bytes is not taken\n% echo\n\n% \n")


@pytest.mark.parametrize("life", LIVES)
def test_bytes_of_any_value_are_typed_and_written_as_they_are(life):
    assert session("echo né\x7fe; cat é\r\x04", life) == (
        "% echo n??\b\b  \b\be; cat ??\nne\ncat: there is no file ??\nsh: cat ended with status 1\n% \n"
    )


def test_what_runs_behind_the_shell_is_waited_for_and_reads_nothing():
    said = answers(["cat &", "sleeper 3 &", "wait", "echo $?", "exit"])
    assert said[0] == "[6] cat\n"
    assert said[1].startswith("[7] sleeper\n")
    assert "".join(said[1:3]).count("[6] has ended: cat\n") == 1 and said[2].count("is over") == 3
    assert said[3] == "0\n"


def test_what_a_program_writes_comes_before_the_line_that_is_typed():
    """Its naps are over while the shell waits for a line of which something is there."""
    pc = machine("interpreted", Typed(0, Device.SERIAL, b"sleeper 20 &\recho he"))
    pc.input.add(Typed(80 * 78_125, Device.SERIAL, b"re\rexit\r"))
    pc.boot()
    pc.run()
    said = bytes(pc.console).decode()
    nap = "\r\x1b[Ksleeper: nap {0} is over, I slept ticks: 20\n% echo he"
    assert "% echo he" + "".join(nap.format(number) for number in (1, 2, 3)) + "re\nhere\n" in said


def test_a_row_of_programs_has_the_status_of_the_last():
    assert answers(["null | echo a", "echo $?", "echo a | null", "echo $?", "exit"])[1::2] == ["0\n", "142\n"]


def test_what_a_program_in_kernel_python_writes_goes_where_the_line_says():
    said = answers(["hello.py you > f", "cat f", "exit"])
    assert [re.sub(r"\d+", "N", each) for each in said] == ["", "hello: I am process N, and I was told: you\n", ""]


def test_who_writes_where_nobody_reads_ends():
    said = answers(["cat etc/init | hello", "ls | nothing", "exit"])
    assert said == ["hello: I am process 7\n", "sh: there is no program nothing\n", ""]


def test_the_shell_ends_with_a_status_and_all_others_end_with_it():
    pc = machine("interpreted", Typed(0, Device.SERIAL, b"sleeper 100000 &\rexit 3\r"))
    pc.boot()
    pc.run()
    first = pc.kernel.processes.table[1]
    assert pc.outcome is Outcome.POWERED_OFF and first.exit_status == 3


@pytest.mark.parametrize("name", ["cat", "console", "files", "ls", "names", "rm", "sh"])
def test_a_program_that_needs_servers_says_so_where_there_are_none(name):
    done = keelback_command("run", name)
    assert f"\n{name}: it needs the servers that the shell brings: keelback run --shell\n" in done.stdout
    assert done.returncode == 1


def test_what_serves_typed_lines_can_not_be_started_by_hand():
    """Each says so, and ends: none waits for ever for what its handles never let it receive."""
    said = answers(["names", "files", "console", "sh", "echo exit | sh", "echo $?", "exit"])
    servers = [f"{name}: it is a server, which init starts\n" for name in ("names", "files", "console")]
    ended = "sh: {} ended with status 1\n"
    expected = [each + ended.format(each.partition(":")[0]) for each in servers]
    expected += ["sh: it can't read what is typed here\n" + ended.format("sh")] * 2
    assert said == [*expected, "1\n", ""]


def test_the_shell_is_refused_where_it_can_not_run():
    with pytest.raises(UserError, match="^--shell: the teaching layout has no messages; try --layout microkernel$"):
        select((SHELL,), TEACHING)
    with pytest.raises(UserError, match="^--shell: primes gets its argument from who types; name it alone$"):
        select((SHELL, "primes 5"), MICROKERNEL)


# On QEMU, by somebody who types in a terminal.


class Terminal:
    """A tmux of its own with a command in it, whose output goes to a file too."""

    def __init__(self, folder, command):
        self.output = folder / "output"
        self.server = ["tmux", "-S", str(folder / "socket"), "-f", "/dev/null"]
        piped = f"{shlex.join(command)} | tee {shlex.quote(str(self.output))}"
        subprocess.run([*self.server, "new-session", "-d", "-x", "100", "-y", "50", piped], check=True, env=ENVIRONMENT)

    def __enter__(self):
        return self

    def __exit__(self, *_):
        subprocess.run([*self.server, "kill-server"], check=False, capture_output=True)

    def said(self):
        return self.output.read_bytes().decode().replace("\r\n", "\n") if self.output.exists() else ""

    def wait_for(self, text, times=1):
        """Wait until the machine has said a text so many times."""
        end = time.monotonic() + 60
        while self.said().count(text) < times:
            assert time.monotonic() < end, f"{text!r} did not come {times} times: {self.said()!r}"
            time.sleep(0.05)

    def press(self, *keys):
        subprocess.run([*self.server, "send-keys", *keys], check=True)


SERIAL_KEYS = [
    (("echo wrld > f", *["Left"] * 8, "hello", "Space", "Right", "o", "Enter"), "% "),
    (("cat f | cat", "Enter"), "% "),
    (("sleeper 100000", "Enter"), "sleeper 100000\n"),
    (("C-c",), "% "),
    (("Up", "C-u", "echo $?", "Enter"), "% "),
    (("exit", "Enter"), "pid  program"),
]
"""Keys as tmux calls them, and what the machine says then."""
SENT = {"Left": "\x1b[D", "Right": "\x1b[C", "Up": "\x1b[A", "Enter": "\r", "Space": " ", "C-c": "\x03", "C-u": "\x15"}


def test_somebody_types_on_qemus_serial_line(tmp_path):
    """And the simulated PC, where all of it is typed at once, says the same to the last backspace."""
    command = [sys.executable, "-m", "keelback", "run", "--machine", "qemu", SHELL, *PROGRAMS]
    with Terminal(tmp_path, command) as terminal:
        terminal.wait_for("% ")
        for keys, then in SERIAL_KEYS:
            before = terminal.said().count(then)
            terminal.press(*keys)
            terminal.wait_for(then, before + 1)
        said = terminal.said()
    text = "".join(SENT.get(key, key) for keys, _ in SERIAL_KEYS for key in keys)
    assert said[said.index("% ") : said.index("\npid  program")] == session(text)
    assert "hello world\n% " in said and "137\n% " in said
