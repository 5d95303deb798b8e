"""The command that a failure prints shows it in the live view, one step before."""

import json
import re
import shlex
import shutil
import subprocess
import sys
from dataclasses import replace
from pathlib import Path

import pytest

from command_client import ENVIRONMENT, keelback_command
from keelback.cli.fuzz import _commands
from keelback.cli.options import KernelChoice
from keelback.cli.words import read_word
from keelback.image.images import make_image
from keelback.image.kernels import compiled
from keelback.image.payload import make_payload
from keelback.inspect.lens import look
from keelback.kernel.layout import MICROKERNEL
from keelback.labs.grading import grade
from keelback.labs.hints import check_command, watch_command
from keelback.labs.lab import find_lab
from keelback.labs.skeleton import solution
from keelback.machine.recorded.recording import Recording
from keelback.machine.simulated.compiled import CompiledPc
from keelback.machine.simulated.failing import FailingAllocation
from keelback.view.watch.watched import Watched
from labs.mistakes import MISTAKES
from labs.transcripts import PATIENT, heading, mistaken, sections_of
from support import MIB, make_pc, programs_of, sliced

PROGRAM = Path(__file__).with_name("hinted.py")
FIRST = re.compile(r"^ *0/\d+ .*\n +(.*)\n(?: +right +.*\n)?(?: +(?:both|yours) +(.*)\n)?", re.MULTILINE)


def shown(lab, text, hint, folder):
    """Return where the command of a hint leads, typed in a student's folder; None where that says what is wrong."""
    for each in lab.folder.glob("*.[ch]"):
        shutil.copy(each, folder)
    (folder / lab.file).write_text(text)
    if hint.startswith("keelback check "):
        assert keelback_command(*shlex.split(hint)[1:], cwd=folder, timeout=280).returncode == 3
        return None
    done = subprocess.run(
        [sys.executable, PROGRAM, hint], cwd=folder, env=ENVIRONMENT, capture_output=True, text=True, timeout=120
    )
    assert done.returncode == 0, done.stderr
    return json.loads(done.stdout)


def is_told(found, reason):
    """Say whether what the step did, or had the kernel print, is what a reason says.

    Of a panic the interpreted kernel says more.
    """
    return reason == (found["events"] or "nothing") or reason in found["ending"] + "\n" + found["console"]


@pytest.mark.parametrize(("name", "mistake"), sliced(MISTAKES, 50))
def test_the_hint_of_a_typical_mistake_leads_to_the_step_before_it(name, mistake, tmp_path):
    lab = find_lab(name)
    section = sections_of(lab)[heading(mistake)]
    event, yours = FIRST.search(section).groups()
    hint = re.search(r"^ +show +(.*)$", section, re.MULTILINE)
    if hint is None:  # a trial whose programs the student has not
        hidden = [trial for each in lab.requirements for trial in each.trials if trial.hidden]
        assert any(f"in the trial with {', '.join(trial.programs)}\n" in section for trial in hidden)
        return
    found = shown(lab, mistaken(lab, mistake), hint[1], tmp_path)
    if event.startswith("the start of the kernel"):
        assert found is None or found["before"] == 0
    else:
        assert found["before"] == int(re.match(r"trap (\d+)", event)[1]) - 1 and is_told(found, yours), found


@pytest.mark.campaign
def test_a_hint_with_a_seed_shows_the_run_of_that_seed(tmp_path):
    """Two threads that take turns, a tick whenever the seed says so."""
    lab, seed = find_lab("waits"), 3
    text = mistaken(lab, "nobody that is woken")
    (tmp_path / lab.file).write_text(text)
    reason = grade(lab, [tmp_path / lab.file], limits=PATIENT, seed=seed).verdicts[0].reason
    assert f" --seed {seed} " in reason.command and reason.trap > 1
    found = shown(lab, text, reason.command, tmp_path)
    assert found["before"] == reason.trap - 1 and is_told(found, reason.found), found


