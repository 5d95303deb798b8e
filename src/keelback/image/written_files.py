"""Files that are written whole, or not at all."""

import errno
import os
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import BinaryIO

from keelback.errors import UserError
from keelback.image.leftovers import draft_of


def write_file(path: Path, content: bytes) -> None:
    """Write a file whole or not at all, to a device straight.  Raises: UserError."""
    if _is_special(path):
        with _told(path), open(_opened(path), "wb") as file:
            file.write(content)
        return
    with whole_file(path) as file:
        file.write(content)


def check_place(path: Path) -> None:
    """Check that a file can be written at a place, before work that would be lost otherwise.  Raises: UserError."""
    with _told(path):
        if path.is_dir():
            raise IsADirectoryError(errno.EISDIR, os.strerror(errno.EISDIR))
        if not _is_special(path):
            with draft_of(path.resolve()) as draft:
                draft.open("xb").close()


def _is_special(path: Path) -> bool:
    """Say whether a path is of a device or a pipe, or a folder, which says so itself when it is opened."""
    return os.path.exists(path) and not os.path.isfile(path)


def _opened(path: Path) -> int:
    """Open a device, or a pipe that somebody reads: who waits for a reader may wait for ever.  Raises: OSError."""
    try:
        descriptor = os.open(path, os.O_WRONLY | os.O_NONBLOCK)
    except OSError as error:
        if error.errno == errno.ENXIO:
            raise OSError(error.errno, "nobody reads this pipe") from None
        raise
    os.set_blocking(descriptor, True)
    return descriptor


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
