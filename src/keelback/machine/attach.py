"""Targets: machines that are there already, a QEMU that runs or a file that keeps one.

qemu:SOCKET     the Unix socket of a QMP monitor: qemu-system-x86_64 … -qmp unix:SOCKET,server=on,wait=off
file:FILE       what `keelback snapshot FILE` has written
"""

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path

from keelback.errors import UserError
from keelback.inspect.moment import Moment
from keelback.inspect.saved import read_moment
from keelback.kernel.layout import Layout


@contextmanager
def attach(target: str, own: Sequence[Layout] = ()) -> Iterator[Moment]:
    """Look at a machine that is there already, as it is now; `own` are layouts of the user's that it may have.

    A QEMU that runs has gone on when the context begins.
    Raises: UserError.
    """
    kind, separator, name = target.partition(":")
    if kind not in ("qemu", "file") or not separator or not name:
        raise UserError(f"{target}: a machine is named by qemu:SOCKET or file:FILE")
    if kind == "file":
        yield _kept(Path(name), own)
        return
    # Imported here: hardly anybody runs QEMU.
    from keelback.machine.qemu.attaching import moment_of_qemu

    yield moment_of_qemu(Path(name), own)


def _kept(file: Path, own: Sequence[Layout]) -> Moment:
    try:
        return read_moment(file, own)
    except OSError as error:
        raise UserError(f"{file}: {error.strerror or error}") from error
