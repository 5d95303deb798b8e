"""A command that runs within limits, in a session of its own; what it writes on its standard output is its report.

1. Nothing of the command outlives `run_limited`: its session is killed, whatever ended it.
2. Its report has at most so many bytes; its standard error goes nowhere.
3. It has an empty environment but for what it is told, no open file but the pipes, and a scratch folder.
4. Where this system has namespaces, it sees no network, no other process and no hidden file, and writes in its folder
   alone; where this process is root's, it is nobody's (`confined.py`).
"""

import contextlib
import json
import os
import resource
import selectors
import signal
import subprocess
import sys
import time
from collections.abc import Iterator, Sequence
from functools import cache
from itertools import product
from pathlib import Path
from typing import Any, NamedTuple

import keelback
from keelback.errors import UserError
from keelback.image.cache import cache_directory
from keelback.image.leftovers import end, scratch_folder, start_tool
from keelback.labs import confined

CHUNK = 1 << 16
GRACE = 5.0
"""Seconds from the end of the report to that of the command."""
NOBODY = 65534
"""The user who owns nothing."""
PROBE = "import os, keelback.labs.worker; os.listdir(os.environ['KEELBACK_CACHE']); open('f', 'w'); print('well')"


class Limits(NamedTuple):
    """How much a command may take."""

    memory: int = 4 << 30  # bytes of addresses a process
    cpu: int = 60  # seconds a process
    seconds: float = 120.0  # of this world, all in all
    file: int = 64 << 20  # bytes of a file that it writes
    report: int = 64 << 20  # bytes on its standard output
    processes: int = 4096  # of the user's, all in all


PROBING = Limits(seconds=20.0)


class Ended(NamedTuple):
    """What came of a command: its report, and why it ended, "" where it did by itself and well."""

    report: bytes
    why: str


class Confinement(NamedTuple):
    """How a command is kept from everything else: in namespaces of its own, as another user."""

    namespaces: bool
    user: int | None


class Place(NamedTuple):
    """Where a command runs: its scratch folder and its cache; `hidden` are folders that it may not see."""

    folder: Path
    cache: Path
    hidden: tuple[Path, ...]

    @property
    def environment(self) -> dict[str, str]:
        """Return all that its environment says."""
        return {
            "KEELBACK_CACHE": str(self.cache),
            "PATH": os.environ.get("PATH", os.defpath),
            "TMPDIR": str(self.folder),
            "HOME": str(self.folder),
        }


@cache
def confinement() -> Confinement:
    """Return the strongest confinement that works here."""
    users = (NOBODY, None) if os.geteuid() == 0 else (None,)
    for namespaces, user in product((True, False), users):
        found = Confinement(namespaces, user)
        with place_of_command() as place:
            command = (sys.executable, "-I", "-c", PROBE)
            if _run(command, b"", place, PROBING, found) == Ended(b"well\n", ""):
                return found
    return Confinement(namespaces=False, user=None)


def run_trusted(command: Sequence[str], given: bytes, place: Place) -> None:
    """Run a command of our own, without limits.  Raises: UserError when it does not end well."""
    process = start_tool(
        command,
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        cwd=place.folder,
        env=place.environment,
    )
    try:
        _, said = process.communicate(given)
    finally:
        end(process)
    if process.returncode != 0:
        raise UserError(f"{command[-1]} {_said(process.returncode)}", said.decode(errors="replace"))


def run_limited(command: Sequence[str], given: bytes, place: Place, limits: Limits) -> Ended:
    """Run a command on some standard input within limits; return its report."""
    return _run(command, given, place, limits, confinement())


def _run(command: Sequence[str], given: bytes, place: Place, limits: Limits, how: Confinement) -> Ended:
    if how.user is not None:
        os.chown(place.folder, how.user, how.user)
    process = start_tool(
        _confined(command, place, limits, how),
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        stderr=subprocess.DEVNULL,
        cwd=place.folder,
        env=place.environment,
    )
    try:
        report, why = _exchange(process, given, limits)
        if not why:
            with contextlib.suppress(subprocess.TimeoutExpired):
                process.wait(GRACE)
    finally:
        with contextlib.suppress(ProcessLookupError):
            os.killpg(process.pid, signal.SIGKILL)
        end(process)
    return Ended(report, why or _said(process.returncode))


