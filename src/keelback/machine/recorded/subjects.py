"""What of a machine somebody asks about: bytes of RAM, a mapping, the record of a frame, or a field of a record.

    0x2000-0x2fff              physical memory, both addresses included; one address is one byte
    2:0xb0000000               what process 2's page at that address is mapped to, and with what rights
    2:0xb0000000.references    a field of the record of the frame that it is mapped to; `.record` for all of it
    processes.table[2].state   a field or a record by its name

What a subject reads says when it changes: two reads are equal if and only if nothing of it has changed.
"""

import re
from collections.abc import Callable
from typing import Any, NamedTuple

from keelback.errors import UserError
from keelback.inspect.lens import walker_of
from keelback.inspect.named import NoName, value_at
from keelback.inspect.snapshot.frames import said_record
from keelback.inspect.snapshot.walks import check_address
from keelback.inspect.walk import NOT_MAPPED, PAGE_SHIFT, RIGHTS, said_mapping
from keelback.kernel.kernel import Kernel
from keelback.kernel.processes.processes import ProcessState
from keelback.lang import text_of

RANGE = re.compile(r"(0x[0-9a-f]+|\d+)(?:-(0x[0-9a-f]+|\d+))?", re.IGNORECASE)
PAGE_OF = re.compile(r"(\d+):(0x[0-9a-f]+)(?:\.(\w+))?", re.IGNORECASE)
RECORD = "record"
FRAME = re.compile(r"memory\.frames\.table\[\d+\]")
SHOWN_BYTES = 16


class NoSubject(Exception):
    """The words name nothing that there is in the machine; the message says what."""


class Subject(NamedTuple):
    """What somebody asks about: its name, what reads it, and how what it reads is said."""

    name: str
    read: Callable[[], Any]
    say: Callable[[Any], str] = str


def subject_of(kernel: Kernel, words: str) -> Subject:
    """Return the subject that words name, in the machine that a kernel is the lens over.  Raises: NoSubject."""
    if match := RANGE.fullmatch(words):
        first = int(match[1], 0)
        return memory(kernel, first, int(match[2] or match[1], 0) + 1)
    if match := PAGE_OF.fullmatch(words):
        pid, page = int(match[1]), int(match[2], 0)
        return frame_record(kernel, pid, page, match[3]) if match[3] else mapping(kernel, pid, page)
    return field(kernel, words)


def memory(kernel: Kernel, start: int, end: int) -> Subject:
    """Return physical memory [start, end).  Raises: NoSubject."""
    ram = kernel.spaces.ram
    if not 0 <= start < end <= ram.size:
        raise NoSubject(f"{start:#x}-{end - 1:#x} is no memory: the machine has 0-{ram.size - 1:#x}")
    name = f"memory {start:#x}-{end - 1:#x}" if end - start > 1 else f"memory {start:#x}"
    return Subject(name, lambda: bytes(ram.bytes[start:end]), _said_bytes)


def mapping(kernel: Kernel, pid: int, page: int) -> Subject:
    """Return what a process's page is mapped to.  Raises: NoSubject."""
    find = _walk(kernel, pid, page)

    def read() -> tuple[int, int] | None:
        found = find()
        return (found.frame, found.flags & RIGHTS) if found else None

    return Subject(f"page {page:#x} of process {pid}", read, _said_mapping)


def frame_record(kernel: Kernel, pid: int, page: int, name: str = RECORD) -> Subject:
    """Return the record of the frame that a page is mapped to, or a field of it.  Raises: NoSubject."""
    find, table = _walk(kernel, pid, page), kernel.memory.frames.table
    field = "" if name == RECORD else f".{name}"
    if name != RECORD and not hasattr(table[0], name):
        raise NoSubject(f"the record of a frame has no {name}")

    def read() -> Any:
        found = find()
        if found is None or found.frame >= len(table):
            return NOT_MAPPED
        return found.frame, value_at(kernel, f"memory.frames.table[{found.frame}]{field}")

    def say(value: Any) -> str:
        return NOT_MAPPED if value == NOT_MAPPED else f"{said(value[1])} (frame {value[0]:#x})"

    said = _said if field else _frame_teller(kernel)

    return Subject(f"{name} of the frame of page {page:#x} of process {pid}", read, say)


def field(kernel: Kernel, name: str) -> Subject:
    """Return a field, a record or an array of records by its name.  Raises: NoSubject."""
    say = _frame_teller(kernel) if FRAME.fullmatch(name) else _said
    subject = Subject(name, lambda: value_at(kernel, name), say)
    try:
        subject.read()
    except NoName as error:
        raise NoSubject(f"{error}; memory is said as 0x2000-0x2fff, a page as 2:0xb0000000") from None
    return subject


def _frame_teller(kernel: Kernel) -> Callable[[Any], str]:
    """Return what says the bytes of a frame's record by their meaning."""

    def name_of(pid: int) -> str:
        name = text_of(kernel.processes.table[pid].name) if pid < len(kernel.processes.table) else ""
        return f"{name} ({pid})" if name else f"process {pid}"

    return lambda record: said_record(record, name_of)


def said_change(subject: Subject, before: Any, after: Any) -> str:
    """Return a change in words; of bytes, the first that differ."""
    if not (isinstance(before, bytes) and isinstance(after, bytes) and len(before) == len(after) > SHOWN_BYTES):
        return f"from {subject.say(before)} to {subject.say(after)}"
    place = next(index for index, (one, other) in enumerate(zip(before, after, strict=True)) if one != other)
    one, other = (each[place : place + SHOWN_BYTES // 2].hex(" ") for each in (before, after))
    return f"at {place:#x} from {one} to {other}"


def _walk(kernel: Kernel, pid: int, page: int) -> Callable[[], Any]:
    """Return what walks a process's page tables to a page: None where there is no process or no page.

    Raises: NoSubject.
    """
    table, walker = kernel.processes.table, walker_of(kernel)
    if not 0 < pid < len(table):
        raise NoSubject(f"there is no process {pid}: the layout has processes 1 to {len(table) - 1}")
    try:
        check_address(walker, page)
    except UserError as error:
        raise NoSubject(str(error)) from error

    def walk() -> Any:
        root = table[pid].space.directory << PAGE_SHIFT if table[pid].state == ProcessState.ALIVE else 0
        return walker.walk(root, page) if root else None

    return walk


def _said(value: Any) -> str:
    return _said_bytes(value) if isinstance(value, bytes) else getattr(value, "name", str(value))


def _said_bytes(value: bytes) -> str:
    return value[:SHOWN_BYTES].hex(" ") + ("…" if len(value) > SHOWN_BYTES else "")


def _said_mapping(value: tuple[int, int] | None) -> str:
    return said_mapping(*value) if value is not None else NOT_MAPPED
