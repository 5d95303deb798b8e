"""Every program that the fuzzer once found to differ between the two lives now does the same in both."""

from pathlib import Path

import pytest

from compiler.compare_lives import Lives
from compiler.generate import inputs
from keelback.compiler.source import hints_of
from keelback.lang.layout import integer_type

FOUND = sorted((Path(__file__).parent / "found").glob("*.py"))


@pytest.mark.parametrize("path", FOUND, ids=lambda path: path.stem)
def test_found_program_does_the_same_in_both_lives(path):
    lives = Lives(path)
    entries = [name for name in dir(type(lives.root)) if name.startswith("entry_")]
    lives.compile(entries)
    for name in entries:
        hints = hints_of(getattr(lives.root, name).__func__)
        types = [integer_type(hint).name for parameter, hint in hints.items() if parameter != "return"]
        for arguments in inputs(path.stem, types, 60):
            assert lives.difference(name, arguments, plain_stops="finally" not in path.read_text()) is None
