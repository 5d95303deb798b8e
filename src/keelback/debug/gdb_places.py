"""Places inside gdb: methods and lines of the kernel's Python, and the code that they have become."""

import re
from contextlib import suppress
from pathlib import Path
from typing import Any

import gdb  # type: ignore[import-untyped]

from keelback.debug.gdb_values import KERNEL


def method_around(file: str, line: int) -> Any:
    """Return the innermost method of the kernel's Python around a line, None where there is none."""
    methods = KERNEL["methods"].get(Path(file).name, ())
    around = [each for each in methods if each["first"] <= line < each["end"]]
    return max(around, key=lambda each: each["first"], default=None)


def method_shown() -> Any:
    """Return the Python method that is shown, None where none is."""
    with suppress(gdb.error, RuntimeError):
        place = gdb.selected_frame().find_sal()
        if place.symtab is not None:
            return method_around(place.symtab.filename, place.line)
    return None


def method_named(name: str) -> tuple[str, Any] | None:
    """Return the file and the method that a name such as `SystemCalls.puts` means, None where there is none."""
    short = short_name(name)
    if short in KERNEL["replaced"]:
        file, line = KERNEL["replaced"][short]
        return file, method_around(file, line)
    for file, methods in KERNEL["methods"].items():
        for method in methods:
            if "." in name and method["name"] == short:
                return file, method
    return None


def short_name(name: str) -> str:
    """Return the name of a method without its module's."""
    return re.split(r"\.(?=[A-Z])", f".{name}", maxsplit=1)[-1]


def stand_in(name: str) -> str:
    """Return what to say of a method in whose place a user's own stands, empty where none does."""
    if name not in KERNEL["replaced"]:
        return ""
    file, line = KERNEL["replaced"][name]
    return f"{name} is replaced: in its place stands {method_around(file, line)['name']}, {file}:{line}."


def places_for(text: str) -> list[str]:
    """Return where gdb is to stop for the place that a text names: a method, a line of Python, or any of gdb's own.

    Raises: gdb.GdbError when there is no code of that method or line.
    """
    if (found := method_named(text)) is not None:
        file, method = found
        own = code_of(file, method["first"], method)
        functions = {str(function_block(int(each.pc)).function) for each in own}
        if not functions:
            raise gdb.GdbError(f"{text} has no code of its own: it is part of what calls it, or nothing does.")
        if said := stand_in(short_name(text)):
            gdb.write(f"{said}\n")
        return sorted(functions)
    at = re.fullmatch(r"(.+\.py):(\d+)|(\d+)", text)
    file = (at[1] or current_file()) if at is not None else ""
    if at is None or Path(file).suffix != ".py":
        return [text]
    line = int(at[2] or at[3])
    method = method_around(file, line)
    own = code_of(file, line, method)
    if not own:
        said = stand_in(method["name"]) if method is not None else ""
        raise gdb.GdbError(f"{Path(file).name}:{line} has no code. {said}".rstrip())
    return [f"{file}:{min(each.line for each in own)}"]


def code_of(file: str, line: int, method: Any) -> list[Any]:
    """Return the places of code of a line of a method, or else of the method's next line that has some."""
    for each in range(line, method["end"] if method is not None else 0):
        with suppress(gdb.error):  # the file has no code from that line on
            found = [place for place in gdb.decode_line(f"{file}:{each}")[1] or () if is_in(place, method)]
            if found:
                return found
    return []


def is_in(place: Any, method: Any) -> bool:
    """Say whether code is a method's: the end of a function in C may have a line of the method after it."""
    block = function_block(int(place.pc))
    starts = place.line if not block.superblock.is_static else gdb.find_pc_line(block.start).line
    return bool(method["first"] <= place.line < method["end"] and method["first"] <= starts < method["end"])


def function_block(address: int) -> Any:
    """Return the block of the innermost function in C, inlined or not, around an address that is in one."""
    block = gdb.block_for_pc(address)
    while block.function is None:
        block = block.superblock
    return block


def current_file() -> str:
    """Return the file of the line that is shown, empty where none is."""
    with suppress(gdb.error, RuntimeError):
        return str(gdb.selected_frame().find_sal().symtab.filename)
    return ""
