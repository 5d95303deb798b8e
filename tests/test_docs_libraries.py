"""docs/libraries.md: its tables are what is so.  (Its consoles are run with all others.)"""

import re
from pathlib import Path

from libraries import Machine, our_libraries

TEXT = (Path(__file__).parents[1] / "docs" / "libraries.md").read_text()


def test_our_libraries_export_what_the_table_says():
    rows = re.findall(r"^\| (lib[cg]\w+) \| [\w ]+ \| ([\w, ]+) \|$", TEXT, re.MULTILINE)
    machine, found = Machine(), {}
    for number, (name, elf) in enumerate(our_libraries().items(), 1):
        found[name] = ", ".join(machine.exports(machine.load(elf, number << 28)))
    assert dict(rows) == found


def test_the_refusals_are_those_that_are_tested():
    tested = (Path(__file__).parent / "image" / "test_libraries.py").read_text()
    rows = re.findall(r"^\| [\w `]+ \| ('names'.*|it .*|export .*) \|$", TEXT, re.MULTILINE)
    assert len(rows) == 6
    for row in rows:
        assert row in tested
