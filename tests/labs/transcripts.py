"""The pages of docs/mistakes: typical mistakes of each lab, and what `keelback grade` says of each.

    python tests/labs/transcripts.py [LAB…]

writes them again, a lab's page a minute.
"""

import difflib
import re
import sys
import tempfile
from pathlib import Path

sys.path.insert(0, str(Path(__file__).parents[1]))

from consoles import ROOT
from keelback.cli.grade import INDENT, lines_of
from keelback.labs.grading import LIMITS, grade
from keelback.labs.lab import find_lab, labs
from keelback.labs.skeleton import solution
from labs.mistakes import MISTAKES

FOLDER = ROOT / "docs" / "mistakes"
PATIENT = LIMITS._replace(seconds=600.0)
"""Limits for a machine on which others work, too."""
REQUIREMENT = re.compile(r" *\d+/\d+  ")


def page_of(lab):
    """Return where a lab's page is."""
    return FOLDER / f"{lab.name}.md"


def mistaken(lab, mistake):
    """Return the text of a submission that has a typical mistake."""
    right, wrong, _ = MISTAKES[lab.name, mistake]
    return solution(lab).replace(right, wrong)


def graded(lab, text, limits=PATIENT):
    """Return the result of a submission."""
    with tempfile.TemporaryDirectory() as folder:
        file = Path(folder, lab.file)
        file.write_text(text)
        return grade(lab, [file], limits=limits)


def heading(mistake):
    """Return a mistake's name as a heading."""
    return mistake[0].upper() + mistake[1:]


def section(lab, mistake, result):
    """Return what a page has of a mistake: its heading, the lines that were changed, and what is said of it."""
    return "\n".join(
        [
            f"## {heading(mistake)}",
            "",
            "```diff",
            *_changed(lab, mistake),
            "```",
            "",
            "```text",
            *_shortened(lines_of(result)),
            "```",
            "",
        ]
    )


def _changed(lab, mistake):
    """Yield the lines that a mistake has other than the kernel, as a difference, and which they are."""
    pair = [solution(lab).splitlines(), mistaken(lab, mistake).splitlines()]
    for line in [*difflib.unified_diff(*pair, n=1, lineterm="")][2:]:
        place = re.match(r"@@ -\d+(?:,\d+)? \+(\d+)", line)
        yield f"@@ {lab.file}:{place[1]} @@" if place else line


def _shortened(lines):
    """Yield what is printed of a result, of all requirements but the first that is not met only the points."""
    told = 0
    for line in lines:
        if REQUIREMENT.match(line):
            told += told > 0
        if told <= 1 or not line.startswith(INDENT):
            told += told == 0 and line.startswith(INDENT)
            yield line


def head(lab):
    """Return what a lab's page begins with."""
    return f"""\
# Mistakes in lab {lab.number}: {lab.title}

Wrong submissions of the lab [{lab.name}](../labs.md), and what `keelback grade {lab.name} {lab.file}` says of each.
Here stand the reason for the first points that are missing, and of all other requirements the points alone.
[How to read a failure](../labs.md#read-a-failure) says what the lines are.

Each submission is the kernel's own methods, as `keelback lab new {lab.name} right --solved` writes them.
Only the lines that are shown are others.

"""


def page_now(lab, results):
    """Return a lab's page with the results of its typical mistakes, by name."""
    return head(lab) + "\n".join(section(lab, name, result) for name, result in results.items())


def mistakes_of(lab):
    """Return the names of a lab's typical mistakes."""
    return [mistake for name, mistake in MISTAKES if name == lab.name]


def sections_of(lab):
    """Return the sections of a lab's page as it is, by their headings."""
    parts = re.split(r"^(?=## )", page_of(lab).read_text(), flags=re.MULTILINE)[1:]
    return {each.partition("\n")[0].removeprefix("## "): each.rstrip("\n") + "\n" for each in parts}


if __name__ == "__main__":
    for lab in [find_lab(each) for each in sys.argv[1:]] or labs():
        FOLDER.mkdir(exist_ok=True)
        results = {each: graded(lab, mistaken(lab, each)) for each in mistakes_of(lab)}
        page_of(lab).write_text(page_now(lab, results))
        print(page_of(lab).name, flush=True)
