"""`keelback run --record` and `keelback replay`, as a person uses them."""

import json
import os
import re
import resource
import subprocess
import sys
import zlib
from dataclasses import replace

import pytest

from cli.test_run import command
from cli.test_targets import done
from forged import forged, parts_of, sealed
from keelback.cli.streams import escaped
from keelback.inspect.kept import BadKeptFile
from keelback.machine.recorded.run_file import KIND, read_run

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
    assert program.startswith("  for the program: trap.h:") and program.endswith(": int 0x80")
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


NONE = "it is no recorded run; `keelback run --record FILE` makes one"


def said_of(content, folder):
    """Return what is told of a file that is none."""
    path = folder / "wrong.run"
    path.write_bytes(content)
    with pytest.raises(BadKeptFile) as caught:
        read_run(path)
    line = str(caught.value)
    assert line.startswith(f"{path}: it") and "\n" not in line and len(line) < 300
    return line.removeprefix(f"{path}: ")


def test_a_file_that_is_none_or_has_changed_is_told(run_file, tmp_path):
    content = run_file[0].read_bytes()
    assert said_of(b"", tmp_path) == said_of(b"#!/bin/sh\n", tmp_path) == NONE
    for size in (5, len(KIND.magic), KIND.start, KIND.start + 20, len(content) // 2, len(content) - 1):
        assert said_of(content[:size], tmp_path).startswith("it is truncated")
    assert "after its end" in said_of(content + b"x", tmp_path)
    for place in (KIND.start - 1, KIND.start, len(content) - 9):
        assert "changed" in said_of(content[:place] + bytes([content[place] ^ 1]) + content[place + 1 :], tmp_path)


TEXTS = [5, None, ["a"], "\ud800", "a\0b"]
NUMBERS = ["x", None, True, 1.5, -1, 1 << 64, [1]]
LIES = {
    "format": [1, 3, None, True, "1"],
    "build": [5, None, "x" * 101, "a\nb"],
    "records": [5, None, "x" * 101],
    "layout": TEXTS,
    "paging": [5, None, "x" * 101],
    "parts": [[1], None, {"a.py": "x"}, {"a.py": 5}, {"a\0": "0" * 64}, {"a.py": ["0"] * 64}],
    "compiled": ["yes", 1, None],
    "check": ["yes", 0, None],
    "memory": [*NUMBERS, 0, 4095, 1 << 32, 1 << 50, 4096],
    "command_line": [*TEXTS, "x" * 2048, "\u20ac" * 700],
    "lines": ["cow", [5], None, ["\ud800"]],
    "files": [[1], None, *({"cow": each} for each in ([10**18, 5], [-3, 4], [0], [0, 1 << 31], [0, 1.0], "ab", None))],
    "end": [{}, None, 3],
    "image": [*NUMBERS, 0, 1 << 31],
    "input": [*NUMBERS, 0, (64 << 20) + 1],
}
ENDS = {
    "traps": NUMBERS,
    "time": NUMBERS,
    "outcome": [5, None, ["HALTED"], "x" * 101],
    "memory": [5, None, "x", "0" * 65],
    "more": [1],
}


def test_every_fact_of_a_header_is_checked(run_file, tmp_path):
    facts, body = parts_of(KIND, run_file[0].read_bytes())
    assert LIES.keys() == facts.keys() == {"format", *KIND.facts} and ENDS.keys() == {*facts["end"], "more"}
    for name, lies in LIES.items():
        for lie in lies:
            assert said_of(forged(KIND, body, facts | {name: lie}), tmp_path), (name, lie)
        said_of(forged(KIND, body, {each: value for each, value in facts.items() if each != name}), tmp_path)
    for name, lies in ENDS.items():
        for lie in lies:
            assert "header says end" in said_of(
                forged(KIND, body, facts | {"end": facts["end"] | {name: lie}}), tmp_path
            )
    assert "no word of a recorded run's" in said_of(forged(KIND, body, facts | {"more": 1}), tmp_path)
    for header in (b"", b"[]", b"{", b"\xff", b"[" * 200_000, b'{"memory":' + b"9" * 5000 + b"}", b" " * (1 << 21)):
        said_of(forged(KIND, body, header), tmp_path)
    for wrong in (body[:-1], body + b"x", b""):
        assert "its body" in said_of(forged(KIND, wrong, facts), tmp_path)
    no_log = body[: facts["image"]] + b"x" * facts["input"]
    assert "its input is no log: its first line is not" in said_of(forged(KIND, no_log, facts), tmp_path)
    assert "not packed" in said_of(sealed(KIND, json.dumps(facts).encode(), b"no zlib"), tmp_path)


def test_a_small_file_of_a_huge_image_costs_what_its_header_says(run_file, tmp_path):
    facts, body = parts_of(KIND, run_file[0].read_bytes())
    packer = zlib.compressobj(9)
    bomb = packer.compress(body) + b"".join(packer.compress(bytes(1 << 20)) for _ in range(400)) + packer.flush()
    before = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    assert "goes on" in said_of(sealed(KIND, json.dumps(facts).encode(), bomb), tmp_path)
    assert resource.getrusage(resource.RUSAGE_SELF).ru_maxrss < before + (32 << 10)


def test_what_a_machine_is_not_made_of_is_told_with_the_file(run_file, tmp_path):
    path, (facts, body) = tmp_path / "it.run", parts_of(KIND, run_file[0].read_bytes())
    for lie, why in (
        ({"layout": "nosuch"}, "its machine can't be made: "),
        ({"paging": "none"}, "its machine can't be made: "),
        ({"memory": (facts["image"] | 4095) + 1}, "its machine can't be made: too little memory: "),
    ):
        path.write_bytes(forged(KIND, body, facts | lie))
        status, printed, told = done("replay", str(path))
        assert (status, printed) == (2, "") and told.startswith(f"keelback: {path}: {why}") and told.count("\n") == 1


def test_a_machine_that_this_host_can_t_give_is_told_with_the_file(run_file, tmp_path):
    path, (facts, body) = tmp_path / "it.run", parts_of(KIND, run_file[0].read_bytes())
    path.write_bytes(forged(KIND, body, facts | {"memory": 3 << 30}))
    limited = ["bash", "-c", 'ulimit -v 2000000; exec "$@"', "", sys.executable, "-m", "keelback", "replay", str(path)]
    found = subprocess.run(limited, capture_output=True, text=True)
    told = "its machine has 3,072 MiB of memory, more than there is for this process: see `ulimit -v`"
    assert (found.returncode, found.stderr) == (2, f"keelback: {path}: {told}\n")


def test_a_file_names_no_python_of_which_it_has_no_digest(run_file, tmp_path):
    part, path = tmp_path / "own.py", tmp_path / "it.run"
    part.write_text("print('it is run')\n")
    path.write_bytes(replace(read_run(run_file[0]), layout=f"{part}:MINE").pack())
    told = f"keelback: {path}: its layout is from {part}, of which it has no digest\n"
    assert done("replay", str(path)) == (2, "", told)


def test_what_is_no_file_is_not_read(tmp_path):
    os.mkfifo(tmp_path / "pipe")
    for path in (tmp_path / "pipe", "/dev/zero"):
        assert done("replay", str(path)) == (
            2,
            "",
            f"keelback: {path}: it is no file; `keelback run --record FILE` makes one\n",
        )


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


def test_a_place_that_no_run_can_be_written_to_is_told_before_the_run(tmp_path):
    for place in ("nowhere/it.run", "", "a\0b"):
        status, printed, told = done("run", "hello", "--record", str(tmp_path / place))
        assert (status, printed) == (2, "") and told.startswith(f"keelback: {escaped(str(tmp_path / place))}: ")
    assert [*tmp_path.iterdir()] == []
