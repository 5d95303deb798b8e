"""Files that a user names: read with care, and run with care where they are Python."""

import os
import stat
import sys
import traceback
from collections.abc import Iterator
from contextlib import contextmanager, redirect_stdout
from contextvars import ContextVar
from importlib.machinery import ModuleSpec
from importlib.util import module_from_spec
from pathlib import Path
from types import FrameType, ModuleType

from keelback.errors import Interrupted, UserError
from keelback.lang.replacing import WrongReplacement

MOST_BYTES, MOST_OF_A_SOURCE = 1 << 30, 16 << 20
"""More than this is no program and no image, for a machine has less than 4 GiB for all, or is no source."""


def check_readable(path: Path) -> None:
    """Check that a path is that of a plain file that can be read and is not too large.  Raises: UserError."""
    try:
        facts = path.stat()
        if stat.S_ISDIR(facts.st_mode):
            raise UserError(f"{path}: Is a directory")
        if not stat.S_ISREG(facts.st_mode):
            raise UserError(f"{path}: not a regular file")
        most = MOST_OF_A_SOURCE if path.suffix in (".c", ".py") else MOST_BYTES
        if facts.st_size > most:
            raise UserError(f"{path}: {facts.st_size:,} bytes are too many; at most {most:,} are read")
        os.close(os.open(path, os.O_RDONLY))
    except (OSError, ValueError) as error:  # ValueError: a zero byte in the path
        raise UserError(f"{path}: {getattr(error, 'strerror', None) or error}") from None


def read_file(path: Path) -> bytes:
    """Return the content of a file.  Raises: UserError."""
    check_readable(path)
    try:
        return path.read_bytes()
    except OSError as error:
        raise UserError(f"{path}: {error.strerror}") from None


_seconds: ContextVar[float | None] = ContextVar("_seconds", default=None)


@contextmanager
def reading_within(seconds: float | None) -> Iterator[None]:
    """Limit how many seconds each file of a user's may take to be read; None: as long as it likes."""
    before = _seconds.set(seconds)
    try:
        yield
    finally:
        _seconds.reset(before)


@contextmanager
def reading(source: Path) -> Iterator[None]:
    """Run what a user's file does as it is read; a signal or a time ends it, at one of its lines.

    What it prints goes to standard error: on standard output is the command's answer.
    Raises: Interrupted; LimitReached; whatever it raises.
    """
    # Imported here: strict mode has to come first.
    from keelback.cli.running import within
    from keelback.machine.breaking import taking_signals

    file = str(source.absolute())

    def end(number: int, frame: FrameType | None) -> None:
        lines = [line for each, line in traceback.walk_stack(frame) if os.path.abspath(each.f_code.co_filename) == file]
        raise Interrupted(f"{source}:{lines[0]}" if lines else "", number)

    with within(_seconds.get()), taking_signals(end), redirect_stdout(sys.stderr):
        yield


@contextmanager
def imports_beside(source: Path) -> Iterator[None]:
    """Add the folder of a file to those that are imported from, as the last; forget what came from it at the end."""
    folder = str(source.parent.absolute())
    before = {*sys.modules}
    sys.path.append(folder)
    try:
        yield
    finally:
        sys.path.remove(folder)
        for name in {*sys.modules} - before:
            if os.path.dirname(getattr(sys.modules[name], "__file__", None) or "") == folder:
                del sys.modules[name]


@contextmanager
def users_python(source: Path) -> Iterator[None]:
    """Run what a user has written in Python: whatever it raises is a line with its place, and it leaves no cache.

    Raises: UserError.
    """
    writes = sys.dont_write_bytecode
    sys.dont_write_bytecode = True
    try:
        yield
    except (UserError, Interrupted):
        raise
    except BaseException as error:  # SystemExit and KeyboardInterrupt too: they are the file's, no signal's
        # Imported here: strict mode has to come first.
        from keelback.kernel.layout import WrongLayout

        what = "" if isinstance(error, WrongReplacement | WrongLayout) else f"{type(error).__name__}: "
        raise UserError(f"{_place(source, error)}: {what}{_said(error)}".rstrip(": ")) from None
    finally:
        sys.dont_write_bytecode = writes


def run_module(source: Path, spec: ModuleSpec) -> ModuleType:
    """Run a user's file anew and return its module, which is known by the spec's name.

    Annotations within quotes are looked up by that.
    Raises: as `reading`.
    """
    assert spec.loader is not None
    module = sys.modules[spec.name] = module_from_spec(spec)
    try:
        with reading(source):
            spec.loader.exec_module(module)
    except BaseException:
        del sys.modules[spec.name]
        raise
    return module


def _place(source: Path, error: BaseException) -> str:
    """Return the innermost line of a source that led to an error."""
    file = str(source.absolute())
    if isinstance(error, SyntaxError):
        return f"{source}:{error.lineno}" if error.lineno else str(source)
    lines = [line for frame, line in traceback.walk_tb(error.__traceback__) if frame.f_code.co_filename == file]
    return f"{source}:{lines[-1]}" if lines else str(source)


def _said(error: BaseException) -> str:
    try:
        said = error.msg if isinstance(error, SyntaxError) else str(error)
    except BaseException:  # a hostile author's
        return ""
    return said
