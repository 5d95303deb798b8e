"""Commands that look at a machine: they say the same of one that runs here, of QEMU, and of a file."""

import json
import os
import re
import socket
import subprocess
import sys
import time
from contextlib import redirect_stderr, redirect_stdout
from io import StringIO
from itertools import product
from pathlib import Path

import pytest

from cli.test_run import command
from keelback.cli.ending import run_command
from keelback.image.images import make_image, make_image_file
from keelback.image.kernels import compiled
from keelback.image.payload import make_payload
from keelback.image.written_files import write_file
from keelback.inspect.records import bits, zones_of
from keelback.inspect.saved import read_moment
from keelback.inspect.snapshot import Snapshot
from keelback.kernel.layout import MICROKERNEL, PUBLISHED
from keelback.machine.observed import Outcome
from keelback.machine.qemu.observed_qemu import ObservedQemu
from keelback.machine.simulated.compiled import CompiledPc
from support import MIB, programs_of, some_of
from variants import variants, word_for

LIVES = ("interpreted", "compiled")
ALREADY = "--on names a machine that is there; a PROGRAM, --at, --until, --input and --keys are for one that is not"


def done(*words):
    """Run a command in this process; return its status, what it prints, and what it says of errors."""
    printed, told = StringIO(), StringIO()
    with redirect_stdout(printed), redirect_stderr(told):
        status = run_command(words)
    return status, printed.getvalue(), told.getvalue()


def said(*words):
    """Return what a command prints, which ends well."""
    status, printed, told = done(*words)
    assert (status, told) == (0, ""), told
    return printed


@pytest.fixture(scope="module")
def kept(tmp_path_factory):
    """Return a file with a machine whose programs have begun to share pages."""
    file = tmp_path_factory.mktemp("kept") / "cow.machine"
    line = said("snapshot", str(file), "cow", "--until", "child")
    assert re.fullmatch(rf"{file}: [\d,]+ bytes, a machine with 65,536 KiB at a trap's end, after trap \d+\n", line)
    return file


def test_a_file_says_what_the_machine_said(kept):
    run = ["cow", "--until", "child"]
    for words in (["ps"], ["frames"], ["frames", "2", "0x1e7"], ["walk", "1", "0x0804a000"], ["maps", "--pid", "1"]):
        for more in ([], ["--json"]):
            there, here = (said(*words, *more, *each) for each in (["--on", f"file:{kept}"], run))
            assert there == here != ""


@pytest.mark.parametrize(
    ("layout", "life"),
    some_of(product(PUBLISHED, LIVES), [(MICROKERNEL, "interpreted"), *((each, "compiled") for each in PUBLISHED)]),
    ids=word_for,
)
def test_every_kernel_is_listed_in_both_lives(layout, life, tmp_path):
    kernel = ["--layout", layout.name, "--paging", layout.paging.name, "--kernel", life]
    memory = ["--memory", "2M" if layout.name == "teaching" else "16M"]
    found = json.loads(said("ps", "hello", *kernel, *memory, "--at", "1", "--json"))
    [first, *_] = found["processes"]
    assert first["alive"] and first["pages"] and first["regions"]
    assert found["stands"] == "at a trap's end"


def test_of_a_process_that_nobody_waits_for_no_parent_is_told():
    rows = said("ps", "fork", "--layout", "teaching", "--memory", "2M", "--at", "100").splitlines()[3:]
    assert [row.split()[:2] for row in rows] == [["1", "fork"], *([str(pid), "-"] for pid in (2, 3, 4))]


def facts_of(snapshot):
    """Return what is compared of a machine: all of its processes, regions and mappings, by where they lead."""
    return {
        each.pid: (
            each.name,
            each.parent,
            each.is_alive,
            [thread.state for thread in each.threads] if each.is_alive else None,
            each.regions,
            [(page.address, page.rights, page.use, page.frame.number, page.frame.use) for page in each.pages()],
        )
        for each in snapshot.processes.values()
    }


@variants
def test_qemu_and_the_simulated_pc_agree_where_the_console_says_the_same(layout):
    """The clock is another, so it counts only what no tick changes: one program at a time, which no tick takes away."""
    program = {"forkexit": programs_of(layout)["forkexit"]}
    payload = make_payload({"etc/init": b"forkexit\n", **program})
    image = make_image(layout, payload, compiled(layout))
    simulated = CompiledPc(layout, image, memory=16 * MIB)
    with ObservedQemu(make_image_file(layout, image), memory=16 * MIB) as qemu:
        for machine in (simulated, qemu):
            machine.boot()
        simulated.run()
        text = bytes(simulated.console)
        lines = text.splitlines(keepends=True)
        simulated = CompiledPc(layout, image, memory=16 * MIB)
        simulated.boot()
        for count in range(2, len(lines)):
            until = b"".join(lines[1:count])
            for machine in (simulated, qemu):
                while until not in bytes(machine.console).replace(b"\r", b"") and machine.outcome is Outcome.RUNNING:
                    machine.step()
            assert facts_of(Snapshot.of(layout, simulated.contents)) == facts_of(Snapshot.of(layout, qemu.contents))


