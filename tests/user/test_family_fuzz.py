"""A fixed slice of the families that do as chance has it, and a mistake in the kernel that they find."""

import pytest

from keelback.kernel.layout import MICROKERNEL, USERMODE
from kernel.driven import LIVES
from kernel.mistaken import mistaken
from support import some_of
from user.family_fuzz import run_family
from variants import VARIANTS, name_of


@pytest.mark.parametrize("layout", some_of(VARIANTS, [MICROKERNEL]), ids=name_of)
def test_a_family_on_little_memory_finds_all_as_it_must_be(layout):
    assert run_family(layout, 1, *(LIVES if layout is MICROKERNEL else LIVES[1:])) > 1000


def test_a_call_that_touches_what_it_reads_is_found(tmp_path):
    place = ("memory.virtual_memory", "VirtualMemory", "_readable_zeros")
    with (
        mistaken(tmp_path, *place, "self.spaces.kernel.zero", "self.make_readable(space, address)"),
        pytest.raises(AssertionError, match="WRONG: what a failure takes"),
    ):
        run_family(USERMODE, 3, "interpreted")
