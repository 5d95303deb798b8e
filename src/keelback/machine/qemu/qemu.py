"""QEMU: a kernel image file booted on an emulated PC that shares nothing with the simulated one.

The image goes in by `-kernel`, through BIOS, boot sector and setup code; the console comes out by the serial line; the
verdict is what the kernel writes to the debug-exit port; RAM is a file that anyone may read while the machine stands
still.

Sources: QEMU's documentation of its options, QMP and `isa-debug-exit`.
"""

import mmap
import select
import shutil
import socket
import subprocess
import sys
import time
from collections.abc import Callable, Sequence
from contextlib import ExitStack, suppress
from enum import Enum
from pathlib import Path
from types import TracebackType
from typing import Any, Final, NoReturn, Self

from keelback.image.host_tools import install_line
from keelback.image.leftovers import end, end_with_parent, scratch_folder, start_tool
from keelback.kernel.devices.power import DEBUG_EXIT, DONE, PANICKED, REFUSED
from keelback.machine.clock import SHIFT
from keelback.machine.qemu.qmp import QemuError, Qmp
from keelback.machine.qemu.typing import Typist

PROGRAM: Final = "qemu-system-x86_64"
CPU: Final = "max,-smap"
"""The CPU that a machine has unless told: QEMU before 9.1 keeps `iret` of ring 3 off the stack where there is SMAP."""
GIB = 1 << 30
LOW_MEMORY, SPLIT_MEMORY = 3 * GIB + GIB // 2, 3 * GIB
"""QEMU's PC has all RAM below 4 GiB up to the first, and with more than that only as much as the second says."""
BY_INSTRUCTIONS = ("-icount", f"shift={SHIFT},sleep=off")
"""Arguments that make time the number of instructions: a run depends on nothing outside."""
BY_INSTRUCTIONS_AWAITING = ("-icount", f"shift={SHIFT},sleep=on")
"""The same, but an idle CPU waits as long as its next timer says, for somebody may type meanwhile."""
WAIT = 20  # seconds in which QEMU answers, however busy the host is


class Medium(Enum):
    """How a machine gets its file: QEMU loads a kernel image, or the BIOS starts from a hard disk or a disc."""

    KERNEL = ("-kernel", "{}")
    DISK = ("-drive", "format=raw,file={}")
    DISC = ("-cdrom", "{}")

    def options(self, path: Path, command_line: str) -> list[str]:
        """Return QEMU's options for a file; only a kernel image has a command line."""
        append = ["-append", command_line] if self is Medium.KERNEL else []
        return [*(word.format(path) for word in self.value), *append]


class Verdict(Enum):
    """How a machine ended."""

    DONE = "powered off"
    PANICKED = "the kernel panicked"
    REFUSED = "the kernel could not start"
    RESET = "the machine reset itself"
    STOPPED = "the machine was stopped"


# The debug-exit device makes 2 * value + 1 of what is written to it QEMU's exit status.
VERDICTS = {
    2 * DONE + 1: Verdict.DONE,
    2 * PANICKED + 1: Verdict.PANICKED,
    2 * REFUSED + 1: Verdict.REFUSED,
    0: Verdict.RESET,
}


def find_qemu(program: str = PROGRAM) -> str:
    """Return the path of a QEMU program.  Raises: QemuError with the line to type where there is none."""
    found = shutil.which(program)
    if found is None:
        raise QemuError(f"there is no {program} on this machine: {install_line(program)}")
    return found


