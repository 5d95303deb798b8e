"""Room for walks over deep trees: Python's own limit is meant for calls that never end."""

import sys
import threading
from collections.abc import Iterator
from contextlib import contextmanager

DEEP = 20_000
_lock = threading.Lock()
_limits: list[int] = []
"""What the limit was at the start of each walk that goes on, in any thread."""


@contextmanager
def deep_walks() -> Iterator[None]:
    """Allow functions to call themselves `DEEP` times: as deep as a tree that Python itself could parse."""
    with _lock:
        _limits.append(sys.getrecursionlimit())
        sys.setrecursionlimit(max(_limits[-1], DEEP))
    try:
        yield
    finally:
        with _lock:
            usual = _limits.pop()
            if not _limits:
                sys.setrecursionlimit(usual)
