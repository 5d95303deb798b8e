"""What this process has made on its host and must not leave there: scratch folders, drafts, programs that run.

1. Its context removes each; `remove_all` removes what is left, when a signal ends the process at any moment.
2. A scratch folder is locked for as long as its maker lives.  One that nobody has locked was left by a process that
   was killed; the next process that makes one there removes it.
"""

from __future__ import annotations

import ctypes
import fcntl
import os
import signal
import threading
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import ExitStack, contextmanager, suppress
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

if TYPE_CHECKING:
    from subprocess import CompletedProcess, Popen

NAME: Final = r"keelback-[0-9]+-[a-z0-9_]+"
"""What scratch folders are called: the maker's process number, and what `tempfile` adds."""

MOMENT: Final = 10.0
"""Seconds that what has been killed may take to end, on a host that is busy with other things."""

PR_SET_PDEATHSIG: Final = 1  # of prctl(2)

_lock = threading.RLock()  # its holder may be interrupted by a handler that wants it too
_places: dict[Path, int] = {}  # scratch folders and drafts, with the descriptors of the folders' locks
_programs: dict[int, Popen[bytes]] = {}
_swept: set[Path] = set()
_is_making = False  # the main thread is making something that is not noted above yet
_postponed: list[Callable[[], object]] = []


@contextmanager
def scratch_folder(where: Path | None = None) -> Iterator[Path]:
    """Make a folder among the temporary files, or in another folder, and remove it at the end.  Raises: OSError."""
    import tempfile

    parent = Path(tempfile.gettempdir()) if where is None else where
    _sweep(parent)
    folder = _make_folder(parent)
    try:
        yield folder
    finally:
        _remove(folder)


def folder_of_this_process() -> Path:
    """Make a folder among the temporary files that is there until this process ends.  Raises: OSError."""
    import atexit

    made = ExitStack()
    folder = made.enter_context(scratch_folder())
    atexit.register(made.close)
    return folder


@contextmanager
def draft_of(file: Path) -> Iterator[Path]:
    """Name a file beside another, to be renamed to it; what is not renamed is removed at the end."""
    import secrets

    draft = file.with_name(f".keelback-{secrets.token_hex(8)}")
    _places[draft] = -1
    try:
        yield draft
    finally:
        _remove(draft)


def start_tool(command: Sequence[str], *, foreground: bool = False, **options: Any) -> Popen[bytes]:
    """Start a program that ends with this process; where it is not in the foreground, control-C is not for it.

    `end` takes notice of its end.  Raises: OSError.
    """
    import subprocess

    with _making():
        process = subprocess.Popen(command, start_new_session=not foreground, **options)
        _programs[process.pid] = process
    return process


def run_tool(
    command: Sequence[str], *, directory: Path | None = None, environment: Mapping[str, str] | None = None
) -> CompletedProcess[bytes]:
    """Run a program to its end, without input, and return what it said.  Raises: OSError."""
    import subprocess

    process = start_tool(
        command,
        cwd=directory,
        env=environment,
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
    )
    try:
        output, said = process.communicate()
    finally:
        end(process)
    return subprocess.CompletedProcess(command, process.returncode, output, said)


def end(process: Popen[bytes]) -> None:
    """End a program if it still runs."""
    with _lock:
        if _programs.pop(process.pid, None) is not None:
            _kill(process)
    process.wait()


def remove_all() -> None:
    """Remove all that there is; from now on nothing is made any more, in any thread, until this process ends."""
    _lock.acquire()
    for process in _programs.values():
        _kill(process)
    for process in _programs.values():
        _wait_for(process)  # what is dying may still write
    for place in [*_places]:
        _remove(place)


def _kill(process: Popen[bytes]) -> None:
    """Kill a program, with those that it has started where it is the first of a session."""
    if process.poll() is None:
        with suppress(OSError):
            (os.killpg if os.getpgid(process.pid) == process.pid else os.kill)(process.pid, signal.SIGKILL)


