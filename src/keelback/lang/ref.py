"""References: `Ref[Thread]` is an element of the home array of `Thread`, or None.

In RAM it is the element's index + 1 as `u32`, 0 for None: the same bytes wherever the array lies.
"""

from typing import TypeAlias, TypeVar

T = TypeVar("T")
Ref: TypeAlias = T | None
