"""Every program that the fuzzer once found to differ between the two lives now does the same in both."""

from pathlib import Path

import pytest

from compiler.compare_lives import Lives
from compiler.generate import inputs

FOUND = sorted((Path(__file__).parent / "found").glob("*.py"))


@pytest.mark.parametrize("word_bits", [32, 64])
@pytest.mark.parametrize("path", FOUND, ids=lambda path: path.stem)
def test_found_program_does_the_same_in_both_lives(path, word_bits):
    lives = Lives(path, word_bits)
    entries = [name for name in dir(type(lives.root)) if name.startswith("entry_")]
    lives.compile(entries)
    for name in entries:
        for arguments in inputs(path.stem, lives.types(name), 60):
            assert lives.difference(name, arguments) is None
