"""`python -m keelback`: the command, where a debugger or a profiler wants a module."""

from keelback.cli import main

main()