class Qemu:
    """A machine that boots a kernel image file; a context that leaves no process and no file behind.

    `memory` is in bytes, whole MiB.  `output` is given every byte that the serial line sends; `typist` types on it from
    the first of them on, for then the kernel has set the line up, and nothing is lost.  `ram` is the memory below
    4 GiB, read and written by both sides; it is only steady while the machine does not run.
    """

    def __init__(
        self,
        image: bytes,
        *,
        memory: int,
        medium: Medium = Medium.KERNEL,
        cpu: str = CPU,
        program: str = PROGRAM,
        command_line: str = "",
        arguments: Sequence[str] = (),
        output: Callable[[bytes], None] = lambda data: None,
        typist: Typist | None = None,
    ) -> None:
        """Start QEMU; with `-S` among the other arguments it stands before its first instruction.

        Raises: QemuError.
        """
        self.output = output
        self.typist = typist
        self.console = bytearray()
        self._monitor: Qmp | None = None
        self.program = find_qemu(program)
        with ExitStack() as made:
            self.folder = made.enter_context(scratch_folder())
            (self.folder / "keelback.img").write_bytes(image)
            started_by = medium.options(self.folder / "keelback.img", command_line)
            self._start(self.program, memory, cpu, [*started_by, *arguments])
            self._made = made.pop_all()

    def _start(self, program: str, memory: int, cpu: str, arguments: Sequence[str]) -> None:
        ram = self.folder / "ram"
        with ram.open("wb") as file:
            file.truncate(memory)
        with ram.open("r+b") as file:
            self.ram = mmap.mmap(file.fileno(), memory if memory < LOW_MEMORY else SPLIT_MEMORY)
        # fmt: off
        command = [
            program, "-machine", "pc,memory-backend=ram", "-accel", "tcg", "-cpu", cpu,
            "-m", f"{memory >> 20}M", "-object", f"memory-backend-file,id=ram,size={memory},mem-path={ram},share=on",
            "-nodefaults", "-display", "none", "-vga", "std", "-no-reboot",
            "-serial", "stdio", "-qmp", f"unix:{self.folder / 'qmp'},server=on,wait=off",
            "-device", f"isa-debug-exit,iobase={DEBUG_EXIT:#x},iosize=0x4",
            *arguments,
        ]
        # fmt: on
        try:
            self.process = start_tool(
                command,
                stdin=subprocess.DEVNULL if self.typist is None else subprocess.PIPE,
                stdout=subprocess.PIPE,
                stderr=subprocess.PIPE,
                preexec_fn=end_with_parent if sys.platform == "linux" else None,
            )
        except OSError as error:
            raise QemuError(f"QEMU did not start: {program}: {error.strerror}") from error

    def wait(self) -> Verdict:
        """Run to the machine's end; return how it ended.  Raises: QemuError when QEMU itself failed."""
        assert self.process.stderr is not None
        while self._read_some():
            pass
        lines = self.process.stderr.read().decode(errors="replace").splitlines()
        said = [line for line in lines if line.strip() and ": warning: " not in line]
        status = self.process.wait()
        if status < 0 or any(": terminating on signal " in line for line in said):
            return Verdict.STOPPED
        if status not in VERDICTS or (said and not self.console):
            raise QemuError(f"QEMU did not start: {said[-1] if said else f'status {status}'}")
        return VERDICTS[status]

    def read_console(self) -> bool:
        """Take what the serial line has sent so far; return whether it has not ended."""
        assert self.process.stdout is not None
        while select.select([self.process.stdout], [], [], 0)[0]:
            if not self._read_some():
                return False
        return True

    def _read_some(self) -> bool:
        """Wait for what the serial line sends next; return whether it has not ended."""
        assert self.process.stdout is not None
        data = self.process.stdout.read1(65536)  # type: ignore[attr-defined]
        if data:
            self.console += data
            self.output(data)
            if self.typist is not None and self.process.stdin is not None:
                self.typist.start(self.process.stdin)
        return bool(data)

    # The monitor.

    def command(self, name: str, **arguments: Any) -> Any:
        """Send QEMU's monitor a QMP command; return its answer.  Raises: QemuError when QEMU refuses."""
        try:
            if self._monitor is None:
                self._monitor = Qmp(self.connect("qmp"))
            return self._monitor.command(name, **arguments)
        except ConnectionError:
            pass
        with suppress(subprocess.TimeoutExpired):
            self.process.wait(WAIT)
            self._tell_end(f"it answered {name}")
        raise QemuError(f"QEMU does not answer {name}, and does not end")

    def monitor(self, line: str) -> str:
        """Return what the human monitor says to a line, such as `info mem`."""
        return str(self.command("human-monitor-command", **{"command-line": line}))

    def serve_gdb(self) -> socket.socket:
        """Start QEMU's gdb server; return a connection to it.  Raises: QemuError."""
        self.monitor(f"gdbserver unix:{self.folder / 'gdb'},server=on,wait=off")
        return self.connect("gdb")

    def connect(self, name: str) -> socket.socket:
        """Return a connection to a server of QEMU's, by the name of its socket in `folder`.  Raises: QemuError."""
        made = socket.socket(socket.AF_UNIX)
        made.settimeout(WAIT)
        until = time.monotonic() + WAIT
        while time.monotonic() < until:
            with suppress(FileNotFoundError, ConnectionRefusedError):
                made.connect(str(self.folder / name))
                return made
            with suppress(subprocess.TimeoutExpired):
                self.process.wait(0.02)
                made.close()
                self._tell_end(f"its {name} server could be reached")
        made.close()
        raise QemuError(f"QEMU did not start: its {name} server was not there within {WAIT} seconds")

    def _tell_end(self, before: str) -> NoReturn:
        """Tell that QEMU has ended.  Raises: QemuError; why QEMU did not start, if it did not."""
        self.wait()
        raise QemuError(f"QEMU ended before {before}, with status {self.process.returncode}: {self.program}")

    # The end.

    def close(self) -> None:
        """End QEMU if it still runs, and remove its files; `ram` stays readable."""
        end(self.process)
        if self.typist is not None:
            self.typist.end()
        self.process.communicate()
        if self._monitor is not None:
            self._monitor.close()
        self._made.close()

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()