def test_a_hint_says_which_allocation_fails_and_what_no_student_has():
    lab = find_lab("fork")
    failing = lab.requirements[3].trials[0]
    given = {"seed": None, "trap": 3, "failed": 11}
    command = "keelback watch --layout teaching --memory 2M --with fork.py --fail fork:11 twice.c    then g, #2"
    assert watch_command(lab, ["fork.py"], failing, **given) == command
    assert watch_command(lab, ["fork.py"], replace(failing, hidden=True), **given) == ""
    started = watch_command(lab, ["fork.py"], failing, **given | {"trap": 0, "starts": False})
    assert started == "keelback check --layout teaching --memory 2M --with fork.py --time 30s twice.c"


def test_a_hint_is_what_a_shell_reads_whatever_files_are_called():
    lab = find_lab("cow")
    trial, files = lab.requirements[0].trials[0], ["a b <i>$x';.py", "-c.py"]
    command = watch_command(lab, files, trial, seed=3, trap=9, failed=0).partition("    then ")[0]
    _, *words, program = shlex.split(command)
    assert [words[at + 1] for at, each in enumerate(words) if each == "--with"] == files
    assert program == "apart.c 1"
    assert shlex.split(check_command(lab, files, trial, seed=None))[-3:] == ["--with", files[1], program]


def test_a_command_of_a_family_is_what_a_shell_reads_whatever_files_are_called(tmp_path):
    facts = {"family": {"memory": 4 << 20}, "line": "families 1 2", "trap": 3}
    part, output = "a b $x'.py", tmp_path / "it's found"
    for command in _commands(facts, KernelChoice("microkernel", (part,)), output).values():
        _, *words, program = shlex.split(command.partition("    then ")[0])
        assert words[words.index("--with") + 1] == part
        assert read_word(program)[:2] == (str(output / "families.c"), "1 2")


def test_the_hint_of_a_strict_run_says_what_was_found(tmp_path):
    lab = find_lab("fork")
    text = solution(lab).replace(
        "        parent = self.of(caller)\n", "        parent = self.of(caller)\n        assert parent.pid < 0\n"
    )
    for each in lab.folder.glob("*.c"):
        shutil.copy(each, tmp_path)
    (tmp_path / lab.file).write_text(text)
    trial = next(each for each in lab.requirements[-1].trials if each.strict)
    words = shlex.split(check_command(lab, [lab.file], trial, seed=None))
    done = keelback_command(*words[1:], cwd=tmp_path)
    line = text.splitlines().index("        assert parent.pid < 0") + 1
    assert done.returncode == 3 and f"fork.py:{line}" in done.stdout


@pytest.mark.parametrize("life", ["interpreted", "compiled"])
def test_an_allocation_fails_again_after_going_back(life):
    """In `cow`, the first `fork` fails, of four, and is told so; whichever way the recording is gone."""
    files = {"cow": programs_of(MICROKERNEL)["cow"]}
    if life == "interpreted":
        pc = make_pc("cow", programs=files, check=False)
    else:
        image = make_image(MICROKERNEL, make_payload({"etc/init": b"cow\n", **files}), compiled(MICROKERNEL))
        pc = CompiledPc(MICROKERNEL, image, memory=8 * MIB)
    pc.failing = FailingAllocation(look(pc.layout, pc.contents), "fork", 2)
    run = Watched(Recording(pc, every=50), "cow", files)
    assert run.find("fork() = ") and str(run.events_of(run.at)[0]) == "fork() = -4: There is not enough memory."
    at, memory = run.at, bytes(pc.contents)
    run.go(at - 3)
    assert not pc.failing.is_over
    run.go(at)
    assert pc.failing.was_reached and bytes(pc.contents) == memory


@pytest.mark.parametrize(
    ("words", "said"),
    [
        ("--fail fork", "--fail fork: not a call and the number of an allocation, such as fork:3"),
        ("--fail fork:0", "--fail fork:0: not a call and the number of an allocation, such as fork:3"),
        ("--fail spoon:1", "--fail spoon:1: there is no call 'spoon'"),
        ("--seed x", "--seed x: not a number of at most 18 digits"),
    ],
)
def test_what_can_neither_fail_nor_be_a_seed_is_told(words, said):
    done = keelback_command("watch", *words.split(), "cow")
    assert (done.returncode, done.stderr) == (2, f"keelback: {said}\n")
