"""The kernels that are published: each layout with each kind of page tables that it can have."""

import pytest

from keelback.kernel.layout import PUBLISHED, Layout

VARIANTS = tuple(each for each in PUBLISHED if each.name != "teaching")
"""All that have room for our programs."""


def name_of(layout: Layout) -> str:
    """Return a layout's name and that of its page tables."""
    return f"{layout.name}-{layout.paging.name}"


def word_for(value: Layout | str) -> str:
    """Return what stands for a parameter in a test's name: a layout's name, or the word that it is."""
    return value if isinstance(value, str) else name_of(value)


def in_turn(seed: int) -> Layout:
    """Return the kernel that a campaign tries with a seed: each gets its turn."""
    return VARIANTS[seed % len(VARIANTS)]


variants = pytest.mark.parametrize("layout", VARIANTS, ids=name_of)