def _wait_for(process: Popen[bytes]) -> None:
    """Wait for the end of a program that was killed; who was interrupted may wait for it too, and have Popen's lock."""
    import time

    until = time.monotonic() + MOMENT
    with suppress(OSError):  # somebody has taken notice of its end
        while not _has_ended(process.pid) and time.monotonic() < until:
            time.sleep(0.01)


def _has_ended(pid: int) -> bool:
    """Say whether a child has ended.  Raises: OSError when somebody has taken notice of it."""
    if hasattr(os, "waitid"):  # not in Python 3.11 and 3.12 on macOS
        return os.waitid(os.P_PID, pid, os.WEXITED | os.WNOWAIT | os.WNOHANG) is not None
    return os.waitpid(pid, os.WNOHANG)[0] == pid


@contextmanager
def _making() -> Iterator[None]:
    """Hold the lock while something is made and noted; what a signal asks for meanwhile is done then."""
    global _is_making
    with _lock:
        _is_making = threading.current_thread() is threading.main_thread()
        try:
            yield
        finally:
            _is_making = False
            while _postponed:
                _postponed.pop()()


def postpone(action: Callable[[], object]) -> bool:
    """Keep the action of a signal for later where it would miss what is being made; return whether it was kept."""
    if _is_making:
        _postponed.append(action)
    return _is_making


def _make_folder(parent: Path) -> Path:
    """Make and lock a folder; another process may take one that is not locked yet for left, so try again."""
    import tempfile

    while True:
        with _making():
            folder = Path(tempfile.mkdtemp(prefix=f"keelback-{os.getpid()}-", dir=parent))
            _places[folder] = -1
        with suppress(OSError):
            _places[folder] = os.open(folder, os.O_RDONLY | os.O_DIRECTORY)
            fcntl.flock(_places[folder], fcntl.LOCK_EX | fcntl.LOCK_NB)
            if folder.exists():
                return folder
        _remove(folder)


def _remove(place: Path) -> None:
    with _lock:
        if place.is_dir() and not place.is_symlink():
            _remove_folder(place)
        else:
            with suppress(OSError):
                place.unlink()
        descriptor = _places.pop(place, -1)  # now: a signal that came before has found it in its place
        if descriptor >= 0:
            os.close(descriptor)


def _remove_folder(folder: Path) -> None:
    """Remove a folder in which others, which are ending, may still make files for a moment."""
    import shutil
    import time

    until = time.monotonic() + MOMENT
    shutil.rmtree(folder, ignore_errors=True)
    while folder.exists() and time.monotonic() < until:
        time.sleep(0.01)
        shutil.rmtree(folder, ignore_errors=True)


def _sweep(parent: Path) -> None:
    """Remove the scratch folders of this user's in a folder that no process has any more, once a process."""
    import re

    with _lock, suppress(OSError):
        if parent in _swept:
            return
        _swept.add(parent)
        for each in os.scandir(parent):
            if re.fullmatch(NAME, each.name) and each.is_dir(follow_symlinks=False):
                with suppress(OSError):
                    _remove_if_left(Path(each.path))


def _remove_if_left(folder: Path) -> None:
    """Remove a folder if it is this user's and no process has locked it.  Raises: OSError when that can't be told."""
    import shutil

    if folder in _places or folder.lstat().st_uid != os.getuid():
        return
    descriptor = os.open(folder, os.O_RDONLY | os.O_DIRECTORY | os.O_NOFOLLOW)
    try:
        fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
        shutil.rmtree(folder, ignore_errors=True)
    finally:
        os.close(descriptor)


def end_with_parent() -> None:
    """Tell the host's kernel, where it is Linux, to end this process when who started it ends, however that is."""
    with suppress(AttributeError):
        ctypes.CDLL(None).prctl(PR_SET_PDEATHSIG, signal.SIGKILL)
