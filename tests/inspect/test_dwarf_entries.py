"""Passing over entries of DWARF's tree leads to those that reading each of them finds."""

from io import BytesIO

import pytest
from elftools.elf.elffile import ELFFile

from keelback.image.kernels import compiled
from keelback.image.linked import make_symbols
from keelback.inspect.dwarf_entries import entries
from keelback.kernel.layout import MICROKERNEL, MICROKERNEL_64
from support import some_of
from variants import name_of


@pytest.mark.parametrize("layout", some_of([MICROKERNEL, MICROKERNEL_64], [MICROKERNEL_64]), ids=name_of)
def test_entries_are_those_that_are_read_one_by_one(layout):
    dwarf = ELFFile(BytesIO(make_symbols(layout, compiled(layout)))).get_dwarf_info()
    for unit in dwarf.iter_CUs():
        all_of_unit = [(each.offset, each.tag) for each in unit.iter_DIEs()]
        for tags in (("DW_TAG_subprogram", "DW_TAG_inlined_subroutine"), ("DW_TAG_variable",), ()):
            expected = [each for each in all_of_unit if each[1] in tags]
            assert [(each.offset, each.tag) for each in entries(unit, tags)] == expected
