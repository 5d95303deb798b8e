"""What helps a person along: what there is, what is missing, completion, a manual page, and what takes long."""

import json
import os
import pty
import re
import select
import shlex
import shutil
import subprocess
import tomllib
from importlib.metadata import PackageNotFoundError
from pathlib import Path

import pytest

from cli.test_run import command
from command_client import COMMAND, ENVIRONMENT
from keelback.cli import doctor, progress
from keelback.cli.app import COMMANDS
from keelback.cli.sources import our_libraries, our_programs, outside_programs, purpose_of
from keelback.cli.statuses import STATUSES


def test_programs_lists_each_with_what_it_is_for():
    facts = json.loads(command("programs", "--json").stdout)
    of_shell = {name: main for name, (main, *_) in outside_programs().items()}
    ours = our_programs() | of_shell | our_libraries()
    assert {each["name"]: each["purpose"] for each in facts} == {name: purpose_of(path) for name, path in ours.items()}
    shown = " ".join(command("programs").stdout.split())
    assert "hello C The smallest program that uses the kernel" in shown and "libgfx Python " in shown


# What is missing.


def test_a_table_ends_where_its_text_does_where_no_terminal_shows_it():
    lines = [line for words in ("programs", "doctor") for line in command(words).stdout.splitlines()]
    assert lines and [line for line in lines if line != line.rstrip()] == []


def test_doctor_finds_all_that_the_tests_need():
    done = command("doctor")
    assert (done.returncode, done.stderr) == (0, "") and "Nothing is missing." in done.stdout
    facts = json.loads(command("doctor", "--json").stdout)
    assert facts["status"] == 0 and all(each["found"] for each in facts["findings"])


def test_doctor_says_what_is_missing_and_the_line_to_type(monkeypatch, capsys, tmp_path):
    for tool in ("apt-get", "gdb"):
        (tmp_path / tool).write_text("#!/bin/sh\n")
        (tmp_path / tool).chmod(0o755)
    monkeypatch.setenv("PATH", str(tmp_path))
    assert doctor.examine(as_json=False) == 0
    said = capsys.readouterr().out
    assert "  apt-get install -y qemu-system-x86\n" in said and "install -y gdb" not in said
    assert re.search(r"qemu-system-x86_64 .* missing", said)


def test_doctor_knows_every_extra_that_a_user_may_want(monkeypatch, capsys):
    """Those that `pyproject.toml` offers, but for who works on Keelback."""
    offered = tomllib.loads((Path(__file__).parents[2] / "pyproject.toml").read_text())["project"]
    assert doctor.EXTRAS.keys() == offered["optional-dependencies"].keys() - {"dev", "docs"}
    monkeypatch.setattr(doctor, "version", not_there)
    monkeypatch.setattr(doctor, "_packages", lambda: iter(()))
    assert doctor.examine(as_json=False) == 0
    said = capsys.readouterr().out
    for what, extra in (
        ("textual", "watch"),
        ("textual-serve", "watch"),
        ("resvg-py", "png"),
        ("distributed", "cluster"),
    ):
        assert re.search(rf"^ *{what} .*missing", said, re.MULTILINE)
        assert f"pip install 'keelback[{extra}]'\n" in said
    assert "Nothing is missing." not in said


def not_there(name):
    raise PackageNotFoundError(name)


def test_doctor_fails_where_nothing_can_be_run(monkeypatch, capsys):
    monkeypatch.setattr(doctor, "run_tool", lambda command: subprocess.CompletedProcess(command, 1, b"", b""))
    assert doctor.examine(as_json=False) == 2
    assert "pip install --force-reinstall ziglang" in capsys.readouterr().out


# Completion.


def completed(line):
    words = line.split(" ")
    environment = {"_KEELBACK_COMPLETE": "bash_complete", "COMP_WORDS": line, "COMP_CWORD": str(len(words) - 1)}
    done = subprocess.run(COMMAND, capture_output=True, text=True, env=ENVIRONMENT | environment)
    return [each.partition(",")[2] for each in done.stdout.splitlines()]


def test_a_shell_completes_commands_options_and_programs():
    assert completed("keelback com") == ["compare", "compile", "completion"]
    assert completed("keelback run --mem") == ["--memory"]
    assert completed("keelback run --kernel c") == ["compiled"]
    assert completed("keelback run hell") == ["hello", "hello.py", "hell"]


BASH = """\
shopt -s progcomp
eval "$(keelback completion bash)"
COMP_WORDS=("$@") COMP_CWORD=$(($# - 1))
compopt() { :; }  # readline's, which is not here
_keelback_completion keelback
printf '%s\\n' "${COMPREPLY[@]}"
"""


