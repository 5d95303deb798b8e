"""Sizes of memory, counts and times, as a command says them."""

import re

from keelback.errors import UserError

SIZE = re.compile("([0-9]{1,18})([KMG]?)")
SIZES = {"": 1, "K": 1 << 10, "M": 1 << 20, "G": 1 << 30}
THOUSANDS = {"": 1, "K": 10**3, "M": 10**6, "G": 10**9}
TIME = re.compile(r"([0-9]{1,9}(?:\.[0-9]{1,9})?)(MS|S|M|H|)")
FAILING = re.compile("([a-z_]+):([1-9][0-9]{0,8})")
MOST_SECONDS = 24 * 3600
SECONDS = {"MS": 0.001, "": 1.0, "S": 1.0, "M": 60.0, "H": 3600.0}


def counted(number: float, noun: str) -> str:
    """Return a number and what it counts: `1 trap`, `2,000 traps`, `0.5 seconds`."""
    shown = f"{number:,}" if isinstance(number, int) else f"{number:g}"
    return f"{shown} {noun}" if number == 1 else f"{shown} {noun}s"


def memory_size(text: str) -> int:
    """Return the bytes of a simulated PC's memory, such as `64M`.  Raises: UserError."""
    return _size(text, "4K", "4G")


def qemu_memory_size(text: str) -> int:
    """Return the bytes of a QEMU machine's memory, such as `6G`.  Raises: UserError."""
    return _size(text, "1M", "1024G")


def web_memory_size(text: str) -> int:
    """Return the bytes of the memory of the machine in a web page, such as `16M`.  Raises: UserError."""
    return _size(text, "1M", "1G")


def instructions(text: str) -> int:
    """Return the number of instructions of `--limit`, such as `10M`.  Raises: UserError."""
    found = SIZE.fullmatch(text.upper())
    if found is None or int(found[1]) == 0:
        raise UserError(f"--limit {text}: not a count such as 50000, 10M or 2G")
    return int(found[1]) * THOUSANDS[found[2]]


def address(option: str, text: str) -> int:
    """Return the address that an option was given, in hexadecimal or decimal digits.  Raises: UserError."""
    try:
        found = int(text.replace("_", ""), 0)
    except ValueError:
        found = -1
    if not 0 <= found < 1 << 64:
        raise UserError(f"{option} {text}: not an address such as 0x0804a000")
    return found


def seconds(text: str) -> float:
    """Return the seconds of `--time`, such as `30s` or `1.5m`.  Raises: UserError."""
    found = TIME.fullmatch(text.upper())
    if found is None or float(found[1]) == 0 or float(found[1]) * SECONDS[found[2]] > MOST_SECONDS:
        raise UserError(f"--time {text}: not a time such as 500ms, 30s, 5m or 1h, at most a day")
    return float(found[1]) * SECONDS[found[2]]


def seed_of(text: str | None) -> int | None:
    """Return the number of `--seed`.  Raises: UserError."""
    if text is None:
        return None
    if not re.fullmatch("[0-9]{1,18}", text):
        raise UserError(f"--seed {text}: not a number of at most 18 digits")
    return int(text)


def failing_allocation(text: str | None) -> tuple[str, int] | None:
    """Return the call of `--fail`, and which of its allocations fails, from 1 on.  Raises: UserError."""
    if text is None:
        return None
    found = FAILING.fullmatch(text)
    if found is None:
        raise UserError(f"--fail {text}: not a call and the number of an allocation, such as fork:3")
    from keelback.abi.calls import CALLS

    if found[1] not in {each.name for each in CALLS}:
        raise UserError(f"--fail {text}: there is no call {found[1]!r}")
    return found[1], int(found[2])


def _size(text: str, unit: str, end: str) -> int:
    """Return the bytes of a size that is a multiple of another and below a third."""
    found = SIZE.fullmatch(text.upper())
    if found is None:
        raise UserError(f"--memory {text}: not a size such as 512K, 64M or 1G")
    size = int(found[1]) * SIZES[found[2]]
    if size == 0:
        raise UserError(f"--memory {text}: a machine has some; {unit} is the least")
    if size >= _bytes(end) or size % _bytes(unit):
        hint = "" if found[2] else "; a number alone counts bytes"
        raise UserError(f"--memory {text}: not a multiple of {unit} below {end}{hint}")
    return size


def _bytes(size: str) -> int:
    return int(size[:-1]) * SIZES[size[-1]]
