"""A guard: a small process that lets a stopped machine go on when the process that stopped it is gone.

    this process ── pipe ──> guard          dismissed: it ends; the pipe closed: it has QEMU go on, and ends

It has a session of its own, so that neither control-C nor a kill of this process or its group reaches it.
Only who kills both at once leaves a machine stopped.  A gdb server that was opened at `gdb` is told that gdb is gone
first, which takes its breakpoints away.
"""

import subprocess
import sys
from pathlib import Path
from tempfile import mkdtemp

READY, DISMISSED = b"r", b"d"
WAIT = 20
"""Seconds that all it asks of QEMU may take, however QEMU answers."""

SCRIPT = f"""
import os, shutil, signal, socket, sys
def connect(path):
    made = socket.socket(socket.AF_UNIX)
    made.connect(path)
    return made
def order(text):
    qmp.sendall(text.encode())
    line = lines.readline()
    while line and b'"return"' not in line and b'"error"' not in line:
        line = lines.readline()
monitor, gdb = sys.argv[1:]
os.write(1, {READY!r})
try:
    if os.read(0, 1) != {DISMISSED!r}:
        signal.signal(signal.SIGALRM, lambda *_: sys.exit("QEMU does not answer"))
        signal.alarm({WAIT})
        qmp = connect(monitor)
        lines = qmp.makefile("rb")
        lines.readline()
        order('{{"execute": "qmp_capabilities"}}')
        if os.path.exists(gdb):
            server = connect(gdb)
            server.sendall(b"$D#44")
            answer = b"more"
            while answer and b"OK" not in answer:
                answer = server.recv(64)
            order('{{"execute": "human-monitor-command", "arguments": {{"command-line": "gdbserver none"}}}}')
        order('{{"execute": "cont"}}')
finally:
    shutil.rmtree(os.path.dirname(gdb), ignore_errors=True)
"""
"""What it runs, without anything of ours: it starts in 20 ms."""


class Guard:
    """One guard of a machine, by the socket of its monitor, which has room for one client at a time.

    `gdb` is a path for the socket of a gdb server, in a folder of the guard's.
    """

    def __init__(self, monitor: Path) -> None:
        """Start it; when this returns, it watches.  Raises: OSError."""
        self.gdb = Path(mkdtemp(prefix="keelback-guard-")) / "gdb"
        try:
            self._process = subprocess.Popen(
                [sys.executable, "-I", "-S", "-c", SCRIPT, str(monitor), str(self.gdb)],
                stdin=subprocess.PIPE,
                stdout=subprocess.PIPE,
                stderr=subprocess.DEVNULL,
                start_new_session=True,
            )
        except OSError:
            self.gdb.parent.rmdir()
            raise
        assert self._process.stdout is not None
        if self._process.stdout.read(1) != READY:
            raise OSError(f"{sys.executable}: it could not start")

    def dismiss(self) -> None:
        """End it; the machine goes on."""
        self._process.communicate(DISMISSED)

    def let_go_on(self) -> None:
        """Have it let the machine go on, which takes that nobody else is connected to the monitor; wait for that."""
        self._process.communicate()
