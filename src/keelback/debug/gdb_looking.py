"""The commands `maps` and `walk` inside gdb: where a process's pages are, and what an address leads to, level by level.

    gdb ── maps 1 ──> keelback maps --on qemu:MONITOR --pid 1 ──> the machine's memory, while gdb has it stopped

They are Keelback's own commands, run by its own Python and not by gdb's, which has none of our packages.
"""

import os
import re
import subprocess
from collections.abc import Sequence
from typing import Any

import gdb  # type: ignore[import-untyped]

from keelback.debug.gdb_expressions import NotPython, OptimizedOut, evaluate

WIDTH = 120
"""Columns where neither gdb nor the terminal says how many there are."""


class Looking:
    """Runs Keelback's commands, which `words` start, on gdb's machine; `options` say what kernel that has."""

    def __init__(self, words: Sequence[str], machine: str, options: Sequence[str], word_bits: int) -> None:
        self.words, self.machine, self.options = words, machine, options
        self.most = (1 << word_bits) - 1
        self.folder = os.getcwd()

    def show(self, *words: str) -> None:
        """Print what a command says.  Raises: gdb.GdbError with what it says is wrong."""
        if not gdb.selected_inferior().pid:
            raise gdb.GdbError("The machine has ended.")
        width = gdb.parameter("width") or os.environ.get("COLUMNS") or WIDTH  # None: gdb has no limit
        command = [*self.words, words[0], "--on", self.machine, *self.options, *words[1:]]
        done = subprocess.run(
            command,
            cwd=self.folder,
            env=os.environ | {"COLUMNS": f"{width}"},
            stdin=subprocess.DEVNULL,
            capture_output=True,
            text=True,
        )
        if done.returncode:
            said = done.stderr.splitlines() or ["it ended without a word"]
            names = "|".join(re.escape(f"{each}: ") for each in (self.machine, self.machine.partition(":")[2]))
            raise gdb.GdbError(
                re.sub(rf"^keelback: (?:({names}))?", lambda found: "this machine: " * bool(found[1]), said[-1])
            )
        gdb.write(done.stdout)

    def number(self, text: str) -> int:
        """Return the number that an expression is, in Python's terms or C's.  Raises: gdb.GdbError."""
        try:
            value = value_of(text)
            return int(value) & self.most
        except OptimizedOut:
            raise gdb.GdbError(f"{text}: it has no value here, for the compiler keeps none") from None
        except TypeError:
            raise gdb.GdbError(f"{text}: it is no number") from None
        except Exception as error:  # of Python's, or of gdb's
            raise gdb.GdbError(f"{text}: {error}") from None


def value_of(text: str) -> Any:
    """Return the value of an expression.  Raises: OptimizedOut; what Python or gdb raises."""
    try:
        return evaluate(text)
    except NotPython:
        return gdb.parse_and_eval(text)


def running() -> int:
    """Return the id of the process that runs, or whose request the kernel serves.  Raises: gdb.GdbError."""
    try:
        thread = evaluate("threads.table[cpus[0].current]")
    except gdb.error as error:
        raise gdb.GdbError(str(error)) from None
    if not thread.pid:
        raise gdb.GdbError("No process runs here; say whose address it is: walk 1 0x08048000")
    return int(thread.pid)


class Maps(gdb.Command):  # type: ignore[misc]
    """Show where processes' own pages are: what for, with which rights, in which frames, and who else shows these.

    Usage: maps [PID]

    Without PID, which may be an expression such as thread.pid, all that are alive.
    """

    def __init__(self, looking: Looking) -> None:
        super().__init__("maps", gdb.COMMAND_DATA)
        self.looking = looking

    def invoke(self, text: str, from_tty: bool) -> None:
        """Show them."""
        words = gdb.string_to_argv(text)
        if len(words) > 1:
            raise gdb.GdbError("maps takes one process at most, by its id: maps 1")
        self.looking.show("maps", *(f"--pid={self.looking.number(word)}" for word in words))


class Walk(gdb.Command):  # type: ignore[misc]
    """Walk a process's page tables to an address, and show each level's entry.

    Usage: walk [PID] ADDRESS

    Each is an expression; one with blanks stands in quotes: walk 2 0x0804a000, walk thread.frame.esp,
    walk "thread.frame.esp + 4".  Without PID, of the process that runs, or whose request the kernel serves.
    """

    def __init__(self, looking: Looking) -> None:
        super().__init__("walk", gdb.COMMAND_DATA)
        self.looking = looking

    def invoke(self, text: str, from_tty: bool) -> None:
        """Show it."""
        words = gdb.string_to_argv(text)
        if not 1 <= len(words) <= 2:
            raise gdb.GdbError("walk takes an address, and before that a process, by its id: walk 1 0x0804a000")
        *pids, address = map(self.looking.number, words)
        self.looking.show("walk", str(pids[0] if pids else running()), f"{address:#x}")


def use(words: Sequence[str], machine: str, options: Sequence[str], word_bits: int) -> None:
    """Add the commands to gdb, as `Looking` runs ours."""
    looking = Looking(words, machine, options, word_bits)
    Maps(looking)
    Walk(looking)
