"""Every program that the fuzzer once found to differ between the two lives now does the same in both."""

from itertools import product
from pathlib import Path

import pytest

from compiler.compare_lives import Lives
from compiler.generate import inputs
from support import some_of

FOUND = sorted((Path(__file__).parent / "found").glob("*.py"))


IN_EVERY_RUN = [(path, (32, 64)[number % 4 // 2]) for number, path in enumerate(FOUND) if number % 2 == 0]


@pytest.mark.parametrize(
    ("path", "word_bits"),
    some_of(product(FOUND, (32, 64)), IN_EVERY_RUN),
    ids=lambda each: each.stem if isinstance(each, Path) else str(each),
)
def test_found_program_does_the_same_in_both_lives(path, word_bits):
    lives = Lives(path, word_bits)
    entries = [name for name in dir(type(lives.root)) if name.startswith("entry_")]
    lives.compile(entries)
    for name in entries:
        for arguments in inputs(path.stem, lives.types(name), 60):
            assert lives.difference(name, arguments) is None
