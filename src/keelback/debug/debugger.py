"""gdb on a compiled kernel, in Python's terms: the files that it needs and the command that starts it.

    kernel.elf      symbols, whose lines are those of the Python source
    kernel.json     the kernel's parts, structs and enums (`description.py`)

gdb has a Python of its own, where the modules whose names start with `gdb_` run, and nothing else of ours does.
What takes more, `maps` and `walk`, is a command of ours, which reads the machine by its monitor.
"""

import json
import shutil
from collections.abc import Sequence
from pathlib import Path

import keelback
from keelback.debug.description import describe
from keelback.errors import UserError
from keelback.image.host_tools import install_line
from keelback.image.kernel_image import CompiledKernel
from keelback.image.linked import X86, make_symbols
from keelback.image.live_kernels import kernel_of
from keelback.inspect import methods
from keelback.kernel.layout import Layout

PROGRAM = "gdb"
SOURCES = (str(Path(keelback.__file__).parents[1]), str(X86))
"""Where the file names in the symbols start from: the package's parent, and for entry code its own folder."""


class DebuggerError(UserError):
    """gdb is missing; the message is one line for the user."""


def find_gdb() -> str:
    """Return the path of gdb.  Raises: DebuggerError with the line to type where there is none."""
    found = shutil.which(PROGRAM)
    if found is None:
        raise DebuggerError(f"there is no {PROGRAM} on this machine: {install_line(PROGRAM)}")
    return found


def prepare(
    folder: Path,
    layout: Layout,
    compiled: CompiledKernel,
    socket: Path,
    looking: tuple[Sequence[str], str, Sequence[str]],
    interpreter: str | None,
) -> list[str]:
    """Write gdb's files to a folder; return the command that debugs the machine whose gdb server has a socket.

    `looking` is what starts a command of ours, this machine's name for it, and the options that say what kernel it has.
    An `interpreter` is how gdb speaks to an editor, which connects it by the command `start`.
    That machine stands before its first instruction; when gdb first asks what to do, it stands at the kernel's.
    Raises: DebuggerError; ToolchainError.
    """
    gdb = find_gdb()
    (folder / "kernel.elf").write_bytes(make_symbols(layout, compiled))
    (folder / "kernel.json").write_text(json.dumps(describe(*kernel_of(layout))))
    # Last on the path: what else lies beside our package is for this Python, not for gdb's.
    find = f"import sys; sys.path.append({SOURCES[0]!r}); from keelback.debug import gdb_script"
    own = sorted({str(path.parent) for path in methods.SOURCES.values() if not path.is_relative_to(methods.KERNEL)})
    given = (str(folder), str(socket), layout.kernel_start, (*SOURCES, *own), layout.paging.word_bits, looking)
    begin, spoken = ("start", []) if interpreter is None else ("Start", [f"--interpreter={interpreter}"])
    return [gdb, "--quiet", *spoken, "--eval-command", f"python {find}; gdb_script.{begin}{given!r}"]
