"""Options and arguments that several commands have."""

import functools
import os
from collections.abc import Callable, Iterable
from typing import TYPE_CHECKING, Any, NamedTuple, TypeVar, cast

import click

from keelback.cli.sizes import instructions, seconds
from keelback.errors import UserError
from keelback.image.boot_protocol import LONGEST_COMMAND_LINE

if TYPE_CHECKING:
    from click.shell_completion import CompletionItem

LAYOUTS = ("microkernel", "usermode", "teaching")
"""The names of the published layouts, known here so that the help need not import them."""
PAGING = ("i386", "PAE", "x86-64")
"""The names of the paging schemes."""
LAYOUT_WORD = f"[{'|'.join(LAYOUTS)}|FILE.py:NAME]"

SHELL = "--shell"
"""The word, in front of the programs', that asks for the shell; only an option can stand there."""


class Number(click.IntRange):
    """A number within bounds, which a message calls that."""

    name = "number"


F = TypeVar("F", bound=Callable[..., Any])


def programs(function: F) -> F:
    """Add the programs that a command starts, as `programs`: words that have the options for their C files in them."""

    @functools.wraps(function)
    def called(
        *arguments: Any,
        programs: tuple[str, ...],
        include: tuple[str, ...],
        define: tuple[str, ...],
        optimise: bool,
        shell: bool,
        **others: Any,
    ) -> Any:
        from keelback.cli.words import with_options

        words = (SHELL,) * shell + with_options(programs, include, define, optimise)
        return function(*arguments, programs=words, **others)

    include = click.option("-I", "include", metavar="FOLDER", multiple=True, help="Where C files look for headers.")
    define = click.option("-D", "define", metavar="NAME[=VALUE]", multiple=True, help="A macro for C files.")
    optimise = click.option(
        "-O",
        "optimise",
        is_flag=True,
        help="Optimise C files, which are compiled as they are written otherwise.",
    )
    shell = click.option(
        SHELL, "shell", is_flag=True, help="Start the shell; a PROGRAM is there to be started by who types."
    )
    argument = click.argument("programs", metavar="[PROGRAM]...", nargs=-1, shell_complete=_complete_program)
    return cast(F, argument(shell(include(define(optimise(called))))))


def _complete_program(_context: click.Context, _argument: click.Parameter, incomplete: str) -> "list[CompletionItem]":
    from keelback.cli.sources import our_libraries, our_programs, outside_programs

    return _names_and_files([*our_programs(), *outside_programs(), *our_libraries()], incomplete)


def _complete_layout(_context: click.Context, _option: click.Parameter, incomplete: str) -> "list[CompletionItem]":
    return _names_and_files(LAYOUTS, incomplete)


def _complete_file(_context: click.Context, _option: click.Parameter, incomplete: str) -> "list[CompletionItem]":
    return _names_and_files((), incomplete)


def _names_and_files(names: Iterable[str], incomplete: str) -> "list[CompletionItem]":
    """Return what a shell may complete a word to: those of some names that begin so, and files."""
    from click.shell_completion import CompletionItem

    found = [CompletionItem(name) for name in names if name.startswith(incomplete)]
    return [*found, CompletionItem(incomplete, type="file")]


def append(function: F) -> F:
    """Add `--append`: the kernel's command line, as the text `append`."""
    text = "The kernel's command line: init=, memory=, console=."
    return click.option("--append", metavar="TEXT", default="", callback=command_line, help=text)(function)


def command_line(_context: click.Context, _option: click.Parameter, text: str | None) -> str | None:
    """Return what `--append` says, None where it is not there.  Raises: UserError where it is too long."""
    size = len(os.fsencode(text or ""))
    if size > LONGEST_COMMAND_LINE:
        raise UserError(f"--append has {size} bytes; a command line has at most {LONGEST_COMMAND_LINE}")
    return text


LIVES = ("interpreted", "compiled")


def life(function: F) -> F:
    """Add `--kernel`: in which life the kernel runs, as `kernel`."""
    return click.option(
        "--kernel",
        type=click.Choice(LIVES),
        help="Which life of the kernel: in this Python, or compiled to machine code.  [default: interpreted]",
    )(function)


