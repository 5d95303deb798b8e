"""The how-to page about writing a lab, to the letter.  (Its other commands are run with those of all pages.)"""

import json
import re
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

from command_client import ENVIRONMENT
from consoles import ROOT, blocks, run, write_files
from keelback.labs.lab import find_lab
from labs.transcripts import mistaken

PROGRAM = Path(__file__).with_name("hinted.py")
PAGE = ROOT / "docs" / "how-to" / "write-a-lab.md"


def graded(folder):
    """Yield each command that grades on the page, what it prints, and what the page says that it does."""
    write_files(PAGE, folder)
    assert run("keelback lab new ./unmap right --solved", cwd=folder).returncode == 0
    *kept, last = (folder / "right" / "unmap.py").read_text().splitlines(keepends=True)
    assert last.startswith("        self.promises.add(space, -pages, ")
    (folder / "right" / "forgetful.py").write_text("".join(kept))
    for block in blocks(PAGE, "text"):
        command, _, shown = block.removeprefix("$ ").partition("\n")
        yield command, run(command, cwd=folder).stdout, shown


@pytest.mark.campaign
def test_both_submissions_are_graded_as_the_page_says(tmp_path):
    for command, printed, shown in graded(tmp_path):
        assert printed == shown, command
    hints = re.findall(r"^ +show +(.*)$", shown, re.MULTILINE)
    assert len(hints) == 2 and all(done_in(tmp_path / "right", each)["before"] == 9 for each in hints)


def done_in(folder, hint):
    """Return where the command of a hint leads that is typed in a folder."""
    done = subprocess.run(
        [sys.executable, PROGRAM, hint], cwd=folder, env=ENVIRONMENT, capture_output=True, text=True, timeout=120
    )
    assert done.returncode == 0, done.stderr
    return json.loads(done.stdout)


@pytest.mark.campaign
def test_a_failure_is_read_as_the_page_about_courses_says(tmp_path):
    """Graded from outside, and shown in a folder that has the lab's programs; a name may have blanks."""
    lab = find_lab("fork")
    (tmp_path / "handed-in").mkdir()
    file = tmp_path / "handed-in" / "ann $x.py"
    file.write_text(mistaken(lab, "another result for the child"))
    printed = run("keelback grade fork 'handed-in/ann $x.py'", cwd=tmp_path).stdout
    assert printed.endswith(
        "\nWhat stands behind show is typed where ann $x.py and the lab's\n"
        "programs are together: keelback lab new fork FOLDER makes a folder with the programs.\n"
    )
    assert run("keelback lab new fork seen", cwd=tmp_path).returncode == 0
    shutil.copy(file, tmp_path / "seen")
    event, hint = re.search(r"trap (\d+),.*?show +([^\n]*)", printed, re.DOTALL).groups()
    assert done_in(tmp_path / "seen", hint)["before"] == int(event) - 1
    again = run("keelback grade fork 'ann $x.py'", cwd=tmp_path / "seen").stdout
    assert printed.startswith(again)


@pytest.mark.campaign
def test_a_lab_that_only_its_owner_may_read_is_graded(tmp_path):
    write_files(PAGE, tmp_path)
    folder = tmp_path / "unmap"
    head, first, *_ = (folder / "lab.toml").read_text().split("[[requirement]]")
    (folder / "lab.toml").write_text(f"{head}[[requirement]]{first}")
    folder.chmod(0o700)
    assert run("keelback lab new ./unmap right --solved", cwd=tmp_path).returncode == 0
    assert run("keelback grade ./unmap right/unmap.py", cwd=tmp_path).stdout.startswith("unmap: 3 of 3 points\n")
