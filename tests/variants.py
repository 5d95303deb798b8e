"""The kernels that are published: each layout with each kind of page tables that it can have."""

import pytest

from keelback.kernel.layout import LAYOUTS, OTHER_PAGING, Layout

VARIANTS = tuple(layout for layout in LAYOUTS + OTHER_PAGING if layout.paging.word_bits == 32)


def name_of(layout: Layout) -> str:
    """Return a layout's name and that of its page tables."""
    return f"{layout.name}-{layout.paging.name}"


variants = pytest.mark.parametrize("layout", VARIANTS, ids=name_of)
with_other_paging = pytest.mark.parametrize("layout", [each for each in VARIANTS if each in OTHER_PAGING], ids=name_of)