def machine(function: F) -> F:
    """Add `--machine` and `--kernel`: where the kernel runs, and in which life, as `machine` and `kernel`."""
    function = click.option(
        "--kernel",
        type=click.Choice(LIVES),
        help="Which life of the kernel: in this Python, or compiled to machine code.  "
        "[default: interpreted; compiled on QEMU]",
    )(function)
    return click.option(
        "--machine",
        type=click.Choice(["simulated", "qemu"]),
        default="simulated",
        show_default=True,
        help="Which machine: the simulated PC, or QEMU, which runs the compiled kernel.",
    )(function)


class KernelChoice(NamedTuple):
    """Which kernel a command is to use, in its words: a layout, files with a user's own parts, page tables."""

    layout: str = LAYOUTS[0]
    parts: tuple[str, ...] = ()
    paging: str | None = None


DEFAULT_KERNEL = KernelChoice()
"""The kernel that is used where nothing is said."""


def kernel(function: F) -> F:
    """Add `--layout`, `--paging` and `--with`: which kernel, as the `KernelChoice` `choice`."""

    @functools.wraps(function)
    def called(*arguments: Any, layout: str, parts: tuple[str, ...], paging: str | None, **others: Any) -> Any:
        return function(*arguments, choice=KernelChoice(layout, parts, paging), **others)

    own = click.option(
        "--with",
        "parts",
        metavar="FILE.py",
        multiple=True,
        shell_complete=_complete_file,
        help="Parts of the kernel that you wrote: what has @replaces stands in for ours.  "
        "The file is run as Python, with all that you may do on this machine.",
    )
    published = click.option(
        "--layout",
        metavar=LAYOUT_WORD,
        default=LAYOUTS[0],
        show_default=True,
        shell_complete=_complete_layout,
        help="Where everything lies: a published layout, or one of your own.",
    )
    return cast(F, published(paging(own(called))))


def paging(function: F) -> F:
    """Add `--paging`, as `paging`: the name of a scheme, or None for what the layout is published with."""
    return click.option(
        "--paging",
        type=click.Choice(PAGING, case_sensitive=False),
        help="Which page tables, and with them 32 or 64 bits.  [default: the layout's]",
    )(function)


def least_memory(function: F) -> F:
    """Add `--memory` for machines that are compared, as the text `memory`; None: as much as the layout asks for."""
    shown = "the least that its programs run in: 2M to 16M, by the layout"
    return memory(None, shown, "How much memory the machines have.")(function)


def memory(default: str | None, shown: str = "", what: str = "How much memory the machine has.") -> Callable[[F], F]:
    """Add `--memory`, as the text `memory`; `shown` tells a default that depends on other options."""
    return click.option(
        "--memory",
        metavar="SIZE",
        default=default,
        show_default=not shown,
        help=f"{what}  [default: {shown}]" if shown else what,
    )


class Limits(NamedTuple):
    """Where a run is to stop: after so many instructions of the simulated PC's time, after so many seconds; or not."""

    instructions: int | None = None
    seconds: float | None = None


NO_LIMITS = Limits()


def limits(function: F) -> F:
    """Add `--limit` and `--time`, as the `Limits` `limits`."""

    @functools.wraps(function)
    def called(*arguments: Any, limit: str | None, time: str | None, **others: Any) -> Any:
        count = None if limit is None else instructions(limit)
        return function(*arguments, limits=Limits(count, None if time is None else seconds(time)), **others)

    by_clock = click.option("--time", metavar="TIME", help="Stop after a time on this machine's clock: 30s, 5m.")
    by_count = click.option(
        "--limit",
        metavar="COUNT",
        help="Stop after so many instructions of the simulated PC's time, such as 10M: those of programs, and 500 for "
        "each trap.  A kernel that loops takes none; --time ends that too.",
    )
    return cast(F, by_count(by_clock(called)))


class StopPoint(NamedTuple):
    """When a machine is looked at: after so many traps, when its console has said a text; and which process of it."""

    at: int | None = None
    until: str | None = None
    pid: int | None = None


DEFAULT_STOP = StopPoint()
"""Just before the first process ends."""


