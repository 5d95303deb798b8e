"""What a user says of how his C is compiled."""

from dataclasses import dataclass
from pathlib import Path


@dataclass(frozen=True)
class COptions:
    """Folders of headers, and macros as `NAME` or `NAME=VALUE`."""

    includes: tuple[Path, ...] = ()
    defines: tuple[str, ...] = ()

    def define_flags(self) -> tuple[str, ...]:
        """Return the compiler's flags for the macros."""
        return tuple(f"-D{define}" for define in self.defines)


NO_C_OPTIONS = COptions()
