"""The commands inside gdb that are in Python's terms, `print`, `break`, `info locals` and `info args`, and its start.

`print` takes Python expressions (`gdb_expressions.py`); what is no such expression is C's, as ever.
"""

import re
from collections.abc import Sequence
from contextlib import suppress
from pathlib import Path
from typing import Any

import gdb  # type: ignore[import-untyped]

from keelback.debug import gdb_frames, gdb_looking
from keelback.debug.gdb_expressions import OPTIMIZED_OUT, NotPython, OptimizedOut, evaluate, local_symbols, shown
from keelback.debug.gdb_places import method_shown, places_for
from keelback.debug.gdb_values import KERNEL, Address, in_c, in_gdb, load

WELCOME = """\
The kernel stands before its first instruction.  For example:
    break SystemCalls.puts      continue      bt      next      print thread.frame      maps      walk $eip
"""


ARCHITECTURES = {32: "i386", 64: "i386:x86-64"}
"""gdb's names, by the bits of a word."""


def start(
    folder: str,
    socket: str,
    first: int,
    sources: Sequence[str],
    word_bits: int,
    looking: tuple[Sequence[str], str, Sequence[str]],
) -> None:
    """Connect to a machine that has not run yet, and let it run to the kernel's first instruction.

    `looking` is what starts a command of ours, the machine's name for it, and the options that say what kernel it has.
    """
    for line in (
        "set confirm off",
        "set print pretty on",
        "set print entry-values no",
        f"set architecture {ARCHITECTURES[word_bits]}",
        f"set directories {':'.join(sources)}",
        f'file "{folder}/kernel.elf"',
        f"target remote {socket}",
    ):
        gdb.execute(line, to_string=True)
    load(Path(folder, "kernel.json"))
    gdb_frames.use(word_bits)
    gdb_looking.use(*looking, word_bits)
    Print()
    Variables("locals", "Local variables")
    Variables("args", "Parameters")
    Break("break", "Stop")
    Break("tbreak", "Stop once")
    InPython()
    gdb.events.gdb_exiting.connect(end_machine)
    # The boot loader has yet to write the kernel's text, so what stops there can't be an instruction in RAM.
    gdb.Breakpoint(f"*{first:#x}", gdb.BP_HARDWARE_BREAKPOINT, internal=True, temporary=True)
    gdb.execute("continue", to_string=True)
    gdb.write(WELCOME)


class Start(gdb.Command):  # type: ignore[misc]
    """Connect to the machine, and let it run to the kernel's first instruction.

    Usage: start

    An editor says it when it has set up its gdb, which can be done only before there is a machine.
    """

    def __init__(self, *given: Any) -> None:
        super().__init__("start", gdb.COMMAND_RUNNING)
        self.given = given

    def invoke(self, text: str, from_tty: bool) -> None:
        """Do so; when the machine has ended, gdb ends too, and so the editor's session."""
        removed, exiting = gdb.events.connection_removed, gdb.events.gdb_exiting
        exiting.connect(lambda _event: removed.disconnect(leave))  # before `end_machine`, at which a gdb ends already
        start(*self.given)
        removed.connect(leave)


def leave(_event: Any) -> None:
    """End gdb, when it has told what it was about."""
    gdb.post_event(lambda: gdb.execute("quit"))


def end_machine(_event: Any) -> None:
    """End a machine that has not ended, for gdb itself would let it run on."""
    with suppress(gdb.error):
        gdb.execute("kill", to_string=True)


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
        except OptimizedOut:
            gdb.write(f"{OPTIMIZED_OUT}\n")
        except (gdb.error, gdb.GdbError) as error:
            raise gdb.GdbError(str(error)) from error
        except Exception as error:
            raise gdb.GdbError(f"{type(error).__name__}: {error}") from error

    def _show(self, value: Any, shape: str) -> None:
        if isinstance(value, Address) and not shape:
            shape = "/x"
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


class Variables(gdb.Command):  # type: ignore[misc]
    """Show what the function that is shown has, each with its value.

    Usage: info locals

    Those that have no value here, for the compiler keeps none, are <optimized out>.
    """

    def __init__(self, name: str, what: str) -> None:
        self.__doc__ = (self.__doc__ or "").replace("what the", f"{what.lower()} of the").replace("locals", name)
        self.names, self.none = {"locals": "locals", "args": "parameters"}[name], f"No {name}."
        super().__init__(f"info {name}", gdb.COMMAND_STACK)

    def invoke(self, text: str, from_tty: bool) -> None:
        """Show them, as Python has them."""
        method = method_shown()
        found = [name for name in method[self.names] if name != "self"] if method is not None else []
        for name in found:
            gdb.write(f"{name} = {shown(name)}\n")
        if not found:
            gdb.write(f"{self.none}\n")


class Break(gdb.Command):  # type: ignore[misc]
    """Set a breakpoint at a method or a line of the kernel's Python, or at any other place of gdb's.

    Usage: break [PLACE] [thread THREAD] [if CONDITION]

    A place is a method, a line, or what gdb knows besides: break SystemCalls.puts, break frames.py:67.
    A line that has no code is refused; within a method, the next line that has some is taken.
    """

    def __init__(self, name: str, effect: str) -> None:
        self.__doc__ = (self.__doc__ or "").replace("Set a breakpoint", f"{effect}").replace("break ", f"{name} ")
        self.is_temporary = name == "tbreak"
        super().__init__(name, gdb.COMMAND_BREAKPOINTS, gdb.COMPLETE_LOCATION)

    def invoke(self, text: str, from_tty: bool) -> None:
        """Set it."""
        place, rest = re.fullmatch(r"\s*(\S*)(.*)", text, re.DOTALL).groups()  # type: ignore[union-attr]
        try:
            for where in places_for(place) if place else [f"*{int(gdb.selected_frame().pc()):#x}"]:
                gdb.decode_line(where)  # an error, where a breakpoint would wait for what no one will load
                gdb.Breakpoint(f"{where}{rest}", temporary=self.is_temporary)
        except gdb.error as error:
            raise gdb.GdbError(str(error)) from error


class InPython(gdb.Function):  # type: ignore[misc]
    """Return the value of an expression in Python's terms: break frames.py:67 if $py("frame == 2051")."""

    def __init__(self) -> None:
        super().__init__("py")

    def invoke(self, text: Any) -> Any:
        """Return it; what only Python has, as a text."""
        try:
            value = in_gdb(evaluate(text.string()))
        except OptimizedOut:
            return OPTIMIZED_OUT
        except NotPython:
            raise gdb.GdbError(f"{text.string()!r} is no expression about the kernel in Python") from None
        return value if isinstance(value, (bool, str, gdb.Value)) or type(value) is int else repr(value)
