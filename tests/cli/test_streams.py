"""Text of others obeys no terminal and forges no line."""

import os
import pty
import subprocess

import pytest

from command_client import COMMAND, ENVIRONMENT
from keelback.cli.report import print_report
from keelback.cli.streams import CALM, escaped, escaped_lines
from keelback.inspect.endings import ProcessEnding
from keelback.inspect.family import Family, Member
from keelback.machine.observed import Outcome
from support import run


@pytest.mark.parametrize(
    ("text", "shown"),
    [
        ("plain née", "plain née"),
        ("a\nkeelback: all is well", "a\\nkeelback: all is well"),
        ("\x1b]0;title\x07\x9b31m", "\\x1b]0;title\\x07\\x9b31m"),
        ("\u202egnp.exe\u2028", "\\u202egnp.exe\\u2028"),
        ("\udcff\udc80", "\\xff\\x80"),
    ],
)
def test_what_is_not_printable_is_shown_by_its_escape(text, shown):
    assert escaped(text) == shown
    assert shown.isprintable()


def test_a_tools_lines_stay_lines():
    assert escaped_lines("x.c:1:\terror\r\n\x1b[1m  ^") == "x.c:1:    error\n\\x1b[1m  ^"


def test_a_report_shows_hostile_names_escaped(capsys):
    machine = run(programs={})
    assert machine.outcome is not Outcome.RUNNING
    name, place = "\x1b[31mx\n", "0x1 in \x1b]0;owned\x07main\n  2  y  exited with status 0"
    family = Family(machine.kernel, machine.contents, {})
    family.roots = [Member(1, name, None, ending=ProcessEnding(1, name, False, "killed: \x07", place))]
    print_report(machine.kernel, family)
    said = capsys.readouterr().out
    assert "\x1b" not in said and "\x07" not in said and "\\x1b[31mx\\n" in said
    assert not any(line.startswith("  2  y") for line in said.splitlines())


def on_a_terminal(tmp_path, text):
    """Return all that a terminal is sent by a run of a program that prints a text."""
    (tmp_path / "says.c").write_text(f'#include "keelback.h"\nint main(void) {{ print("{text}"); return 0; }}')
    master, slave = pty.openpty()
    with subprocess.Popen([*COMMAND, "run", "says.c"], cwd=tmp_path, stdout=slave, env=ENVIRONMENT) as process:
        os.close(slave)
        said = b""
        while chunk := _read(master):
            said += chunk
    os.close(master)
    assert process.returncode == 0
    return said.replace(b"\r\n", b"\n")


def _read(terminal):
    try:
        return os.read(terminal, 4096)
    except OSError:  # the other end is closed
        return b""


def test_a_terminal_is_taken_back_from_a_program_that_told_it_something(tmp_path):
    hostile = on_a_terminal(tmp_path, "\\033[8m\\033]0;")
    console, _, report = hostile.partition(CALM)
    assert console.endswith(b"\x1b[8m\x1b]0;") and b"exited with status 0" in report
    assert CALM not in on_a_terminal(tmp_path, "hello\\n")