def _confined(command: Sequence[str], place: Place, limits: Limits, how: Confinement) -> list[str]:
    """Return the command that runs another one confined."""
    facts = {
        "limits": [
            (resource.RLIMIT_AS, limits.memory),
            (resource.RLIMIT_CPU, limits.cpu),
            (resource.RLIMIT_FSIZE, limits.file),
            (resource.RLIMIT_CORE, 0),
            (resource.RLIMIT_NPROC, limits.processes),
        ],
        "namespaces": how.namespaces,
        "user": how.user,
        "folder": str(place.folder),
        "cache": str(place.cache),
        "hidden": [str(each) for each in place.hidden],
    }
    return [sys.executable, "-I", "-S", confined.__file__, json.dumps(facts), *command]


def _exchange(process: "subprocess.Popen[bytes]", given: bytes, limits: Limits) -> tuple[bytes, str]:
    """Give the command its input and take its report; return this and why it was cut off, "" where it was not."""
    assert process.stdin is not None and process.stdout is not None
    end = time.monotonic() + limits.seconds
    report, left = bytearray(), memoryview(given)
    os.set_blocking(process.stdin.fileno(), False)
    with selectors.DefaultSelector() as ready, process.stdout as output, process.stdin as inputs:
        ready.register(output, selectors.EVENT_READ)
        ready.register(inputs, selectors.EVENT_WRITE)
        while True:
            due = end - time.monotonic()
            if due <= 0:
                return bytes(report), f"took longer than {limits.seconds:g} second{'s' * (limits.seconds != 1)}"
            for key, _ in ready.select(due):
                if key.fileobj is inputs:
                    left = _give(inputs.fileno(), left)
                    if not left:
                        ready.unregister(inputs)
                        with contextlib.suppress(BrokenPipeError):
                            inputs.close()
                    continue
                data = os.read(output.fileno(), CHUNK)
                report += data
                if len(report) > limits.report:
                    return b"", f"wrote more than {limits.report:,} bytes"
                if not data:
                    return bytes(report), ""


def _give(descriptor: int, left: memoryview) -> memoryview:
    try:
        return left[os.write(descriptor, left[:CHUNK]) :]
    except BlockingIOError:
        return left
    except BrokenPipeError:  # it reads no more
        return left[:0]


def _said(status: int) -> str:
    if status == 0:
        return ""
    if status == -signal.SIGXCPU:
        return "took more time of the CPU than it may"
    if status < 0:
        name = signal.Signals(-status).name
        return f"was killed by {name}"
    return f"ended with status {status}"


@contextlib.contextmanager
def place_of_command(*, hidden: Sequence[Path] = (), cache: Path | None = None) -> Iterator[Place]:
    """Give a scratch folder, beside which nothing of a few folders can be seen, and a cache to read from.

    A folder that has Python in it, Keelback or one where programs are looked for can't be hidden.
    """
    programs = filter(os.path.isabs, os.get_exec_path())
    needed = [Path(each).resolve() for each in (sys.prefix, sys.base_prefix, keelback.__file__, *programs)]
    with scratch_folder() as made:
        folder = made.resolve()
        wanted = {each.resolve() for each in (folder.parent, cache_directory(), *hidden) if each.is_dir()}
        wanted -= {each for each in wanted if any(path.is_relative_to(each) for path in needed)}
        outer = sorted(each for each in wanted if not wanted & {*each.parents})
        yield Place(folder, (cache or cache_directory()).resolve(), tuple(outer))


def reports_of(data: bytes) -> list[dict[str, Any]]:
    """Return the objects among lines of JSON; lines that can't be understood are left out.

    Halves of characters, which no file takes, are question marks.
    """
    found = []
    for line in data.splitlines():
        try:
            whole = json.dumps(json.loads(line), ensure_ascii=False).encode(errors="replace")
            report = json.loads(whole)
        except (ValueError, RecursionError):
            continue
        if isinstance(report, dict):
            found.append(report)
    return found


PYTHON = (sys.executable, "-I", "-m")
"""A Python that takes nothing from its environment or its folder."""
