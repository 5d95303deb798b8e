"""No file and no argument of a boot loader reaches a panic: each is refused or served, in both lives and layouts."""

import random

import pytest

from keelback.kernel.loading.elf_file import Rule
from kernel.inputs import LAYOUTS, Boots, Calls, Files
from variants import name_of

IDS = [name_of(each) for each in LAYOUTS]


def shares(layout, count):
    """Return the seeds of so many inputs; of 64 bits it is a third, for time, and input_fuzz.py tries as many."""
    return range(count if layout.paging.word_bits == 32 else count // 3)


@pytest.mark.parametrize("layout", LAYOUTS, ids=IDS)
def test_no_file_of_a_program_or_library_harms_the_kernel(layout):
    files = Files(layout)
    for seed in shares(layout, 120):
        files.try_one(random.Random(seed))
    assert files.outcomes["NONE"] > len(shares(layout, 120)) // 4 and len(files.outcomes) > len(Rule) // (
        2 if layout.paging.word_bits == 32 else 4
    )


@pytest.mark.parametrize("layout", LAYOUTS, ids=IDS)
def test_no_argument_of_a_system_call_harms_the_kernel(layout):
    calls = Calls(layout)
    for seed in shares(layout, 60):
        calls.try_one(random.Random(seed))
    assert len(calls.outcomes) > 8


@pytest.mark.parametrize("layout", LAYOUTS, ids=IDS)
def test_nothing_that_a_boot_loader_hands_over_harms_the_kernel(layout):
    boots = Boots(layout)
    for seed in shares(layout, 12):
        boots.try_one(random.Random(seed))
    assert len(boots.outcomes) > 1