def test_a_machine_that_runs_is_looked_at_by_its_monitor(tmp_path):
    monitor = tmp_path / "monitor,with a comma"
    words = ["run", "--machine", "qemu", "--qmp", str(monitor), "primes 100000000"]
    run = subprocess.Popen(
        [sys.executable, "-m", "keelback", *words], stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True
    )
    try:
        last = time.monotonic() + 60
        while done("ps", "--on", f"qemu:{monitor}")[0] and time.monotonic() < last:
            time.sleep(0.1)
        [process] = json.loads(said("ps", "--on", f"qemu:{monitor}", "--json"))["processes"]
        assert (process["program"], process["does"]) == ("primes", "running")
        assert " text of primes (1) " in said("frames", "--on", f"qemu:{monitor}")
        assert "kernel" in said("shell", "--on", f"qemu:{monitor}", "-e", "machine.frames[0x100]")
        assert "bytes" in said("snapshot", str(tmp_path / "machine"), "--on", f"qemu:{monitor}")
    finally:
        run.terminate()
        report, _ = run.communicate(timeout=60)
    assert "primes" in report and not monitor.exists()
    assert said("ps", "--on", f"file:{tmp_path / 'machine'}").splitlines()[3].split()[:2] == ["1", "primes"]


def test_a_monitor_takes_the_place_of_no_file(tmp_path):
    run = ["run", "--machine", "qemu", "hello", "--qmp"]
    (tmp_path / "file").write_text("mine")
    left = socket.socket(socket.AF_UNIX)
    left.bind(str(tmp_path / "left"))
    left.close()
    assert command(*run, str(tmp_path / "left")).returncode == 0
    used = socket.socket(socket.AF_UNIX)
    used.bind(str(tmp_path / "used"))
    used.listen()
    for name in ("file", "used", "", "none/here", "x" * 120):
        status, _, told = done(*run, str(tmp_path / name))
        assert status == 2 and re.fullmatch(r"keelback: --qmp .*\n", told), told
    assert (tmp_path / "file").read_text() == "mine" and (tmp_path / "used").exists()
    used.close()
    assert done("run", "hello", "--qmp", "x")[2] == "keelback: --qmp offers a monitor of QEMU's; say --machine qemu\n"


def test_python_asks_a_machine(kept, tmp_path):
    on = ["shell", "--on", f"file:{kept}"]
    assert said(*on, "-e", "machine.processes[1].name") == "'cow'\n"
    assert said(*on, "-e", "print(moment.machine, len(machine.frames))") == "interpreted 16384\n"
    script = tmp_path / "script.py"
    script.write_text("print(*(each.name for each in machine.processes.values()))\n")
    assert said(*on, str(script)).split() == said("shell", "cow", "--until", "child", "--script", str(script)).split()
    lines = subprocess.run(
        [sys.executable, "-m", "keelback", *on], input="machine\n1 / 0\n", capture_output=True, text=True
    )
    assert "<microkernel: " in lines.stdout and "ZeroDivisionError" in lines.stderr and lines.returncode == 0


@pytest.mark.parametrize(
    ("words", "line"),
    [
        (["-e", "1 / 0"], "-e:1: ZeroDivisionError: division by zero"),
        (["-e", "("], "-e:1: SyntaxError: '(' was never closed"),
        (["-e", "machine.walk(99, 0)"], "-e:1: KeyError: 99"),
        (["-e", "1", "--script", "x.py"], "-e and --script: say one of them"),
        (["none.py"], "none.py: No such file or directory"),
        (["a.py", "b.py"], "with --on a word is a script; say one, or -e CODE"),
    ],
    ids=str,
)
def test_a_mistake_in_python_is_a_line(kept, words, line):
    assert done("shell", "--on", f"file:{kept}", *words) == (2, "", f"keelback: {line}\n")


@pytest.mark.parametrize(
    ("words", "line"),
    [
        (["--paging", "pae"], "--paging PAE: {} has i386 page tables"),
        (["--layout", "usermode"], "--layout usermode: the layout of {} is microkernel"),
    ],
    ids=str,
)
def test_a_machine_that_is_there_is_of_the_kind_that_is_named(kept, words, line):
    assert done("ps", "--on", f"file:{kept}", *words) == (2, "", f"keelback: {line.format(kept)}\n")
    assert done("ps", "--on", f"file:{kept}", "--paging", "i386")[0] == 0


