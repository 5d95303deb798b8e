"""The input of a run: what was typed, on which device, and when.

A run with the same input is the same run, so a log of it repeats what somebody typed.  Written, it is a line of JSON
for each piece, below a first line that says what it is; a character from U+0000 to U+00FF stands for a byte:

    keelback input 1
    {"time": 15625000, "device": "serial", "bytes": "ls\\r"}
"""

import json
from collections.abc import Iterable, Iterator
from enum import StrEnum
from typing import Any, NamedTuple

FIRST_LINE = "keelback input 1"
MOST_TIME = 1 << 63
MOST_LOG = 64 << 20
"""Bytes that a log has at most."""


class Device(StrEnum):
    """What input comes by."""

    SERIAL = "serial"
    KEYBOARD = "keyboard"


class Typed(NamedTuple):
    """Bytes that come by a device from a virtual time on, in instructions: text, or scan codes of set 1."""

    time: int
    device: Device
    data: bytes


class BadLog(Exception):
    """A text is no input log; the message says where and why."""


def is_log(text: bytes) -> bool:
    """Say whether a text begins as an input log does, of this version or another."""
    return text.startswith(FIRST_LINE.rpartition(" ")[0].encode() + b" ")


def write_log(typed: Iterable[Typed]) -> bytes:
    """Return the text of an input log."""
    lines = [FIRST_LINE]
    for each in typed:
        facts = {"time": each.time, "device": each.device.value, "bytes": each.data.decode("latin-1")}
        lines.append(json.dumps(facts))
    return ("\n".join(lines) + "\n").encode("ascii")


def read_log(text: bytes) -> list[Typed]:
    """Return what an input log has.  Raises: BadLog."""
    if text.split(b"\n", 1)[0].rstrip(b"\r") != FIRST_LINE.encode():
        raise BadLog(f"its first line is not {FIRST_LINE!r}")
    return [*_entries(text.split(b"\n"))]


def _entries(lines: list[bytes]) -> Iterator[Typed]:
    before = 0
    for number, line in enumerate(lines[1:], 2):
        if not line.strip():
            continue
        typed = _entry(line)
        if typed is None:
            raise BadLog(f'line {number} is not of the form {{"time": 0, "device": "serial", "bytes": "text"}}')
        if typed.time < before:
            raise BadLog(f"line {number} is of time {typed.time:,}, before that of the line above it")
        before = typed.time
        yield typed


def _entry(line: bytes) -> Typed | None:
    """Return what a line of a log says, None where it is no such line."""
    try:
        facts = json.loads(line)
        time, device, data = facts["time"], Device(facts["device"]), facts["bytes"].encode("latin-1")
    except (ValueError, KeyError, TypeError, AttributeError, RecursionError):
        return None
    return Typed(time, device, data) if set(facts) == set(_FIELDS) and _is_time(time) and data else None


_FIELDS = ("time", "device", "bytes")


def _is_time(value: Any) -> bool:
    return type(value) is int and 0 <= value < MOST_TIME
