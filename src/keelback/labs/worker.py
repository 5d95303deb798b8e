"""The process that reads a submission: it compiles it, and runs it strictly in the interpreted life.

    grader ── the task, JSON on standard input ──> worker ── reports, a line of JSON each, on standard output ──> grader

Reports are objects with one key: `refused`, by the compiler or where the file is read; `kernel`, compiled and packed;
`strict`, what came of a strict run.  The grader believes none of them: it runs what is compiled itself, and compares
the digests of strict runs with those of its own.
"""

import base64
import json
import os
import signal
import sys
import traceback
from collections.abc import Callable, Sequence
from contextlib import suppress
from importlib.util import module_from_spec, spec_from_file_location
from pathlib import Path
from types import FrameType
from typing import Any

from keelback.errors import UserError
from keelback.lang import Panic, strict
from keelback.lang.replacing import WrongReplacement

PACKAGE = "keelback.kernel"
MOST_SECONDS = 10
"""Seconds of the CPU that a strict run may take, many times what the kernel does."""
Report = Callable[[str, Any], None]


def main() -> None:
    """Do the task on standard input."""
    task = json.load(sys.stdin)
    told = os.dup(1)
    os.dup2(2, 1)  # whatever prints

    def report(name: str, facts: Any) -> None:
        data = memoryview(json.dumps({name: facts}).encode() + b"\n")
        while data:
            data = data[os.write(told, data) :]

    strict.install(PACKAGE)
    _work(task, report)


def _work(task: dict[str, Any], report: Report) -> None:
    # Imported here: strict mode has to come first.
    from keelback.compiler.errors import CompileError
    from keelback.image.kernels import base_of, compiled_again
    from keelback.labs.lab import layout_of_name
    from keelback.labs.replaced import check_replaced, code_now

    layout, files = layout_of_name(task["layout"]), [Path(name).absolute() for name in task["files"]]
    base, before = base_of(layout), code_now()  # before anything is replaced
    try:
        _load_all(files)
        check_replaced(before, task["methods"], [*map(str, files)])
        made = compiled_again(layout, base)
    except (CompileError, UserError) as refused:
        report("refused", _refusal(refused, task["files"]))
        return
    report("kernel", base64.b64encode(made.pack()).decode())
    for run in task["runs"]:
        report("strict", _run_strictly(layout, run))


def _load_all(files: Sequence[Path]) -> None:
    """Import the files of a submission.  Raises: NotImported."""
    for path in files:
        try:
            _load(path)
        except (Exception, Panic) as error:
            raise NotImported(error, path) from None


def _load(path: Path) -> None:
    """Import a file of the submission, as a strict source of the kernel."""
    from keelback.inspect.methods import SOURCES

    SOURCES[path.name] = path
    name = f"{PACKAGE}.with.{path.stem}"
    spec = spec_from_file_location(name, path, loader=strict.loader_of(name, str(path)))
    assert spec is not None and spec.loader is not None
    module = sys.modules[name] = module_from_spec(spec)
    spec.loader.exec_module(module)


class NotImported(UserError):
    """A file could not be imported: `line` is where, 0 where that is not known."""

    def __init__(self, error: BaseException, path: Path) -> None:
        self.file = path
        trace = traceback.walk_tb(error.__traceback__)
        lines = [line for frame, line in trace if frame.f_code.co_filename == str(path)]
        self.line = (error.lineno or 0) if isinstance(error, SyntaxError) else [0, *lines][-1]
        said = error.msg if isinstance(error, SyntaxError) else str(error)
        what = "" if isinstance(error, WrongReplacement | SyntaxError | Panic) else f"{type(error).__name__}: "
        super().__init__(f"{what}{said}".rstrip(": "))


def _refusal(error: UserError, files: Sequence[str]) -> dict[str, Any]:
    """Return what is wrong with a submission, and where."""
    from keelback.compiler.errors import CompileError

    if isinstance(error, CompileError):
        return {"said": error.message, "file": Path(error.file).name, "line": error.line, "details": error.details}
    if isinstance(error, NotImported):
        return {"said": error.said, "file": error.file.name, "line": error.line, "details": ""}
    return {"said": error.said, "file": files[0], "line": 0, "details": error.details}


def _run_strictly(layout: Any, run: dict[str, Any]) -> dict[str, Any]:
    """Run programs in the interpreted life with strict RAM; return the digest of RAM after each trap.

    `panic` is what the kernel was found wrong by, with its place.
    """
    from keelback.image.images import make_image
    from keelback.labs.digests import Digests
    from keelback.machine.simulated.interpreted import InterpretedPc

    image = make_image(layout, base64.b64decode(run["payload"]))
    pc = InterpretedPc(layout, image, memory=run["memory"], check=True)
    pc.timer.seed = run["seed"]
    digests = Digests(pc)
    panic = None
    signal.signal(signal.SIGVTALRM, _end_run)
    signal.setitimer(signal.ITIMER_VIRTUAL, MOST_SECONDS)
    try:
        digests.run(run["time"])
    except Panic as found:
        panic = {"said": found.message, "file": Path(found.file).name, "line": found.line}
    finally:
        signal.setitimer(signal.ITIMER_VIRTUAL, 0)
    return {"programs": run["programs"], "digests": digests.found, "panic": panic, "traps": pc.traps}


def _end_run(_number: int, frame: FrameType | None) -> None:
    """End a strict run that takes too long, where the kernel is.  Raises: Panic."""

    while frame is not None and not str(frame.f_globals.get("__name__")).startswith(f"{PACKAGE}."):
        frame = frame.f_back
    place = (frame.f_code.co_filename, frame.f_lineno) if frame is not None else ("", 0)
    raise Panic(f"the strict run took longer than {MOST_SECONDS} seconds of the CPU", place)


if __name__ == "__main__":
    with suppress(BrokenPipeError):
        main()