@pytest.mark.parametrize(
    ("words", "line"),
    [
        (["ps", "--on", "x"], "x: a machine is named by qemu:SOCKET or file:FILE"),
        (["ps", "--on", "file:/nowhere"], "/nowhere: No such file or directory"),
        (["ps", "--on", "qemu:/nowhere"], "/nowhere: there is no QEMU whose QMP monitor it is"),
        (["ps", "hello", "--on", "file:x"], ALREADY),
        (["ps", "--at", "3", "--on", "file:x"], ALREADY),
        (["ps", "hello", "--pid", "7", "--at", "2"], "there is no process 7 here"),
        (["frames", "99999999", "hello", "--at", "1"], "frame 0x5f5e0ff is none of this machine's, which has 0x4000"),
        (["walk", "7", "0", "hello", "--at", "1"], "there is no process 7 here that is alive; there is hello (1)"),
        (["walk", "1", "there", "hello"], "ADDRESS there: not an address such as 0x0804a000"),
        (["snapshot", "/nowhere/file", "hello", "--at", "1"], "/nowhere/file: No such file or directory"),
        (["snapshot", "/", "hello", "--at", "1"], "/: it is no file; name one to write"),
        (["ps", "hello", "--at", "9999"], "--at 9999: there is no such trap; the machine ended after 8 traps"),
    ],
    ids=str,
)  # fmt: skip
def test_a_mistake_is_a_line(words, line):
    status, printed, told = done(*words)
    assert (status, printed) == (2, "")
    assert re.sub(r"ended after \d+", "ended after 8", told) == f"keelback: {line}\n"


def test_frames_are_folded_and_none_is_left_out(kept):
    runs = json.loads(said("frames", "--on", f"file:{kept}", "--json"))
    place = 0
    for run in runs["runs"]:
        assert run["first"] == place
        place += run["count"]
    assert place == runs["frames"]
    free = sum(run["count"] for run in runs["runs"] if run["use"] == "free")
    assert free == sum(bits(zone).bit_count() for zone in zones_of(read_moment(kept).snapshot().kernel).values())


def test_a_kept_file_that_is_taken_for_a_program_is_told(kept, tmp_path):
    line = f"{kept}: it is a saved machine, no program; --on file:{kept} looks at it"
    assert done("maps", str(kept)) == (2, "", f"keelback: {line}\n")
    run = tmp_path / "it.run"
    assert command("run", "hello", "--record", str(run)).returncode == 0
    line = f"{run}: it is a recorded run, no program; `keelback replay {run}` makes it again"
    assert done("maps", str(run)) == (2, "", f"keelback: {line}\n")


def test_memory_that_a_layout_does_not_use_is_told():
    assert "physical memory: the first 2 of 64 MiB, " in said("mem", "hello", "--layout", "teaching", "--at", "2")
    assert "physical memory: 2 MiB, " in said("mem", "hello", "--layout", "teaching", "--at", "2", "--memory", "2M")


def test_pictures_are_refused_before_the_run_and_wait_for_nobody(tmp_path):
    """No such program is there, which would be told first if it was looked for."""
    same = str(tmp_path / "same")
    for command_ in ("mem", "maps"):
        for words in (["--svg", str(tmp_path / "none" / "it")], ["--png", str(tmp_path)]):
            assert done(command_, "nosuch", *words)[2].startswith(f"keelback: {words[1]}: ")
        told = f"keelback: --svg and --png: both name {same}; a file is one picture\n"
        assert done(command_, "nosuch", "--svg", same, "--png", same) == (2, "", told)
        assert [*tmp_path.iterdir()] == []
    os.mkfifo(same)
    assert done("mem", "hello", "--at", "1", "--svg", same)[2] == f"keelback: {same}: nobody reads this pipe\n"
    reader = os.open(same, os.O_RDONLY | os.O_NONBLOCK)
    write_file(Path(same), b"it is read")
    assert os.read(reader, 100) == b"it is read"
    os.close(reader)


@pytest.mark.parametrize(
    ("code", "status", "says"),
    [
        ("raise SystemExit", 0, ""),
        ("import sys; sys.exit(3)", 3, ""),
        ("import sys; sys.exit('no such page')", 1, "no such page\n"),
        ("1 / 0", 2, "keelback: -e:1: ZeroDivisionError: division by zero\n"),
        ("machine.walk(1, -5)", 2, "keelback: -0x5: an address has 32 bits here\n"),
        ("machine.walk(1, 1 << 70)", 2, f"keelback: {1 << 70:#x}: an address has 32 bits here\n"),
    ],
)
def test_a_line_ends_the_shell_as_it_would_end_python(code, status, says):
    done = subprocess.run(
        [sys.executable, "-m", "keelback", "shell", "hello", "-e", code], capture_output=True, text=True
    )
    assert (done.returncode, done.stderr) == (status, says)
