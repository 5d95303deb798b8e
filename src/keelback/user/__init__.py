"""User programs and libraries, in C and in Kernel Python, and the runtimes that they are linked with."""

from pathlib import Path
from typing import Final

PROGRAMS: Final = Path(__file__).parent / "programs"
"""The directory of our own programs, one C file each."""

OUTSIDE: Final = Path(__file__).parent / "outside"
"""The directory of servers, the shell and what it comes with: a C file each, or a folder that has its name."""

STORY: Final = Path(__file__).parent / "story"
"""The directory of the two programs that `keelback story` runs."""

RUNTIME: Final = Path(__file__).parent / "runtime"
"""The directory of `keelback.h` and the C files linked into every program."""

LIBRARIES: Final = Path(__file__).parent / "libraries"
"""The directory of our own libraries, a C file or a module in Kernel Python each."""