@pytest.fixture
def folder(tmp_path, monkeypatch):
    """Return a folder with some files, in which shells find `keelback`."""
    (tmp_path / "bin").mkdir()
    (tmp_path / "bin" / "keelback").write_text(f'#!/bin/sh\nexec {shlex.join(COMMAND)} "$@"\n')
    (tmp_path / "bin" / "keelback").chmod(0o755)
    for name in ("primary.c", "my file.py", "other.py"):
        (tmp_path / name).write_text("")
    for name, value in (ENVIRONMENT | {"PATH": f"{tmp_path / 'bin'}:{os.environ['PATH']}"}).items():
        monkeypatch.setenv(name, value)
    monkeypatch.setenv("HOME", str(tmp_path))
    return tmp_path


def _by_bash(folder, words):
    line = ["bash", "--norc", "-c", BASH, "bash", "keelback", *words]
    done = subprocess.run(line, capture_output=True, text=True, cwd=folder)
    assert done.stderr == ""
    return done.stdout.splitlines()


def _by_fish(folder, words):
    line = 'keelback completion fish | source; complete -C "$argv"'
    done = subprocess.run(
        ["fish", "--no-config", "-c", line, shlex.join(["keelback", *words])],
        capture_output=True,
        text=True,
        cwd=folder,
    )
    assert done.stderr == ""
    return [each.partition("\t")[0].replace("\\", "") for each in done.stdout.splitlines()]


WORDS = [
    (["com"], ["compare", "compile", "completion"]),
    (["run", "--mem"], ["--memory"]),
    (["run", "prim"], ["primes", "primes.py", "primary.c"]),
    (["run", "my"], ["my file.py"]),
    (["run", "--layout", "micro"], ["microkernel"]),
    (["run", "--layout", "o"], ["other.py"]),
    (["check", "--with", "o"], ["other.py"]),
]


@pytest.mark.parametrize(("words", "offered"), WORDS)
@pytest.mark.parametrize("complete", [_by_bash, _by_fish])
def test_a_shell_offers_programs_and_files_together(folder, complete, words, offered):
    assert sorted(complete(folder, words)) == sorted(offered)


SHELLS = {
    "bash": (["bash", "--norc", "--noprofile", "-i"], 'eval "$(keelback completion bash)"'),
    "zsh": (["zsh", "-f", "-i"], 'autoload -Uz compinit; compinit -u -D; eval "$(keelback completion zsh)"'),
}


def test_a_shell_that_is_not_named_is_asked_for_in_one_line():
    done = command("completion")
    assert done.stderr == "keelback: Missing argument '{bash|zsh|fish}'. Choose from: bash, zsh, fish\n"


@pytest.mark.parametrize("shell", SHELLS)
def test_a_shell_completes_what_is_typed_at_a_terminal(folder, shell):
    words, prepare = SHELLS[shell]
    with _Terminal(folder, words) as terminal:
        terminal.write(f'{prepare}; echo re""ady\n')
        terminal.read_to("ready\r\n")
        terminal.write("keelback completion fi\t >shell.txt\n")
        terminal.read_to("keelback completion fish")
        terminal.write("keelback run prim\t\t")
        shown = terminal.read_to("primes.py")
        assert "primary.c" in shown or "primary.c" in terminal.read_to("primary.c")
        terminal.write("\x15exit\n")
        terminal.read_to_end()
    assert "fish_complete" in (folder / "shell.txt").read_text()


class _Terminal:
    """A shell at a terminal, and what it has shown."""

    def __init__(self, folder, words):
        self.master, slave = pty.openpty()
        environment = {**os.environ, "TERM": "dumb", "INPUTRC": os.devnull}
        self.process = subprocess.Popen(
            words, stdin=slave, stdout=slave, stderr=slave, env=environment, cwd=folder, start_new_session=True
        )
        os.close(slave)

    def __enter__(self):
        return self

    def __exit__(self, *_error):
        self.process.kill()
        self.process.wait()
        os.close(self.master)

    def write(self, text):
        os.write(self.master, text.encode())

    def read_to(self, text):
        said = b""
        while text.encode() not in said:
            assert select.select([self.master], [], [], 60)[0], said
            chunk = _read(self.master)
            assert chunk, said
            said += chunk
        return said.decode(errors="replace")

    def read_to_end(self):
        while _read(self.master):
            pass
        self.process.wait()


@pytest.mark.parametrize("shell", ["bash", "zsh", "fish"])
def test_the_scripts_for_shells_call_keelback(shell):
    done = command("completion", shell)
    assert done.returncode == 0 and f"_KEELBACK_COMPLETE={shell}_complete" in done.stdout
    assert shutil.which(shell), f"apt-get install -y {shell}"
    assert subprocess.run([shell, "-n"], input=done.stdout, text=True).returncode == 0


