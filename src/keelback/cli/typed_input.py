"""What a command types on its machine: files, an input log, or what comes by this terminal."""

import os
import sys
import termios
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from keelback.cli.ending import tell
from keelback.cli.options import Typing
from keelback.cli.users_files import read_file
from keelback.errors import UserError
from keelback.image.written_files import check_place, write_file
from keelback.machine.input_log import MOST_LOG, BadLog, Device, Typed, is_log, read_log, write_log
from keelback.machine.scan_codes import NoKey, scan_codes
from keelback.machine.simulated.pc import SimulatedPc

MOST_TEXT = 4 << 20
"""Bytes of text that is typed at most: a log of it, where a byte may take six, is still one."""
STANDARD = "-"
"""The name that stands for standard input."""
LEAVE = 0x1D
"""What control and ] send: the key that ends a run whose terminal is the machine's."""
NO_KEY = b"\0"  # _POSIX_VDISABLE: no key has this meaning


def typed_by(typing: Typing) -> list[Typed]:
    """Return what files say is typed, by time.  Raises: UserError."""
    typed = [] if typing.input is None else _input_of(typing.input)
    if typing.keys is not None:
        typed += _keys_of(typing.keys)
    if typing.is_live and any(each.time for each in typed):
        raise UserError(f"--type and {typing.input}: an input log has its own times; say one of them")
    return sorted(typed, key=lambda each: each.time)


def _input_of(name: str) -> list[Typed]:
    """Return what a text on the serial line is, from the start on, or what an input log says."""
    content = _content(name)
    if not is_log(content):
        _check_size(name, content, MOST_TEXT)
        return [Typed(0, Device.SERIAL, content)] if content else []
    _check_size(name, content, MOST_LOG)
    try:
        return read_log(content)
    except BadLog as error:
        raise UserError(f"{name}: {error}") from None


def _keys_of(name: str) -> list[Typed]:
    content = _content(name)
    _check_size(name, content, MOST_TEXT // 4)
    text = content.decode(errors="surrogateescape")
    try:
        return [Typed(0, Device.KEYBOARD, scan_codes(text))] if text else []
    except NoKey as error:
        line = text.count("\n", 0, error.at) + 1
        raise UserError(f"{name}:{line}: {error}") from None


def _content(name: str) -> bytes:
    if name != STANDARD:
        return read_file(Path(name))
    try:
        return sys.stdin.buffer.read(MOST_LOG + 1)
    except OSError as error:
        raise UserError(f"standard input: {error.strerror}") from None


def _check_size(name: str, content: bytes, most: int) -> None:
    if len(content) > most:
        shown = "standard input" if name == STANDARD else name
        raise UserError(f"{shown}: that is too much to type: {len(content):,} bytes, and {most:,} are the most")


@contextmanager
def logged(path: Path, pc: SimulatedPc) -> Iterator[None]:
    """Write what came in by a machine meanwhile, however that ends.  Raises: UserError."""
    check_place(path)
    try:
        yield
    finally:
        write_file(path, write_log(pc.input.typed))


@contextmanager
def terminal_for_machine(descriptor: int) -> Iterator[None]:
    """Make a terminal send each key at once and as it is, but the one that ends the run; leave what is no terminal."""
    if not os.isatty(descriptor):
        yield
        return
    tell("what you type goes to the machine; control-] ends the run")
    before = termios.tcgetattr(descriptor)
    changed = termios.tcgetattr(descriptor)
    changed[0] &= ~(termios.ICRNL | termios.INLCR | termios.IGNCR | termios.IXON | termios.ISTRIP)
    changed[3] &= ~(termios.ICANON | termios.ECHO | termios.IEXTEN)
    keys = changed[6]
    for each in (termios.VQUIT, termios.VSUSP):
        keys[each] = NO_KEY
    keys[termios.VINTR], keys[termios.VMIN], keys[termios.VTIME] = bytes((LEAVE,)), 1, 0
    termios.tcsetattr(descriptor, termios.TCSADRAIN, changed)
    try:
        yield
    finally:
        termios.tcsetattr(descriptor, termios.TCSADRAIN, before)
