"""The kernel's rules for files of programs, asked without a machine: as a machine would say."""

import pytest

from keelback.inspect.executables import broken_rule
from keelback.kernel.layout import MICROKERNEL, USERMODE
from keelback.kernel.loading.elf_file import Rule
from support import EXECUTE, READ, WRITE, elf, payload_programs


@pytest.mark.parametrize("layout", [MICROKERNEL, USERMODE], ids=lambda each: each.name)
def test_our_own_programs_break_no_rule(layout):
    assert {broken_rule(file, layout) for file in payload_programs(layout.image_base).values()} == {Rule.NONE}


@pytest.mark.parametrize("layout", [MICROKERNEL, USERMODE], ids=lambda each: each.name)
def test_the_rule_that_a_file_breaks_is_told_for_its_layout(layout):
    base = layout.image_start
    good = [(base, READ | EXECUTE, b"\xf4", 1), (base + 0x1000, READ | WRITE, b"", 8)]
    assert broken_rule(elf(good, base), layout) == Rule.NONE
    assert broken_rule(elf(good, base + 1), layout) == Rule.ENTRY
    assert broken_rule(elf(good, base)[:-1], layout) == Rule.TRUNCATED
    assert broken_rule(elf([(base - 1, READ | EXECUTE, b"\xf4", 1)], base - 1), layout) == Rule.PLACE


@pytest.mark.parametrize("size", [0, 1, 51])
def test_a_file_shorter_than_a_header_is_not_whole(size):
    assert broken_rule(elf([], 0)[:size], MICROKERNEL) == Rule.WHOLE
