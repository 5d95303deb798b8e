"""Both lives of a Kernel Python module: its entries run in CPython and compiled, and must agree.

Compared after every call: the result or the error's number, a panic's file and line, and every byte of the records.
"""

import linecache
import types
from collections.abc import Callable, Iterable
from pathlib import Path
from types import CodeType
from typing import Any

from compiler.native import RECORDS, RECORDS_END, SIZE, Failed, Native
from keelback.compiler.source import hints_of
from keelback.lang import Component, KernelError, Panic, ProcessFault, Ram, Region, freeze
from keelback.lang.errors import MISTAKES
from keelback.lang.layout import integer_type
from keelback.lang.strict import CHECK, PANIC, check, strict_code, words_of

PROCESS_FAULT = -256
SILLY = [f"-Wno-{each}" for each in ("tautological-compare", "parentheses-equality", "memset-transposed-args")]
"""Warnings about what a random program may well say."""
Outcome = tuple[Any, ...]
"""("result", value), ("error", number) or ("panic", file name, line)."""


def load(path: Path, code: Callable[[str, str], CodeType]) -> dict[str, Any]:
    """Run the code of a module; every one is called alike, so that each may declare the same errors."""
    module = types.ModuleType("fuzzed_program")
    module.__file__ = str(path)
    import sys

    sys.modules["fuzzed_program"] = module
    vars(module).update({CHECK: check, PANIC: Panic})
    linecache.checkcache(str(path))
    exec(code(path.read_text(), str(path)), vars(module))
    return vars(module)


class Lives:
    """A program in both lives, on a machine whose words have 32 or 64 bits."""

    code = staticmethod(strict_code)
    """What makes the code that runs of a module's text, and its place."""

    def __init__(self, path: Path, word_bits: int = 32) -> None:
        self.path = path
        self.ram = Ram(SIZE, word_bits=word_bits)
        self.region = Region(self.ram, RECORDS, RECORDS_END)
        with words_of(word_bits):
            self.root: Component = load(path, self.code)["Root"](self.region)
        freeze(self.root)
        self.start = bytes(self.ram.bytes[RECORDS : self.region.next])
        self.native: Native
        self.outcome: Outcome = ()

    def types(self, name: str) -> list[str]:
        """Return the integer types of an entry's parameters."""
        hints = hints_of(getattr(self.root, name).__func__)
        types = [integer_type(hint) for parameter, hint in hints.items() if parameter != "return"]
        return [each.resolved(self.ram.word_bits).name for each in types if each is not None]

    def compile(self, entries: Iterable[str]) -> None:
        """Compile.  Raises: CompileError."""
        self.native = Native(self.root, self.ram, {name: getattr(self.root, name) for name in entries}, SILLY)

    def reset(self) -> None:
        """Give both lives the RAM that they started with."""
        self.write(self.start)

    def write(self, content: bytes) -> None:
        self.ram.bytes[RECORDS : self.region.next] = content
        self.native.uc.mem_write(RECORDS, content)

    def difference(self, name: str, arguments: tuple[int, ...]) -> str | None:
        """Call an entry in both lives and tell how they differ."""
        wanted = self.outcome = self.interpreted(name, arguments)
        content = bytes(self.ram.bytes[RECORDS : self.region.next])
        found = self.compiled(name, arguments)
        if wanted != found:
            return f"{name}{arguments}: interpreted {wanted}, compiled {found}"
        compiled = bytes(self.native.uc.mem_read(RECORDS, len(content)))
        if compiled != content:
            place = next(index for index in range(len(content)) if content[index] != compiled[index])
            bytes_there = f"{content[place]:#x}, compiled {compiled[place]:#x}"
            return f"{name}{arguments}: {wanted}; RAM differs at {place:#x}: {bytes_there}"
        return None

    def interpreted(self, name: str, arguments: tuple[int, ...]) -> Outcome:
        try:
            with words_of(self.ram.word_bits):
                return ("result", getattr(self.root, name)(*arguments))
        except KernelError as error:
            return ("error", error.number)
        except ProcessFault:
            return ("error", PROCESS_FAULT)
        except Panic as panic:
            return ("panic", Path(panic.file).name, panic.line)
        except MISTAKES as error:
            panic = Panic.of(error)
            return ("panic", Path(panic.file).name, panic.line)

    def compiled(self, name: str, arguments: tuple[int, ...]) -> Outcome:
        try:
            return ("result", self.native.call(name, *arguments))
        except Failed as failed:
            return ("error", failed.code)
        except Panic as panic:
            return ("panic", Path(panic.file).name, panic.line)
