"""What this process is building, for whoever wants to show it."""

from collections.abc import Callable, Iterator
from contextlib import contextmanager

Listener = Callable[[str, bool], None]
"""Is told what has begun or, with False, has ended; in whichever thread that was."""

_listeners: list[Listener] = []


@contextmanager
def working_on(what: str) -> Iterator[None]:
    """Tell the listeners that something begins, and at the end that it has ended."""
    for listener in _listeners:
        listener(what, True)
    try:
        yield
    finally:
        for listener in _listeners:
            listener(what, False)


@contextmanager
def listening(listener: Listener) -> Iterator[None]:
    """Tell a listener of all that begins and ends meanwhile."""
    _listeners.append(listener)
    try:
        yield
    finally:
        _listeners.remove(listener)
