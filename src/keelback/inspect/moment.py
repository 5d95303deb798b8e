"""A machine at one moment: its RAM, and the little about it that no RAM says."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from enum import Enum
from typing import Any

from keelback.inspect.snapshot import Snapshot
from keelback.kernel.devices.console import LOG_SIZE
from keelback.kernel.kernel import Kernel
from keelback.kernel.layout import Layout


class Stands(Enum):
    """Where in its work the kernel was: only at a trap's end is its state whole, and only there do invariants hold."""

    TRAP_END = "at a trap's end"
    IN_KERNEL = "inside the kernel"


@dataclass(frozen=True, eq=False)
class Moment:
    """A machine that stands still, or what was kept of one.

    `contents` is RAM, a writable buffer of bytes from physical address 0; nobody else writes to it.
    `machine` says which it was: interpreted, compiled or QEMU.  `time` is virtual time, in instructions; `traps` is
    None where nobody counted.  `files` are the ELF files of its programs by name, where they are known, and `why` says
    what this moment is, where that was not asked for.
    """

    layout: Layout
    contents: Any
    machine: str
    stands: Stands = Stands.TRAP_END
    time: int = 0
    traps: int | None = None
    console: bytes = b""
    files: Mapping[str, bytes] = field(default_factory=dict)
    why: str = ""

    def snapshot(self) -> Snapshot:
        """Return the model of its memory.  Raises: ValueError when it has less RAM than the layout's records take."""
        return Snapshot.of(self.layout, self.contents)


def logged(kernel: Kernel) -> bytes:
    """Return the end of what the kernel has written to its console, as its log in RAM has it."""
    log = kernel.console.log
    text, at = bytes(log.text), log.written % LOG_SIZE
    return text[:at] if log.written == at else text[at:] + text[:at]
