"""Files that are written whole, or not at all."""

import os
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import BinaryIO

from keelback.errors import UserError
from keelback.image.leftovers import draft_of


def write_file(path: Path, content: bytes) -> None:
    """Write a file whole or not at all, to a device straight.  Raises: UserError."""
    if os.path.exists(path) and not os.path.isfile(path):  # or a folder, which says so itself
        with _told(path):
            path.write_bytes(content)
        return
    with whole_file(path) as file:
        file.write(content)


@contextmanager
def whole_file(path: Path) -> Iterator[BinaryIO]:
    """Open a file to write; what was there before is replaced at the end, if that comes.  Raises: UserError."""
    with _told(path):
        place = path.resolve()  # where a link leads, not over the link
        with draft_of(place) as draft:
            with draft.open("xb") as file:
                yield file
            os.replace(draft, place)


def make_folder(path: Path) -> None:
    """Make a folder where there is none.  Raises: UserError."""
    with _told(path):
        path.mkdir(parents=True, exist_ok=True)


@contextmanager
def _told(path: Path) -> Iterator[None]:
    """Tell what fails in one line.  Raises: UserError."""
    try:
        yield
    except (OSError, ValueError, RuntimeError) as error:  # a zero byte in the path; links in a circle
        raise UserError(f"{path}: {getattr(error, 'strerror', None) or error}") from error
