"""`python -m keelback`: the command, where a debugger or a profiler wants a module."""

import sys

from keelback.cli import start

sys.exit(start())
