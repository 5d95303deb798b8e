"""Files that a command writes: whole, or not at all."""

import os
from pathlib import Path

from keelback.errors import UserError
from keelback.image.leftovers import draft_of


def write_file(path: Path, content: bytes) -> None:
    """Write a file whole or not at all.  Raises: UserError."""
    try:
        if path.exists() and not path.is_file():  # a device, or a folder, which says so itself
            path.write_bytes(content)
            return
        place = path.resolve()  # where a link leads, not over the link
        with draft_of(place) as draft:
            draft.write_bytes(content)
            os.replace(draft, place)
    except (OSError, ValueError, RuntimeError) as error:  # a zero byte in the path; links in a circle
        raise UserError(f"{path}: {getattr(error, 'strerror', None) or error}") from error


def make_folder(path: Path) -> None:
    """Make a folder where there is none.  Raises: UserError."""
    try:
        path.mkdir(parents=True, exist_ok=True)
    except (OSError, ValueError) as error:
        raise UserError(f"{path}: {getattr(error, 'strerror', None) or error}") from error