# The manual page.


def test_the_manual_page_has_every_command_option_and_status(tmp_path):
    page = command("man").stdout
    (tmp_path / "keelback.1").write_text(page)
    words = ["man", "--warnings", "-l", str(tmp_path / "keelback.1")]
    shown = subprocess.run(words, capture_output=True, text=True, env=ENVIRONMENT | {"MANWIDTH": "200", "LC_ALL": "C"})
    assert (shown.returncode, shown.stderr) == (0, "")
    for name in COMMANDS:
        assert f"keelback {name} [" in shown.stdout or f"keelback {name}\n" in shown.stdout
        for option in re.findall(r"^ +(--[a-z]+)", command(name, "--help").stdout, re.MULTILINE):
            assert option in shown.stdout
    text = " ".join(shown.stdout.split())
    for status, meaning in STATUSES:
        assert f"{status} {meaning}" in text


# What takes long.


def on_a_terminal(tmp_path, *words, **environment):
    """Return what a command sends to the terminal that is its standard error, and its output."""
    master, slave = pty.openpty()
    environment = ENVIRONMENT | {"KEELBACK_CACHE": str(tmp_path), "TERM": "xterm"} | environment
    with subprocess.Popen([*COMMAND, *words], stdout=subprocess.PIPE, stderr=slave, env=environment) as process:
        os.close(slave)
        said = b""
        while chunk := _read(master):
            said += chunk
        output = process.stdout.read()
    os.close(master)
    return said, output


def _read(terminal):
    try:
        return os.read(terminal, 4096)
    except OSError:  # the other end is closed
        return b""


BUILDS = ("run", "--kernel", "compiled", "--layout", "teaching", "fork")
"""What builds the smallest kernel where nothing is in the cache."""


@pytest.mark.campaign
def test_a_build_that_takes_long_is_said_and_the_line_goes(tmp_path):
    said, output = on_a_terminal(tmp_path, *BUILDS)
    assert b"building kernel.c (" in said and b"exited with status 0" in output
    assert said.endswith(b"\x1b[?25h") or said.rindex(b"\x1b[?25h") > said.rindex(b"\x1b[?25l")
    assert said.rindex(b"\x1b[2K") > said.rindex(b"building")
    assert on_a_terminal(tmp_path, *BUILDS)[0] == b""


def test_nothing_is_said_where_nobody_sees_it(tmp_path, monkeypatch):
    done = subprocess.run(
        [*COMMAND, "run", "hello"],
        capture_output=True,
        env=ENVIRONMENT | {"KEELBACK_CACHE": str(tmp_path)},
    )
    assert (done.returncode, done.stderr) == (0, b"")


def test_the_line_is_taken_away_at_once_for_a_process_that_ends(monkeypatch):
    written = []
    monkeypatch.setattr(progress.os, "write", lambda descriptor, data: written.append((descriptor, data)))
    progress.restore_terminal()
    assert written == []
    monkeypatch.setattr(progress, "_status", object())
    progress.restore_terminal()
    assert written == [(2, progress.TAKE_AWAY)]


# JSON, from every command that prints a table.


@pytest.mark.parametrize(
    ("words", "keys"),
    [
        (["compare", "hello"], {"equal", "traps", "bytes", "difference", "differences", "not_started"}),
        (["layouts"], {"microkernel", "usermode"}),
        (["layouts", "--live"], {"layout", "memory", "starts", "usable"}),
        (["build", "-o", "it.img", "hello"], {"file", "bytes", "sha256", "build_id"}),
        (["image", "show", "it.img"], {"parts", "setup_header", "kernel_header", "payload", "build_id", "version"}),
    ],
)
def test_json_is_facts(tmp_path_factory, words, keys):
    folder = tmp_path_factory.getbasetemp()
    if "show" in words:
        command("build", "-o", "it.img", "hello", cwd=folder)
    done = command(*words, "--json", cwd=folder)
    assert (done.returncode, done.stderr) == (0, "")
    assert keys <= json.loads(done.stdout).keys()


def test_json_has_the_line_of_the_error_not_of_a_warning_before(tmp_path):
    (tmp_path / "we.c").write_text("int main(void)\n{\n    int unused;\n    return 0;\n}\nint f(void) { return no; }\n")
    facts = json.loads(command("run", "--json", "we.c", cwd=tmp_path).stdout)
    assert "we.c:3:9: warning: " in facts["details"]
    assert (facts["error"], facts["file"], facts["line"]) == ("we.c does not compile", "we.c", 6)


def test_json_lists_functions_of_the_kernel():
    [facts] = json.loads(command("compile", "--json", "scheduler_choose").stdout)
    assert facts["name"] == "scheduler_choose" and facts["file"].endswith("processes/scheduler.py")
