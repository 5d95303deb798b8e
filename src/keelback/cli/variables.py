"""Addresses that are said by a number, or by the name of a variable of a program."""

from keelback.cli.sizes import address
from keelback.errors import UserError
from keelback.inspect.moment import Moment
from keelback.inspect.snapshot.processes import Process
from keelback.inspect.symbols import variables_of
from keelback.near import did_you_mean, near_names

Place = tuple[Process, int]
"""A process, and an address of it."""


def is_number(word: str) -> bool:
    """Say whether a word is an address, and no name."""
    return not word.isidentifier()


def places_of(word: str, moment: Moment, processes: list[Process]) -> list[Place]:
    """Return where a word leads in each process: an address in all, a variable in those whose program has it.

    Raises: UserError.
    """
    if is_number(word):
        place = address("--walk", word)
        return [(each, place) for each in processes]
    if not moment.files:
        raise UserError(f"--walk {word}: names are known of programs that are run here; say an address")
    known = [(each, variables_of(moment.files.get(each.name, b""))) for each in processes]
    found = [(each, variables[word]) for each, variables in known if word in variables]
    if not found:
        names = {name: None for _, variables in known for name in variables}
        near = did_you_mean(near_names(word, names))
        raise UserError(f"--walk {word}: no program here has a variable of that name{near}")
    return found
