"""A place in a memory."""

from typing import NamedTuple


class Spot(NamedTuple):
    """A page: of which process, 0: of physical memory; and its address."""

    pid: int
    address: int
