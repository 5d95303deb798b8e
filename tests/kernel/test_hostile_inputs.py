"""No file and no argument of a boot loader reaches a panic: each is refused or served, in both lives and layouts."""

import random

import pytest

from keelback.kernel.loading.elf_file import Rule
from kernel.inputs import KINDS, Boots, Calls, Files
from support import some_of
from variants import name_of

EVERY_RUN = "microkernel-i386"


def for_each(kind):
    """Let a test run with each kernel that a kind of input is for; with most of them it is the campaign's."""
    given = some_of(KINDS[kind], [each for each in KINDS[kind] if name_of(each) == EVERY_RUN])
    return pytest.mark.parametrize("layout", given, ids=map(name_of, KINDS[kind]))


def shares(layout, count):
    """Return the seeds of so many inputs; of 64 bits it is a third, for time, and input_fuzz.py tries as many."""
    return range(count if layout.paging.word_bits == 32 else count // 3)


@for_each(Files)
def test_no_file_of_a_program_or_library_harms_the_kernel(layout):
    files = Files(layout)
    for seed in shares(layout, 120):
        files.try_one(random.Random(seed))
    assert files.outcomes["NONE"] > len(shares(layout, 120)) // 4 and len(files.outcomes) > len(Rule) // (
        2 if layout.paging.word_bits == 32 else 4
    )


@for_each(Calls)
def test_no_argument_of_a_system_call_harms_the_kernel(layout):
    calls = Calls(layout)
    for seed in shares(layout, 60):
        calls.try_one(random.Random(seed))
    assert len(calls.outcomes) > (8 if layout.parts else 5)  # errors are those of fewer calls


@for_each(Boots)
def test_nothing_that_a_boot_loader_hands_over_harms_the_kernel(layout):
    boots = Boots(layout)
    for seed in shares(layout, 12):
        boots.try_one(random.Random(seed))
    assert len(boots.outcomes) > 1
