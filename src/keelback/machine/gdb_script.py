"""What runs inside gdb: `print` in Python's terms.

It takes Python expressions over the kernel's parts (`processes[1].state`), over the locals of the function that is
shown, and over its `self`; what is no such expression is C's, as ever.
"""

import ast
import builtins
import re
from collections.abc import Iterator, Sequence
from contextlib import suppress
from pathlib import Path
from typing import Any

import gdb  # type: ignore[import-untyped]

from keelback.machine.gdb_values import ENUMS, KERNEL, in_c, in_gdb, in_python, load, part_of

WELCOME = """\
The kernel stands before its first instruction.  For example:
    break frames.py:67      continue      bt      next      print processes[1]
"""


def start(folder: str, socket: str, first: int, sources: Sequence[str]) -> None:
    """Connect to a machine that has not run yet, and let it run to the kernel's first instruction."""
    for line in (
        "set confirm off",
        "set print pretty on",
        "set architecture i386",
        f"set directories {':'.join(sources)}",
        f'file "{folder}/kernel.elf"',
        f"target remote {socket}",
    ):
        gdb.execute(line, to_string=True)
    load(Path(folder, "kernel.json"))
    Print()
    InPython()
    gdb.events.gdb_exiting.connect(end_machine)
    # The boot loader has yet to write the kernel's text, so what stops there can't be an instruction in RAM.
    gdb.Breakpoint(f"*{first:#x}", gdb.BP_HARDWARE_BREAKPOINT, internal=True, temporary=True)
    gdb.execute("continue", to_string=True)
    gdb.write(WELCOME)


def end_machine(_event: Any) -> None:
    """End a machine that has not ended, for gdb itself would let it run on."""
    with suppress(gdb.error):
        gdb.execute("kill", to_string=True)


# Expressions.


class NotPython(Exception):
    """A text is no expression about the kernel in Python, so it is C's."""


def evaluate(text: str) -> Any:
    """Return the value of an expression.

    Raises: NotPython when it has another syntax, no name at all or one that means nothing; whatever Python raises.
    """
    try:
        tree = ast.parse(text.strip(), mode="eval")
    except (SyntaxError, ValueError):
        raise NotPython from None
    names = [node for node in ast.walk(tree) if isinstance(node, ast.Name)]
    bound = {node.id for node in names if isinstance(node.ctx, ast.Store)}
    used = {node.id for node in names} - bound - set(vars(builtins))
    if not used:
        raise NotPython
    return eval(compile(tree, "<print>", "eval"), {name: meaning_of(name) for name in used})


def meaning_of(name: str) -> Any:
    """Return what a name stands for, as Python looks it up: local first.  Raises: NotPython."""
    local = local_value(name)
    if local is not None:
        return in_python(local)
    numbers = {**KERNEL["names"], **own_part()}
    if name in numbers:
        return part_of(numbers[name])
    if name in ENUMS:
        return ENUMS[name]
    raise NotPython


def local_value(name: str) -> Any:
    """Return a local of the function that is shown, None when it has no such one.  Raises: gdb.error."""
    for symbol in local_symbols():
        if symbol.name in (name, f"{name}$"):  # a word of C's is marked
            value = symbol.value(gdb.selected_frame())
            if value.is_optimized_out:
                raise gdb.error(f"{name} has been optimized out")
            return value
    return None


def local_symbols() -> Iterator[Any]:
    """Yield the locals of the function that is shown, inner before outer."""
    try:
        block = gdb.selected_frame().block()
    except (gdb.error, RuntimeError):  # nothing runs, or what runs has no source
        return
    while block is not None and not block.is_static and not block.is_global:
        yield from (symbol for symbol in block if symbol.is_variable or symbol.is_argument)
        block = None if block.function else block.superblock


def own_part() -> dict[str, int]:
    """Return the number of the part whose method is shown, as `self`: its name starts the function's."""
    try:
        function = gdb.selected_frame().function()
    except gdb.error:
        return {}
    starts = [each for each in KERNEL["selves"] if f"{function}_".startswith(f"{each}_")]
    return {"self": KERNEL["selves"][max(starts, key=len)]} if starts else {}


def call(text: str) -> None:
    """Print the value of a C expression, as gdb's own `print` did.  Raises: gdb.GdbError."""
    try:
        gdb.execute(f"call {text}")
    except gdb.error as error:
        raise gdb.GdbError(str(error)) from error


class Print(gdb.Command):  # type: ignore[misc]
    """Print the value of an expression, in Python's terms where it is about the kernel.

    Usage: print [[OPTION]... --] [/FMT] [EXP]

    Names are locals, self, the kernel's parts and enums: print processes[1].state, print thread.frame.eip,
    print [each.pid for each in processes if each.state == ProcessState.ALIVE].
    All else is C's, with gdb's options and formats.
    """

    def __init__(self) -> None:
        super().__init__("print", gdb.COMMAND_DATA)

    def invoke(self, text: str, from_tty: bool) -> None:
        """Print it; what is C's goes to `call`, which does what gdb's own `print` did."""
        shape, expression = re.fullmatch(r"\s*(/\w+(?=\s))?(.*)", text, re.DOTALL).groups("")  # type: ignore[union-attr]
        try:
            self._show(evaluate(expression), shape)
        except NotPython:
            call(text)
        except (gdb.error, gdb.GdbError) as error:
            raise gdb.GdbError(str(error)) from error
        except Exception as error:
            raise gdb.GdbError(f"{type(error).__name__}: {error}") from error

    def _show(self, value: Any, shape: str) -> None:
        text = in_c(int(value) if shape and isinstance(value, int) else value)
        if text is None:
            gdb.write(f"{value!r}\n")
        else:
            call(f"{shape} {text}")

    def complete(self, text: str, word: str) -> Any:
        """Return what a name may go on with."""
        before, start = re.fullmatch(r"(.*?)(\w*)", text, re.DOTALL).groups()  # type: ignore[union-attr]
        path = re.search(r"([\w.\[\] ]+)\.$", before)
        try:
            names = dir(evaluate(path[1])) if path else [*KERNEL["names"], *(each.name for each in local_symbols())]
        except Exception:  # not yet an expression
            return gdb.COMPLETE_EXPRESSION
        stem = word[: len(word) - len(start)]
        return [stem + name for name in names if name.startswith(start)] or gdb.COMPLETE_EXPRESSION


class InPython(gdb.Function):  # type: ignore[misc]
    """Return the value of an expression in Python's terms: break frames.py:67 if $py("frame == 2051")."""

    def __init__(self) -> None:
        super().__init__("py")

    def invoke(self, text: Any) -> Any:
        """Return it; what only Python has, as a text."""
        try:
            value = in_gdb(evaluate(text.string()))
        except NotPython:
            raise gdb.GdbError(f"{text.string()!r} is no expression about the kernel in Python") from None
        return value if isinstance(value, (bool, str, gdb.Value)) or type(value) is int else repr(value)
