"""`keelback run --record` and `keelback replay`, as a person uses them."""

import hashlib
import json
import os
import re
import zlib
from dataclasses import replace

import pytest

from cli.test_run import command
from cli.test_targets import done
from keelback.machine.recorded.run_file import MAGIC, read_run

PROGRAMS = ("hello", "ping 3", "pong 3", "null")


@pytest.fixture(scope="module")
def run_file(tmp_path_factory):
    path = tmp_path_factory.mktemp("runs") / "it.run"
    done = command("run", "--record", str(path), *PROGRAMS)
    assert done.returncode == 1 and done.stderr == ""
    return path, done.stdout


def test_a_recorded_run_is_the_same_again(run_file):
    path, shown = run_file
    done = command("replay", str(path))
    assert (done.returncode, done.stdout, done.stderr) == (1, shown, "")


@pytest.mark.parametrize("options", [["--kernel", "compiled"], ["--check", "--paging", "x86-64"]], ids=" ".join)
def test_a_run_is_recorded_in_every_life(tmp_path, options):
    path = str(tmp_path / "it.run")
    first = command("run", *options, "--record", path, "--limit", "1500", *PROGRAMS)
    again = command("replay", path)
    assert first.stderr == "keelback: stopped after 1,500 instructions of virtual time\n"
    assert (again.stdout, again.stderr) == (first.stdout, "") and again.returncode == 0


def test_a_replay_stops_at_a_trap(run_file):
    path, shown = run_file
    done = command("replay", str(path), "--at", "9")
    assert (done.returncode, done.stderr) == (0, "")
    assert "9 traps, " in done.stdout.splitlines()[-1] and "had not ended: running" in done.stdout
    assert shown.startswith(done.stdout.split("\n\n")[0])


def test_a_replay_tells_who_changed_something(run_file):
    done = command("replay", str(run_file[0]), "--at", "9", "--changed", "processes.table[1].state")
    assert (done.returncode, done.stderr) == (0, "")
    last, program, *ways = done.stdout.splitlines()
    place = next(each for each in ways if each.startswith("  by "))
    assert program.startswith("  for the program: keelback.h:") and program.endswith(": int 0x80")
    assert re.fullmatch(r"trap \d, hello \(1\), exit\(0\): processes.table\[1\].state changes from ALIVE to \w+", last)
    assert place.startswith("  by kernel/processes/") and "(" in place
    assert done.stdout.splitlines()[-1] == "nothing changes processes.table[1].state after trap 9"


def test_an_own_part_has_to_be_what_it_was(tmp_path):
    part, path = tmp_path / "own.py", str(tmp_path / "it.run")
    text = (
        "from keelback.kernel.memory.frames import Frames\nfrom keelback.lang import replaces, u32\n\n\n"
        "@replaces(Frames.share)\ndef share(self, frame: u32) -> bool:\n"
        "    self.table[frame].references = self.table[frame].references + 1\n    return True\n"
    )
    part.write_text(text)
    first = command("run", "--with", str(part), "--record", path, "hello")
    assert (first.returncode, first.stderr) == (0, "")
    again = command("replay", path)
    assert (again.returncode, again.stdout) == (0, first.stdout)
    part.write_text(text + "# changed\n")
    done = command("replay", path)
    assert done.returncode == 2
    assert done.stderr == f"keelback: {path}: its kernel has a part from {part}, which has changed since\n"


def test_a_run_of_another_build_is_told_and_so_is_what_differs(run_file, tmp_path):
    run, path = read_run(run_file[0]), tmp_path / "other.run"
    path.write_bytes(replace(run, build="0", end=replace(run.end, time=run.end.time + 1)).pack())
    done = command("replay", str(path))
    told = done.stderr.splitlines()
    assert told[0] == f"keelback: {path} was recorded by another build of Keelback; what follows may differ"
    assert told[1].startswith("keelback: the run differs from what was recorded: ") and done.returncode == 1
    path.write_bytes(replace(run, records="0").pack())
    done = command("replay", str(path))
    assert done.returncode == 2
    assert (
        done.stderr == f"keelback: {path}: its kernel's records lie otherwise than this build's; record the run again\n"
    )


def wrong_files(content):
    facts = json.loads(zlib.decompress(content[len(MAGIC) + 32 :]).partition(b"\n")[0])

    def packed(body):
        return MAGIC + hashlib.sha256(body).digest() + body

    changed = "it is truncated, or its bytes have changed since it was written; record the run again"
    lies = "what it says is not what a recorded run says; record the run again"
    yield b"", "it is no recorded run; `keelback run --record FILE` makes one"
    yield b"#!/bin/sh\n", "it is no recorded run; `keelback run --record FILE` makes one"
    for size in (len(MAGIC), len(MAGIC) + 20, len(content) // 2, len(content) - 1):
        yield content[:size], changed
    yield content[:-9] + bytes([content[-9] ^ 1]) + content[-8:], changed
    yield packed(b"not packed"), lies
    no_memory = [facts | {"memory": each} for each in ("much", -4096, 0, 4095, 1 << 60)]
    no_line = [facts | {"lines": [1]}, *(facts | {"command_line": each} for each in ("x" * 2048, "\ud800"))]
    for wrong in ([], {}, facts | {"end": 3}, facts | {"files": {"it": [0, 1 << 40]}}, *no_memory, *no_line):
        yield packed(zlib.compress(json.dumps(wrong).encode() + b"\n")), lies


def test_a_file_that_is_none_gets_one_line(run_file, tmp_path):
    path = tmp_path / "wrong.run"
    for content, why in wrong_files(run_file[0].read_bytes()):
        path.write_bytes(content)
        with pytest.raises(Exception, match="wrong.run") as caught:
            read_run(path)
        assert str(caught.value) == f"{path}: {why}"


def test_a_file_names_no_python_of_which_it_has_no_digest(run_file, tmp_path):
    part, path = tmp_path / "own.py", tmp_path / "it.run"
    part.write_text("print('it is run')\n")
    path.write_bytes(replace(read_run(run_file[0]), layout=f"{part}:MINE").pack())
    told = f"keelback: {path}: its layout is from {part}, of which it has no digest\n"
    assert done("replay", str(path)) == (2, "", told)


def test_what_is_no_file_is_not_read(tmp_path):
    os.mkfifo(tmp_path / "pipe")
    for path in (tmp_path / "pipe", "/dev/zero"):
        assert done("replay", str(path)) == (2, "", f"keelback: {path}: not a regular file\n")


@pytest.mark.parametrize(
    ("words", "said"),
    [
        (["--at", "900"], "--at 900: the run in {0} has traps 1 to "),
        (["--changed", "nobody"], "--changed nobody: the kernel's records have no nobody; memory is said as "),
    ],
    ids=["trap", "name"],
)
def test_what_is_not_in_a_run_gets_one_line(run_file, words, said):
    done = command("replay", str(run_file[0]), *words)
    assert done.returncode == 2 and done.stderr.startswith("keelback: " + said.format(run_file[0]))
    assert done.stderr.count("\n") == 1


def test_a_run_on_qemu_is_not_recorded():
    done = command("run", "--machine", "qemu", "--record", "it.run", "hello")
    assert done.returncode == 2
    assert done.stderr == (
        "keelback: a run on QEMU can't be recorded, for it does not repeat; try --machine simulated\n"
    )
