"""What a user says of how his C is compiled: as it is written, unless he wants it optimised."""

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from keelback.image.toolchain import Target, compile_c, compile_c_as_written


@dataclass(frozen=True)
class COptions:
    """Folders of headers, macros as `NAME` or `NAME=VALUE`, and whether it is optimised."""

    includes: tuple[Path, ...] = ()
    defines: tuple[str, ...] = ()
    optimise: bool = False

    def define_flags(self) -> tuple[str, ...]:
        """Return the compiler's flags for the macros."""
        return tuple(f"-D{define}" for define in self.defines)

    def compile(self, source: Path, includes: Sequence[Path], flags: Sequence[str], target: Target) -> bytes:
        """Compile a C file for ring 3, with folders of headers that come after the user's, and more flags.

        Raises: ToolchainError; OSError.
        """
        compiler = compile_c if self.optimise else compile_c_as_written
        includes, flags = (*self.includes, *includes), (*flags, *self.define_flags())
        return compiler(source, includes=includes, flags=flags, target=target)


NO_C_OPTIONS = COptions()
OURS = COptions(optimise=True)
"""How the C of our own programs and libraries is compiled."""
