"""Names that are near one that nothing has."""

from collections.abc import Iterable
from difflib import get_close_matches

MOST = 3


def near_names(word: str, names: Iterable[str]) -> list[str]:
    """Return the names that a word is nearly, the nearest first."""
    return get_close_matches(word, list(names), MOST)


def did_you_mean(near: Iterable[str]) -> str:
    """Return the question after some names, to stand behind what is wrong; empty where there are none."""
    named = " or ".join(dict.fromkeys(near))
    return f"; did you mean {named}?" if named else ""
