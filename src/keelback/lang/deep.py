"""Room for walks over deep trees: Python's own limit is meant for calls that never end."""

import sys
from collections.abc import Iterator
from contextlib import contextmanager

DEEP = 20_000


@contextmanager
def deep_walks() -> Iterator[None]:
    """Allow functions to call themselves `DEEP` times: as deep as a tree that Python itself could parse."""
    usual = sys.getrecursionlimit()
    sys.setrecursionlimit(max(usual, DEEP))
    try:
        yield
    finally:
        sys.setrecursionlimit(usual)
