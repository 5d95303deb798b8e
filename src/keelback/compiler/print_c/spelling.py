"""How constants, texts and paths are written in C."""

import re
from functools import cache

from keelback.compiler.intervals import Interval
from keelback.compiler.names import path_name
from keelback.compiler.types import I64, U64
from keelback.lang.integers import IntegerType
from keelback.lang.ram import Record


def literal(value: int, c: IntegerType) -> str:
    """Return a constant, written in a C type."""
    if c.bits == 128:
        low = literal(value, I64 if value < 0 else U64)
        high = f"({c.name})({literal(value >> 64, I64)}) << 64 | {literal(value & U64.maximum, U64)}"
        return f"({c.name}){low}" if Interval(value, value).fits(64) else f"({high})"
    if value == -(1 << 63):
        return "(-0x7fffffffffffffffll - 1)"
    if value == -(1 << 31) and c.bits == 32:
        return "(-0x7fffffff - 1)"
    number = str(value) if -1024 < value < 4096 else f"{'-' if value < 0 else ''}{abs(value):#x}"
    suffix = {"u32": "u", "i64": "ll", "u64": "ull"}.get(c.name, "")
    return number + suffix if value >= 0 else f"({number}{suffix})"


@cache
def quoted(text: str) -> str:
    """Return a string constant: what is no plain character of ASCII by its number, and no trigraph."""
    plain = re.sub(r"(?<=\?)\?", r"\\?", text.replace("\\", "\\\\").replace('"', '\\"'))
    coded = plain.encode("utf-8", "surrogateescape")
    return '"' + re.sub(rb"[^ -~]", lambda byte: b"\\%03o" % byte[0][0], coded).decode() + '"'


def short_path(file: str) -> str:
    """Return a source file's path from the package on: the same on every machine."""
    _, found, rest = file.rpartition("/keelback/")
    return "keelback/" + rest if found else file.rpartition("/")[2]


def record_name(record: Record) -> str:
    """Return what a static record would be called in C, if nothing else is."""
    return path_name(record.name) or f"record_{record.address:x}"


def section(record: Record) -> str:
    """Return the section that a static record lies in."""
    return f".record.at_{record.address:08x}"


def spaced(type: str) -> str:
    """Return a type so that a name can follow it."""
    return type if type.endswith("*") else type + " "
