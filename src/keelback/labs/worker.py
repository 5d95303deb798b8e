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
from collections.abc import Callable
from contextlib import suppress
from importlib.util import module_from_spec, spec_from_file_location
from pathlib import Path
from types import FrameType
from typing import Any

from keelback.lang import strict

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
    from keelback.errors import UserError
    from keelback.image.kernels import base_of, compiled_again
    from keelback.labs.lab import layout_of_name
    from keelback.lang.replacing import WrongReplacement

    layout = layout_of_name(task["layout"])
    base = base_of(layout)  # before anything is replaced
    try:
        for name in task["files"]:
            _load(Path(name))
        made = compiled_again(layout, base)
    except (CompileError, WrongReplacement, UserError) as refused:
        report("refused", _refusal(refused, task["files"]))
        return
    report("kernel", base64.b64encode(made.pack()).decode())
    for run in task["runs"]:
        report("strict", _run_strictly(layout, run))


def _load(path: Path) -> None:
    """Import a file of the submission, as a strict source of the kernel."""
    from keelback.inspect.methods import SOURCES

    SOURCES[path.name] = path.absolute()
    name = f"{PACKAGE}.with.{path.stem}"
    spec = spec_from_file_location(name, path.absolute(), loader=strict.loader_of(name, str(path.absolute())))
    assert spec is not None and spec.loader is not None
    module = sys.modules[name] = module_from_spec(spec)
    spec.loader.exec_module(module)


def _refusal(error: Any, files: list[str]) -> dict[str, Any]:
    """Return what is wrong with a submission, and where."""
    from keelback.compiler.errors import CompileError

    if isinstance(error, CompileError):
        return {"said": error.message, "file": Path(error.file).name, "line": error.line, "details": error.details}
    trace, place = error.__traceback__, (files[0], 0)
    while trace is not None:
        name = Path(trace.tb_frame.f_code.co_filename).name
        place = (name, trace.tb_lineno) if name in files else place
        trace = trace.tb_next
    return {"said": str(error), "file": place[0], "line": place[1], "details": ""}


def _run_strictly(layout: Any, run: dict[str, Any]) -> dict[str, Any]:
    """Run programs in the interpreted life with strict RAM; return the digest of RAM after each trap.

    `panic` is what the kernel was found wrong by, with its place.
    """
    from keelback.image.images import make_image
    from keelback.labs.digests import Digests
    from keelback.lang import Panic
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
    from keelback.lang import Panic

    while frame is not None and not str(frame.f_globals.get("__name__")).startswith(f"{PACKAGE}."):
        frame = frame.f_back
    place = (frame.f_code.co_filename, frame.f_lineno) if frame is not None else ("", 0)
    raise Panic(f"the strict run took longer than {MOST_SECONDS} seconds of the CPU", place)


if __name__ == "__main__":
    with suppress(BrokenPipeError):
        main()
