"""The how-to page about writing a lab, to the letter.  (Its other commands are run with those of all pages.)"""

import re

import pytest

from consoles import ROOT, blocks, run, write_files

PAGE = ROOT / "docs" / "how-to" / "write-a-lab.md"


def graded(folder):
    """Yield each command that grades on the page, what it prints, and what the page says that it does."""
    write_files(PAGE, folder)
    assert run("keelback lab new ./unmap right --solved", cwd=folder).returncode == 0
    *kept, last = (folder / "right" / "unmap.py").read_text().splitlines(keepends=True)
    assert last.startswith("        self.promises.add(space, -pages, ")
    (folder / "forgetful.py").write_text("".join(kept))
    for block in blocks(PAGE, "text"):
        command, _, shown = block.removeprefix("$ ").partition("\n")
        yield command, run(command, cwd=folder).stdout, shown


@pytest.mark.campaign
def test_both_submissions_are_graded_as_the_page_says(tmp_path):
    """But for which of the student's lines the compiler has kept, which every change of inlining moves."""
    for command, *both in graded(tmp_path):
        printed, shown = (re.sub(r"(lines  \w+\.py:)[\d, ]+", r"\1…", each) for each in both)
        assert printed == shown, command


def test_a_lab_that_only_its_owner_may_read_is_graded(tmp_path):
    write_files(PAGE, tmp_path)
    folder = tmp_path / "unmap"
    head, first, *_ = (folder / "lab.toml").read_text().split("[[requirement]]")
    (folder / "lab.toml").write_text(f"{head}[[requirement]]{first}")
    folder.chmod(0o700)
    assert run("keelback lab new ./unmap right --solved", cwd=tmp_path).returncode == 0
    assert run("keelback grade ./unmap right/unmap.py", cwd=tmp_path).stdout.startswith("unmap: 3 of 3 points\n")
