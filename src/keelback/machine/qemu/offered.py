"""A QMP monitor that a machine of ours offers to others, at a path of the user's."""

import os
import socket
import stat
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

from keelback.errors import UserError

LONGEST = 107
"""Bytes of a path that the address of a socket has room for."""


@contextmanager
def offered_monitor(path: Path) -> Iterator[tuple[str, ...]]:
    """Give QEMU's options for a monitor at a free path, and remove its socket at the end.  Raises: UserError."""
    if len(os.fsencode(path)) > LONGEST:
        raise UserError(f"--qmp {path}: a socket's path has at most {LONGEST} bytes")
    if not path.parent.is_dir():
        raise UserError(f"--qmp {path}: there is no folder {path.parent}")
    if os.path.lexists(path) and not _is_left(path):
        raise UserError(f"--qmp {path}: there is such a file already; name another to make")
    escaped = str(path.absolute()).replace(",", ",,")
    try:
        yield "-qmp", f"unix:{escaped},server=on,wait=off"
    finally:
        with suppress(OSError):
            if stat.S_ISSOCK(path.lstat().st_mode):
                path.unlink()


def _is_left(path: Path) -> bool:
    """Say whether a path is a socket that nobody listens at any more."""
    if not stat.S_ISSOCK(path.lstat().st_mode):
        return False
    with socket.socket(socket.AF_UNIX) as asking:
        try:
            asking.connect(str(path))
        except ConnectionRefusedError:
            return True
        except OSError:
            return False
    return False
