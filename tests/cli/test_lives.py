"""`keelback run --kernel` and `compare` as a person runs them."""

import json
import re

import pytest

from cli.test_run import command
from support import some_of


def test_the_compiled_kernel_runs_programs():
    done = command("run", "--kernel", "compiled", "--check", "hello you", "null")
    assert done.returncode == 1 and done.stderr == ""
    assert "hello: I am process 1, and I was told: you" in done.stdout
    assert "killed: page fault, read of 0x00000000, not mapped" in done.stdout


def test_both_lives_print_the_same():
    words = ("hello", "ping", "pong", "primes 3000", "fib 40")
    interpreted, compiled = (command("run", "--kernel", life, *words).stdout for life in ("interpreted", "compiled"))
    assert interpreted == compiled


def test_compare_tells_traps_and_bytes():
    done = command("compare", "hello", "ping", "pong")
    assert done.returncode == 0 and done.stderr == ""
    assert done.stdout.startswith("equal: ") and " traps, " in done.stdout and done.stdout.endswith(" bytes compared\n")


@pytest.mark.parametrize(
    ("words", "said"),
    [(["hello"], "equal, but no program ran: 0 traps, "), (["null", "hello"], "equal, but no program ran: 0 traps, ")],
)
def test_what_could_not_start_is_no_success(words, said):
    memory = ("--layout", "usermode", "--memory", "8M")
    lines = [f"can't start {each}. There is not enough memory." for each in words]
    compared, checked = command("compare", *memory, *words), command("check", *memory, *words)
    assert compared.returncode == checked.returncode == 1
    assert compared.stdout.startswith(said) and compared.stderr.splitlines() == [f"keelback: {each}" for each in lines]
    assert checked.stdout.splitlines()[3:] == [f"program     {each}" for each in lines]
    answers = [json.loads(command(each, "--json", *memory, *words).stdout) for each in ("compare", "check")]
    assert [each["not_started"] for each in answers] == [lines, lines]


def test_compare_gives_both_kernels_a_command_line():
    alone, both = (command("compare", *words, "hello", "cow") for words in (["--append", "init=hello"], []))
    traps = [int(re.match(r"equal: (\d+) traps", each.stdout)[1]) for each in (alone, both)]
    assert (alone.returncode, alone.stderr) == (0, "") and traps[0] < traps[1]


@pytest.mark.parametrize("words", ["run", "run --machine qemu", "compare", "watch --serve", "web"])
def test_a_command_line_that_is_too_long_is_a_mistake(words):
    done = command(*words.split(), "--append", "x" * 2048, "hello")
    line = "keelback: --append has 2048 bytes; a command line has at most 2047\n"
    assert (done.returncode, done.stdout, done.stderr) == (2, "", line)


def test_compare_without_a_program_takes_all():
    done = command("compare", "--memory", "6M")
    assert done.returncode == 0
    found = re.fullmatch(r"equal: ([0-9,]+) traps, [0-9,]+ bytes compared\n", done.stdout)
    assert int(found[1].replace(",", "")) > 2000


ALL_HAVE_BEGUN = "100K"
"""A time at which each program of the course has made system calls, and hardly one has ended."""


@pytest.mark.parametrize(
    ("words", "status"),
    some_of([("compare", 0), (f"check --json --limit {ALL_HAVE_BEGUN} --paging x86-64", 1)], [("compare", 0)]),
)
def test_all_programs_of_a_layout_are_those_that_it_is_for(words, status):
    course = ["allocator", "fork", "forkexit"]
    without, named = (command(*words.split(), "--layout", "teaching", *each) for each in ([], course))
    assert (without.returncode, without.stderr) == (status, "")
    assert without.stdout == named.stdout
    if "--json" in words:
        assert {each["program"] for each in json.loads(without.stdout)["processes"]} == {*course}


@pytest.mark.parametrize("words", [["run"], ["build", "-o", "/dev/null"]], ids=" ".join)
def test_the_tour_has_room_in_every_layout(words):
    for layout in ("microkernel", "usermode", "teaching"):
        done = command(*words, "--layout", layout)
        assert (done.returncode, done.stderr) == (0, "")


@pytest.mark.parametrize(
    ("words", "says"),
    [
        (["compare", "nope"], "no program 'nope'"),
        (["compare", "--memory", "1M", "hello"], "too little memory: "),
        (["compare", "--memory", "2560K", "hello"], "can't start. There is not enough memory: "),
        (["compare", "--json", "--memory", "2560K", "hello"], "can't start. There is not enough memory: "),
        (["run", "--kernel", "stewed", "hello"], "Invalid value for '--kernel'"),
    ],
)
def test_a_mistake_is_one_clear_line(words, says):
    done = command(*words)
    assert done.returncode == 2
    [line] = done.stderr.splitlines()
    assert line.startswith(f"keelback: {says}")
