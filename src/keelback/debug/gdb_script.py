"""What runs inside gdb: `print` and `break` in Python's terms.

`print` takes Python expressions over the kernel's parts (`processes[1].state`), over the locals of the function that is
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

from keelback.debug import gdb_frames
from keelback.debug.gdb_values import ENUMS, KERNEL, Address, in_c, in_gdb, in_python, load, part_of

WELCOME = """\
The kernel stands before its first instruction.  For example:
    break SystemCalls.puts      continue      bt      next      print thread.frame
"""

OPTIMIZED_OUT = "<optimized out>"
"""What gdb shows of a variable that has no value in the compiled code at this place."""


def start(folder: str, socket: str, first: int, sources: Sequence[str]) -> None:
    """Connect to a machine that has not run yet, and let it run to the kernel's first instruction."""
    for line in (
        "set confirm off",
        "set print pretty on",
        "set print entry-values no",
        "set architecture i386",
        f"set directories {':'.join(sources)}",
        f'file "{folder}/kernel.elf"',
        f"target remote {socket}",
    ):
        gdb.execute(line, to_string=True)
    load(Path(folder, "kernel.json"))
    gdb_frames.use()
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


def end_machine(_event: Any) -> None:
    """End a machine that has not ended, for gdb itself would let it run on."""
    with suppress(gdb.error):
        gdb.execute("kill", to_string=True)


# Expressions.


class OptimizedOut(Exception):
    """A variable of the Python that is shown has no value in the compiled code at this place."""


class NotPython(Exception):
    """A text is no expression about the kernel in Python, so it is C's."""


def evaluate(text: str) -> Any:
    """Return the value of an expression.

    Raises: OptimizedOut; NotPython when it has another syntax, no name at all or one that means nothing; what Python
    raises.
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
    method = method_shown()
    if local is not None:
        value = in_python(local)
        return Address(value) if method and name in method["words"] and type(value) is int else value
    if name != "self" and method and name in (*method["parameters"], *method["locals"]):
        raise OptimizedOut  # and no part of the kernel that has the same name
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
                raise OptimizedOut
            return value
    return None


def method_shown() -> Any:
    """Return the Python method that is shown, None where none is."""
    with suppress(gdb.error, RuntimeError):
        place = gdb.selected_frame().find_sal()
        if place.symtab is not None:
            return method_around(place.symtab.filename, place.line)
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


def shown(name: str) -> str:
    """Return a variable's value as Python writes it."""
    try:
        return repr(meaning_of(name))
    except OptimizedOut:
        return OPTIMIZED_OUT
    except gdb.error as error:
        return f"<{error}>"


# Places.


def method_around(file: str, line: int) -> Any:
    """Return the innermost method of the kernel's Python around a line, None where there is none."""
    methods = KERNEL["methods"].get(Path(file).name, ())
    around = [each for each in methods if each["first"] <= line < each["end"]]
    return max(around, key=lambda each: each["first"], default=None)


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
            raise gdb.GdbError(f"{text} has no code: nothing in this kernel calls it.")
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