def pause(function: F) -> F:
    """Add `--at`, `--until` and `--pid`, as the `StopPoint` `stop`."""

    @functools.wraps(function)
    def called(*arguments: Any, at: int | None, until: str | None, pid: int | None, **others: Any) -> Any:
        if at is not None and until is not None:
            raise UserError("--at and --until: say one of them")
        return function(*arguments, stop=StopPoint(at, until, pid), **others)

    by_trap = click.option("--at", metavar="TRAP", type=Number(0), help="Stop after so many traps.")
    by_text = click.option("--until", metavar="TEXT", help="Stop where the console has said a text.")
    process = click.option("--pid", metavar="N", type=Number(1), help="Show one process, not all of them.")
    return cast(F, by_trap(by_text(process(called))))


class Picture(NamedTuple):
    """The pictures that are wanted: files, and the ground that they are drawn on."""

    svg: str | None = None
    png: str | None = None
    ground: str = "auto"


def picture(function: F) -> F:
    """Add `--svg`, `--png` and `--ground`, as the `Picture` `drawn`."""

    @functools.wraps(function)
    def called(*arguments: Any, svg: str | None, png: str | None, ground: str, **others: Any) -> Any:
        return function(*arguments, drawn=Picture(svg, png, ground), **others)

    vector = click.option("--svg", metavar="FILE", shell_complete=_complete_file, help="Draw it into an SVG file.")
    pixels = click.option("--png", metavar="FILE", shell_complete=_complete_file, help="Draw it into a PNG file.")
    ground = click.option(
        "--ground",
        type=click.Choice(["auto", "light", "dark"]),
        default="auto",
        show_default=True,
        help="What a picture is drawn on; auto: light, and in an SVG file dark for who prefers that.",
    )
    return cast(F, vector(pixels(ground(called))))


class Typing(NamedTuple):
    """What is typed on a machine: files for the serial line and the keyboard, this terminal; where that is logged."""

    input: str | None = None
    keys: str | None = None
    is_live: bool = False
    log: str | None = None

    @property
    def is_any(self) -> bool:
        """Say whether anything is typed."""
        return self.is_live or self.input is not None or self.keys is not None


NO_TYPING = Typing()


def typed(function: F) -> F:
    """Add `--input` and `--keys`, as the `Typing` `typing`."""

    @functools.wraps(function)
    def called(*arguments: Any, input: str | None, keys: str | None, **others: Any) -> Any:
        if input == keys == "-":
            raise UserError("--input and --keys: standard input is only one; name a file")
        return function(*arguments, typing=Typing(input, keys), **others)

    line = click.option(
        "--input",
        metavar="FILE",
        shell_complete=_complete_file,
        help="Send a text in by the serial line, as fast as it is read, or repeat an input log; -: standard input.",
    )
    board = click.option(
        "--keys", metavar="FILE", shell_complete=_complete_file, help="Type a text on the keyboard; -: standard input."
    )
    return cast(F, line(board(called)))


class Target(NamedTuple):
    """A machine to look at: one that is there, by its name, or one that runs programs to a moment."""

    words: tuple[str, ...] = ()
    on: str | None = None
    choice: KernelChoice = DEFAULT_KERNEL
    compiled: bool = False
    memory: str = "64M"
    stop: StopPoint = DEFAULT_STOP
    limits: Limits = NO_LIMITS
    typing: Typing = NO_TYPING


def target(function: F) -> F:
    """Add `--on`, or programs and what says how far they run, as the `Target` `target`."""

    @functools.wraps(function)
    def called(
        *arguments: Any,
        programs: tuple[str, ...],
        on: str | None,
        choice: KernelChoice,
        kernel: str | None,
        memory: str,
        stop: StopPoint,
        limits: Limits,
        typing: Typing,
        **others: Any,
    ) -> Any:
        machine = Target(programs, on, choice, kernel == "compiled", memory, stop, limits, typing)
        return function(*arguments, target=machine, **others)

    named = click.option(
        "--on",
        metavar="TARGET",
        help="Look at a machine that is there: qemu:SOCKET, the QMP monitor of a QEMU, or file:FILE.",
    )
    asked: Callable[..., Any] = called
    for each in (limits, typed, pause, memory("64M"), kernel, life, programs, named):
        asked = each(asked)
    return cast(F, asked)


def seed(function: F) -> F:
    """Add `--seed`: when time slices end, as the text `seed`, None without."""
    text = "Let time slices end at times that N decides; without, all are as long."
    return click.option("--seed", metavar="N", help=text)(function)


def json(function: F) -> F:
    """Add `--json`, as `as_json`."""
    return click.option("--json", "as_json", is_flag=True, help="Print JSON, for machines.")(function)
