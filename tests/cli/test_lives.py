"""`keelback run --kernel`, `compare` and `compile` as a person runs them."""

import re
import subprocess

import pytest

from cli.test_run import COMMAND, ENVIRONMENT, command


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


def test_compare_without_a_program_takes_all():
    done = command("compare", "--memory", "6M")
    assert done.returncode == 0
    found = re.fullmatch(r"equal: ([0-9,]+) traps, [0-9,]+ bytes compared\n", done.stdout)
    assert int(found[1].replace(",", "")) > 2000


def test_compile_lists_the_functions():
    lines = command("compile").stdout.splitlines()
    [line] = [line for line in lines if line.startswith("scheduler_choose ")]
    assert "keelback/kernel/processes/scheduler.py:" in line
    assert len(lines) > 100


def test_compile_shows_c_beside_python():
    shown = command("compile", "--show", "c", "processes_of").stdout
    assert "def of(self, thread: Thread) -> Process:" in shown
    assert "static Process *processes_of(Thread *thread)" in shown
    assert "return &processes_table[" in shown


def test_compile_shows_both_below_each_other_where_it_is_narrow():
    environment = ENVIRONMENT | {"COLUMNS": "80"}
    words = [*COMMAND, "compile", "--show", "c", "processes_of"]
    lines = subprocess.run(words, capture_output=True, text=True, env=environment).stdout.splitlines()
    assert lines[1] == "def of(self, thread: Thread) -> Process:"
    assert "static Process *processes_of(Thread *thread)" in lines[3:]
    wide = subprocess.run(words, capture_output=True, text=True, env=environment | {"COLUMNS": "160"}).stdout
    assert re.search(r"^def of\(self, thread: Thread\) -> Process: +static Process \*processes_of", wide, re.MULTILINE)


@pytest.mark.parametrize(
    ("words", "says"),
    [
        (["compile", "--show", "c"], "--show shows functions that you name; `keelback compile` lists them"),
        (["compile", "--show", "c", "--json", "panic*"], "--json lists functions; it does not show them"),
        (["compare", "nope"], "no program 'nope'"),
        (["compare", "--memory", "1M", "hello"], "too little memory: "),
        (["compile", "--show", "c", "nope"], "the kernel has no function 'nope'; `keelback compile` lists them"),
        (["compile", "nope"], "the kernel has no function 'nope'; `keelback compile` lists them"),
        (["run", "--kernel", "stewed", "hello"], "Invalid value for '--kernel'"),
    ],
)
def test_a_mistake_is_one_clear_line(words, says):
    done = command(*words)
    assert done.returncode == 2
    [line] = done.stderr.splitlines()
    assert line.startswith(f"keelback: {says}")
