"""What the shell's servers let a program do, and what they tell who may not or can't: asked by programs in C."""

from pathlib import Path

import pytest

from keelback.machine.input_log import Device, Typed
from user.shell_sessions import LIVES, answers, machine

NO_MEMORY, NOT_ALLOWED, NOT_UNDERSTOOD, REFUSED = 2, 3, 4, -10

TICK = 78_125
"""Instructions."""
CLIENTS = Path(__file__).parent / "clients"
PROGRAMS = ("sleeper", *(str(each) for each in sorted(CLIENTS.glob("*.c"))))


@pytest.fixture(params=LIVES)
def ask(request):
    """Return what says what the console says below each line that is typed."""
    return lambda *lines: answers([*lines, "exit"], life=request.param, programs=PROGRAMS)[:-1]


def test_no_program_comes_between_servers_and_who_asks_them(ask):
    said = ask("rival", "echo still here > f; cat f")
    assert said == [f"0 {NOT_UNDERSTOOD} {NOT_ALLOWED}{f' {REFUSED}' * 5}\n", "still here\n"]


def test_only_the_shell_reads_lines_and_says_what_control_c_ends(ask):
    assert ask("eager", "echo $?") == [f"{NOT_ALLOWED}{f' {NOT_ALLOWED} {NOT_ALLOWED}' * 3} 0\n", "0\n"]


@pytest.mark.parametrize("life", LIVES)
def test_who_was_lent_what_is_typed_has_it_no_more_when_the_shell_reads_or_another_was_lent_it(life):
    """Where it had, the shell would read no more and end."""
    pc = machine(life, Typed(0, Device.SERIAL, b"stays\r"), programs=PROGRAMS)
    pc.input.add(Typed(30 * TICK, Device.SERIAL, b"sleeper 10\r"), Typed(90 * TICK, Device.SERIAL, b"exit\r"))
    pc.boot()
    pc.run()
    said = bytes(pc.console).decode().replace("\r\x1b[K", "")
    assert said.count(f"stays: {NOT_ALLOWED}\n") == 2
    assert f"% sleeper 10\nsleeper: nap 1 is over, I slept ticks: 10\nstays: {NOT_ALLOWED}\n" in said
    assert said.endswith("% exit\n")


def test_who_writes_what_there_is_no_memory_for_ends_and_it_is_said_once(ask):
    said = ask("hog > f", "echo $?", "echo well > g; cat g")
    assert said == [
        "files: no memory for all of f\nsh: hog ended with status 1\n",
        "1\n",
        "well\n",
    ]


def test_a_name_is_free_when_its_server_has_ended(ask):
    said = f"30 names, then {NO_MEMORY}\n1 1\n"
    assert ask("many", "many", "rival") == [said, said, f"0 {NOT_UNDERSTOOD} {NOT_ALLOWED}{f' {REFUSED}' * 5}\n"]


def test_a_name_is_for_what_somebody_serves(ask):
    assert ask("unserved") == [f"{NOT_UNDERSTOOD} {NOT_UNDERSTOOD}\n"]


def test_a_name_tells_the_terminal_nothing(ask):
    _, listed = ask("wild", "ls")
    assert "  in memory  ?[2J??!\n" in listed


def test_a_file_that_is_removed_is_missed_by_who_reads_or_writes_it(ask):
    assert ask("big > f", "cat f | taker", "remover > f", "cat f") == [
        "",
        "cat: removed before its end: f\n",
        "sh: remover ended with status 1\n",
        "cat: there is no file f\nsh: cat ended with status 1\n",
    ]
