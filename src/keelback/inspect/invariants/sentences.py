"""The list of invariants: a sentence for each, and the body that looks for what contradicts it."""

from collections.abc import Callable, Iterator

from keelback.inspect.census import Census

Body = Callable[[Census], Iterator[str]]
INVARIANTS: dict[str, Body] = {}


def invariant(sentence: str) -> Callable[[Body], Body]:
    """Add a body to the list, under its sentence."""

    def add(body: Body) -> Body:
        INVARIANTS[sentence] = body
        return body

    return add
