"""The `keelback` command as a person runs it, in a process of its own, without waiting for its imports each time.

    test ── words, folder, environment, streams ──> server: a Python that has the modules ── fork ──> the command

1. A command's process differs from one that a person starts only by who has imported its modules: its streams, folder,
   environment, signals, status, and its way to end are its own.
2. There are two servers: one has the kernel as it is, the other has it strictly, as `--check` wants it.
3. A new Python does what a server can't: Python itself in another environment, and `replay`, which learns late whether
   its kernel is strict.
"""

import json
import os
import signal
import socket
import subprocess
import sys
import tempfile
from collections.abc import Mapping, Sequence
from functools import cache
from pathlib import Path
from subprocess import PIPE, STDOUT, CompletedProcess, TimeoutExpired
from typing import Any

import keelback

SOURCE = Path(keelback.__file__).parents[1]
ENVIRONMENT = os.environ | {"COLUMNS": "100", "PYTHONPATH": str(SOURCE)}
COMMAND = [sys.executable, "-c", "from keelback.cli import main; main()"]
SERVER = Path(__file__).with_name("command_server.py")
READ_AT_START = ("PYTHON", "LC_", "LANG", "LD_")
"""What the names of variables start with that Python reads only when it starts."""


class Server:
    """A Python that forks a process for each command."""

    def __init__(self, kernel: str) -> None:
        """Start one that has the kernel "as it is" or "strictly"."""
        self.socket, theirs = socket.socketpair(socket.AF_UNIX, socket.SOCK_SEQPACKET)
        words = [sys.executable, SERVER, str(theirs.fileno()), kernel]
        self.process = subprocess.Popen(words, stdin=subprocess.DEVNULL, env=ENVIRONMENT, pass_fds=[theirs.fileno()])
        theirs.close()

    def run(self, request: object, streams: Sequence[int], seconds: float) -> int:
        """Run a command to its end and return its status.  Raises: TimeoutError, after it is killed."""
        socket.send_fds(self.socket, [json.dumps(request).encode()], streams)
        process = self._answer(None)
        try:
            return self._answer(seconds)
        except TimeoutError:
            os.kill(process, signal.SIGKILL)
            self._answer(None)
            raise

    def _answer(self, seconds: float | None) -> int:
        self.socket.settimeout(seconds)
        answer = self.socket.recv(64)
        assert answer, "the server of commands has ended"
        return int(answer)


server = cache(Server)


def keelback_command(
    *words: object,
    cwd: Path | None = None,
    env: Mapping[str, str | Path] = ENVIRONMENT,
    input: str = "",
    stderr: int = PIPE,
    timeout: float = 60,
    **options: Any,
) -> "CompletedProcess[str]":
    """Run the command to its end and return what it said, with `stderr` STDOUT in one; `options` are of a new Python.

    Raises: TimeoutExpired.
    """
    given = [str(each) for each in words]
    if options or given[:1] == ["replay"] or _for_python(env) != _for_python(ENVIRONMENT):
        options |= {"input": input, "stdout": PIPE, "stderr": stderr, "timeout": timeout}
        return subprocess.run([*COMMAND, *given], text=True, cwd=cwd, env=env, **options)
    with tempfile.TemporaryFile() as read, tempfile.TemporaryFile() as output, tempfile.TemporaryFile() as errors:
        read.write(input.encode())
        read.seek(0)
        streams = [each.fileno() for each in (read, output, output if stderr == STDOUT else errors)]
        try:
            status = server(_kernel_of(given)).run(
                [given, str(cwd or Path.cwd()), {name: os.fsdecode(each) for name, each in env.items()}],
                streams,
                timeout,
            )
        except TimeoutError:
            raise TimeoutExpired([*COMMAND, *given], timeout) from None
        return CompletedProcess(given, status, _text_of(output), _text_of(errors))


def _for_python(environment: Mapping[str, str | Path]) -> dict[str, str | Path]:
    return {name: value for name, value in environment.items() if name.startswith(READ_AT_START)}


def _kernel_of(words: Sequence[str]) -> str:
    return "strictly" if words[:1] == ["check"] or "--check" in words else "as it is"


def _text_of(file: "tempfile._TemporaryFileWrapper[bytes]") -> str:
    file.seek(0)
    return file.read().decode().replace("\r\n", "\n")
